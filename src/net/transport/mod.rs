//! What the bytes of a connection go over: one interface for what is read, answered and streamed.
//!
//! It decides nothing about a connection's life; `drive` and the hub do. The hub hands slices of its log to either
//! kind; with TLS they are sealed record by record, and what the socket does not take of the last one waits here.

mod certificate;
mod scratch;
mod session;
#[cfg(test)]
pub(super) mod tests;
mod tls;

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustls::{HandshakeKind, ServerConfig};

pub(super) use certificate::Identity;
pub use certificate::IdentityError;
pub(super) use scratch::Scratch;

use self::tls::Tls;
use super::socket;
use crate::limits::{self, KIB, TLS_REST_BYTES};

/// The close reason of a connection that was let go in the middle of a TLS handshake...
const HANDSHAKE: &str = "tls-handshake";
/// ...of one whose handshake took too long...
const HANDSHAKE_TIMEOUT: &str = "tls-timeout";
/// ...and of one that sent no TLS after it.
const RECORD: &str = "tls-error";

/// Those reasons that no other part has.
pub(super) const CLOSE_REASONS: [&str; 3] = [HANDSHAKE, HANDSHAKE_TIMEOUT, RECORD];

/// Plaintext in one record (RFC 8446 section 5.1).
const RECORD_BYTES: usize = 16 * KIB;
/// Sealed bytes read from one connection in one turn.
const READ_BYTES: usize = 16 * KIB;

const _: () =
    assert!(TLS_REST_BYTES + READ_BYTES <= limits::READ_BYTES, "what is opened fits where it is put");

/// See the top of this file.
pub(super) enum Transport {
    /// The socket itself.
    Plain(OwnedFd),
    /// TLS over a socket.
    Tls(Box<Tls>),
}

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize, More),
    /// No bytes of the client's, but others.
    Nothing(More),
    /// Nothing more comes.
    End,
    /// The first bytes are plain HTTP, where TLS is spoken; what is sent now is sent as it is.
    Plaintext,
}

impl Received {
    /// What a read gave of bytes that are what they are.
    const fn plain(bytes: usize, buffer: &[u8]) -> Self {
        match bytes {
            0 => Self::End,
            // A short read emptied the socket (epoll(7), question 9).
            _ => Self::Bytes(bytes, if bytes == buffer.len() { More::Maybe } else { More::No }),
        }
    }
}

/// Whether more may wait, of which no event will tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Maybe,
    No,
}

impl Transport {
    /// One over this socket, which does not block.
    pub(super) fn new(socket: impl Into<OwnedFd>) -> Self {
        Self::Plain(socket.into())
    }

    /// TLS over what was plain so far.
    pub(super) fn with_tls(self, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        match self {
            Self::Plain(socket) => Ok(Self::Tls(Box::new(Tls::new(socket, config)?))),
            Self::Tls(_) => Ok(self),
        }
    }

    /// Has the poller tell when it can be read from and written to, until it is closed.
    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.as_fd().as_raw_fd()), token, interest)
    }

    /// Takes and sends what can be of `slices` at once.
    pub(super) fn send(&mut self, slices: &[IoSlice<'_>], scratch: &mut Scratch) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket::send(socket, slices),
            Self::Tls(tls) => tls.send(slices, scratch),
        }
    }

    /// Reads once, up to the length of `buffer`.
    pub(super) fn receive(&mut self, buffer: &mut [u8], scratch: &mut Scratch) -> io::Result<Received> {
        let received = match self {
            Self::Tls(tls) => tls.receive(buffer, scratch),
            Self::Plain(socket) => {
                socket::receive(socket, buffer).map(|bytes| Received::plain(bytes, buffer))
            }
        };
        match received {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing(More::No)),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Received::Nothing(More::Maybe)),
            received => received,
        }
    }

    /// Says that nothing more is sent, after all that was taken.
    pub(super) fn end_writing(&mut self, scratch: &mut Scratch) {
        match self {
            Self::Plain(socket) => socket::end_writing(socket),
            Self::Tls(tls) => tls.end_writing(scratch),
        }
    }

    /// Says so where the socket alone would not; to be called before it is closed in good order.
    pub(super) fn say_goodbye(&mut self, scratch: &mut Scratch) {
        if let Self::Tls(tls) = self {
            tls.end_writing(scratch);
        }
    }

    /// Sends what was taken and waits; gives back whether nothing does any more.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Whether something that was taken waits.
    pub(super) const fn has_backlog(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_backlog(),
        }
    }

    /// Bytes of memory that it keeps of what came and is not opened, and of what is sealed and did not leave.
    pub(super) const fn held_bytes(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(tls) => tls.rest_bytes() + tls.backlog_bytes(),
        }
    }

    /// Those of what came: a record that is not complete.
    pub(super) const fn rest_bytes(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(tls) => tls.rest_bytes(),
        }
    }

    /// Whether it is in the middle of a TLS handshake, or before it.
    pub(super) const fn is_handshaking(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_handshaking(),
        }
    }

    /// How a TLS handshake was made, once it is.
    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.handshake_kind(),
        }
    }

    /// Why it ended as it did, where that has to do with TLS: `is_late` where the time was over.
    pub(super) const fn close_reason(&self, is_late: bool) -> Option<&'static str> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.close_reason(is_late),
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            Self::Tls(tls) => tls.as_fd(),
        }
    }
}
