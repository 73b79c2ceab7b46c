//! What the bytes of a connection go over: one interface for what is read, answered and streamed.
//!
//! It decides nothing about a connection's life; `drive` and the hub do.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::socket;

/// A stream socket, over TCP or by a socket file.
pub(super) struct Transport {
    socket: OwnedFd,
}

impl Transport {
    /// One over this socket, which does not block.
    pub(super) fn new(socket: impl Into<OwnedFd>) -> Self {
        Self { socket: socket.into() }
    }

    /// Has the poller tell when it can be read from and written to, until it is closed.
    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// Sends what is taken of `slices` at once.
    pub(super) fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send(&self.socket, slices)
    }

    /// Reads what is there, up to the length of `buffer`.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(&self.socket, buffer)
    }

    /// Says that nothing more is sent.
    pub(super) fn end_writing(&mut self) {
        socket::end_writing(&self.socket);
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
