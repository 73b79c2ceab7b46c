//! Scales: where a value lies between the two ends of an axis, and which values the axis names.

use std::iter;

/// Ticks of an axis at most, as far as they are not thinned further for want of room.
const TICKS: usize = 8;
/// Ticks of a logarithm at most before only powers of ten are left.
const FINE_TICKS: usize = 9;
/// Values beyond these are drawn at the end of their axis.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e18;
/// What the scale of nines names.
const PERCENTILES: [f64; 6] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999];

/// What equal distances stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Equal differences.
    Linear,
    /// Equal ratios.
    Log,
    /// Each tenth of what the step before left over: 0, 90 %, 99 %, 99.9 %.
    Nines,
}

/// A scale.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    kind: Kind,
    /// Its ends, in steps of its kind; `low` is below `high`.
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// From 0 to the first tick at or above `max`.
    pub(super) fn from_zero(max: f64) -> Self {
        let max = if max > 0.0 { max.clamp(LEAST, MOST) } else { 1.0 };
        let step = step(max);
        // Without the allowance, 0.3 would lie above the third tick of 0.1.
        let count = (max / step - 1e-6).ceil();
        Self { kind: Kind::Linear, low: 0.0, high: step * count, ticks: multiples(step, count) }
    }

    /// From 0 to just `max`, which is a tick only by chance.
    pub(super) fn within(max: f64) -> Self {
        let max = if max > 0.0 { max.clamp(LEAST, MOST) } else { 1.0 };
        let step = step(max);
        let count = (max / step + 1e-6).floor();
        Self { kind: Kind::Linear, low: 0.0, high: max, ticks: multiples(step, count) }
    }

    /// Logarithmic, from the power of ten below `min` to the next 1, 2 or 5 above `max`.
    pub(super) fn log(min: f64, max: f64) -> Self {
        let min = min.clamp(LEAST, MOST);
        let max = max.clamp(min, MOST);
        let low = (min.log10() + 1e-9).floor();
        let steps = |exponent: f64| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powf(exponent));
        let decades = iter::successors(Some(low), |exponent| Some(exponent + 1.0));
        // The last one is the first that reaches `max`.
        let mut fine = Vec::new();
        for value in decades.flat_map(steps) {
            fine.push(value);
            if value >= max * (1.0 - 1e-9) && fine.len() > 1 {
                break;
            }
        }
        let high = fine[fine.len() - 1].log10();
        let powers: Vec<_> = fine.iter().copied().step_by(3).collect();
        let thinned = powers.iter().copied().step_by(powers.len().div_ceil(TICKS).max(1)).collect();
        let ticks = if fine.len() <= FINE_TICKS { fine } else { thinned };
        Self { kind: Kind::Log, low, high, ticks }
    }

    /// Of shares from 0 to 0.9999.
    pub(super) fn nines() -> Self {
        Self { kind: Kind::Nines, low: 0.0, high: 4.0, ticks: PERCENTILES.to_vec() }
    }

    /// Logarithmic or from 0, whichever shows more of values of which the smallest that matters is `low`.
    pub(super) fn fitting(low: f64, high: f64) -> Self {
        /// On a linear axis, what is less than this part of its top cannot be told from 0.
        const LEGIBLE: f64 = 1.0 / 20.0;
        if low > 0.0 && low < high * LEGIBLE { Self::log(low, high) } else { Self::from_zero(high) }
    }

    pub(super) fn is_log(&self) -> bool {
        self.kind == Kind::Log
    }

    /// Whether a value is not below the axis.
    pub(super) fn reaches(&self, value: f64) -> bool {
        self.steps(value) >= self.low
    }

    /// The values that the axis names.
    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// Where a value lies, from 0 to 1; values outside are at the ends.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = (self.steps(value) - self.low) / (self.high - self.low);
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    fn steps(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(LEAST).log10(),
            Kind::Nines => -(1.0 - value.clamp(0.0, 1.0)).log10(),
        }
    }
}

