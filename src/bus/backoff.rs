//! How long to wait before trying again: longer each time, and never as long as everybody else.
//!
//! Never waits and never draws a random number: the caller does both.

use std::time::Duration;

/// The shortest wait.
pub(super) const LEAST: Duration = Duration::from_millis(50);
/// The longest wait.
pub(super) const MOST: Duration = Duration::from_secs(5);

const _: () = assert!(LEAST.as_millis() < MOST.as_millis());

/// Attempts that failed in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    pub(super) failures: u32,
}

impl Backoff {
    /// The wait after one more failure: the bound doubles from `LEAST` to `MOST`, and the wait lies between
    /// its half and all of it, as `jitter` (0 to 1) says, but is never shorter than `LEAST`.
    pub fn next(&mut self, jitter: f64) -> Duration {
        let bound = LEAST.saturating_mul(1 << self.failures.min(16)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0)).max(LEAST)
    }

    /// An attempt worked: the next wait is a short one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.next(1.0).as_millis() as u64).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(1.0), LEAST);
    }

    #[test]
    fn jitter_takes_at_most_half_and_stays_within_the_bounds() {
        for failures in 0..100 {
            for jitter in [-1.0, 0.0, 0.3, 1.0, 9.0, f64::INFINITY] {
                let all = Backoff { failures }.next(1.0);
                let wait = Backoff { failures }.next(jitter);
                assert!(wait >= LEAST.max(all / 2) && wait <= all, "{failures} {jitter} {wait:?}");
            }
        }
        assert!(Backoff { failures: u32::MAX }.next(0.0) >= MOST / 2);
    }
}
