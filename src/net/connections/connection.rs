//! One open connection: its transport, and what it is in the middle of.

use crate::api::Incoming;
use crate::clock::Mono;
use crate::diagnosis::Diagnosis;
use crate::http;
use crate::net::held::Share;
use crate::net::transport::Transport;

/// One open connection: what a sweep over all of them touches, and no more.
pub(in crate::net) struct Connection {
    pub(in crate::net) transport: Transport,
    pub(super) generation: u32,
    /// Input may wait that no further event will tell of.
    pub(in crate::net) is_readable: bool,
    /// Its client shut down writing, or all of it.
    pub(in crate::net) is_peer_closed: bool,
    /// It stands in the queue of those to be driven.
    pub(in crate::net) is_queued: bool,
    pub(in crate::net) state: State,
}

/// What a connection is in the middle of.
pub(in crate::net) enum State {
    /// Requests and answers.
    Http(Box<Exchange>),
    /// An event stream.
    Stream {
        /// What its client sent after the request.
        input_bytes: u32,
    },
    /// A stream of probes.
    Diagnosing(Box<Diagnosing>),
    /// A stream that was ended: what its client still sends is thrown away for a while, as a reset would
    /// destroy the last bytes on their way (RFC 9112 section 9.6).
    Lingering(Box<Linger>),
}

/// A stream of probes.
pub(in crate::net) struct Diagnosing {
    pub(in crate::net) diagnosis: Diagnosis,
    /// What its client sent after the request.
    pub(in crate::net) input_bytes: usize,
    /// The deadline that is armed.
    pub(in crate::net) deadline: Option<Mono>,
}

/// How long input is still thrown away.
pub(in crate::net) struct Linger {
    /// What the client may send yet.
    pub(in crate::net) left_bytes: usize,
    /// The deadline that is armed.
    pub(in crate::net) deadline: Mono,
}

/// Requests and answers.
pub(in crate::net) struct Exchange {
    pub(in crate::net) http: http::Connection,
    /// The publish request that is not answered yet.
    pub(in crate::net) incoming: Option<Incoming>,
    /// The deadline that is armed.
    pub(in crate::net) deadline: Option<Mono>,
    /// What `Connections::held` has of it.
    pub(super) share: Share,
    /// Bytes of the output that the transport took and has not sent yet.
    pub(super) taken: usize,
}

impl Exchange {
    /// What is answered and was not taken by the transport.
    pub(in crate::net) fn output(&self) -> &[u8] {
        // Of a connection that broke nothing is left, however much was taken.
        self.http.output().get(self.taken..).unwrap_or_default()
    }
}
