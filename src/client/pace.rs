//! So many events a second and no more.

use std::time::Duration;

/// The part of a second that one request may hold, so that events come evenly and not once a second.
const REQUESTS_PER_SECOND: u64 = 20;

/// A rate that is not exceeded; without one, nothing waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    per_second: Option<u64>,
    sent: u64,
}

impl Pace {
    /// At most so many events a second; 0 is taken as 1.
    #[must_use]
    pub const fn new(per_second: Option<u64>) -> Self {
        Self { per_second, sent: 0 }
    }

    /// How many events one request may hold.
    #[must_use]
    pub fn batch_events(&self, most: usize) -> usize {
        let Some(rate) = self.per_second else { return most };
        usize::try_from(rate.div_ceil(REQUESTS_PER_SECOND)).unwrap_or(most).clamp(1, most)
    }

    /// How long to wait, `elapsed` after the start, before the next events go.
    #[must_use]
    pub fn wait(&self, elapsed: Duration) -> Duration {
        let Some(rate) = self.per_second else { return Duration::ZERO };
        // What was sent has used up this much time.
        let used = Duration::from_secs_f64(self.sent as f64 / rate.max(1) as f64);
        used.saturating_sub(elapsed)
    }

    /// So many were sent at `elapsed`. Time that was not used is not made up for later.
    pub fn handle_sent(&mut self, events: usize, elapsed: Duration) {
        let Some(rate) = self.per_second else { return };
        let due = (elapsed.as_secs_f64() * rate as f64) as u64;
        self.sent = self.sent.max(due) + events as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_never_exceeded() {
        for rate in [1, 7, 100, 50_000] {
            let mut pace = Pace::new(Some(rate));
            let events = pace.batch_events(1000);
            let (mut elapsed, mut sent) = (Duration::ZERO, 0);
            while elapsed < Duration::from_secs(20) {
                pace.handle_sent(events, elapsed);
                sent += events as u64;
                elapsed += pace.wait(elapsed);
            }
            let per_second = sent as f64 / elapsed.as_secs_f64();
            assert!((per_second / rate as f64 - 1.0).abs() < 0.1, "{rate}: {per_second}");
        }
    }

    #[test]
    fn a_pause_is_not_followed_by_a_burst() {
        let mut pace = Pace::new(Some(10));
        pace.handle_sent(1, Duration::from_secs(100));
        let wait = pace.wait(Duration::from_secs(100));
        assert!((wait.as_secs_f64() - 0.1).abs() < 0.001, "{wait:?}");
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut pace = Pace::new(None);
        pace.handle_sent(1000, Duration::ZERO);
        assert_eq!((pace.wait(Duration::ZERO), pace.batch_events(1000)), (Duration::ZERO, 1000));
        assert_eq!(Pace::new(Some(10)).batch_events(1000), 1);
        assert_eq!(Pace::new(Some(1000)).batch_events(1000), 50);
    }
}
