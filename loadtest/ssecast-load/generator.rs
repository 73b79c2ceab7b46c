//! The poll and everything registered with it: streams and exchanges.
//!
//! It never decides what to send or who comes and goes; `scenario` does.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustls::ClientConfig;

use crate::args::Options;
use crate::exchange::{Answer, Exchange};
use crate::process::Processes;
use crate::progress::Progress;
use crate::sockets::{self, Stalled};
use crate::stream::{self, Opening, Phase, Role, Stream};
use crate::tally::Tally;
use crate::tls;

/// Small, so that an exchange waits behind few streams.
const EVENTS_PER_TURN: usize = 256;
/// Takes 64 events of a burst in one read.
const READ_BUFFER_BYTES: usize = 256 * 1024;
/// Connections that are being opened at once; below any sensible backlog.
const OPENING: u64 = 1_024;
/// And when they all come back: a storm, but below the backlog, as a SYN that is dropped waits a second.
const READMITTED: u64 = 2_048;
/// Of those, in one turn.
const READMITTED_PER_TURN: usize = 32;
/// After so many streams bystanders are looked after again.
const CHUNK: usize = 16;
/// Streams per source address: far from the 28 000 ephemeral ports that one has.
const STREAMS_PER_SOURCE: usize = 4_000;
/// SO_RCVBUF of a stalled stream: it stalls soon.
const STALLED_RCVBUF_BYTES: usize = 4 * 1024;
/// Tokens from here on are exchanges, below it streams.
const EXCHANGES_FROM: usize = 1 << 32;
/// The poll of the bystanders, in the other one.
const BYSTANDERS: Token = Token(usize::MAX);
/// Second and third byte of the addresses that streams come from which read...
const LIVE_SOURCE: (u8, u8) = (0, 100);
/// ...and stalled ones: `sockets` tells them apart by it.
pub(crate) const STALLED_SOURCE: (u8, u8) = (0, 200);

/// Which exchange.
#[derive(Clone, Copy)]
pub(crate) struct ExchangeKey(usize);

pub(crate) struct Generator {
    pub(crate) tally: Tally,
    target: SocketAddr,
    /// Where exchanges go.
    admin: SocketAddr,
    /// What streams that speak TLS share.
    tls: Option<Arc<ClientConfig>>,
    /// TCP_MAXSEG of streams, where it is not left to the kernel.
    mss_bytes: Option<u32>,
    epoch: Instant,
    poll: Poll,
    /// Bystanders have their own; it is registered with the other one.
    bystanders: Poll,
    /// What the two polls found, kept for their room.
    ready: Events,
    ready_bystanders: Events,
    streams: Vec<Stream>,
    /// Connections of streams that were started.
    started: u64,
    exchanges: Vec<Exchange>,
    buf: Box<[u8]>,
    progress: Progress,
    /// What any one step may take before the run is given up.
    patience: Duration,
}

