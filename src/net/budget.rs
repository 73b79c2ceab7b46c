//! How much work one turn of the loop may do, so that nobody waits for long.

use std::time::Duration;

/// Connections accepted in one turn.
pub(super) const ACCEPTS: usize = 64;
/// Connections read from in one turn.
pub(super) const READS: usize = 256;
/// How long connections are read from and answered in one turn, what the last of them asked for added: a
/// request may cost a look at all clients or at the whole history.
pub(super) const READ_TIME: Duration = Duration::from_millis(5);
/// Requests of one connection answered in one turn.
pub(super) const REQUESTS: usize = 16;
/// TLS handshakes gone on with in one turn: half of them cost a signature, 0.1 ms with P-256 and more with RSA...
pub(super) const HANDSHAKES: usize = 32;
/// ...unless they take longer than this, the last of them added.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_millis(2);
/// Sends of the sweep in one turn: about a millisecond.
pub(super) const SENDS: usize = 256;
/// Sends between two readings of the clock.
pub(super) const SENDS_PER_CLOCK: usize = 64;
/// Deadlines of connections met in one turn.
pub(super) const DEADLINES: usize = 256;
/// Streams closed in one turn, once nothing is sent to them any more.
pub(super) const CLOSES: usize = 256;
/// Published batches, or parts of them, taken into the log in one turn...
pub(super) const BATCHES: usize = 256;
/// ...each of so many events at most...
pub(super) const EVENTS: usize = 64;
/// ...unless they take longer than this: with many filtered clients one event may take a while.
pub(super) const APPEND_TIME: Duration = Duration::from_millis(5);
/// Readiness taken from the poller at once.
pub(super) const READINESS: usize = 1024;

const _: () = assert!(SENDS.is_multiple_of(SENDS_PER_CLOCK));
