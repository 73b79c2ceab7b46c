//! What all streams got: counts since the start, latencies since they were last taken.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::stream::Role;

/// Longest latency that a histogram tells apart.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

pub(crate) struct Tally {
    /// Heads of streams that were read and checked.
    pub(crate) opened: u64,
    /// Streams that read and were ended by the server.
    pub(crate) closed: u64,
    /// Streams that never read and were ended by the server.
    pub(crate) stalled_closed: u64,
    pub(crate) events: u64,
    pub(crate) pings: u64,
    pub(crate) gaps: u64,
    /// Events whose `seq` was not above that of the one before: out of order, or again.
    pub(crate) unordered: u64,
    /// When the last event was read.
    pub(crate) last_receipt: Instant,
    steady: Histogram<u64>,
    returning: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            opened: 0,
            closed: 0,
            stalled_closed: 0,
            events: 0,
            pings: 0,
            gaps: 0,
            unordered: 0,
            last_receipt: Instant::now(),
            steady: latencies(),
            returning: latencies(),
        }
    }

    pub(crate) fn record_latency(&mut self, role: Role, ns: u64) {
        match role {
            Role::Steady | Role::Bystander => self.steady.saturating_record(ns),
            Role::Returning => self.returning.saturating_record(ns),
            Role::Stalled => {}
        }
    }

    /// The 99th percentile of the streams that stay, or of the others where none does, since latencies were last
    /// taken.
    pub(crate) fn p99_ns(&self) -> u64 {
        let latency = if self.steady.is_empty() { &self.returning } else { &self.steady };
        latency.value_at_quantile(0.99)
    }

    /// The latencies, publish to receipt in nanoseconds, of the streams that stay and of the others, since the
    /// last call.
    pub(crate) fn take_latency(&mut self) -> (Histogram<u64>, Histogram<u64>) {
        let taken = (self.steady.clone(), self.returning.clone());
        self.steady.reset();
        self.returning.reset();
        taken
    }
}

/// For latencies in nanoseconds, from a microsecond to a minute.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, LATENCY_MAX_NS, 3).expect("the bounds are constants that it accepts")
}
