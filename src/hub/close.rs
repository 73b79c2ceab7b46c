//! Why a stream was closed.

use std::io::ErrorKind;

use crate::key::Key;

/// Why a stream was closed: for exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client went, or shut down its side.
    Client,
    /// More unsent bytes than `stream.buffer_bytes`.
    Overrun,
    /// No byte taken for `stream.stall_timeout`.
    Stalled,
    /// It got the `limit=` events that it asked for.
    Limit,
    /// Its token expired.
    Expired,
    /// What let it in is no longer valid: a reload took it away.
    Revoked,
    /// The server drains.
    Drained,
    /// It kept sending after its request.
    Input,
    /// Nothing acknowledged for `stream.user_timeout`: the peer is gone without a word.
    TimedOut,
    /// What came is no TLS, where it is spoken.
    Tls,
    /// Another error of the socket.
    Error,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Client,
        Self::Overrun,
        Self::Stalled,
        Self::Limit,
        Self::Expired,
        Self::Revoked,
        Self::Drained,
        Self::Input,
        Self::TimedOut,
        Self::Tls,
        Self::Error,
    ];

    /// The reason that an error of the socket stands for.
    #[must_use]
    pub const fn of(error: ErrorKind) -> Self {
        match error {
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::InvalidData => Self::Tls,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Self::Client,
            _ => Self::Error,
        }
    }

    /// The reason in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Overrun => "overrun",
            Self::Stalled => "stalled",
            Self::Limit => "limit",
            Self::Expired => "token-expired",
            Self::Revoked => "token-revoked",
            Self::Drained => "drained",
            Self::Input => "input",
            Self::TimedOut => "timed-out",
            Self::Tls => "tls-error",
            Self::Error => "error",
        }
    }

    /// Whether it was ended by us though all was well with it: its last bytes are to arrive.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::Limit | Self::Expired | Self::Revoked | Self::Drained)
    }

    /// Whether the client was too slow: worth a line in the log.
    #[must_use]
    pub const fn is_slow_client(self) -> bool {
        matches!(self, Self::Overrun | Self::Stalled)
    }
}

/// A stream that was closed, and what it still lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which connection is to be closed.
    pub key: Key,
    /// Why.
    pub reason: CloseReason,
    /// Bytes that it was not sent.
    pub lag_bytes: u64,
    /// Events that it was not sent.
    pub lag_events: u64,
}
