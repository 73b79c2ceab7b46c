//! Three servers under fixed names, killed and started again, on another port each time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::Signal;

use super::common::api::metric;
use super::common::http::get;
use super::common::server::{Server, Setup};
use super::common::{DEADLINE, wait_until};

/// How many there are.
pub(crate) const NODES: usize = 3;

/// How long servers wait for Redis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    liveness: &'static str,
    publish_timeout: &'static str,
}

impl Patience {
    /// Faults are noticed soon.
    pub(crate) const SHORT: Self = Self { liveness: "1s", publish_timeout: "200ms" };
    /// A busy machine is no fault.
    pub(crate) const LONG: Self = Self { liveness: "20s", publish_timeout: "10s" };
}

/// A life of a server: which one, and how many were before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) node: usize,
    pub(crate) number: usize,
}

/// A server was killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) life: Life,
    pub(crate) at: Instant,
    /// Something waited for Redis just before.
    pub(crate) had_spool: bool,
}

#[derive(Default)]
struct Slot {
    server: Option<Server>,
    number: usize,
}

/// See the top of this file.
#[derive(Clone)]
pub(crate) struct Nodes {
    url: String,
    patience: Patience,
    slots: Arc<[Mutex<Slot>; NODES]>,
    kills: Arc<Mutex<Vec<Kill>>>,
}

impl Nodes {
    /// Starts all of them.
    pub(crate) fn start(url: &str, patience: Patience) -> Self {
        let nodes = Self { url: url.to_owned(), patience, slots: Arc::default(), kills: Arc::default() };
        for node in 0..NODES {
            nodes.restart(node);
        }
        nodes.wait_until_settled();
        nodes
    }

    fn slot(&self, node: usize) -> MutexGuard<'_, Slot> {
        self.slots[node].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens; `None` while it does not run.
    pub(crate) fn address(&self, node: usize) -> Option<SocketAddr> {
        self.slot(node).server.as_ref().map(Server::addr)
    }

    /// Where it listens and which life that is.
    pub(crate) fn life(&self, node: usize) -> Option<(SocketAddr, Life)> {
        let slot = self.slot(node);
        let addr = slot.server.as_ref()?.addr();
        Some((addr, Life { node, number: slot.number }))
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&self, node: usize) {
        let mut slot = self.slot(node);
        let mut server = slot.server.take().expect("it runs");
        let had_spool = metric(&server, "ssecast_spool_events") != Some(0.0);
        server.signal(Signal::KILL);
        server.wait_for_exit(DEADLINE);
        let life = Life { node, number: slot.number };
        let kill = Kill { life, at: Instant::now(), had_spool };
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).push(kill);
    }

    /// Starts it, under its old name.
    pub(crate) fn restart(&self, node: usize) {
        let server = Setup::new()
            .flag("--server-instance", &format!("n{node}"))
            .flag("--mode", "redis")
            .flag("--redis-url", &self.url)
            .flag("--redis-liveness", self.patience.liveness)
            .flag("--redis-connect-timeout", "500ms")
            .flag("--redis-publish-timeout", self.patience.publish_timeout)
            .start();
        let mut slot = self.slot(node);
        slot.server = Some(server);
        slot.number += 1;
    }

    /// Waits until all are ready and nothing waits for Redis.
    pub(crate) fn wait_until_settled(&self) {
        for node in 0..NODES {
            wait_until(&format!("server {node} is settled"), DEADLINE, || {
                let slot = self.slot(node);
                let server = slot.server.as_ref().expect("it runs");
                get(server.addr(), "/readyz").status == 200
                    && metric(server, "ssecast_spool_events") == Some(0.0)
                    && metric(server, "ssecast_redis_backlog") == Some(0.0)
            });
        }
    }

    /// All kills.
    pub(crate) fn kills(&self) -> Vec<Kill> {
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
