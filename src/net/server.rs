//! The loop: one thread, one poller, one turn after another.
//!
//! A turn takes what the poller says, then lets in, reads and answers, takes what came from Redis and what was
//! published into the log, does what is due, sweeps, and last closes what is to be closed. Each step has a
//! budget (`budget`) and remembers where it was cut short. Who is let in is said in `entrance`, what is done with
//! a connection's bytes in `drive`, with the threads beside the loop in `relay`, reloading and ending in
//! `lifecycle`.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Registry, Token};

use super::budget;
use super::caps::Caps;
use super::certificate_watch::CertificateWatch;
use super::clock::Clock;
use super::connections::Connections;
use super::entrance::{Door, Entrance, REFUSED};
use super::error::{ADMIN_LISTEN, Error, LISTEN};
use super::guard::Guard;
use super::inherited::{Handed, Inherited};
use super::listener::{Listener, Options};
use super::node::{Samples, Totals};
use super::phase::{Ended, Phase};
use super::relay::{self, Relay};
use super::setup;
use super::signals::Signals;
use super::supervisor::Supervisor;
use super::transport::{self, Identity};
use crate::api::{Settings, Side};
use crate::auth::Gate;
use crate::bus::Bus;
use crate::clock::{Mono, Now};
use crate::config::{Config, Endpoint, Sources};
use crate::deadlines::Deadlines;
use crate::http;
use crate::hub::{CloseReason, Closed, Hub};
use crate::id::Instance;
use crate::intake::Intake;
use crate::key::Key;
use crate::limits::READ_BYTES;
use crate::metrics::Metrics;
use crate::redis::Redis;
use crate::throttle::Throttle;

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
const THREADS: Token = Token(usize::MAX - 2);
const ADMIN_LISTENER: Token = Token(usize::MAX - 3);
const _: () = assert!(usize::BITS >= 64, "a key has 64 bits");

/// How often rates are sampled and old latencies let go.
const TICK: Duration = Duration::from_secs(1);
/// A turn longer than this is counted as a stall.
const LONG_TURN: Duration = Duration::from_millis(100);

/// The server.
pub struct Server {
    pub(super) config: Config,
    pub(super) sources: Sources,
    pub(super) settings: Settings,
    pub(super) gate: Gate,
    pub(super) denials: Throttle,
    pub(super) intake: Intake,
    pub(super) bus: Bus,
    pub(super) relay: Relay,
    pub(super) hub: Hub,
    pub(super) instance: Instance,
    pub(super) clock: Clock,
    pub(super) now: Now,
    pub(super) random: fastrand::Rng,
    pub(super) rates: Samples,
    pub(super) phase: Phase,
    pub(super) signals: Signals,
    pub(super) supervisor: Supervisor,
    pub(super) poll: Poll,
    pub(super) entrance: Entrance,
    pub(super) guard: Guard,
    pub(super) caps: Caps,
    /// Who the server is at the public listener, where TLS is spoken.
    pub(super) identity: Option<Identity>,
    pub(super) certificate: CertificateWatch,
    pub(super) connections: Connections,
    pub(super) deadlines: Deadlines,
    /// Connections that have something to be done, each at most once.
    pub(super) work: VecDeque<Key>,
    /// The same of those in a TLS handshake: it costs much, and the others do not wait for it.
    pub(super) handshakes: VecDeque<Key>,
    /// Connections that carry requests and are to be closed at the end of the turn, with the reason.
    pub(super) closing: Vec<(Key, &'static str)>,
    pub(super) buffer: Box<[u8]>,
    /// Connections that carry a diagnosis.
    pub(super) diagnoses: usize,
    tick_at: Mono,
}

impl Server {
    /// Listens as `config` says, or on what was inherited; nothing is accepted before `run`.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system refuses the poller.
    pub fn bind(config: Config, sources: Sources, inherited: Inherited) -> Result<Self, Error> {
        let clock = Clock::start();
        let now = clock.now();
        let identity = Identity::load(&config.tls, None).map_err(Error::Tls)?;
        let caps = Caps::of(&config);
        let gate = setup::gate(&config).map_err(Error::Auth)?;
        let poll = Poll::new().map_err(|error| Error::System("the poller cannot be made", error))?;
        let entrance = entrance(&config, inherited, poll.registry(), now.mono)?;
        let signals = Signals::register(poll.registry(), SIGNALS)
            .map_err(|error| Error::System("signals cannot be received", error))?;

        let mut random = fastrand::Rng::new();
        let instance = config.server.instance.clone();
        let instance = instance.unwrap_or_else(|| Instance::from_random(random.u32(..)));
        let reasons = CloseReason::ALL.map(CloseReason::name);
        let reasons = reasons.into_iter().chain(http::CloseReason::ALL.map(http::CloseReason::name));
        let reasons = reasons.chain([REFUSED]).chain(transport::CLOSE_REASONS);
        let metrics = Metrics::new(now.mono, reasons);
        let waker = relay::waker(poll.registry(), THREADS)
            .map_err(|error| Error::System("threads cannot wake the poller", error))?;
        let intake = setup::intake(&config);
        let redis =
            Redis::new(&config.redis, instance.clone(), intake.clone(), waker).map_err(Error::Redis)?;
        Ok(Self {
            settings: setup::settings(&config),
            gate,
            denials: Throttle::default(),
            intake,
            bus: Bus::new(config.bus.mode, instance.clone(), setup::bus(&config), random.u64(..)),
            relay: Relay::new(redis),
            hub: Hub::new(config.stream.clone(), instance.clone(), metrics, random.u64(..), now.mono),
            instance,
            clock,
            now,
            random,
            rates: Samples::default(),
            phase: Phase::Running,
            signals,
            supervisor: Supervisor::from_environment(now.mono),
            poll,
            entrance,
            guard: Guard::new(&config),
            caps,
            identity,
            certificate: CertificateWatch::new(),
            connections: Connections::with_capacity(caps.public.min(1 << 20)),
            deadlines: Deadlines::default(),
            work: VecDeque::new(),
            handshakes: VecDeque::new(),
            closing: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            diagnoses: 0,
            tick_at: now.mono,
            config,
            sources,
        })
    }

