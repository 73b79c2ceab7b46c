//! At most so many of something in a second, and how many were left out: what a peer causes must not fill the log.
//!
//! Never reads a clock.

use std::time::Duration;

/// Log lines of one kind in a second.
const LINES: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// Lets through at most `LINES` a second.
#[derive(Debug, Default)]
pub struct Throttle {
    since: Duration,
    count: u32,
    left_out: u64,
}

impl Throttle {
    /// Whether one more may pass at this time since some start, and how many were left out before it.
    pub fn pass(&mut self, now: Duration) -> Option<u64> {
        if now.saturating_sub(self.since) >= SECOND {
            (self.since, self.count) = (now, 0);
        }
        if self.count == LINES {
            self.left_out += 1;
            return None;
        }
        self.count += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_pass_and_the_rest_is_counted() {
        let mut throttle = Throttle::default();
        let mut pass = |millis: u64| throttle.pass(Duration::from_millis(millis));
        assert_eq!((0..15).filter_map(|_| pass(5_000)).collect::<Vec<_>>(), [0; 10]);
        assert_eq!(pass(5_999), None);
        assert_eq!((pass(6_000), pass(6_001)), (Some(6), Some(0)));
    }
}