impl Generator {
    /// For the server that the options name.
    pub(crate) fn new(target: SocketAddr, options: &Options) -> io::Result<Self> {
        let (poll, bystanders) = (Poll::new()?, Poll::new()?);
        let descriptor = bystanders.as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), BYSTANDERS, Interest::READABLE)?;
        Ok(Self {
            tally: Tally::new(),
            target,
            admin: options.admin.unwrap_or(target),
            tls: options.tls.then(tls::config).transpose()?,
            mss_bytes: (options.mss_bytes > 0).then_some(options.mss_bytes),
            epoch: Instant::now(),
            poll,
            bystanders,
            ready: Events::with_capacity(EVENTS_PER_TURN),
            ready_bystanders: Events::with_capacity(EVENTS_PER_TURN),
            streams: Vec::new(),
            started: 0,
            exchanges: Vec::new(),
            buf: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            patience: options.patience,
            progress: Progress::new(options.scenario.name(), Processes::of(&options.pids)),
        })
    }

    /// Nanoseconds of the clock that events are stamped with.
    pub(crate) fn now_ns(&self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// The same, of another moment.
    pub(crate) fn ns_at(&self, at: Instant) -> u64 {
        stream::nanos(at.saturating_duration_since(self.epoch))
    }

    /// All streams, in the order in which they were opened.
    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Those that read.
    pub(crate) fn readers(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.role != Role::Stalled)
    }

    /// Opens `count` streams and waits until each has its head; `path` gives the target of each.
    pub(crate) fn open(
        &mut self,
        count: usize,
        role: Role,
        path: impl Fn(usize) -> String,
    ) -> io::Result<()> {
        let first = self.streams.len();
        let deadline = self.deadline();
        while self.streams.len() < first + count || self.opening() > 0 {
            while self.streams.len() < first + count && self.opening() < OPENING {
                self.start_new(&path(self.streams.len() - first), role)?;
            }
            self.turn_until(deadline, "streams to be open")?;
        }
        Ok(())
    }

    /// Has as many of these streams, which are away, come back as may be opening at once.
    pub(crate) fn readmit(&mut self, keys: &mut Vec<usize>, path: &str) -> io::Result<()> {
        for _ in 0..READMITTED_PER_TURN {
            if self.opening() >= READMITTED {
                break;
            }
            let Some(key) = keys.pop() else { break };
            self.start_again(key, path)?;
        }
        Ok(())
    }

    /// Notes which of the stalled streams the server has closed, which none of them sees.
    pub(crate) fn look_at_stalled(&mut self) -> io::Result<Stalled> {
        let stalled = sockets::stalled(self.target.port())?;
        for stream in &mut self.streams {
            if stream.role != Role::Stalled || stream.phase != Phase::Live {
                continue;
            }
            let local = stream.socket.as_ref().and_then(|socket| socket.local_addr().ok());
            if let Some(SocketAddr::V4(local)) = local
                && !stalled.open.contains(&local)
            {
                stream.handle_end();
                self.tally.stalled_closed += 1;
            }
        }
        Ok(stalled)
    }

    /// Has a stream go away.
    pub(crate) fn leave(&mut self, key: usize) {
        self.streams[key].leave();
    }

    /// Has a stream that is away, or was closed, come back, without waiting for it.
    pub(crate) fn start_again(&mut self, key: usize, path: &str) -> io::Result<()> {
        let opening = self.opening_of(key, self.streams[key].role, path)?;
        self.streams[key].connect(&opening)?;
        self.start(key)
    }

    /// When a step that begins now is given up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// An error where a stream that reads was closed by the server, or it is past `deadline`.
    pub(crate) fn check(&self, deadline: Instant, what: &str) -> io::Result<()> {
        let Tally { opened, closed, events, .. } = self.tally;
        if closed > 0 {
            return Err(io::Error::other(format!("the server closed {closed} of {opened} streams")));
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!(
                "waited too long for {what}; {opened} streams were opened, {events} events came so far"
            )));
        }
        Ok(())
    }

    /// Streams whose head is still to come.
    pub(crate) fn opening(&self) -> u64 {
        self.started - self.tally.opened
    }

    /// Opens a keep-alive connection.
    pub(crate) fn connect(&mut self) -> io::Result<ExchangeKey> {
        let key = self.exchanges.len();
        let mut exchange = Exchange::connect(self.admin)?;
        self.poll.registry().register(
            &mut exchange.socket,
            Token(EXCHANGES_FROM + key),
            Interest::READABLE,
        )?;
        self.exchanges.push(exchange);
        Ok(ExchangeKey(key))
    }

    pub(crate) fn exchange(&mut self, key: ExchangeKey) -> &mut Exchange {
        &mut self.exchanges[key.0]
    }

    /// Waits for the answer on `key`.
    pub(crate) fn answer(&mut self, key: ExchangeKey) -> io::Result<Answer> {
        let deadline = self.deadline();
        loop {
            if let Some(answer) = self.exchange(key).take_answer() {
                return Ok(answer);
            }
            self.turn_until(deadline, "an answer")?;
        }
    }

    /// Waits until the streams have got `events` events in all.
    pub(crate) fn receive(&mut self, events: u64) -> io::Result<()> {
        let deadline = self.deadline();
        while self.tally.events < events {
            self.turn_until(deadline, "deliveries")?;
        }
        Ok(())
    }

    /// Reads for `time`, whatever comes.
    pub(crate) fn settle(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// One poll, and the work that it found.
    pub(crate) fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let mut ready = mem::replace(&mut self.ready, Events::with_capacity(0));
        wait(&mut self.poll, &mut ready, timeout)?;
        for (at, event) in ready.iter().enumerate() {
            if at % CHUNK == 0 {
                self.turn_bystanders()?;
            }
            match event.token() {
                BYSTANDERS => {}
                Token(token) if token >= EXCHANGES_FROM => {
                    self.exchanges[token - EXCHANGES_FROM].handle_readable()?;
                }
                Token(key) => self.handle_stream(key, event)?,
            }
        }
        self.ready = ready;
        self.turn_bystanders()?;
        self.progress.tick(self.streams.len(), &self.tally);
        Ok(())
    }

    fn turn_bystanders(&mut self) -> io::Result<()> {
        if !self.streams.first().is_some_and(|stream| stream.role == Role::Bystander) {
            return Ok(());
        }
        let mut ready = mem::replace(&mut self.ready_bystanders, Events::with_capacity(0));
        wait(&mut self.bystanders, &mut ready, Duration::ZERO)?;
        ready.iter().try_for_each(|event| self.handle_stream(event.token().0, event))?;
        self.ready_bystanders = ready;
        Ok(())
    }

    fn handle_stream(&mut self, key: usize, event: &Event) -> io::Result<()> {
        let stream = &mut self.streams[key];
        if stream.phase == Phase::Connecting {
            stream.handle_connected()?;
            // From here on a writable socket is no news.
            if let (Some(socket), registry) = self.registered(key) {
                registry.reregister(socket, Token(key), Interest::READABLE)?;
            }
        }
        let stream = &mut self.streams[key];
        let reads = stream.role != Role::Stalled || stream.phase != Phase::Live;
        if reads && event.is_readable() {
            stream.handle_readable(&mut self.buf, event.is_read_closed(), self.epoch, &mut self.tally)?;
        }
        Ok(())
    }

    /// A turn that fails after `deadline`, or as soon as a stream that reads was closed.
    fn turn_until(&mut self, deadline: Instant, what: &str) -> io::Result<()> {
        self.turn(Duration::from_millis(100))?;
        self.check(deadline, what)
    }

    fn start_new(&mut self, path: &str, role: Role) -> io::Result<()> {
        let key = self.streams.len();
        let stream = Stream::open(&self.opening_of(key, role, path)?, role)?;
        self.streams.push(stream);
        self.start(key)
    }

    fn opening_of<'p>(&self, key: usize, role: Role, path: &'p str) -> io::Result<Opening<'p>> {
        let ((second, third), rcvbuf_bytes) = match role {
            Role::Steady | Role::Bystander | Role::Returning => (LIVE_SOURCE, None),
            Role::Stalled => (STALLED_SOURCE, Some(STALLED_RCVBUF_BYTES)),
        };
        let host = u8::try_from(1 + key / STREAMS_PER_SOURCE).map_err(io::Error::other)?;
        let source = Ipv4Addr::new(127, second, third, host);
        let tls = self.tls.clone();
        Ok(Opening { target: self.target, source, path, rcvbuf_bytes, mss_bytes: self.mss_bytes, tls })
    }

    fn start(&mut self, key: usize) -> io::Result<()> {
        self.started += 1;
        let (socket, registry) = self.registered(key);
        socket.map_or(Ok(()), |socket| {
            registry.register(socket, Token(key), Interest::READABLE | Interest::WRITABLE)
        })
    }

    /// A stream's socket, and where it is registered.
    fn registered(&mut self, key: usize) -> (Option<&mut TcpStream>, &Registry) {
        let Stream { socket, role, .. } = &mut self.streams[key];
        let poll = if *role == Role::Bystander { &self.bystanders } else { &self.poll };
        (socket.as_mut(), poll.registry())
    }
}

/// Polls; a signal is no error.
fn wait(poll: &mut Poll, ready: &mut Events, timeout: Duration) -> io::Result<()> {
    match poll.poll(ready, Some(timeout)) {
        Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
