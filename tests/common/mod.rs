//! What the socket tests share: a server process, raw HTTP, an SSE parser and a stream reader; for those with
//! Redis a redis-server, a redis-sentinel, certificates, a watcher of channels and a proxy that breaks
//! connections; for those with the client commands these and a server that answers by a script; for those with a
//! network two hosts; for those with programs of others, how these are found and run, a browser that is driven and
//! one that only looks, and a site for it or for a proxy; for those of the documentation, its pages.
//!
//! Nothing here uses the crate under test: the binary is met over its sockets, its signals and its
//! standard error only. Nothing sleeps for luck: every wait is for a condition, with a deadline.
#![allow(dead_code, reason = "each test target uses a part of this")]

mod admin;
pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod command;
mod daemon;
pub(crate) mod dir;
pub(crate) mod events;
pub(crate) mod hosts;
pub(crate) mod http;
pub(crate) mod installed;
pub(crate) mod page;
pub(crate) mod port;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod scripted;
pub(crate) mod secure;
pub(crate) mod sentinel;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod sse;
pub(crate) mod stream;
pub(crate) mod tokens;
pub(crate) mod watcher;
pub(crate) mod window;

use std::time::{Duration, Instant};

/// How long anything may take that should be immediate. Generous: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; panics with `what` when it does not within `deadline`.
pub(crate) fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !condition() {
        assert!(Instant::now() < end, "still not after {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
