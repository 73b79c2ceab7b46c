//! One connection to Redis, blocking, for a thread of its own.
//!
//! Why not `redis::Connection`: after a reply that timed out it takes the next message for that reply, it
//! hides PONGs and the confirmations of subscriptions, dropping its `PubSub` waits for the server, setting
//! it up takes one timeout per reply, and it reads the system's authorities at each connect. Commands,
//! parser and values are the crate's.
//!
//! Never reconnects, and never waits when it is dropped: the socket is closed at once.
//!
//! Invariant: after an error other than `Refused`, what comes next on the connection may belong to
//! anything; so every later call says `Closed`.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use redis::{Cmd, Parser, ProtocolVersion, Value};

use super::address::Address;
use super::error::LinkError;
use super::stream::Stream;
use crate::limits::MIB;

/// Bytes of one message or reply.
const MESSAGE_BYTES: usize = 64 * MIB;
/// The shortest timeout that one can set, and the longest.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));

/// A connection to a Redis that is ready for commands.
pub struct Link {
    stream: Stream,
    parser: Parser,
    /// Bytes that were read since the last value was complete: at most those of the next one, and of one
    /// read.
    unparsed_bytes: usize,
    timeout: Duration,
    protocol: ProtocolVersion,
    address: Address,
    role_is_known: bool,
    state: State,
}

enum State {
    /// Requests and replies match.
    Open,
    /// An error ended it.
    Over,
}

impl Link {
    /// Of a connection on which nothing was said yet; it speaks RESP2.
    pub(super) fn new(stream: Stream, address: Address) -> Self {
        Self {
            stream,
            parser: Parser::new(),
            unparsed_bytes: 0,
            timeout: TIMEOUTS.1,
            protocol: ProtocolVersion::RESP2,
            address,
            role_is_known: false,
            state: State::Open,
        }
    }