/// The 1, 2 or 5 of some power of ten that has about five multiples up to `max`.
fn step(max: f64) -> f64 {
    let rough = max / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let [one, two, five] = [1.0, 2.0, 5.0].map(|step| step * power);
    // The one whose ratio to `rough` is smallest.
    match rough / power {
        r if r < 1.5 => one,
        r if r < 3.5 => two,
        r if r < 7.5 => five,
        _ => 10.0 * power,
    }
}

/// Multiples of a step from 0 to the one that `count` says.
fn multiples(step: f64, count: f64) -> Vec<f64> {
    (0..=TICKS as u32).map(f64::from).take_while(|i| *i <= count).map(|i| i * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= b.abs() * 1e-9)
    }

    #[test]
    fn linear_ticks_are_round_and_enclose_the_values() {
        for (max, ticks) in [
            (4.65, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0][..]),
            (21.3, &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0]),
            (100.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (0.3, &[0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
        ] {
            let scale = Scale::from_zero(max);
            assert!(near(scale.ticks(), ticks), "{max}: {:?}", scale.ticks());
            assert!(scale.share(max) > 0.7 && scale.share(0.0) == 0.0);
        }
    }

    #[test]
    fn any_maximum_has_a_handful_of_ticks() {
        for exponent in -80..=200 {
            let max = 1.07_f64.powi(exponent * 3);
            for scale in [Scale::from_zero(max), Scale::within(max)] {
                let ticks = scale.ticks();
                assert!((3..=TICKS + 1).contains(&ticks.len()), "{max}: {ticks:?}");
                assert!(ticks.is_sorted(), "{max}: {ticks:?}");
            }
        }
    }

    #[test]
    fn an_exact_axis_ends_with_the_values() {
        let scale = Scale::within(19.0);
        assert!(near(scale.ticks(), &[0.0, 5.0, 10.0, 15.0]), "{:?}", scale.ticks());
        assert_eq!((scale.share(19.0), scale.share(9.5)), (1.0, 0.5));
    }

    #[test]
    fn a_logarithm_gives_a_decade_as_much_room_as_the_next() {
        let scale = Scale::log(182.0, 127_000.0);
        assert!(near(scale.ticks(), &[100.0, 1_000.0, 10_000.0, 100_000.0]), "{:?}", scale.ticks());
        let [a, b, c] = [100.0, 1_000.0, 10_000.0].map(|value| scale.share(value));
        assert_eq!(a, 0.0);
        assert!(scale.reaches(100.0) && !scale.reaches(99.0));
        assert!((c - b - (b - a)).abs() < 1e-9);
        assert!((scale.share(200_000.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn few_decades_have_finer_ticks_and_many_have_fewer() {
        assert!(near(Scale::log(3.0, 40.0).ticks(), &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0]));
        assert!(near(Scale::log(1.0, 1.0).ticks(), &[1.0, 2.0]));
        let wide = Scale::log(0.0, f64::MAX);
        assert!((2..=TICKS).contains(&wide.ticks().len()), "{:?}", wide.ticks());
    }

    #[test]
    fn each_nine_has_a_quarter() {
        let scale = Scale::nines();
        for (nines, quantile) in [0.0, 0.9, 0.99, 0.999, 0.9999].into_iter().enumerate() {
            assert!((scale.share(quantile) - nines as f64 / 4.0).abs() < 1e-9, "{quantile}");
        }
        assert_eq!((scale.share(1.0), scale.share(7.0), scale.share(-1.0)), (1.0, 1.0, 0.0));
    }

    #[test]
    fn values_far_apart_get_a_logarithm() {
        assert!(!Scale::fitting(2.0, 21.3).is_log());
        assert!(Scale::fitting(0.5, 21.3).is_log());
        assert!(!Scale::fitting(0.0, 21.3).is_log());
    }

    #[test]
    fn absurd_values_stay_within_the_axis() {
        for scale in [Scale::from_zero(f64::MAX), Scale::from_zero(f64::NAN), Scale::log(f64::MAX, 0.0)] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.0, 0.0] {
                assert!((0.0..=1.0).contains(&scale.share(value)), "{scale:?} {value}");
            }
        }
    }
}
