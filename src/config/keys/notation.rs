//! What a section's keys are written with: places in `Config`, units, ranges.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A field of `Config` as a place that a key reads into and writes out of.
macro_rules! at {
    ($($path:tt)+) => {
        $crate::config::kind::Field {
            get: |config: &$crate::config::Config| &config.$($path)+,
            get_mut: |config: &mut $crate::config::Config| &mut config.$($path)+,
        }
    };
}

/// A field of `Config` whose type has named values.
macro_rules! choice {
    ($type:ty, $($path:tt)+) => {
        $crate::config::kind::Kind::Choice($crate::config::choice::Choice {
            names: $crate::config::choice::names::<$type>,
            get: |config| $crate::config::choice::Named::name(config.$($path)+),
            set: |config, name| {
                $crate::config::choice::named::<$type>(name).map(|value| config.$($path)+ = value).is_some()
            },
        })
    };
}

pub(super) use {at, choice};

pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

/// In milliseconds, as all times here.
pub(super) const SECOND: u64 = 1000;
pub(super) const HOUR: u64 = 3600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;

/// The highest rate in a second.
pub(super) const RATE: u64 = 10_000_000;

/// From so many milliseconds to so many.
pub(super) const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}
