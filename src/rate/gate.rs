//! Two limits on the same thing: how often all together may, and how often each of them.
//!
//! What one of the two refuses takes nothing from the other.

use std::hash::Hash;
use std::time::Duration;

use super::bucket::{Bucket, Rate};
use super::buckets::Buckets;
use crate::clock::Mono;
use crate::limits::Limit;

/// The rates of a gate; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of all together.
    pub all: Option<Rate>,
    /// Of each key.
    pub each: Option<Rate>,
    /// Keys that are remembered.
    pub keys: usize,
}

/// What the two limits of a gate are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// That of all together.
    pub all: Limit,
    /// That of one key.
    pub each: Limit,
}

/// See the top of this file.
#[derive(Clone, Debug)]
pub struct Gate<K> {
    rates: Rates,
    names: Names,
    all: Bucket,
    each: Buckets<K>,
}

/// It is too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The limit that was reached.
    pub limit: Limit,
    /// How long to wait.
    pub wait: Duration,
}

impl Over {
    /// The wait in whole seconds, at least one: the value of Retry-After (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        let seconds = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        seconds.max(1)
    }
}

impl<K: Clone + Ord + Hash> Gate<K> {
    /// Nothing was taken yet.
    #[must_use]
    pub fn new(rates: Rates, names: Names) -> Self {
        Self { rates, names, all: Bucket::default(), each: Buckets::new(rates.keys) }
    }

    /// Takes other rates over; what was taken at the old ones is forgotten.
    pub fn set_rates(&mut self, rates: Rates) {
        if rates != self.rates {
            *self = Self::new(rates, self.names);
        }
    }

    /// Whether `amount` may be taken; without a key only the limit of all counts.
    ///
    /// # Errors
    /// When it is too early.
    pub fn check(&self, key: Option<&K>, amount: u64, now: Mono) -> Result<(), Over> {
        let each = self.rates.each.zip(key).map(|(rate, key)| self.each.wait(rate, key, amount, now));
        let all = self.rates.all.map(|rate| self.all.wait(rate, amount, now));
        let over = |wait: Option<Duration>, limit| {
            wait.filter(|wait| !wait.is_zero()).map_or(Ok(()), |wait| Err(Over { limit, wait }))
        };
        over(each, self.names.each).and(over(all, self.names.all))
    }

    /// Takes `amount`, all or nothing.
    ///
    /// # Errors
    /// When it is too early; then nothing is taken.
    pub fn take(&mut self, key: Option<K>, amount: u64, now: Mono) -> Result<(), Over> {
        self.check(key.as_ref(), amount, now)?;
        if let Some(rate) = self.rates.all {
            self.all.take(rate, amount, now);
        }
        if let Some((rate, key)) = self.rates.each.zip(key) {
            self.each.take(rate, key, amount, now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names { all: Limit::PublishRate, each: Limit::PublishRatePerIp };

    fn gate(all: usize, each: usize) -> Gate<u8> {
        Gate::new(Rates { all: Rate::new(all, 0), each: Rate::new(each, 0), keys: 9 }, NAMES)
    }

    fn over(limit: Limit, millis: u64) -> Result<(), Over> {
        Err(Over { limit, wait: Duration::from_millis(millis) })
    }

    #[test]
    fn without_rates_everything_passes() {
        let mut gate = gate(0, 0);
        assert!((0..1000).all(|_| gate.take(Some(1), 1000, Mono::ZERO).is_ok()));
        assert!(gate.each.is_empty());
    }

    #[test]
    fn who_is_refused_takes_nothing_from_the_others() {
        let mut gate = gate(10, 2);
        for _ in 0..100 {
            let _ = gate.take(Some(1), 1, Mono::ZERO);
        }
        assert_eq!(gate.take(Some(1), 1, Mono::ZERO), over(NAMES.each, 500));
        for key in 2..6 {
            assert_eq!(gate.take(Some(key), 2, Mono::ZERO), Ok(()));
        }
        assert_eq!(gate.take(Some(7), 1, Mono::ZERO), over(NAMES.all, 100));
        assert_eq!(gate.each.wait(Rate::new(2, 2).unwrap(), &7, 2, Mono::ZERO), Duration::ZERO);
        assert_eq!(gate.take(None, 1, Mono::from_micros(100_000)), Ok(()));
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            let over = Over { limit: NAMES.all, wait: Duration::from_millis(millis) };
            assert_eq!(over.retry_after(), seconds);
        }
    }

    #[test]
    fn other_rates_begin_anew_and_the_same_go_on() {
        let mut gate = gate(1, 0);
        assert_eq!(gate.take(Some(1), 1, Mono::ZERO), Ok(()));
        gate.set_rates(gate.rates);
        assert!(gate.check(Some(&1), 1, Mono::ZERO).is_err());
        gate.set_rates(Rates { all: Rate::new(2, 0), ..gate.rates });
        assert_eq!(gate.check(Some(&1), 1, Mono::ZERO), Ok(()));
    }
}
