//! The one place that reads clocks, but for the log, which any thread may write to.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::clock::{Mono, Now, Wall, micros};

/// The clocks of the system.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_wall: SystemTime,
}

impl Clock {
    /// Clocks that begin now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), start_wall: SystemTime::now() }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(micros(since)).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(micros(before.duration())).map_or(i64::MIN, |micros| -micros),
        };
        Now { mono: Mono::from_micros(micros(self.start.elapsed())), wall: Wall::from_micros(wall) }
    }

    /// When they began, in seconds since 1970.
    #[must_use]
    pub fn start_seconds(&self) -> f64 {
        self.start_wall.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}
