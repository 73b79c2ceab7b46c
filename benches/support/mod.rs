//! What the benches share: a hub with its surroundings, and the mark that callgrind looks for.
//!
//! Nothing here opens a socket or reads a clock: time is a counter.

mod orders;

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use ssecast::clock::{Mono, Now, Wall};
use ssecast::event::Event;
use ssecast::hub::{CloseReason, Hub, Options, Subscription, Wire};
use ssecast::id::Instance;
use ssecast::key::Key;
use ssecast::metrics::Metrics;

pub(crate) use orders::{Orders, intake};

/// Sends between two readings of the clock, as the loop has it.
pub(crate) const SENDS_PER_CLOCK: usize = 64;
/// The name of the server.
pub(crate) const INSTANCE: &str = "5eedc0de";
/// Where wall time starts: when the first order was placed.
pub(crate) const START: Wall = Wall::from_micros(1_767_225_600_000_000);

/// What `GET /events` is answered before the stream.
const RESPONSE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Content-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n\
    X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";

/// Does what is measured. It has a name of its own in every build, so that callgrind can count nothing else.
#[inline(never)]
pub(crate) fn measured<R>(routine: impl FnOnce() -> R) -> R {
    black_box(routine())
}

/// How long `routine` takes, `prepare` before each of `times` not counted.
pub(crate) fn timed<S, P, R>(
    times: u64,
    stage: &mut S,
    mut prepare: impl FnMut(&mut S) -> P,
    mut routine: impl FnMut(&mut S) -> R,
) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..times {
        prepare(stage);
        let start = Instant::now();
        measured(|| routine(stage));
        total += start.elapsed();
    }
    total
}

/// A wire that counts bytes, and takes all of them or, where it is told so, none.
#[derive(Debug, Default)]
pub(crate) struct CountingWire {
    bytes: u64,
    /// Every so many-eth client takes nothing.
    pub(crate) blocked_every: Option<u32>,
}

impl Wire for CountingWire {
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.blocked_every.is_some_and(|every| key.index.is_multiple_of(every)) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.bytes += black_box(bytes) as u64;
        Ok(bytes)
    }
}

/// A hub and what it works with.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) wire: CountingWire,
    micros: u64,
    generation: u32,
}

impl Stage {
    /// A hub of these options, without clients.
    pub(crate) fn new(options: Options) -> Self {
        let instance = Instance::new(INSTANCE).expect("the name is allowed");
        let metrics = Metrics::new(Mono::ZERO, CloseReason::ALL.map(CloseReason::name));
        let hub = Hub::new(options, instance, metrics, 1, Mono::ZERO);
        Self { hub, wire: CountingWire::default(), micros: 0, generation: 0 }
    }

    /// A hub with clients that have been sent all that there is.
    pub(crate) fn with_clients(clients: u32, subscription: impl Fn(u32) -> Subscription) -> Self {
        let mut stage = Self::new(Options::default());
        for index in 0..clients {
            stage.join(index, subscription(index));
        }
        stage.sweep();
        stage
    }

    /// A hub that keeps these events, without clients.
    pub(crate) fn with_history(events: &[Event]) -> Self {
        let mut stage = Self::new(Options::default());
        events.iter().for_each(|event| stage.append(event));
        stage
    }

    /// Some microseconds later.
    pub(crate) fn now(&mut self) -> Now {
        self.micros += 7;
        let wall = Wall::from_micros(START.as_micros() + self.micros as i64);
        Now { mono: Mono::from_micros(self.micros), wall }
    }

    /// Opens a stream in this place.
    pub(crate) fn join(&mut self, index: u32, subscription: Subscription) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let key = Key { index, generation: self.generation };
        let now = self.now();
        self.hub.join(key, RESPONSE_HEAD.to_vec(), subscription, now);
        key
    }

    /// Closes every stream.
    pub(crate) fn clear(&mut self) {
        let keys: Vec<Key> = self.hub.clients().map(|client| client.key).collect();
        keys.into_iter().for_each(|key| self.hub.close(key, CloseReason::Client));
        while self.hub.poll_closed().is_some() {}
        self.sweep();
    }

    /// Appends an event.
    pub(crate) fn append(&mut self, event: &Event) {
        let now = self.now();
        self.hub.append(event, now);
    }

    /// Sends, as the loop does it, until nobody can be sent any more; gives back how many sends that took.
    pub(crate) fn sweep(&mut self) -> usize {
        let mut sends = 0;
        while self.hub.has_ready() {
            let now = self.now();
            sends += self.hub.sweep(SENDS_PER_CLOCK, &mut self.wire, now.mono);
            let now = self.now();
            self.hub.settle(now);
        }
        sends
    }

    /// Sends without recording anything.
    pub(crate) fn sweep_unsettled(&mut self) {
        let now = self.now();
        while self.hub.has_ready() {
            self.hub.sweep(SENDS_PER_CLOCK, &mut self.wire, now.mono);
        }
    }
}