    /// How long [`send`](Self::send) and [`receive`](Self::receive) take at most, from 1 ms to a day.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout.clamp(TIMEOUTS.0, TIMEOUTS.1);
    }

    /// Sends packed commands, and waits for no reply.
    ///
    /// # Errors
    ///
    /// `TimedOut` when the system does not take all of them in time; otherwise what broke.
    pub fn send(&mut self, packed: &[u8]) -> Result<(), LinkError> {
        self.guard(|link| {
            link.stream.set_deadline(Instant::now() + link.timeout);
            link.write(packed)
        })
    }

    /// The next value, of whatever kind; `None` when none is complete in time: what came of it is kept.
    ///
    /// Calls `before_blocking` before each read of the socket, when all that came before was returned.
    /// The time counts from there.
    ///
    /// # Errors
    ///
    /// When the connection ended, or the server does not speak RESP.
    pub fn receive(&mut self, before_blocking: &mut dyn FnMut()) -> Result<Option<Value>, LinkError> {
        self.guard(|link| link.read(Some(link.timeout), before_blocking))
    }

    /// Sends one command and waits for its reply, both within `timeout`. Push messages (RESP3) that come
    /// before it are dropped. Only to be called when no other reply is due, and with RESP2 not while
    /// subscribed: messages and replies look the same there.
    ///
    /// # Errors
    ///
    /// `Refused` when the reply is an error; the link goes on then. Otherwise what broke.
    pub fn request(&mut self, command: &Cmd, timeout: Duration) -> Result<Value, LinkError> {
        let deadline = Instant::now() + timeout.clamp(TIMEOUTS.0, TIMEOUTS.1);
        self.request_until(command, deadline)
    }

    /// As [`request`](Self::request), until `deadline`.
    pub(super) fn request_until(&mut self, command: &Cmd, deadline: Instant) -> Result<Value, LinkError> {
        self.guard(|link| {
            link.stream.set_deadline(deadline);
            let written = link.write(&command.get_packed_command());
            match (written, link.reply()) {
                (Ok(()), reply) => reply,
                // A server that turns clients away says why, and closes without reading.
                (Err(_), Err(why @ (LinkError::Refused { .. } | LinkError::Auth(_)))) => Err(why),
                (Err(error), _) => Err(error),
            }
        })
    }

    /// Bytes of a value that is not complete yet: while they grow, the server is there.
    #[must_use]
    pub fn incomplete_bytes(&self) -> usize {
        self.unparsed_bytes
    }

    /// The version of the protocol that is spoken.
    #[must_use]
    pub fn protocol(&self) -> ProtocolVersion {
        self.protocol
    }

    /// Whether the server said that it is the master; otherwise it does not tell us, and the caller may
    /// want to say so once.
    #[must_use]
    pub fn role_is_known(&self) -> bool {
        self.role_is_known
    }

    /// The server, for logs.
    #[must_use]
    pub fn peer(&self) -> String {
        self.address.to_string()
    }

    /// The server.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// What was agreed on with the server.
    pub(super) fn agree(&mut self, protocol: ProtocolVersion, role_is_known: bool) {
        self.protocol = protocol;
        self.role_is_known = role_is_known;
    }

    /// Does nothing when the link is over, and ends it when `act` fails in a way that leaves it unusable.
    fn guard<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, LinkError>) -> Result<T, LinkError> {
        match self.state {
            State::Open => {}
            State::Over => return Err(LinkError::Closed),
        }
        let result = act(self);
        if matches!(&result, Err(error) if !matches!(error, LinkError::Refused { .. })) {
            self.state = State::Over;
        }
        result
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let written = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        written.map_err(|error| self.stream.last_alert().unwrap_or_else(|| LinkError::of_io(error, "write")))
    }

    /// The next value that is no push message, until the deadline of the stream.
    fn reply(&mut self) -> Result<Value, LinkError> {
        loop {
            match self.read(None, &mut || {})? {
                None => return Err(LinkError::TimedOut("reply")),
                Some(Value::Push { .. }) => {}
                Some(Value::ServerError(error)) => return Err(LinkError::from(&error)),
                Some(value) => return Ok(value),
            }
        }
    }

    /// The next value; `None` when none is complete within `timeout`, or else the deadline of the stream.
    fn read(
        &mut self,
        timeout: Option<Duration>,
        before_blocking: &mut dyn FnMut(),
    ) -> Result<Option<Value>, LinkError> {
        let unparsed_bytes = &mut self.unparsed_bytes;
        let stream = &mut self.stream;
        let mut source = Source { stream, before_blocking, timeout, unparsed_bytes, failure: None };
        let parsed = self.parser.parse_value(&mut source);
        match (parsed, source.failure) {
            (Ok(value), _) => {
                self.unparsed_bytes = 0;
                Ok(Some(without_attributes(value)))
            }
            (Err(_), Some(LinkError::TimedOut(_))) => Ok(None),
            (Err(_), Some(error)) => Err(error),
            // The parser's own error quotes what was sent.
            (Err(_), None) => Err(LinkError::Protocol("what the server sends is no RESP")),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}, {:?})", self.address, self.protocol)
    }
}

/// What the parser reads from. It keeps the errors, which the parser would only describe.
struct Source<'a> {
    stream: &'a mut Stream,
    before_blocking: &'a mut dyn FnMut(),
    /// Sets the deadline at the first read.
    timeout: Option<Duration>,
    unparsed_bytes: &'a mut usize,
    failure: Option<LinkError>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if *self.unparsed_bytes > MESSAGE_BYTES {
            return self.fail(LinkError::Protocol("a message is larger than 64 MiB"));
        }
        (self.before_blocking)();
        if let Some(timeout) = self.timeout.take() {
            self.stream.set_deadline(Instant::now() + timeout);
        }
        match self.stream.read(buffer) {
            Ok(0) => self.fail(LinkError::Closed),
            Ok(count) => {
                *self.unparsed_bytes += count;
                Ok(count)
            }
            Err(error) => self.fail(LinkError::of_io(error, "reply")),
        }
    }
}

impl Source<'_> {
    fn fail(&mut self, error: LinkError) -> io::Result<usize> {
        self.failure = Some(error);
        Err(ErrorKind::Other.into())
    }
}

/// Attributes (RESP3) are remarks about a value that nothing here asks for.
fn without_attributes(mut value: Value) -> Value {
    while let Value::Attribute { data, .. } = value {
        value = *data;
    }
    value
}

#[cfg(test)]
mod tests;
