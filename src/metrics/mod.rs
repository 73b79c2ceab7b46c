//! What the server counts about itself.
//!
//! Plain numbers, as one thread counts; their names are in `exposition`. Never reads a clock or a file.

mod exposition;
mod latency;

pub use exposition::{CONTENT_TYPE, Gauges, Holdings, render};
pub use latency::{Latency, Percentiles};

use std::collections::BTreeMap;

use crate::clock::Mono;
use crate::limits::Limit;
use crate::sse::GapReason;

/// Counters and histograms of one server.
#[derive(Debug)]
pub struct Metrics {
    /// From an event's `ts` to its last byte being taken by the kernel, per delivery.
    pub broadcast: Latency,
    /// From an event's appending to its last byte being taken by the kernel, per delivery.
    pub delivery: Latency,
    /// From the first client to the last one of an event, per event; blocked clients are not waited for.
    pub duration: Latency,
    /// Deliveries: an event and a client.
    pub events_sent: u64,
    /// Events accepted by `POST /publish`, by the way they took.
    pub published: BTreeMap<&'static str, u64>,
    /// Events that `map_only` kept from being broadcast.
    pub map_dropped: u64,
    /// Events whose `ts` was in the future.
    pub clock_skew: u64,
    /// Sends that failed with an error of the socket.
    pub transmission_errors: u64,
    /// Closed connections, by reason.
    pub closed: BTreeMap<&'static str, u64>,
    /// `gap` frames, by reason.
    pub gaps: BTreeMap<&'static str, u64>,
    /// Connections turned away at a cap or while draining.
    pub shed: u64,
    /// Requests that were denied, by reason.
    pub denials: BTreeMap<&'static str, u64>,
    /// Connections and requests turned away by a limit, by its name.
    pub limited: BTreeMap<&'static str, u64>,
    /// TLS handshakes that were finished, by kind.
    pub tls_handshakes: BTreeMap<&'static str, u64>,
    /// Answered requests, by status.
    pub requests: BTreeMap<u16, u64>,
    /// Turns of the loop of over 100 ms.
    pub loop_stalls: u64,
    /// What came from Redis and went there.
    pub redis: Redis,
}

/// Counters of the way through Redis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redis {
    /// Messages received.
    pub messages: u64,
    /// Those that were no valid envelope.
    pub invalid: u64,
    /// Those that came back after their event was shown.
    pub echoes: u64,
    /// Those of other instances and of services that came before.
    pub duplicates: u64,
    /// Those that the mode does not broadcast.
    pub not_forwarded: u64,
    /// Messages of other instances that never came.
    pub missing: u64,
    /// Subscriptions that were lost.
    pub reconnects: u64,
    /// Messages that Redis acknowledged.
    pub published: u64,
    /// Attempts to publish one that failed.
    pub publish_failures: u64,
}

impl Metrics {
    /// All zero; `close_reasons` are shown from the start.
    #[must_use]
    pub fn new(now: Mono, close_reasons: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            broadcast: Latency::new(now),
            delivery: Latency::new(now),
            duration: Latency::new(now),
            events_sent: 0,
            published: BTreeMap::from([("local", 0), ("redis", 0), ("fallback", 0)]),
            map_dropped: 0,
            clock_skew: 0,
            transmission_errors: 0,
            closed: close_reasons.into_iter().map(|reason| (reason, 0)).collect(),
            gaps: GapReason::ALL.map(|reason| (reason.name(), 0)).into(),
            shed: 0,
            denials: BTreeMap::new(),
            limited: Limit::ALL.map(|limit| (limit.name(), 0)).into(),
            tls_handshakes: BTreeMap::from([("full", 0), ("resumed", 0)]),
            requests: BTreeMap::new(),
            loop_stalls: 0,
            redis: Redis::default(),
        }
    }

    /// Lets go of latencies that are no longer recent; to be called now and then.
    pub fn age(&mut self, now: Mono) {
        for latency in [&mut self.broadcast, &mut self.delivery, &mut self.duration] {
            latency.age(now);
        }
    }

    /// Counts a closed connection.
    pub fn count_close(&mut self, reason: &'static str) {
        *self.closed.entry(reason).or_default() += 1;
    }

    /// Counts a request that was denied.
    pub fn count_denial(&mut self, reason: &'static str) {
        *self.denials.entry(reason).or_default() += 1;
    }

    /// Counts a connection or a request that a limit turned away.
    pub fn count_limited(&mut self, limit: Limit) {
        *self.limited.entry(limit.name()).or_default() += 1;
    }

    /// Counts a TLS handshake that was finished.
    pub fn count_handshake(&mut self, is_resumed: bool) {
        let kind = if is_resumed { "resumed" } else { "full" };
        *self.tls_handshakes.entry(kind).or_default() += 1;
    }

    /// Counts `gap` frames.
    pub fn count_gaps(&mut self, reason: GapReason, count: u64) {
        if count > 0 {
            *self.gaps.entry(reason.name()).or_default() += count;
        }
    }
}
