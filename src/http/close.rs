//! How and why a connection that did not become a stream ends.

/// What the caller has to do to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Shut down writing and go on reading, so that the last answer is not lost to a reset (RFC 9112
    /// section 9.6). Said at most once.
    ShutdownWrite,
    /// Close it. Said once.
    Done(CloseReason),
}

/// Why a connection that did not become a stream was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client shut down writing, between requests or in the middle of one.
    Client,
    /// The client never sent a byte.
    Silent,
    /// The client sent no further request.
    KeepAlive,
    /// A head took too long; answered with 408.
    HeadTimeout,
    /// A body took too long; answered with 408.
    BodyTimeout,
    /// The client took no byte of an answer.
    WriteTimeout,
    /// A request was refused; see [`Event::Rejected`](super::Event::Rejected).
    BadRequest,
    /// All requests and answers together took too much memory.
    Memory,
    /// It was plain HTTP where TLS is spoken; answered with 400.
    Plaintext,
    /// The last answer was sent: the client or the answer asked for the close.
    Finished,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Client,
        Self::Silent,
        Self::KeepAlive,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::BadRequest,
        Self::Memory,
        Self::Plaintext,
        Self::Finished,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Silent => "silent",
            Self::KeepAlive => "keep-alive",
            Self::HeadTimeout => "head-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::WriteTimeout => "write-timeout",
            Self::BadRequest => "bad-request",
            Self::Memory => "memory",
            Self::Plaintext => "tls-plaintext",
            Self::Finished => "finished",
        }
    }
}
