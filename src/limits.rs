//! Every limit on what a peer controls, with its default: the `limits.*` configuration keys.
//!
//! The work that is bounded per turn of the loop is in `net::budget`; the bounds of streams and of the
//! history are `hub::Options`.

use std::time::Duration;

use crate::rate::Rate;

/// Bytes in one KiB.
pub const KIB: usize = 1024;
/// Bytes in one MiB.
pub const MIB: usize = 1024 * KIB;

/// Nesting of an envelope's JSON, the envelope itself included.
pub const JSON_DEPTH: usize = 64;
/// Bytes of a chunk extension that are read over (RFC 9112 section 7.1.1).
pub const CHUNK_EXTENSION_BYTES: usize = 256;
/// Bytes of a request method (RFC 9110 section 9.1); a longer one can't be known.
pub const METHOD_BYTES: usize = 32;
/// Bytes of a request line beside its target: the method, two spaces and the version, with room to spare.
pub const REQUEST_LINE_BYTES: usize = 64;
/// Bytes of answers that may wait for a client before no further request of it is read.
pub const OUTPUT_BYTES: usize = 64 * KIB;
/// Bytes of later requests that are read while one is being answered.
pub const INPUT_AHEAD_BYTES: usize = 16 * KIB;
/// How long a client may take none of the bytes that wait for it.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// Bytes that are read and thrown away after an answer that closes the connection.
pub const LINGER_BYTES: usize = 64 * KIB;
/// How long such a connection is read at most.
pub const LINGER_TIME: Duration = Duration::from_secs(1);
/// Bytes a stream's client may send after its request before it is closed.
pub const STREAM_INPUT_BYTES: usize = 4 * KIB;
/// Bytes of a record that a stream's client may send before it is complete, with what sealing adds.
pub const STREAM_REST_BYTES: usize = STREAM_INPUT_BYTES + KIB;
/// Bytes of earlier answers that may still wait for a client when its stream begins.
pub const STREAM_BACKLOG_BYTES: usize = 4 * KIB;
/// Bytes per second that a request body must keep up on average...
pub const BODY_BYTES_PER_SECOND: u64 = 1024;
/// ...after this start.
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// Bytes of a resume id; a longer one is taken as unknown.
pub const RESUME_ID_BYTES: usize = 256;
/// Bytes read from one connection at once.
pub const READ_BYTES: usize = 64 * KIB;
/// Bytes of the longest answer; the lists that are longer end there.
pub const ANSWER_BYTES: usize = 320 * KIB;
/// Bytes of a body that is read although its events come too fast, so that its connection may stay.
pub const SHORT_BODY_BYTES: u64 = 16 * KIB as u64;
/// A connection that holds less than this for requests is not worth closing for its memory.
pub const SMALL_BYTES: usize = 2 * KIB;

/// Bytes that a TLS client may send before they are a whole record, or a whole message of a handshake: the largest
/// record (RFC 5246 section 6.2.3; 2 KiB less in RFC 8446).
pub const TLS_REST_BYTES: usize = 16 * KIB + 2 * KIB + 5;

const _: () = assert!(METHOD_BYTES + " ".len() + " HTTP/1.1".len() <= REQUEST_LINE_BYTES);

/// A limit that turned somebody away: a label of metrics, by the name of its configuration key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Too many connections.
    Connections,
    /// Too many connections to the admin side.
    AdminConnections,
    /// Too many connections of one address.
    ConnectionsPerIp,
    /// Connections came too fast.
    AcceptRate,
    /// Connections of one address came too fast.
    AcceptRatePerIp,
    /// Events were published too fast.
    PublishRate,
    /// Events were published too fast from one address.
    PublishRatePerIp,
    /// Events were published too fast with one token.
    PublishRatePerToken,
    /// Requests and answers took too much memory.
    ParserBytes,
    /// Events that were published and have not arrived took too much memory.
    PublishBytes,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 10] = [
        Self::Connections,
        Self::AdminConnections,
        Self::ConnectionsPerIp,
        Self::AcceptRate,
        Self::AcceptRatePerIp,
        Self::PublishRate,
        Self::PublishRatePerIp,
        Self::PublishRatePerToken,
        Self::ParserBytes,
        Self::PublishBytes,
    ];

    /// The key under `limits`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::AdminConnections => "admin_connections",
            Self::ConnectionsPerIp => "connections_per_ip",
            Self::AcceptRate => "accept_rate",
            Self::AcceptRatePerIp => "accept_rate_per_ip",
            Self::PublishRate => "publish_rate",
            Self::PublishRatePerIp => "publish_rate_per_ip",
            Self::PublishRatePerToken => "publish_rate_per_token",
            Self::ParserBytes => "parser_bytes",
            Self::PublishBytes => "publish_bytes",
        }
    }
}

/// How many in a second, and how many at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// In a second, on average; 0 switches the limit off.
    pub rate: usize,
    /// At once; 0 is as many as in a second.
    pub burst: usize,
}

impl Pace {
    /// The rate, if there is one.
    #[must_use]
    pub const fn rate(self) -> Option<Rate> {
        Rate::new(self.rate, self.burst)
    }
}

/// Limits on requests and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; 0 means as many as the descriptor limit allows.
    pub connections: usize,
    /// Open connections of the admin listener, beside those.
    pub admin_connections: usize,
    /// Open connections of one address; 0 switches the limit off.
    pub connections_per_ip: usize,
    /// New connections.
    pub accept: Pace,
    /// New connections of one address.
    pub accept_per_ip: Pace,
    /// Published events.
    pub publish: Pace,
    /// Events published from one address.
    pub publish_per_ip: Pace,
    /// Events published with one token.
    pub publish_per_token: Pace,
    /// Addresses and tokens that the limits per address and per token remember, each.
    pub rate_addresses: usize,
    /// Bytes of requests being read and answers waiting, of all connections together.
    pub parser_bytes: usize,
    /// Bytes of events that were published and have not arrived.
    pub publish_bytes: usize,
    /// Bytes of a request line and its headers.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of one event envelope.
    pub event_bytes: usize,
    /// `type=` and `topic=` values of one stream.
    pub filters: usize,
    /// Diagnoses that run at once.
    pub diagnoses: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// Silence between two requests of one connection.
    pub keepalive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 0,
            admin_connections: 256,
            connections_per_ip: 0,
            accept: Pace::default(),
            accept_per_ip: Pace::default(),
            publish: Pace::default(),
            publish_per_ip: Pace::default(),
            publish_per_token: Pace::default(),
            rate_addresses: 65_536,
            parser_bytes: 64 * MIB,
            publish_bytes: 64 * MIB,
            head_bytes: 16 * KIB,
            headers: 64,
            target_bytes: 8 * KIB,
            body_bytes: MIB,
            event_bytes: 256 * KIB,
            filters: 64,
            diagnoses: 32,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(75),
        }
    }
}

impl Limits {
    /// The least `parser_bytes`: one request as large as a request may be, with what was read ahead of it.
    #[must_use]
    pub const fn least_parser_bytes(&self) -> usize {
        let buffers = 2 * READ_BYTES + 2 * self.head_bytes + ANSWER_BYTES;
        self.body_bytes.saturating_add(buffers)
    }
}