    /// Turns until it has drained, or was told twice to end.
    ///
    /// # Errors
    /// When the poller fails.
    pub fn run(&mut self) -> Result<Ended, Error> {
        if !self.entrance.is_opening() {
            self.begin_to_serve();
        }
        let mut events = Events::with_capacity(budget::READINESS);
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.timeout())
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(Error::System("the poller failed", error));
            }
            self.now = self.clock.now();
            let start = self.now.mono;
            for event in &events {
                self.handle_event(event);
            }
            events.clear();
            self.turn();
            self.now = self.clock.now();
            if self.now.mono.since(start) > LONG_TURN {
                self.hub.metrics_mut().loop_stalls += 1;
            }
            if let Some(ended) = self.poll_ended() {
                return Ok(ended);
            }
        }
    }

    pub(super) fn log_listening(&self) {
        let (mode, max_connections) = (self.bus.mode().name(), self.caps.public);
        let endpoint = self.entrance.endpoint();
        log::info!(instance = self.instance.as_str(), mode, max_connections; "listening on {endpoint}");
        if self.identity.is_some() {
            log::info!("TLS is spoken there");
        }
        if let Some(endpoint) = self.entrance.admin_endpoint() {
            let max_connections = self.caps.admin;
            log::info!(max_connections; "admin side at {endpoint}");
        }
    }

    fn turn(&mut self) {
        self.let_in();
        // Who is not done stands in the queue again, for the next turn.
        for _ in 0..budget::READS.min(self.work.len()) {
            let Some(key) = self.work.pop_front() else { break };
            self.drive(key);
            if self.clock.now().mono.since(self.now.mono) > budget::READ_TIME {
                break;
            }
        }
        self.shake_hands();
        self.relay();
        self.append();
        self.handle_deadlines();
        self.sweep();
        self.close_marked();
    }

    /// Goes on with TLS handshakes, as far as the budget goes.
    fn shake_hands(&mut self) {
        if self.handshakes.is_empty() {
            return;
        }
        let start = self.clock.now().mono;
        for _ in 0..budget::HANDSHAKES.min(self.handshakes.len()) {
            let Some(key) = self.handshakes.pop_front() else { break };
            self.drive(key);
            if self.clock.now().mono.since(start) > budget::HANDSHAKE_TIME {
                break;
            }
        }
    }

    /// How long the poller may wait: not at all while there is work.
    fn timeout(&self) -> Option<Duration> {
        let from_threads = self.relay.has_work();
        let has_work = from_threads
            || !self.work.is_empty()
            || !self.handshakes.is_empty()
            || self.bus.has_work(self.now.mono)
            || self.hub.has_ready()
            || self.hub.has_closed();
        let opens = self.entrance.is_opening() && !self.bus.is_opening();
        if self.entrance.has_work() || opens || has_work {
            return Some(Duration::ZERO);
        }
        let hub = self.hub.poll_deadline();
        let deadlines = [
            hub,
            self.bus.poll_deadline(),
            self.deadlines.next(),
            self.entrance.poll_deadline(),
            self.phase.deadline(self.now.mono),
            self.supervisor.poll_deadline(),
            Some(self.tick_at),
        ];
        deadlines.into_iter().flatten().min().map(|at| at.since(self.now.mono))
    }

    fn handle_event(&mut self, event: &Event) {
        match event.token() {
            LISTENER => self.handle_knock(Side::Public),
            ADMIN_LISTENER => self.handle_knock(Side::Admin),
            SIGNALS => self.handle_signals(),
            // What the threads have is received in every turn.
            THREADS => {}
            Token(packed) => {
                let key = Key::unpack(packed as u64);
                let Some(connection) = self.connections.get_mut(key) else { return };
                connection.is_readable |= event.is_readable();
                connection.is_peer_closed |= event.is_read_closed();
                if event.is_writable() {
                    self.handle_writable(key);
                }
                self.queue(key);
            }
        }
    }

    fn handle_knock(&mut self, side: Side) {
        if let Some(door) = self.entrance.door_mut(side) {
            door.handle_readable();
        }
    }

    /// Has a connection driven in this turn or the next.
    pub(super) fn queue(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !connection.is_queued {
            connection.is_queued = true;
            let queue = match connection.transport.is_handshaking() {
                true => &mut self.handshakes,
                false => &mut self.work,
            };
            queue.push_back(key);
        }
    }

    /// Takes what was published into the log; with many filtered clients an event may take a while.
    fn append(&mut self) {
        self.now = self.clock.now();
        let start = self.now.mono;
        for _ in 0..budget::BATCHES {
            if !self.bus.has_work(self.now.mono) || self.now.mono.since(start) > budget::APPEND_TIME {
                break;
            }
            if let Some((key, receipt)) = self.bus.poll(budget::EVENTS, &mut self.hub, self.now) {
                self.acknowledge(key, receipt);
            }
            self.now = self.clock.now();
        }
    }

    fn handle_deadlines(&mut self) {
        self.tend_supervisor();
        self.tend_bus();
        for _ in 0..budget::DEADLINES {
            let Some(key) = self.deadlines.pop_due(self.now.mono) else { break };
            self.handle_connection_deadline(key);
        }
        let is_tick = self.tick_at <= self.now.mono;
        if is_tick {
            self.tick_at = self.now.mono.after(TICK);
            let metrics = self.hub.metrics();
            let (deliveries, messages) = (metrics.events_sent, metrics.redis.messages);
            let totals = Totals { events: self.hub.log().appended(), deliveries, messages };
            self.rates.take(self.now.mono, totals);
            self.certificate.look(self.identity.as_ref(), self.now);
        }
        if is_tick || self.hub.poll_deadline().is_some_and(|at| at <= self.now.mono) {
            self.hub.handle_deadline(self.now);
        }
    }

    fn sweep(&mut self) {
        for _ in 0..budget::SENDS / budget::SENDS_PER_CLOCK {
            if !self.hub.has_ready() {
                break;
            }
            self.hub.sweep(budget::SENDS_PER_CLOCK, &mut self.connections, self.now.mono);
            self.now = self.clock.now();
            self.hub.settle(self.now);
        }
    }

    fn close_marked(&mut self) {
        for _ in 0..budget::CLOSES {
            let Some(closed) = self.hub.poll_closed() else { break };
            self.close_stream(closed);
        }
        for (key, reason) in std::mem::take(&mut self.closing) {
            if let Some(exchange) = self.connections.exchange_mut(key) {
                let armed = exchange.deadline.take();
                self.deadlines.set(key, armed, None);
            }
            if self.connections.part_with(key).is_some() {
                self.hub.metrics_mut().count_close(reason);
            }
        }
        self.connections.assert_held();
    }

    fn close_stream(&mut self, closed: Closed) {
        let Some(whence) = self.connections.whence(closed.key) else { return };
        let Closed { reason, lag_bytes, lag_events, .. } = closed;
        let (level, what) = match reason.is_slow_client() {
            true => (log::Level::Warn, "slow client closed"),
            false => (log::Level::Debug, "stream closed"),
        };
        log::log!(level, address:% = whence.client(), reason = reason.name(), lag_bytes, lag_events; "{what}");
        if closed.reason.is_orderly() {
            self.linger(closed.key);
        } else {
            self.connections.part_with(closed.key);
        }
    }
}

/// Listens wherever `config` says.
fn entrance(
    config: &Config,
    inherited: Inherited,
    registry: &Registry,
    now: Mono,
) -> Result<Entrance, Error> {
    let door = |key, endpoint: Endpoint, socket: Option<Handed>, options: Options, token| {
        let listener = match socket {
            Some(socket) => Listener::adopt(socket, &options),
            None => Listener::bind(&endpoint, &options),
        };
        let door = listener.and_then(|listener| Door::new(listener, registry, token));
        door.map_err(|error| Error::Listen(key, endpoint, error))
    };
    let listen = Endpoint::Ip(config.server.listen);
    let public = door(LISTEN, listen, inherited.public, setup::listener(config), LISTENER)?;
    let admin = config.server.admin_listen.clone();
    let admin = admin
        .map(|at| door(ADMIN_LISTEN, at, inherited.admin, setup::admin_listener(config), ADMIN_LISTENER));
    Ok(Entrance::new(public, admin.transpose()?, config.bus.mode.subscribes(), now))
}
