//! The bytes to and from a server, with or without TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::error::LinkError;
use super::socket::Socket;

/// A connection without a protocol on it.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Stream {
    /// Speaks TLS on `socket`; the handshake ends at its deadline.
    pub(super) fn secure(
        mut socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, LinkError> {
        let mut connection =
            ClientConnection::new(config, name).map_err(|error| LinkError::Tls(error.to_string()))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => {
                    LinkError::Tls("closed by the server in the handshake".to_owned())
                }
                _ => LinkError::of_io(error, "TLS handshake"),
            })?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// The end of all waiting from now on; reads and writes then fail with `WouldBlock`.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(socket) => socket.set_deadline(deadline),
            Self::Tls(stream) => stream.sock.set_deadline(deadline),
        }
    }

    /// Why a server that speaks TLS closed the connection, after writing to it failed. With TLS 1.3 that is
    /// when one learns that it does not like our certificate; reading as usual would first write what is
    /// left, and fail.
    pub(super) fn last_alert(&mut self) -> Option<LinkError> {
        let Self::Tls(stream) = self else { return None };
        while let Ok(1..) = stream.conn.read_tls(&mut stream.sock) {
            if let Err(error) = stream.conn.process_new_packets() {
                return Some(LinkError::Tls(error.to_string()));
            }
        }
        None
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
