//! What operators may know of the bus.

use std::time::Duration;

use super::upstream::Subscription;
use super::{BreakerState, Bus, Mode};
use crate::clock::Mono;

/// The state of the bus at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The mode in force.
    pub mode: Mode,
    /// Whether a round trip through Redis works, as far as the mode makes one.
    pub is_up: bool,
    /// Since when the subscription lives; `None` where there is none.
    pub subscribed: Option<Duration>,
    /// Why there is none, where one is wanted.
    pub why_down: Option<String>,
    /// How long the last canary took.
    pub round_trip: Option<Duration>,
    /// The same, or longer where the next one has been under way for longer.
    pub lag: Option<Duration>,
    /// The circuit breaker around publishing.
    pub breaker: BreakerState,
    /// Bytes of memory that events take which were published and have not arrived.
    pub held_bytes: usize,
    /// Messages that Redis does not have yet.
    pub spooled: usize,
    /// Those of them that the publisher is busy with.
    pub in_flight: usize,
    /// Messages that Redis will never have, as there were too many.
    pub spool_dropped: u64,
}

/// Whether clients and publishers are to be sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Everything works that the mode needs.
    Ready,
    /// Redis is lost, and the server goes on without it.
    Degraded,
    /// Redis is lost, and broadcasts come from there.
    NotReady,
}

impl Bus {
    /// The state at this moment.
    #[must_use]
    pub fn status(&self, now: Mono) -> Status {
        let subscribed = match self.upstream.subscription {
            Subscription::Down => None,
            Subscription::Confirmed { since } => Some(now.since(since)),
        };
        let spool = &self.outbound.spool;
        Status {
            mode: self.mode,
            is_up: self.is_up(now),
            subscribed,
            why_down: self.upstream.why_down.clone(),
            round_trip: self.upstream.round_trip,
            lag: self
                .upstream
                .round_trip
                .max(self.upstream.waits_for_canary(self.outbound.last_probe(), now)),
            breaker: self.outbound.breaker.state(),
            held_bytes: self.held_bytes(),
            spooled: spool.len(),
            in_flight: spool.with_publisher(),
            spool_dropped: spool.dropped(),
        }
    }

    /// Whether clients and publishers are to be sent here.
    #[must_use]
    pub fn readiness(&self, now: Mono) -> Readiness {
        match self.mode {
            Mode::Local => Readiness::Ready,
            _ if self.is_up(now) => Readiness::Ready,
            mode if mode.forwards() && self.options.required_for_ready => Readiness::NotReady,
            _ => Readiness::Degraded,
        }
    }
}
