//! The loop: one thread, one poller, one turn after another.
//!
//! A turn takes what the poller says, then accepts, reads and answers, takes what came from Redis and what was
//! published into the log, does what is due, sweeps, and last closes what is to be closed. Each step has a
//! budget (`budget`) and remembers where it was cut short. What is done with a connection's bytes is in
//! `drive`, with the threads beside the loop in `relay`, reloading and ending in `lifecycle`.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use super::budget;
use super::clock::Clock;
use super::connections::Connections;
use super::listener::{Accepted, Listener};
use super::node::{Samples, Totals};
use super::phase::{Ended, Phase};
use super::process::{self, OVER_CAP};
use super::relay::{self, Relay};
use super::setup;
use super::signals::Signals;
use crate::api::Settings;
use crate::bus::Bus;
use crate::clock::{Mono, Now};
use crate::config::{Config, Sources};
use crate::deadlines::Deadlines;
use crate::http;
use crate::hub::{CloseReason, Closed, Hub};
use crate::id::Instance;
use crate::intake::Intake;
use crate::key::Key;
use crate::metrics::Metrics;
use crate::redis::{self, Redis};

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
const THREADS: Token = Token(usize::MAX - 2);
const _: () = assert!(usize::BITS >= 64, "a key has 64 bits");

/// How long nobody is let in at start, at most, until the way from Redis is open or has failed.
const OPENING: Duration = Duration::from_secs(1);
/// When accepting is tried again after the system could not.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How often rates are sampled and old latencies let go.
const TICK: Duration = Duration::from_secs(1);
/// A turn longer than this is counted as a stall.
const LONG_TURN: Duration = Duration::from_millis(100);

/// The close reason of a connection that was not even read from.
const REFUSED: &str = "refused";

/// Why the server could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The system refused something that the loop cannot do without.
    System(&'static str, io::Error),
    /// What a file holds that the configuration names is of no use.
    Redis(redis::SetupError),
}

