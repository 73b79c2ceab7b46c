//! Bursts, one after the other: the median of their rates.

use super::{Session, Usage};

/// The rounds so far.
pub(super) struct Rounds {
    events: u64,
    deliveries: u64,
    total: Usage,
    rates: Vec<f64>,
}

impl Rounds {
    /// Rounds of `events` events to each of `streams` streams.
    pub(super) fn of(events: u64, streams: usize) -> Self {
        Self { events, deliveries: events * streams as u64, total: Usage::default(), rates: Vec::new() }
    }

    pub(super) fn add(&mut self, usage: &Usage) {
        self.rates.push(self.deliveries as f64 / usage.wall.as_secs_f64());
        self.total.add(usage);
    }

    /// Records what the rounds, of which there is one at least, came to.
    pub(super) fn record(mut self, session: &mut Session<'_>) {
        let rounds = self.rates.len();
        self.rates.sort_by(f64::total_cmp);
        session.record_usage(&self.total, self.deliveries * rounds as u64);
        // Not what all rounds came to together: one that was disturbed does not count more than another.
        session.record.set("deliveries_per_s", self.rates[rounds / 2]);
        session.record.set("deliveries_per_s_min", self.rates[0]);
        session.record.set("deliveries_per_s_max", self.rates[rounds - 1]);
        session.record.count("events_per_burst", self.events);
    }
}
