//! The hub under a seeded simulation with a shadow model.
//!
//! Random clients join, resume, read a little, stall and go, random events are appended, time passes, and
//! after every step the hub's invariants are checked and each client's bytes, parsed by a parser that
//! shares nothing with the encoder, are compared with what the model says that it must have. A failure
//! prints its seed; `SSECAST_SEED=n cargo test simulation` runs that one alone, `SSECAST_SEEDS=n` more.

mod invariants;
mod model;
mod wire;

use std::fmt::Write;
use std::time::Duration;

use super::*;
use crate::clock::Wall;
use crate::event::Audience;
use crate::id::Fingerprint;
use crate::metrics::Metrics;
use crate::seeds;
use crate::topic::TopicPattern;
use model::Model;
use wire::SimWire;

/// Seeds of one test run.
const SEEDS: u64 = 256;
const STEPS: usize = 250;
/// Steps between two readings of all that every client received; closed ones are always read.
const STEPS_PER_READING: usize = 5;
const NAMES: [&str; 3] = ["a", "b", "c"];
const TOPICS: [&str; 4] = ["o/1", "o/2", "p/1", "p"];
const PATTERNS: [&str; 5] = ["o/1", "o/*", "p*", "*", "q"];
const TENANTS: [&str; 2] = ["x", "y"];

struct Simulation {
    random: fastrand::Rng,
    hub: Hub,
    wire: SimWire,
    model: Model,
    now: Now,
    places: Vec<bool>,
    generation: u32,
    trace: String,
}

fn run(seed: u64) -> String {
    let mut simulation = Simulation::new(seed);
    for step in 0..STEPS {
        simulation.step();
        invariants::check(&simulation.hub);
        if step % STEPS_PER_READING == 0 {
            simulation.check_bytes();
        }
    }
    simulation.finish();
    simulation.trace
}

#[test]
fn simulation_of_the_hub() {
    seeds::each(SEEDS, run);
}

