//! The states of a connection, and what has to be known in each.
//!
//! What leads from one to the next is in [`Connection`](super::Connection).

use crate::clock::Mono;
use crate::http::body::BodyReader;
use crate::http::close::CloseReason;
use crate::http::framing::BodyKind;
use crate::http::head::HeadScan;
use crate::http::request::Request;
use crate::http::request_line::Method;

/// What a connection is doing.
#[derive(Debug)]
pub(super) enum State {
    /// It waits for the first byte.
    Fresh { deadline: Mono },
    /// It waits for the next request.
    Idle { deadline: Mono },
    /// It reads a head.
    Head { scan: HeadScan, deadline: Mono },
    /// The caller has the head and decides what becomes of the body.
    Deciding(Exchange),
    /// It reads a body.
    Body { reader: BodyReader, exchange: Exchange },
    /// The caller has the body and answers.
    Answering(Exchange),
    /// The last answer is being sent; so many bytes of input are still thrown away.
    Closing { reason: CloseReason, discard_bytes: usize },
    /// The last answer was sent; input is thrown away so that no reset destroys it.
    Lingering { reason: CloseReason, discard_bytes: usize, deadline: Mono, shutdown: Said },
    /// It is over.
    Closed { reason: CloseReason, done: Said },
}

/// Whether [`Connection::poll_close`](super::Connection::poll_close) told the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    NotYet,
    Yes,
}

/// What has to be known of a request to answer it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) method: Method,
    pub(super) http_1_0: bool,
    pub(super) keep_alive: bool,
    pub(super) expect_continue: bool,
    pub(super) body: BodyKind,
}

impl State {
    /// It is over, and the caller was not told yet.
    pub(super) const fn closed(reason: CloseReason) -> Self {
        Self::Closed { reason, done: Said::NotYet }
    }
}

impl Exchange {
    /// That of `request`.
    pub(super) const fn of(request: &Request) -> Self {
        let &Request { method, http_1_0, keep_alive, body, expect_continue, .. } = request;
        Self { method, http_1_0, keep_alive, expect_continue, body }
    }
}
