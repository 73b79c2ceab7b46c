//! One token bucket, kept as what is owed to it: nothing, when nobody took from it of late.
//!
//! Exact: in a microsecond it gets back as many millionths of a token as there are tokens in a second.

use std::time::Duration;

use crate::clock::{Mono, micros};

/// Millionths of a token in one.
const MILLION: u64 = 1_000_000;

/// How many tokens come in a second, and how many there are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    per_second: u64,
    /// At least 1.
    burst: u64,
}

/// What is left of a rate at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Millionths of a token that were missing at that time.
    owed: u64,
    at: Mono,
}

impl Rate {
    /// A rate; none where `per_second` is 0. A burst of 0 is what comes in one second.
    #[must_use]
    pub const fn new(per_second: usize, burst: usize) -> Option<Self> {
        let (per_second, burst) = (per_second as u64, burst as u64);
        match (per_second, burst) {
            (0, _) => None,
            (_, 0) => Some(Self { per_second, burst: per_second }),
            _ => Some(Self { per_second, burst }),
        }
    }
}

impl Bucket {
    /// How long until `amount` tokens may be taken; zero when they may be now. More than the burst may be taken
    /// from a full bucket, which then owes them.
    #[must_use]
    pub fn wait(&self, rate: Rate, amount: u64, now: Mono) -> Duration {
        let wanted = amount.min(rate.burst) * MILLION;
        let missing = self.owed_at(rate, now).saturating_add(wanted).saturating_sub(rate.burst * MILLION);
        Duration::from_micros(missing.div_ceil(rate.per_second))
    }

    /// Takes `amount` tokens, whether they are there or not.
    pub fn take(&mut self, rate: Rate, amount: u64, now: Mono) {
        self.owed = self.owed_at(rate, now).saturating_add(amount.saturating_mul(MILLION));
        self.at = self.at.max(now);
    }

    /// From when on it is full, and as good as a new one.
    #[must_use]
    pub fn full_at(&self, rate: Rate) -> Mono {
        self.at.after(Duration::from_micros(self.owed.div_ceil(rate.per_second)))
    }

    fn owed_at(&self, rate: Rate, now: Mono) -> u64 {
        self.owed.saturating_sub(micros(now.since(self.at)).saturating_mul(rate.per_second))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A bucket that is filled microsecond by microsecond and never holds more than the burst.
    struct Naive {
        /// Millionths; negative when more than the burst was taken.
        tokens: i64,
        now: u64,
    }

    impl Naive {
        fn pass_to(&mut self, rate: Rate, now: u64) {
            while self.now < now {
                self.now += 1;
                self.tokens = (self.tokens + rate.per_second as i64).min((rate.burst * MILLION) as i64);
            }
        }

        fn may_take(&self, rate: Rate, amount: u64) -> bool {
            self.tokens >= (amount.min(rate.burst) * MILLION) as i64
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn it_is_the_naive_one(
            per_second in 1_usize..=3_000_000,
            burst in 0_usize..=9,
            steps in proptest::collection::vec((0_u64..3000, 1_u64..12), 1..40),
        ) {
            let rate = Rate::new(per_second, burst).unwrap();
            let mut bucket = Bucket::default();
            let mut naive = Naive { tokens: (rate.burst * MILLION) as i64, now: 0 };
            for (later, amount) in steps {
                let now = naive.now + later;
                naive.pass_to(rate, now);
                let wait = bucket.wait(rate, amount, Mono::from_micros(now));
                prop_assert_eq!(wait.is_zero(), naive.may_take(rate, amount));
                if wait.is_zero() {
                    bucket.take(rate, amount, Mono::from_micros(now));
                    naive.tokens -= (amount * MILLION) as i64;
                } else {
                    // The wait is exact: a microsecond earlier is too early.
                    let at = now + micros(wait);
                    prop_assert!(bucket.wait(rate, amount, Mono::from_micros(at)).is_zero());
                    prop_assert!(!bucket.wait(rate, amount, Mono::from_micros(at - 1)).is_zero());
                }
                let full_at = bucket.full_at(rate);
                prop_assert_eq!(bucket.owed_at(rate, full_at), 0);
            }
        }
    }

    #[test]
    fn no_rate_and_a_burst_of_one_second() {
        assert_eq!(Rate::new(0, 9), None);
        assert_eq!(Rate::new(5, 0), Rate::new(5, 5));
    }

    #[test]
    fn a_batch_beyond_the_burst_is_taken_from_a_full_bucket_and_paid_for_afterwards() {
        let (rate, start) = (Rate::new(10, 10).unwrap(), Mono::from_micros(7));
        let mut bucket = Bucket::default();
        assert!(bucket.wait(rate, 100, start).is_zero());
        bucket.take(rate, 100, start);
        assert_eq!(bucket.wait(rate, 1, start), Duration::from_millis(9_100));
        assert_eq!(bucket.full_at(rate), start.after(Duration::from_secs(10)));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let rate = Rate::new(10_000_000, 10_000_000).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            bucket.take(rate, u64::MAX, Mono::from_micros(u64::MAX));
        }
        assert!(!bucket.wait(rate, u64::MAX, Mono::ZERO).is_zero());
    }
}
