//! When a lost stream is asked for again.
//!
//! The server says how long to wait (`retry:`); attempts that fail wait longer each time, so that a server that
//! comes back is not met by everybody at once. Never sleeps: it says how long.

use std::time::Duration;

/// The wait before a server has said anything.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The shortest wait: a server that ends every stream at once is not asked in a tight loop.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest wait that grows by failures alone.
const LONGEST_GROWN: Duration = Duration::from_secs(30);
/// The longest wait that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// Doublings after which the longest wait is reached from any start.
const MOST_DOUBLINGS: u32 = 16;
/// How much longer a wait may be by chance: a quarter.
const SPREAD: f64 = 0.25;

/// How long to wait before the next attempt.
#[derive(Clone, Debug)]
pub struct Reconnect {
    /// What the server asked for last.
    retry: Duration,
    /// Attempts without anything from the server, one after another.
    failures: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { retry: FIRST_WAIT, failures: 0 }
    }
}

impl Reconnect {
    /// The server asked for this reconnection time.
    pub fn handle_retry(&mut self, millis: u64) {
        self.retry = Duration::from_millis(millis).clamp(SHORTEST, LONGEST_ASKED);
    }

    /// A connection became a stream: what fails next is a new failure.
    pub const fn handle_stream(&mut self) {
        self.failures = 0;
    }

    /// The stream ended or did not begin. How long to wait: at least what the server asked for in its stream or in
    /// this answer (`Retry-After`), longer with every failure, and up to a quarter longer by `jitter`, 0 to 1.
    pub fn handle_loss(&mut self, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let doubled = self.retry.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS));
        let wait = doubled.min(LONGEST_GROWN.max(self.retry));
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED);
        wait.max(asked).mul_f64(1.0 + SPREAD * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(reconnect: &mut Reconnect, times: usize) -> Vec<u64> {
        (0..times).map(|_| reconnect.handle_loss(None, 0.0).as_millis() as u64).collect()
    }

    #[test]
    fn failures_wait_longer_up_to_a_bound_and_a_stream_begins_anew() {
        let mut reconnect = Reconnect::default();
        assert_eq!(waits(&mut reconnect, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(waits(&mut reconnect, 100)[99], 30_000);
        reconnect.handle_stream();
        reconnect.handle_retry(3000);
        assert_eq!(waits(&mut reconnect, 5), [3000, 6000, 12_000, 24_000, 30_000]);
    }

    #[test]
    fn what_the_server_asks_for_is_never_undercut_and_has_a_bound() {
        let mut reconnect = Reconnect::default();
        reconnect.handle_retry(45_000);
        assert_eq!(waits(&mut reconnect, 2), [45_000, 45_000]);
        reconnect.handle_retry(u64::MAX);
        assert_eq!(reconnect.handle_loss(None, 0.0), LONGEST_ASKED);
        reconnect.handle_retry(0);
        reconnect.handle_stream();
        assert_eq!(reconnect.handle_loss(None, 0.0), SHORTEST);
        assert_eq!(reconnect.handle_loss(Some(Duration::from_secs(7)), 0.0), Duration::from_secs(7));
        assert_eq!(reconnect.handle_loss(Some(Duration::MAX), 0.0), LONGEST_ASKED);
    }

    #[test]
    fn chance_only_makes_it_longer() {
        for jitter in [0.0, 0.5, 1.0] {
            let wait = Reconnect::default().handle_loss(None, jitter);
            assert_eq!(wait, Duration::from_millis(1000 + (250.0 * jitter) as u64));
        }
    }
}
