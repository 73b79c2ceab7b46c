//! What routes may know of the loop.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::clock::Clock;
use super::connections::{Connection, Connections};
use super::process;
use crate::api::Node;
use crate::clock::Mono;
use crate::id::Instance;
use crate::key::Key;
use crate::logging;
use crate::metrics::Gauges;

/// How far back rates look.
const RATE_SECONDS: usize = 10;

/// Totals, once a second, for rates.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: VecDeque<(Mono, u64, u64)>,
}

impl Rates {
    pub(super) fn sample(&mut self, now: Mono, events: u64, deliveries: u64) {
        if self.samples.len() > RATE_SECONDS {
            self.samples.pop_front();
        }
        self.samples.push_back((now, events, deliveries));
    }

    fn per_second(&self) -> (f64, f64) {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return (0.0, 0.0);
        };
        let seconds = last.0.since(first.0).as_secs_f64();
        if seconds == 0.0 {
            return (0.0, 0.0);
        }
        ((last.1 - first.1) as f64 / seconds, (last.2 - first.2) as f64 / seconds)
    }
}

/// A view of the loop at one moment.
pub(super) struct View<'a> {
    pub(super) connections: &'a Connections,
    pub(super) clock: &'a Clock,
    pub(super) rates: &'a Rates,
    pub(super) instance: &'a Instance,
    pub(super) now: Mono,
}

impl Node for View<'_> {
    fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.len(),
            log_lines_dropped: logging::dropped(),
            resident_bytes: process::resident_bytes(),
            open_fds: process::open_descriptors(),
            start_time_seconds: self.clock.start_seconds(),
        }
    }

    fn address(&self, key: Key) -> Option<SocketAddr> {
        self.connections.get(key).map(Connection::address)
    }

    fn uptime(&self) -> Duration {
        self.now.since(Mono::ZERO)
    }

    fn rates(&self) -> (f64, f64) {
        self.rates.per_second()
    }

    fn instance(&self) -> &Instance {
        self.instance
    }
}