#[test]
fn simulation_is_the_same_for_the_same_seed() {
    for seed in 0..4 {
        assert_eq!(run(seed), run(seed));
    }
    assert_ne!(run(1), run(2));
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let options = options(&mut random);
        let instance = Instance::new("sim").expect("a valid name");
        let now = Now { mono: Mono::from_micros(1), wall: Wall::from_micros(1_000_000_000_000) };
        let metrics = Metrics::new(now.mono, CloseReason::ALL.map(CloseReason::name));
        let mut hub = Hub::new(options.clone(), instance.clone(), metrics, seed, now.mono);
        hub.log = Log::with_segments_of(random.usize(200..3_000), instance);
        let model = Model::new(options);
        let wire = SimWire::new(random.u64(..));
        Self { random, hub, wire, model, now, places: Vec::new(), generation: 0, trace: String::new() }
    }

    fn step(&mut self) {
        match self.random.u32(0..100) {
            0..25 => self.append(),
            25..37 => self.join(),
            37..60 => self.sweep(),
            60..82 => self.read(),
            82..86 => self.leave(),
            86..97 => self.pass_time(),
            97..98 => self.change_options(),
            98..99 => self.append_gap(),
            _ => self.flood(),
        }
        self.collect_closed();
    }

    fn append(&mut self) {
        let number = self.model.events.len() as u64;
        let name = NAMES[self.random.usize(..NAMES.len())];
        let tenant = (self.random.u32(0..4) == 0).then(|| TENANTS[self.random.usize(..TENANTS.len())]);
        let topics: Vec<Box<str>> =
            TOPICS.iter().filter(|_| self.random.u32(0..4) == 0).map(|&topic| topic.into()).collect();
        let padding = if self.random.u32(0..12) == 0 { 2_000 } else { 150 };
        let data = format!("{number} {}", "x".repeat(self.random.usize(0..padding)));
        // Now and then the same envelope comes twice.
        let fingerprint = match self.model.events.last() {
            Some(last) if self.random.u32(0..20) == 0 => last.fingerprint,
            _ => Fingerprint(self.random.u64(1..)),
        };
        let mut body = Vec::new();
        sse::encode_body(name, &data, &mut body);
        let audience = Audience { tenant: tenant.map(Box::from), topics };
        let event = Event { body, fingerprint, ts: Some(self.now.wall), audience, ..Event::default() };
        let start = self.hub.log().head();
        self.hub.append(&event, self.now);
        let (head, seq) = (self.hub.log().head(), self.hub.log().last_id().seq);
        self.model.append(&event, seq, start..head, self.now.mono);
        self.note(format_args!("append {number} {name} as {seq}"));
    }

    fn append_gap(&mut self) {
        let start = self.hub.log().head();
        self.hub.append_gap(GapReason::UpstreamLost, self.now);
        let (head, seq) = (self.hub.log().head(), self.hub.log().last_id().seq);
        self.model.append_gap(seq, start..head, self.now.mono);
        self.note(format_args!("gap {seq}"));
    }

    fn flood(&mut self) {
        for _ in 0..self.random.usize(1..40) {
            self.append();
            self.collect_closed();
        }
    }

    fn join(&mut self) {
        let index = self.places.iter().position(|taken| !taken).unwrap_or(self.places.len());
        if index == self.places.len() {
            self.places.push(false);
        }
        self.places[index] = true;
        self.generation += 1;
        let key = Key { index: index as u32, generation: self.generation };
        let subscription = self.subscription();
        let capacity = [0, 10, 300, 5_000, usize::MAX][self.random.usize(0..5)];
        self.wire.open(key, capacity);
        self.model.join(key, &subscription, self.now.mono);
        self.note(format_args!("join {key:?} {subscription:?}"));
        self.hub.join(key, b"HEAD\r\n\r\n".to_vec(), subscription, self.now);
    }

    fn subscription(&mut self) -> Subscription {
        let mut filter = Filter::default();
        if self.random.bool() {
            let random = &mut self.random;
            filter.types = NAMES.iter().filter(|_| random.u32(0..4) == 0).map(|&name| name.into()).collect();
            filter.topics =
                PATTERNS.iter().filter(|_| random.u32(0..5) == 0).map(|&p| TopicPattern::new(p)).collect();
            filter.tenant = (random.u32(0..3) == 0).then(|| TENANTS[random.usize(..TENANTS.len())].into());
        }
        let styles = [HeartbeatStyle::Event, HeartbeatStyle::Comment, HeartbeatStyle::Off];
        Subscription {
            filter,
            limit: (self.random.u32(0..6) == 0).then(|| self.random.u64(1..12)),
            heartbeat: self.random.bool().then(|| styles[self.random.usize(..3)]),
            resume: self.resume(),
            expires: self.expires(),
        }
    }

    fn expires(&mut self) -> Option<Mono> {
        let millis = self.random.u64(0..60_000);
        (self.random.u32(0..4) == 0).then(|| self.now.mono.after(Duration::from_millis(millis)))
    }

    fn resume(&mut self) -> Option<String> {
        let at = self.random.usize(..self.model.events.len().max(1));
        let known = self.model.events.get(at);
        match (self.random.u32(0..10), known) {
            (0, _) => Some("earliest".to_owned()),
            (1, _) => {
                Some(["", "x", "sim-1", "sim-9999999-00000000000000ff"][self.random.usize(..4)].to_owned())
            }
            (2, _) => Some("y".repeat(300)),
            (3, Some(event)) => Some(format!("other-{}-{}", self.random.u64(0..99), event.fingerprint)),
            // An instance of this name had another life.
            (4, Some(event)) => Some(format!("sim-{}-{}", event.seq, Fingerprint(3))),
            (5..8, Some(event)) => Some(format!("sim-{}-{}", event.seq, event.fingerprint)),
            _ => self.wire.some_last_id(&mut self.random),
        }
    }

    fn sweep(&mut self) {
        let sends = self.random.usize(1..12);
        let sent = self.hub.sweep(sends, &mut self.wire, self.now.mono);
        assert!(sent <= sends, "{sent} sends of {sends}");
        self.now.mono = self.now.mono.after(Duration::from_micros(self.random.u64(0..300)));
        self.hub.settle(self.now);
    }

    /// Some clients' systems take more bytes.
    fn read(&mut self) {
        for key in self.wire.some_keys() {
            if self.wire.give_room(key) {
                self.hub.handle_writable(key);
            }
        }
        if let Some(key) = self.wire.some_key() {
            // Spurious readiness.
            self.hub.handle_writable(key);
        }
    }

    fn leave(&mut self) {
        let Some(key) = self.wire.some_key() else { return };
        self.note(format_args!("leave {key:?}"));
        self.hub.close(key, CloseReason::Client);
    }

    fn pass_time(&mut self) {
        let millis = [1, 900, 9_000][self.random.usize(0..3)];
        self.now.mono = self.now.mono.after(Duration::from_millis(self.random.u64(0..=millis)));
        // The wall clock may jump.
        self.now.wall = Wall::from_micros(self.now.wall.as_micros() + self.random.i64(-2_000_000..5_000_000));
        self.due();
    }

    fn due(&mut self) {
        if self.hub.poll_deadline().is_some_and(|at| at <= self.now.mono) {
            self.model.trim(self.now.mono);
            self.hub.handle_deadline(self.now);
        }
        assert!(self.hub.expiries.next().is_none_or(|at| at > self.now.mono), "open beyond its token");
    }

    fn change_options(&mut self) {
        let options = options(&mut self.random);
        self.note(format_args!("options {options:?}"));
        self.model.set_options(options.clone(), self.now.mono);
        self.hub.set_options(options, self.now.mono);
    }

    fn collect_closed(&mut self) {
        while let Some(closed) = self.hub.poll_closed() {
            self.note(format_args!("closed {closed:?}"));
            let received = self.wire.close(closed.key);
            self.places[closed.key.index as usize] = false;
            self.model.close(closed, &received, self.now.mono, self.hub.log().tail());
        }
    }

    fn check_bytes(&mut self) {
        for (key, received) in self.wire.received() {
            let view = self.hub.client(key, self.now.mono).expect("an open socket has a client");
            self.model.check_client(key, received, &view, self.hub.log().tail());
        }
        assert_eq!(self.hub.len(), self.wire.len());
    }

    /// Everybody reads, a last heartbeat comes, and then everybody is told to go.
    fn finish(&mut self) {
        self.settle_all();
        self.now.mono = self.hub.next_heartbeat.unwrap_or(self.now.mono);
        self.due();
        self.settle_all();
        for (key, received) in self.wire.received() {
            self.model.check_complete(key, received);
        }
        let until = self.now.mono.after(Duration::from_secs(5));
        self.hub.begin_drain(Duration::from_secs(5), until, self.now.mono);
        while let Some(at) = self.hub.poll_deadline().filter(|&at| at < until) {
            self.now.mono = self.now.mono.max(at);
            self.due();
            self.settle_all();
        }
        assert!(self.hub.is_empty(), "clients are left after draining");
        assert!(self.hub.index.is_empty() && self.hub.overdue.is_empty() && self.hub.stalls.is_empty());
        assert_eq!(self.hub.expiries.len(), 0);
        assert_eq!(self.hub.metrics().events_sent, self.model.delivered, "deliveries are counted once each");
    }

    fn settle_all(&mut self) {
        self.collect_closed();
        loop {
            self.wire.give_all_room();
            for key in self.wire.keys() {
                self.hub.handle_writable(key);
            }
            if !self.hub.has_ready() {
                break;
            }
            self.hub.sweep(1_000, &mut self.wire, self.now.mono);
            self.hub.settle(self.now);
            self.collect_closed();
            invariants::check(&self.hub);
        }
        self.check_bytes();
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        writeln!(self.trace, "{} {what}", self.now.mono.as_micros()).expect("a string takes all");
    }
}

fn options(random: &mut fastrand::Rng) -> Options {
    let buffer_bytes = random.usize(200..3_000);
    Options {
        heartbeat: Duration::from_secs(random.u64(3..20)),
        heartbeat_style: [HeartbeatStyle::Event, HeartbeatStyle::Comment][random.usize(..2)],
        buffer_bytes,
        stall_timeout: Duration::from_secs(random.u64(5..30)),
        replay_bytes: random.usize(1_000..20_000),
        history_bytes: buffer_bytes + random.usize(0..10_000),
        history_events: random.usize(1..60),
        history_age: random.bool().then(|| Duration::from_secs(random.u64(1..60))),
        ..Options::default()
    }
}
