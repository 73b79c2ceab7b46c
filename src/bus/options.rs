//! What an operator can set about the way through Redis, beside where it is.

use std::time::Duration;

/// Options of the bus: a part of the `redis.*` configuration keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// From publishing to the acknowledgement.
    pub publish_timeout: Duration,
    /// Failed publishes in a row that open the circuit breaker.
    pub breaker_failures: usize,
    /// How long a round trip through Redis is good for.
    pub liveness: Duration,
    /// Messages kept until Redis takes them.
    pub spool_events: usize,
    /// Bytes of them.
    pub spool_bytes: usize,
    /// Bytes of memory that events may take which were published and have not arrived.
    pub publish_bytes: usize,
    /// Events remembered by their idempotency key; 0 remembers none.
    pub dedupe: usize,
    /// Whether the server is not ready while Redis is lost.
    pub required_for_ready: bool,
}
