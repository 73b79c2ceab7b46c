//! A TLS connection over a socket: what is sealed and does not leave at once, and how it ends.
//!
//! Invariants: a record is sealed only when nothing sealed waits, so what waits (`backlog`) is one record and what
//! the protocol itself has to say; whatever was taken to be sent leaves before anything else does.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustls::{HandshakeKind, ServerConfig};

use super::scratch::{Rest, Scratch};
use super::session::Session;
use super::{More, READ_BYTES, Received};
use crate::net::socket;

/// See the top of this file. `S` is a socket, but in tests.
pub(in crate::net) struct Tls<S = OwnedFd> {
    socket: S,
    session: Session,
    stage: Stage,
    /// Sealed bytes that the socket did not take.
    backlog: Vec<u8>,
    writing: Writing,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing came.
    Fresh,
    /// Keys are being agreed on.
    Handshake,
    /// It carries data.
    Open,
    /// It does, but the client sends nothing more.
    PeerClosed,
    /// The client speaks no TLS: bytes pass as they are, so that it can be told.
    Plaintext,
    /// It is of no more use.
    Failed(Failure),
}

/// Whether anything more is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// Nothing is after the backlog.
    Ending,
    /// The socket was told so.
    Ended,
}

/// Why it is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// No keys were agreed on.
    Handshake,
    /// What came afterwards is no TLS.
    Record,
}

/// Where bytes go to and come from.
pub(in crate::net) trait Socket {
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn end_writing(&self);
}

impl Socket for OwnedFd {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self, &[IoSlice::new(bytes)])
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self, buffer)
    }

    fn end_writing(&self) {
        socket::end_writing(self);
    }
}

