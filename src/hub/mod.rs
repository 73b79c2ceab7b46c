//! The hub: one log, many cursors.
//!
//! An event is appended once (`append`), whatever the number of clients; a sweep over those that are
//! behind (`sweep`) writes to each, in one call, all that it lacks. The hub opens no socket, reads no clock
//! and logs nothing: bytes leave through a `Wire`, time comes as an argument, and what is to be closed is
//! asked for by `poll_closed`.
//!
//! Invariants: a client stands in exactly one of an idle list, a queue of those that can be written to (`ready`,
//! or `returning` while it is sent what it missed) and, blocked, the stall deadlines; a blocked one without a
//! filter stands in `overdue` as well; a client with a filter stands in the index from the end of its replay
//! until it has all that it asked for. The queues may also hold keys of clients that are gone; their generation
//! tells.

mod client;
mod close;
mod deliveries;
mod expiry;
mod gather;
mod heartbeat;
mod index;
mod log;
mod options;
mod outbox;
mod private;
mod resume;
mod schedule;
mod sweep;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

pub use crate::filter::Filter;
pub use crate::intake::DataStyle;
pub use close::{CloseReason, Closed};
pub use gather::Gather;
pub use index::Index;
pub use log::{Counts, FRAME_BYTES, Frame, FrameKind, IN_FLIGHT_BYTES, Log, Place, SEGMENT_BYTES, Whose};
pub use options::{HeartbeatStyle, Options};
pub use outbox::Outbox;
pub use sweep::Wire;

use crate::clock::{Mono, Now};
use crate::deadlines::Deadlines;
use crate::event::Event;
use crate::id::{Fingerprint, Instance};
use crate::key::Key;
use crate::metrics::Metrics;
use crate::sse::{self, GapReason};
use client::{Client, Clients, Ending, Flow, Narrow};
use deliveries::Deliveries;
use expiry::Expiries;
use heartbeat::Heartbeat;
use schedule::Drain;
use sweep::Pass;

/// Bytes of memory that a client takes, but for its filters: its entry in a slab that may be half empty.
pub const CLIENT_BYTES: usize = 2 * size_of::<Client>();

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Which events it sees.
    pub filter: Filter,
    /// How many events it wants before it is closed.
    pub limit: Option<u64>,
    /// Its heartbeat, where it asks for one in particular.
    pub heartbeat: Option<HeartbeatStyle>,
    /// The id that it was sent last, or `earliest`.
    pub resume: Option<String>,
    /// When the token that lets it in expires.
    pub expires: Option<Mono>,
}

/// What an open stream may be sorted by: found without looking far, as it is asked of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRank {
    /// Its connection.
    pub key: Key,
    /// Bytes that it was not sent yet.
    pub lag_bytes: u64,
    /// Since when it is open.
    pub joined: Mono,
    /// Events that it was sent.
    pub sent: u64,
}

/// What there is to know about an open stream.
#[derive(Clone, Debug)]
pub struct ClientView<'h> {
    /// Its connection.
    pub key: Key,
    /// How long it has been open.
    pub age: Duration,
    /// Events that it was not sent yet.
    pub lag_events: u64,
    /// Bytes that it was not sent yet.
    pub lag_bytes: u64,
    /// Events that it was sent.
    pub sent: u64,
    /// What it asked for, if not everything.
    pub filter: Option<&'h Filter>,
    /// Whether its socket takes no more at the moment.
    pub is_blocked: bool,
    /// Whether it is sent what it missed; until that is over its lag is what it may lack at most.
    pub is_replaying: bool,
}

/// The hub.
pub struct Hub {
    options: Options,
    log: Log,
    clients: Clients,
    index: Index,
    /// Clients that are behind and can be written to, first come, first served...
    ready: VecDeque<Key>,
    /// ...and those of them that are sent what they missed.
    returning: VecDeque<Key>,
    /// Clients that have everything: those with a cursor, and those with a filter.
    idle_bare: Vec<Key>,
    idle_narrow: Vec<Key>,
    /// Blocked clients with a cursor, by the public head at which they are overrun.
    overdue: BTreeSet<(u64, Key)>,
    /// When blocked clients count as stalled.
    stalls: Deadlines,
    expiries: Expiries,
    heartbeat: Heartbeat,
    next_heartbeat: Option<Mono>,
    drain: Option<Drain>,
    passes: VecDeque<Pass>,
    /// Keys ever taken out of the ready queue.
    popped: u64,
    /// Turns that the two queues have taken.
    turns: u64,
    deliveries: Deliveries,
    closed: VecDeque<Closed>,
    metrics: Metrics,
    random: fastrand::Rng,
    /// Reused by `append`.
    candidates: Vec<Key>,
}

