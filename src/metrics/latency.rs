//! A latency: all of it for Prometheus, the last minute for people.

use hdrhistogram::Histogram;

use crate::clock::Mono;

/// The longest latency told apart, in microseconds: one hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
/// Significant decimal digits.
const DIGITS: u8 = 2;
/// How long values are counted as recent, at least.
const RECENT_MICROS: u64 = 60_000_000;

/// Upper bounds of the buckets shown to Prometheus, in milliseconds.
pub(super) const BUCKETS_MS: [f64; 18] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0,
    30_000.0, 60_000.0,
];

/// Percentiles of the last one to two minutes, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Values.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
    /// The largest value.
    pub max: f64,
}

/// A latency in microseconds.
#[derive(Clone, Debug)]
pub struct Latency {
    total: Histogram<u64>,
    sum_micros: u128,
    recent: Histogram<u64>,
    before: Histogram<u64>,
    recent_since: Mono,
}

impl Latency {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        let empty = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS)
            .unwrap_or_else(|_| unreachable!("the bounds are constants that the histogram takes"));
        Self { total: empty.clone(), sum_micros: 0, recent: empty.clone(), before: empty, recent_since: now }
    }

    /// Records `count` values of `micros`; over an hour counts as an hour.
    pub fn record(&mut self, micros: u64, count: u64) {
        let micros = micros.clamp(1, LONGEST_MICROS);
        self.total.saturating_record_n(micros, count);
        self.recent.saturating_record_n(micros, count);
        self.sum_micros += u128::from(micros) * u128::from(count);
    }

    /// Lets go of what is no longer recent; to be called now and then.
    pub fn age(&mut self, now: Mono) {
        if now.as_micros().saturating_sub(self.recent_since.as_micros()) >= RECENT_MICROS {
            std::mem::swap(&mut self.recent, &mut self.before);
            self.recent.reset();
            self.recent_since = now;
        }
    }

    /// What was recent.
    #[must_use]
    pub fn recent(&self) -> Percentiles {
        let mut both = self.before.clone();
        if both.add(&self.recent).is_err() || both.is_empty() {
            return Percentiles::default();
        }
        let at = |percentile| both.value_at_quantile(percentile) as f64 / 1000.0;
        Percentiles {
            count: both.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: both.max() as f64 / 1000.0,
        }
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.total.len()
    }

    /// The sum of all values, in milliseconds.
    #[must_use]
    pub fn sum_ms(&self) -> f64 {
        self.sum_micros as f64 / 1000.0
    }

    /// How many values are at most each of `BUCKETS_MS`.
    pub(super) fn cumulative(&self) -> [u64; BUCKETS_MS.len()] {
        let mut counts = [0; BUCKETS_MS.len()];
        for step in self.total.iter_recorded() {
            let ms = step.value_iterated_to() as f64 / 1000.0;
            let first = BUCKETS_MS.partition_point(|&bound| bound < ms);
            for count in &mut counts[first..] {
                *count += step.count_at_value();
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_rest_is_infinite() {
        let mut latency = Latency::new(Mono::ZERO);
        latency.record(0, 1);
        latency.record(900, 2);
        latency.record(u64::MAX, 3);
        let counts = latency.cumulative();
        assert_eq!((counts[0], counts[2], counts[3], counts[17]), (1, 1, 3, 3));
        assert_eq!(latency.count(), 6);
        assert!((latency.sum_ms() - (0.001 + 1.8 + 3.0 * 3_600_000.0)).abs() < 1e-6);
    }

    #[test]
    fn recent_forgets_after_two_turns() {
        let mut latency = Latency::new(Mono::ZERO);
        latency.record(5_000, 10);
        let minute = |n: u64| Mono::from_micros(n * RECENT_MICROS);
        latency.age(minute(1));
        assert_eq!(latency.recent().count, 10);
        assert!((latency.recent().p50 - 5.0).abs() < 0.05, "{:?}", latency.recent());
        latency.age(minute(1).after(std::time::Duration::from_secs(1)));
        assert_eq!(latency.recent().count, 10);
        latency.age(minute(2));
        assert_eq!(latency.recent(), Percentiles::default());
        assert_eq!(latency.count(), 10);
    }
}
