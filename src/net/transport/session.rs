//! The protocol of one TLS connection, without its socket (RFC 8446, RFC 5246): records in, plaintext out, and back.
//!
//! All of it is rustls'; here it is driven by the interface that leaves buffers to the caller, so that an idle
//! connection holds none. Invariant: rustls is always given what it has not done with yet (`rest`): it remembers
//! places in it.

use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{Error, HandshakeKind, ServerConfig};

use super::scratch::Sealed;
use crate::limits::TLS_REST_BYTES;

/// See the top of this file.
pub(super) struct Session {
    conn: UnbufferedServerConnection,
    /// What came and is no whole record, or no whole message of a handshake.
    rest: Vec<u8>,
}

/// What came of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// Bytes of plaintext.
    pub(super) bytes: usize,
    /// The client says that it sends nothing more.
    pub(super) is_end: bool,
}

/// Whether rustls has more to do with what it has.
enum Step {
    Again,
    Done,
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self { conn: UnbufferedServerConnection::new(config)?, rest: Vec::new() })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// How the handshake was made, once it is.
    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.conn.handshake_kind()
    }

    /// Bytes of memory that what is left of the last time takes.
    pub(super) const fn rest_bytes(&self) -> usize {
        self.rest.capacity()
    }

    /// Puts what is left of the last time to the front of `wire`; gives back how much that is.
    pub(super) fn put_rest(&self, wire: &mut [u8]) -> usize {
        wire[..self.rest.len()].copy_from_slice(&self.rest);
        self.rest.len()
    }

    /// Opens what came, behind what `put_rest` put there. What is to be sent about it is added to `sealed`, also
    /// when it fails.
    ///
    /// `plain` has to be as long as `wire`.
    pub(super) fn open(
        &mut self,
        wire: &mut [u8],
        plain: &mut [u8],
        sealed: &mut Sealed,
    ) -> Result<Opened, Error> {
        self.rest = Vec::new();
        let (mut from, mut opened) = (0, Opened { bytes: 0, is_end: false });
        let result = loop {
            let UnbufferedStatus { discard, state } = self.conn.process_tls_records(&mut wire[from..]);
            let step = state.and_then(|state| step(state, plain, sealed, &mut opened));
            from += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Done) => break Ok(opened),
                Err(error) => break Err(error),
            }
        };
        let rest = &mut wire[from..];
        match result {
            Err(_) => self.take_alert(rest, sealed),
            Ok(_) if rest.len() > TLS_REST_BYTES => {
                return Err(Error::General("a message of the handshake is too long".to_owned()));
            }
            // What comes after the end is of no interest.
            Ok(Opened { is_end: true, .. }) => {}
            Ok(_) => self.rest = rest.to_vec(),
        }
        result
    }

    /// Seals `plain`, at most one record's worth, and adds it to `sealed`.
    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut Sealed) -> Result<(), Error> {
        self.write(sealed, |traffic, room| traffic.encrypt(plain, room))
    }

    /// Says that nothing more is sent (RFC 8446 section 6.1), and adds that to `sealed`.
    pub(super) fn seal_end(&mut self, sealed: &mut Sealed) -> Result<(), Error> {
        self.write(sealed, |traffic, room| traffic.queue_close_notify(room))
    }

    fn write(
        &mut self,
        sealed: &mut Sealed,
        write: impl FnOnce(&mut Traffic<'_>, &mut [u8]) -> Result<usize, rustls::unbuffered::EncryptError>,
    ) -> Result<(), Error> {
        loop {
            let UnbufferedStatus { discard, state } = self.conn.process_tls_records(&mut self.rest);
            match state? {
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, sealed)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut traffic) => {
                    let written = write(&mut traffic, sealed.room());
                    sealed.fill(written.map_err(|error| Error::General(error.to_string()))?);
                    self.rest.drain(..discard);
                    return Ok(());
                }
                ConnectionState::PeerClosed => {}
                _ => return Err(Error::HandshakeNotComplete),
            }
            self.rest.drain(..discard);
        }
    }

    /// The alert that says why it ends. Once there is none, rustls would look at what was wrong again.
    fn take_alert(&mut self, wire: &mut [u8], sealed: &mut Sealed) {
        while self.conn.wants_write() {
            match self.conn.process_tls_records(wire).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    if encode(&mut data, sealed).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

type Traffic<'c> = rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>;
type Encoding<'c> = rustls::unbuffered::EncodeTlsData<'c, rustls::server::ServerConnectionData>;
type State<'c, 'i> = ConnectionState<'c, 'i, rustls::server::ServerConnectionData>;

/// Does what one state asks for.
fn step(
    state: State<'_, '_>,
    plain: &mut [u8],
    sealed: &mut Sealed,
    opened: &mut Opened,
) -> Result<Step, Error> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let payload = record?.payload;
                // Plaintext is shorter than what it was sealed in.
                plain[opened.bytes..opened.bytes + payload.len()].copy_from_slice(payload);
                opened.bytes += payload.len();
            }
        }
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, sealed)?,
        // It is in `sealed`.
        ConnectionState::TransmitTlsData(data) => data.done(),
        ConnectionState::PeerClosed => opened.is_end = true,
        // Early data is never accepted.
        _ => return Ok(Step::Done),
    }
    Ok(Step::Again)
}

fn encode(data: &mut Encoding<'_>, sealed: &mut Sealed) -> Result<(), Error> {
    let written = data.encode(sealed.room()).map_err(|error| Error::General(error.to_string()))?;
    sealed.fill(written);
    Ok(())
}