impl Hub {
    /// A hub without clients. `seed` is where its jitter comes from.
    #[must_use]
    pub fn new(options: Options, instance: Instance, metrics: Metrics, seed: u64, now: Mono) -> Self {
        let mut hub = Self {
            log: Log::new(instance),
            clients: Clients::default(),
            index: Index::default(),
            ready: VecDeque::new(),
            returning: VecDeque::new(),
            idle_bare: Vec::new(),
            idle_narrow: Vec::new(),
            overdue: BTreeSet::new(),
            stalls: Deadlines::default(),
            expiries: Expiries::default(),
            heartbeat: Heartbeat::default(),
            next_heartbeat: None,
            drain: None,
            passes: VecDeque::new(),
            popped: 0,
            turns: 0,
            deliveries: Deliveries::default(),
            closed: VecDeque::new(),
            metrics,
            random: fastrand::Rng::with_seed(seed),
            candidates: Vec::new(),
            options: Options::default(),
        };
        hub.set_options(options, now);
        hub
    }

    /// Appends an event; those who see it are sent it by the sweeps that follow.
    pub fn append(&mut self, event: &Event, now: Now) {
        if event.ts.is_some_and(|ts| ts > now.wall) {
            self.metrics.clock_skew += 1;
        }
        let range = self.log.append(event, now);
        if event.audience.tenant.is_none() {
            self.wake_bare();
            self.close_overdue();
        }
        let name = event.name();
        let mut candidates = std::mem::take(&mut self.candidates);
        self.index.candidates(name, &event.audience, &mut candidates);
        candidates.sort_unstable();
        candidates.dedup();
        for key in candidates.drain(..) {
            self.offer(key, name, range.clone());
        }
        self.candidates = candidates;
        self.note_pass();
        self.trim(now.mono);
    }

    /// Appends a gap: everybody is told that events may be missing here, whatever the filter.
    pub fn append_gap(&mut self, reason: GapReason, now: Now) {
        let range = self.log.append_gap(reason, now);
        self.wake_bare();
        self.close_overdue();
        let is_live = |client: &Client| client.narrow.as_ref().is_some_and(|narrow| narrow.is_indexed());
        let live: Vec<Key> =
            self.clients.iter().filter(|(_, client)| is_live(client)).map(|(key, _)| key).collect();
        for key in live {
            let Some(client) = self.clients.get_mut(key) else { continue };
            client.outbox.push(range.clone());
            self.notice(key);
        }
        self.note_pass();
        self.trim(now.mono);
    }

    /// Says where the clients of other servers at an event go back further (see [`Log::note_race`]).
    pub fn note_race(&mut self, fingerprint: Fingerprint, whose: Whose, from: Option<u64>) {
        self.log.note_race(fingerprint, whose, from);
    }

    /// Puts a frame into the outbox of a client that stands under one of its facets.
    fn offer(&mut self, key: Key, name: &str, frame: std::ops::Range<u64>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(narrow) = &mut client.narrow else { return };
        if !narrow.filter.takes_type(name) {
            return;
        }
        client.outbox.push(frame);
        if narrow.count_down() {
            client.ending = Ending::WhenSent(CloseReason::Limit);
            self.index.remove(key, &narrow.filter);
        }
        self.notice(key);
    }

    /// Something was put into the outbox of a client with a filter.
    fn notice(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else { return };
        match client.flow {
            Flow::Idle { .. } => self.make_ready(key),
            Flow::Ready { .. } => {}
            Flow::Blocked { .. } => {
                if client.is_overrun(&self.log, self.options.buffer_bytes as u64) {
                    self.close(key, CloseReason::Overrun);
                }
            }
        }
    }

    /// Closes the blocked clients with a cursor that the head has run away from.
    fn close_overdue(&mut self) {
        let head = self.log.public_head();
        while let Some(&(overrun_at, key)) = self.overdue.first()
            && overrun_at < head
        {
            let Some(client) = self.clients.get(key) else { break };
            let Flow::Blocked { since, .. } = client.flow else { break };
            // The frame that came first after it was blocked may be larger than the bound, and is allowed.
            if client.is_overrun(&self.log, self.options.buffer_bytes as u64) {
                self.close(key, CloseReason::Overrun);
            } else {
                self.leave_lists(key);
                self.block(key, since);
            }
        }
    }