impl Error {
    /// Whether somebody else listens there.
    #[must_use]
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Listen(_, error) if error.kind() == io::ErrorKind::AddrInUse)
    }

    /// Whether the configuration is to blame.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(self, Self::Redis(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, _) if self.is_address_in_use() => {
                write!(
                    f,
                    "server.listen: {address} is in use by another program; choose another with --listen"
                )
            }
            Self::Listen(address, error) => write!(f, "server.listen: cannot listen on {address}: {error}"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::Redis(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Whether connections wait to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    /// None does; readiness tells of the next one.
    Idle,
    /// Some may, and no further event will tell of them.
    Pending,
    /// Some may, and the system cannot take them now.
    Paused { until: Mono },
}

impl Accepting {
    const fn deadline(self) -> Option<Mono> {
        match self {
            Self::Paused { until } => Some(until),
            Self::Idle | Self::Pending => None,
        }
    }
}

/// The server.
pub struct Server {
    pub(super) config: Config,
    pub(super) sources: Sources,
    pub(super) settings: Settings,
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
    poll: Poll,
    listener: Listener,
    connections_cap: usize,
    pub(super) connections: Connections,
    pub(super) deadlines: Deadlines,
    /// Connections that have something to be done, each at most once.
    pub(super) work: VecDeque<Key>,
    /// Connections that carry requests and are to be closed at the end of the turn.
    pub(super) closing: Vec<(Key, http::CloseReason)>,
    pub(super) buffer: Box<[u8]>,
    accepting: Accepting,
    /// Nobody is let in before that, unless the way from Redis opens earlier.
    opening: Option<Mono>,
    tick_at: Mono,
}

impl Server {
    /// Listens as `config` says; nothing is accepted before `run`.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system refuses the poller.
    pub fn bind(config: Config, sources: Sources) -> Result<Self, Error> {
        let clock = Clock::start();
        let now = clock.now();
        let connections_cap = connections_cap(config.limits.connections);
        let poll = Poll::new().map_err(|error| Error::System("the poller cannot be made", error))?;
        let listen = config.server.listen;
        let mut listener = Listener::bind(listen, config.stream.sndbuf_bytes, config.stream.user_timeout)
            .map_err(|error| Error::Listen(listen, error))?;
        listener.register(poll.registry(), LISTENER).map_err(|error| Error::Listen(listen, error))?;
        let signals = Signals::register(poll.registry(), SIGNALS)
            .map_err(|error| Error::System("signals cannot be received", error))?;

        let mut random = fastrand::Rng::new();
        let instance = config.server.instance.clone();
        let instance = instance.unwrap_or_else(|| Instance::from_random(random.u32(..)));
        let reasons = CloseReason::ALL.map(CloseReason::name);
        let reasons = reasons.into_iter().chain(http::CloseReason::ALL.map(http::CloseReason::name));
        let metrics = Metrics::new(now.mono, reasons.chain([REFUSED]));
        let waker = relay::waker(poll.registry(), THREADS)
            .map_err(|error| Error::System("threads cannot wake the poller", error))?;
        let intake = setup::intake(&config);
        let redis =
            Redis::new(&config.redis, instance.clone(), intake.clone(), waker).map_err(Error::Redis)?;
        Ok(Self {
            settings: setup::settings(&config),
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
            poll,
            listener,
            connections_cap,
            connections: Connections::with_capacity(connections_cap.min(1 << 20)),
            deadlines: Deadlines::default(),
            work: VecDeque::new(),
            closing: Vec::new(),
            buffer: vec![0; budget::READ_BYTES].into(),
            accepting: Accepting::Idle,
            opening: config.bus.mode.subscribes().then(|| now.mono.after(OPENING)),
            tick_at: now.mono,
            config,
            sources,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Turns until it has drained, or was told twice to end.
    ///
    /// # Errors
    /// When the poller fails.
    pub fn run(&mut self) -> Result<Ended, Error> {
        if self.opening.is_none() {
            self.log_listening();
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

    fn log_listening(&self) {
        let (mode, max_connections) = (self.bus.mode().name(), self.connections_cap);
        log::info!(instance = self.instance.as_str(), mode, max_connections; "listening on {}", self.address());
    }

    /// Whether somebody is let in: who came before the subscription would miss events and not know it.
    fn is_open(&mut self) -> bool {
        let Some(until) = self.opening else { return true };
        if self.bus.is_opening() && self.now.mono < until {
            return false;
        }
        self.bus.end_opening();
        self.opening = None;
        self.log_listening();
        true
    }

    fn turn(&mut self) {
        if self.is_open() {
            self.accept();
        }
        // Who is not done stands in the queue again, for the next turn.
        for _ in 0..budget::READS.min(self.work.len()) {
            let Some(key) = self.work.pop_front() else { break };
            self.drive(key);
            if self.clock.now().mono.since(self.now.mono) > budget::READ_TIME {
                break;
            }
        }
        self.relay();
        self.append();
        self.handle_deadlines();
        self.sweep();
        self.close_marked();
    }

    /// How long the poller may wait: not at all while there is work.
    fn timeout(&self) -> Option<Duration> {
        let from_threads = self.relay.has_work();
        let has_work =
            from_threads || !self.work.is_empty() || self.bus.has_work(self.now.mono) || self.hub.has_ready();
        let may_accept = self.accepting == Accepting::Pending && self.opening.is_none();
        let opens = self.opening.is_some() && !self.bus.is_opening();
        if may_accept || opens || has_work {
            return Some(Duration::ZERO);
        }
        let hub = self.hub.poll_deadline();
        let deadlines = [
            hub,
            self.bus.poll_deadline(),
            self.deadlines.next(),
            self.accepting.deadline(),
            self.phase.deadline(),
            self.opening,
            Some(self.tick_at),
        ];
        deadlines.into_iter().flatten().min().map(|at| at.since(self.now.mono))
    }

    fn handle_event(&mut self, event: &Event) {
        match event.token() {
            LISTENER => self.accepting = Accepting::Pending,
            SIGNALS => self.handle_signals(),
            // What the threads have is received in every turn.
            THREADS => {}
            Token(packed) => {
                let key = Key::unpack(packed as u64);
                let Some(connection) = self.connections.get_mut(key) else { return };
                connection.is_readable |= event.is_readable();
                connection.is_peer_closed |= event.is_read_closed();
                if event.is_writable() {
                    self.hub.handle_writable(key);
                }
                self.queue(key);
            }
        }
    }

    /// Has a connection driven in this turn or the next.
    pub(super) fn queue(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !connection.is_queued {
            connection.is_queued = true;
            self.work.push_back(key);
        }
    }

    fn accept(&mut self) {
        match self.accepting {
            Accepting::Idle => return,
            Accepting::Paused { until } if self.now.mono < until => return,
            Accepting::Paused { .. } | Accepting::Pending => self.accepting = Accepting::Pending,
        }
        for _ in 0..budget::ACCEPTS {
            match self.listener.accept() {
                Accepted::Connection(stream, peer) => self.admit(stream, peer),
                Accepted::TurnedAway => self.count_refused(),
                Accepted::Gone => {}
                Accepted::Nobody => {
                    self.accepting = Accepting::Idle;
                    return;
                }
                Accepted::Later(error) => {
                    log::warn!(error:% = error; "cannot accept now, trying again shortly");
                    self.accepting = Accepting::Paused { until: self.now.mono.after(ACCEPT_RETRY) };
                    return;
                }
            }
        }
    }

    fn admit(&mut self, stream: mio::net::TcpStream, peer: SocketAddr) {
        let cap_per_ip = self.config.limits.connections_per_ip;
        let is_over_cap = !self.connections.has_room(peer.ip(), self.connections_cap, cap_per_ip);
        if is_over_cap && self.connections.over_cap() >= OVER_CAP {
            return self.count_refused();
        }
        let http = http::Connection::new(self.now.mono, &self.config.limits);
        let key = self.connections.insert(stream, peer, is_over_cap, http);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let (token, interest) = (Token(key.pack() as usize), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = self.poll.registry().register(&mut connection.socket, token, interest) {
            log::warn!(error:% = error; "a connection cannot be polled");
            self.connections.remove(key);
            return self.count_refused();
        }
        self.arm(key);
    }

    fn count_refused(&mut self) {
        self.hub.metrics_mut().shed += 1;
        self.hub.metrics_mut().count_close(REFUSED);
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
        while let Some(closed) = self.hub.poll_closed() {
            self.close_stream(closed);
        }
        for (key, reason) in std::mem::take(&mut self.closing) {
            if let Some(exchange) = self.connections.exchange_mut(key) {
                let armed = exchange.deadline.take();
                self.deadlines.set(key, armed, None);
            }
            if self.connections.remove(key).is_some() {
                self.hub.metrics_mut().count_close(reason.name());
            }
        }
    }

    fn close_stream(&mut self, closed: Closed) {
        let Some(connection) = self.connections.get_mut(closed.key) else { return };
        let Closed { reason, lag_bytes, lag_events, .. } = closed;
        let (level, what) = match reason.is_slow_client() {
            true => (log::Level::Warn, "slow client closed"),
            false => (log::Level::Debug, "stream closed"),
        };
        log::log!(level, address:% = connection.address(), reason = reason.name(), lag_bytes, lag_events; "{what}");
        if matches!(closed.reason, CloseReason::Limit | CloseReason::Drained) {
            self.linger(closed.key);
        } else {
            self.connections.remove(closed.key);
        }
    }
}

/// The connections that the configuration and the descriptor limit, raised as far as it goes, allow.
fn connections_cap(wanted: usize) -> usize {
    let possible = process::connections_within(process::raise_descriptor_limit());
    if wanted > possible {
        log::warn!(wanted, possible; "limits.connections is more than the descriptor limit allows");
    }
    if wanted == 0 { possible } else { wanted.min(possible) }
}
