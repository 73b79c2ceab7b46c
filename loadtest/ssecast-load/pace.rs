//! When events are due that are published at a fixed rate, whatever becomes of those before.

use std::time::{Duration, Instant};

/// Events at fixed distances from a start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
    every: Duration,
    published: u32,
}

impl Pace {
    /// The first is due at `start`, `rate` of them in each second.
    pub(crate) fn new(start: Instant, rate: u32) -> Self {
        Self { start, every: Duration::from_secs(1) / rate.max(1), published: 0 }
    }

    /// When the next one is due.
    pub(crate) fn due(&self) -> Instant {
        self.start + self.every * self.published
    }

    /// How long until then.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.due().saturating_duration_since(now)
    }

    /// Takes the next one, if it is due: when it was.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due();
        (due <= now).then(|| {
            self.published += 1;
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_due_at_fixed_distances_from_the_start() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 200);
        let late = start + Duration::from_millis(11);
        let taken: Vec<_> = std::iter::from_fn(|| pace.take(late)).map(|due| due - start).collect();
        assert_eq!(taken, [0, 5, 10].map(Duration::from_millis));
        assert_eq!(pace.wait(late), Duration::from_millis(4));
    }
}