    /// Lets go of old frames, and of blocked clients that still needed them.
    fn trim(&mut self, now: Mono) {
        if !self.log.trim(&self.options, now) {
            return;
        }
        let is_lost = |key: &Key| self.clients.get(*key).is_some_and(|client| client.is_lost(&self.log));
        let lost: Vec<Key> = self.stalls.keys().filter(is_lost).collect();
        for key in lost {
            self.close(key, CloseReason::Overrun);
        }
    }

    /// Adds a client: the connection `key` becomes a stream that begins with `response_head`.
    ///
    /// Nothing is sent before the next `sweep`.
    pub fn join(&mut self, key: Key, response_head: Vec<u8>, subscription: Subscription, now: Now) {
        self.trim(now.mono);
        let start = resume::plan(&self.log, &subscription, self.options.replay_bytes as u64);
        let mut greeting = response_head;
        sse::encode_greeting(self.retry().as_millis(), &mut greeting);
        if let Some(gap) = &start.gap {
            let oldest = self.log.oldest_id();
            sse::encode_gap(gap.reason, gap.requested.as_deref(), oldest.as_deref(), &mut greeting);
            self.metrics.count_gaps(gap.reason, 1);
        }
        let style = subscription.heartbeat.unwrap_or(self.options.heartbeat_style);
        let pulse = self.heartbeat.pulse(style);
        let is_bare = subscription.filter.is_everything_public() && subscription.limit.is_none();
        let outbox = match is_bare {
            true => Outbox::Cursor(self.log.public_position(start.from)),
            false => Outbox::Ranges(Box::default()),
        };
        let mut client = Client::new(key.generation, outbox, greeting, pulse, now.mono);
        client.replay = client.pending_bytes(&self.log);
        if !is_bare {
            let (filter, left) = (subscription.filter, subscription.limit);
            client.narrow = Some(Box::new(Narrow { filter, left, replay_from: Some(start.from) }));
        }
        self.clients.insert(key.index, client);
        if let Some(at) = subscription.expires {
            self.expiries.add(key, at);
        }
        if !is_bare && start.from == self.log.head() {
            self.go_live(key);
        }
        self.queue_newcomer(key);
    }

    /// A client that is to be closed, once each; its bytes are no longer of use.
    pub fn poll_closed(&mut self) -> Option<Closed> {
        self.closed.pop_front()
    }

    /// Whether there is one.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// The client is gone or is to go, for this reason; `poll_closed` names it, once.
    pub fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(client) = self.clients.get(key) else { return };
        let (lag_bytes, lag_events) = (client.pending_bytes(&self.log), client.pending_events(&self.log));
        self.leave_lists(key);
        let Some(client) = self.clients.remove(key) else { return };
        self.expiries.forget(key);
        if let Some(narrow) = &client.narrow
            && narrow.is_indexed()
        {
            self.index.remove(key, &narrow.filter);
        }
        self.metrics.count_close(reason.name());
        self.closed.push_back(Closed { key, reason, lag_bytes, lag_events });
    }

    /// A time to wait before reconnecting, spread by 20 % either way.
    fn retry(&mut self) -> Duration {
        self.options.retry.mul_f64(0.8 + 0.4 * self.random.f64())
    }

    /// Open streams.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.len() == 0
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The counters, those of the layers above too.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The counters, for the layers above to count in.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Every open stream, with what it may be sorted by.
    pub fn clients(&self) -> impl Iterator<Item = ClientRank> {
        self.clients.iter().map(|(key, client)| ClientRank {
            key,
            lag_bytes: client.pending_bytes(&self.log),
            joined: client.joined,
            sent: client.sent,
        })
    }

    /// One open stream.
    #[must_use]
    pub fn client(&self, key: Key, now: Mono) -> Option<ClientView<'_>> {
        let client = self.clients.get(key)?;
        Some(ClientView {
            key,
            age: now.since(client.joined),
            lag_events: client.pending_events(&self.log),
            lag_bytes: client.pending_bytes(&self.log),
            sent: client.sent,
            filter: client.narrow.as_ref().map(|narrow| &narrow.filter),
            is_blocked: matches!(client.flow, Flow::Blocked { .. }),
            is_replaying: client.is_replaying(),
        })
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
