//! A value over the repetitions of a case: its median, and how far from it they went.

use super::units::{SPACE, Unit};
use crate::record::Record;

/// Curves of different runs have the same quantiles, but for the last digit of a double.
const QUANTILE_STEP: f64 = 1e-7;

/// The middle and the ends of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) runs: usize,
}

impl Spread {
    /// `None` without a value; what is no number is none. The middle of an even number of values is the mean of
    /// the two in the middle.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let (min, max, upper) = (*values.first()?, *values.last()?, *values.get(middle)?);
        let median = if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) };
        Some(Self { median, min, max, runs: values.len() })
    }

    /// A single value.
    pub(super) fn once(value: f64) -> Self {
        Self { median: value, min: value, max: value, runs: 1 }
    }

    /// In another unit.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor, ..self }
    }

    /// In words: the median, and the ends where they differ, with their unit where it is another.
    pub(super) fn text(&self, unit: Unit) -> String {
        let [median, min, max] = [self.median, self.min, self.max].map(|value| unit.text(value));
        if !self.is_wide() {
            return median;
        }
        match [&median, &min, &max].map(|text| text.split_once(SPACE)) {
            [Some((_, a)), Some((min, b)), Some((max, c))] if a == b && b == c => {
                format!("{median} ({min} to {max})")
            }
            _ => format!("{median} ({min} to {max})"),
        }
    }

    /// Whether the repetitions differ at all.
    pub(super) fn is_wide(&self) -> bool {
        self.min < self.max
    }
}

/// The latency's distribution over the runs: at each quantile the spread in milliseconds. Empty where no run has
/// one.
pub(super) fn latency_ms(records: &[&Record]) -> Vec<(f64, Spread)> {
    let mut points: Vec<_> = records.iter().flat_map(|record| &record.latency).collect();
    points.sort_by(|a, b| a.quantile.total_cmp(&b.quantile));
    let curve: Vec<_> = points
        .chunk_by(|a, b| b.quantile - a.quantile < QUANTILE_STEP)
        .filter_map(|chunk| {
            let spread = Spread::of(chunk.iter().map(|point| point.us / 1e3))?;
            Some((chunk[0].quantile, spread))
        })
        .collect();
    // A histogram without a value is 0 throughout.
    if curve.iter().any(|(_, spread)| spread.max > 0.0) { curve } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Point;

    #[test]
    fn the_middle_and_the_ends() {
        let spread = Spread::of([5.0, 1.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, max: 5.0, runs: 3 });
        assert!(spread.is_wide() && !Spread::once(3.0).is_wide());
        assert_eq!(spread.scaled(2.0).max, 10.0);
        assert_eq!(spread.text(Unit::Count), "3 (1 to 5)");
        assert_eq!(Spread::once(3.0).text(Unit::Count), "3");
        assert_eq!(spread.text(Unit::Bytes), "3.00\u{a0}B (1.00 to 5.00)");
        assert_eq!(spread.scaled(400.0).text(Unit::Bytes), "1.20\u{a0}kB (400\u{a0}B to 2.00\u{a0}kB)");
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of([f64::NAN, 2.0]), Some(Spread::once(2.0)));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn the_median_curve_is_that_of_each_quantile() {
        let run = |us: [f64; 2]| {
            let latency =
                [0.5, 0.99].into_iter().zip(us).map(|(quantile, us)| Point { quantile, us }).collect();
            Record { latency, ..Record::default() }
        };
        let runs = [run([1_000.0, 9_000.0]), run([2_000.0, 5_000.0]), run([3_000.0, 4_000.0])];
        let curve = latency_ms(&runs.iter().collect::<Vec<_>>());
        let spread = |median, min, max| Spread { median, min, max, runs: 3 };
        assert_eq!(curve, [(0.5, spread(2.0, 1.0, 3.0)), (0.99, spread(5.0, 4.0, 9.0))]);
    }

    #[test]
    fn an_empty_histogram_is_no_curve() {
        let latency = vec![Point { quantile: 0.5, us: 0.0 }];
        assert!(latency_ms(&[&Record { latency, ..Record::default() }]).is_empty());
        assert!(latency_ms(&[]).is_empty());
    }
}
