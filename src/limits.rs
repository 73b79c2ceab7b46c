//! Every limit on what a peer controls, with its default: the `limits.*` configuration keys.
//!
//! The work that is bounded per turn of the loop is in `net::budget`; the bounds of streams and of the
//! history are `hub::Options`.

use std::time::Duration;

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
/// Bytes of buffer that a connection keeps between two requests.
pub const RETAINED_BYTES: usize = 4 * KIB;
/// How long a client may take none of the bytes that wait for it.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// Bytes that are read and thrown away after an answer that closes the connection.
pub const LINGER_BYTES: usize = 64 * KIB;
/// How long such a connection is read at most.
pub const LINGER_TIME: Duration = Duration::from_secs(1);
/// Bytes a stream's client may send after its request before it is closed.
pub const STREAM_INPUT_BYTES: usize = 4 * KIB;
/// Bytes per second that a request body must keep up on average...
pub const BODY_BYTES_PER_SECOND: u64 = 1024;
/// ...after this start.
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// Bytes of a resume id; a longer one is taken as unknown.
pub const RESUME_ID_BYTES: usize = 256;

/// Bytes that a TLS client may send before they are a whole record, or a whole message of a handshake: the largest
/// record (RFC 5246 section 6.2.3; 2 KiB less in RFC 8446).
pub const TLS_REST_BYTES: usize = 16 * KIB + 2 * KIB + 5;

const _: () = assert!(METHOD_BYTES + " ".len() + " HTTP/1.1".len() <= REQUEST_LINE_BYTES);

/// Limits on requests and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; 0 means as many as the descriptor limit allows.
    pub connections: usize,
    /// Open connections of the admin listener, beside those.
    pub admin_connections: usize,
    /// Open connections of one address; 0 switches the limit off.
    pub connections_per_ip: usize,
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
            head_bytes: 16 * KIB,
            headers: 64,
            target_bytes: 8 * KIB,
            body_bytes: MIB,
            event_bytes: 256 * KIB,
            filters: 64,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(75),
        }
    }
}