impl<S: Socket> Tls<S> {
    /// The server's end of a connection over this socket, on which nothing came yet.
    pub(super) fn new(socket: S, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            socket,
            session: Session::new(config)?,
            stage: Stage::Fresh,
            backlog: Vec::new(),
            writing: Writing::Open,
        })
    }

    /// Whether keys are still to be agreed on.
    pub(super) const fn is_handshaking(&self) -> bool {
        matches!(self.stage, Stage::Fresh | Stage::Handshake)
    }

    /// How keys were agreed on, once they are.
    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.session.handshake_kind().filter(|_| !self.is_handshaking())
    }

    /// Why it ended as it did, where that has to do with TLS: `is_late` where the time was over.
    pub(super) const fn close_reason(&self, is_late: bool) -> Option<&'static str> {
        match self.stage {
            Stage::Handshake if is_late => Some(super::HANDSHAKE_TIMEOUT),
            Stage::Handshake | Stage::Failed(Failure::Handshake) => Some(super::HANDSHAKE),
            Stage::Failed(Failure::Record) => Some(super::RECORD),
            Stage::Fresh | Stage::Open | Stage::PeerClosed | Stage::Plaintext => None,
        }
    }

    /// Whether sealed bytes wait.
    pub(super) const fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Bytes of memory that those take.
    pub(super) const fn backlog_bytes(&self) -> usize {
        self.backlog.capacity()
    }

    /// Bytes of memory that what came takes that is no whole record.
    pub(super) const fn rest_bytes(&self) -> usize {
        self.session.rest_bytes()
    }

    /// Seals and sends what the socket takes of `slices` at once, record by record; the last one may wait in part.
    pub(super) fn send(&mut self, slices: &[IoSlice<'_>], scratch: &mut Scratch) -> io::Result<usize> {
        match self.stage {
            Stage::Fresh | Stage::Handshake => return Err(ErrorKind::WouldBlock.into()),
            Stage::Failed(_) => return Err(ErrorKind::BrokenPipe.into()),
            Stage::Plaintext => return slices.first().map_or(Ok(0), |slice| self.socket.send(slice)),
            Stage::Open | Stage::PeerClosed => {}
        }
        if !self.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (mut rest, mut taken) = (Rest::new(slices), 0);
        loop {
            let (plain, sealed) = scratch.merge(&mut rest);
            if plain.is_empty() {
                return Ok(taken);
            }
            self.session.seal(plain, sealed).map_err(invalid)?;
            taken += plain.len();
            if !self.push(scratch.sealed.as_slice())? {
                return Ok(taken);
            }
        }
    }

    /// Sends what waits; gives back whether nothing does any more.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        if self.backlog.is_empty() {
            return Ok(true);
        }
        let sent = send(&self.socket, &self.backlog)?;
        self.backlog.drain(..sent);
        if !self.backlog.is_empty() {
            return Ok(false);
        }
        self.backlog = Vec::new();
        self.end_if_due();
        Ok(true)
    }

    /// Reads once, and opens what came into `buffer`.
    pub(super) fn receive(&mut self, buffer: &mut [u8], scratch: &mut Scratch) -> io::Result<Received> {
        // Nothing is said any more, so nothing is heard: it is thrown away.
        if self.writing != Writing::Open {
            return Ok(Received::plain(self.socket.receive(buffer)?, buffer));
        }
        // Who does not take our part of the handshake is not heard further; readiness to write tells.
        if self.is_handshaking() && !self.flush()? {
            return Ok(Received::Nothing(More::No));
        }
        match self.stage {
            Stage::Failed(_) => return Err(ErrorKind::BrokenPipe.into()),
            Stage::PeerClosed => return Ok(Received::End),
            Stage::Plaintext => return Ok(Received::plain(self.socket.receive(buffer)?, buffer)),
            Stage::Fresh | Stage::Handshake | Stage::Open => {}
        }
        let wire = scratch.wire();
        let kept = self.session.put_rest(wire);
        let read = self.socket.receive(&mut wire[kept..kept + READ_BYTES])?;
        if read == 0 {
            return Ok(Received::End);
        }
        if self.stage == Stage::Fresh {
            // A method of HTTP begins so, and no record does.
            if wire[0].is_ascii_uppercase() {
                self.stage = Stage::Plaintext;
                return Ok(Received::Plaintext);
            }
            self.stage = Stage::Handshake;
        }
        let (wire, sealed) = scratch.split();
        sealed.clear();
        let opened = self.session.open(&mut wire[..kept + read], buffer, sealed);
        let pushed = self.push(scratch.sealed.as_slice());
        let opened = opened.map_err(|error| {
            let failure = if self.is_handshaking() { Failure::Handshake } else { Failure::Record };
            self.stage = Stage::Failed(failure);
            invalid(error)
        })?;
        pushed?;
        if self.stage == Stage::Handshake && !self.session.is_handshaking() {
            self.stage = Stage::Open;
        }
        if opened.is_end {
            self.stage = Stage::PeerClosed;
        }
        let more = if read == READ_BYTES || opened.is_end { More::Maybe } else { More::No };
        Ok(match opened.bytes {
            0 => Received::Nothing(more),
            bytes => Received::Bytes(bytes, more),
        })
    }

    /// Says that nothing more is sent, and has the socket say so when all that waits has left.
    pub(super) fn end_writing(&mut self, scratch: &mut Scratch) {
        if self.writing != Writing::Open {
            return;
        }
        self.writing = Writing::Ending;
        if matches!(self.stage, Stage::Open | Stage::PeerClosed) {
            scratch.sealed.clear();
            // Where it cannot be said, the end of the socket says it.
            if self.session.seal_end(&mut scratch.sealed).is_ok() {
                let _ = self.push(scratch.sealed.as_slice());
            }
        }
        self.end_if_due();
    }

    fn end_if_due(&mut self) {
        if self.writing == Writing::Ending && self.backlog.is_empty() {
            self.writing = Writing::Ended;
            self.socket.end_writing();
        }
    }

    /// Sends sealed bytes after those that wait, and keeps what is not taken; gives back whether nothing waits.
    fn push(&mut self, sealed: &[u8]) -> io::Result<bool> {
        let sent = if self.backlog.is_empty() { send(&self.socket, sealed)? } else { 0 };
        self.backlog.extend_from_slice(&sealed[sent..]);
        Ok(self.backlog.is_empty())
    }
}

impl<S: AsFd> AsFd for Tls<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends what the socket takes; that may be nothing.
fn send(socket: &impl Socket, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    loop {
        match socket.send(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            sent => return sent,
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
