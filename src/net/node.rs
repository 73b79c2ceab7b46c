//! What routes may know of the loop.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::clock::Clock;
use super::connections::{Connections, Whence};
use super::pacing::{Pacing, Publisher};
use super::process;
use crate::api::{Client, Node, Rates};
use crate::auth::TokenId;
use crate::clock::Mono;
use crate::id::Instance;
use crate::key::Key;
use crate::logging;
use crate::metrics::Gauges;
use crate::rate::Over;

/// How far back rates look.
const RATE_SECONDS: usize = 10;

/// Totals so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) deliveries: u64,
    /// Messages received from Redis.
    pub(super) messages: u64,
}

/// Totals, once a second, for rates.
#[derive(Debug, Default)]
pub(super) struct Samples {
    samples: VecDeque<(Mono, Totals)>,
}

impl Samples {
    pub(super) fn take(&mut self, now: Mono, totals: Totals) {
        if self.samples.len() > RATE_SECONDS {
            self.samples.pop_front();
        }
        self.samples.push_back((now, totals));
    }

    fn per_second(&self) -> Rates {
        let (Some((from, first)), Some((to, last))) = (self.samples.front(), self.samples.back()) else {
            return Rates::default();
        };
        let seconds = to.since(*from).as_secs_f64();
        if seconds == 0.0 {
            return Rates::default();
        }
        let rate = |first: u64, last: u64| (last - first) as f64 / seconds;
        Rates {
            events: rate(first.events, last.events),
            deliveries: rate(first.deliveries, last.deliveries),
            messages: rate(first.messages, last.messages),
        }
    }
}

/// A view of the loop at one moment.
pub(super) struct View<'a> {
    pub(super) connections: &'a Connections,
    pub(super) connections_cap: usize,
    pub(super) clock: &'a Clock,
    pub(super) rates: &'a Samples,
    pub(super) instance: &'a Instance,
    pub(super) pacing: &'a Pacing,
    /// Whose address limits count.
    pub(super) limited_as: Option<IpAddr>,
    pub(super) diagnoses: usize,
    pub(super) backlog: usize,
    pub(super) now: Mono,
}

impl Node for View<'_> {
    fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.len(),
            connections_limit: self.connections_cap,
            parser_bytes: self.connections.held().total(),
            redis_backlog: self.backlog,
            log_lines_dropped: logging::dropped(),
            resident_bytes: process::resident_bytes(),
            open_fds: process::open_descriptors(),
            max_fds: process::most_descriptors() as u64,
            start_time_seconds: self.clock.start_seconds(),
        }
    }

    fn client(&self, key: Key) -> Option<Client> {
        self.connections.whence(key).map(Whence::client)
    }

    fn may_publish(&self, token: Option<TokenId>) -> Result<(), Over> {
        self.pacing.check(Publisher { address: self.limited_as, token }, 1, self.now)
    }

    fn diagnoses(&self) -> usize {
        self.diagnoses
    }

    fn uptime(&self) -> Duration {
        self.now.since(Mono::ZERO)
    }

    fn rates(&self) -> Rates {
        self.rates.per_second()
    }

    fn instance(&self) -> &Instance {
        self.instance
    }
}
