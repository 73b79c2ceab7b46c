//! The poll and everything registered with it: streams and exchanges.
//!
//! It never decides what to send; `scenario` does. Stalled streams leave the poll once they are open.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::exchange::{Answer, Exchange};
use crate::stream::{Opening, Phase, Stream, Tally};

/// Small, so that an exchange waits behind few streams.
const EVENTS_PER_TURN: usize = 256;
/// Takes 64 events of a burst in one read.
const READ_BUFFER_BYTES: usize = 256 * 1024;
/// Connections that are being opened at once; below any sensible backlog.
const OPENING: usize = 128;
/// Streams per source address: far from the 28 000 ephemeral ports that one has.
const STREAMS_PER_SOURCE: usize = 4_000;
/// What any one step may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// SO_RCVBUF of a stalled stream: it stalls soon.
const STALLED_RCVBUF_BYTES: usize = 4 * 1024;
/// Tokens from here on are exchanges, below it streams.
const EXCHANGES_FROM: usize = 1 << 32;
/// Second and third byte of the addresses that live streams come from...
const LIVE_SOURCE: (u8, u8) = (0, 100);
/// ...and stalled ones: `sockets` tells them apart by it.
pub(crate) const STALLED_SOURCE: (u8, u8) = (0, 200);

/// Whether streams read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Live,
    Stalled,
}

/// Which exchange.
#[derive(Clone, Copy)]
pub(crate) struct ExchangeKey(usize);

pub(crate) struct Generator {
    pub(crate) tally: Tally,
    target: SocketAddr,
    /// TCP_MAXSEG of streams, where it is not left to the kernel.
    mss_bytes: Option<u32>,
    epoch: Instant,
    poll: Poll,
    ready: Events,
    streams: Vec<Stream>,
    /// Streams that never read; kept open, nothing else.
    stalled: Vec<Stream>,
    exchanges: Vec<Exchange>,
    buf: Box<[u8]>,
}

impl Generator {
    /// For the server at `target`; streams take TCP segments of `mss_bytes` at most, of any size if it is 0.
    pub(crate) fn new(target: SocketAddr, mss_bytes: u32) -> io::Result<Self> {
        Ok(Self {
            tally: Tally::new(),
            target,
            mss_bytes: (mss_bytes > 0).then_some(mss_bytes),
            epoch: Instant::now(),
            poll: Poll::new()?,
            ready: Events::with_capacity(EVENTS_PER_TURN),
            streams: Vec::new(),
            stalled: Vec::new(),
            exchanges: Vec::new(),
            buf: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// Nanoseconds of the clock that events are stamped with.
    pub(crate) fn now_ns(&self) -> u64 {
        crate::stream::nanos(self.epoch.elapsed())
    }

    /// Streams that read, in the order in which they were opened.
    pub(crate) fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Opens `count` streams and waits until each has its head; `path` gives the target of each.
    /// Stalled streams have to be opened first.
    pub(crate) fn open(
        &mut self,
        count: usize,
        reading: Reading,
        path: impl Fn(usize) -> String,
    ) -> io::Result<()> {
        let all = self.streams.len() + count;
        let deadline = Instant::now() + PATIENCE;
        let already_open = self.tally.opened - self.streams.len();
        while self.tally.opened - already_open < all {
            while self.streams.len() < all && self.streams.len() + already_open < self.tally.opened + OPENING
            {
                self.start(&path(self.streams.len()), reading)?;
            }
            self.turn(Duration::from_millis(100))?;
            if self.tally.closed > 0 || Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "{} of {all} streams were opened and {} closed",
                    self.tally.opened - already_open,
                    self.tally.closed
                )));
            }
        }
        if reading == Reading::Stalled {
            for stream in &mut self.streams {
                self.poll.registry().deregister(&mut stream.socket)?;
            }
            self.stalled.append(&mut self.streams);
        }
        Ok(())
    }

    /// Opens a keep-alive connection.
    pub(crate) fn connect(&mut self) -> io::Result<ExchangeKey> {
        let key = self.exchanges.len();
        let mut exchange = Exchange::connect(self.target)?;
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
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.exchange(key).take_answer() {
                return Ok(answer);
            }
            self.turn_until(deadline, "an answer")?;
        }
    }

    /// Waits until the streams have got `events` events in all.
    pub(crate) fn receive(&mut self, events: u64) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
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
        match self.poll.poll(&mut self.ready, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.ready {
            let Token(token) = event.token();
            if token >= EXCHANGES_FROM {
                self.exchanges[token - EXCHANGES_FROM].handle_readable()?;
                continue;
            }
            let stream = &mut self.streams[token];
            if stream.phase == Phase::Connecting {
                stream.handle_connected()?;
                // From here on a writable socket is no news.
                self.poll.registry().reregister(&mut stream.socket, Token(token), Interest::READABLE)?;
            }
            if event.is_readable() {
                stream.handle_readable(&mut self.buf, event.is_read_closed(), self.epoch, &mut self.tally)?;
            }
        }
        Ok(())
    }

    /// A turn that fails after `deadline`, or as soon as a stream was closed.
    fn turn_until(&mut self, deadline: Instant, what: &str) -> io::Result<()> {
        self.turn(Duration::from_millis(100))?;
        if self.tally.closed > 0 {
            return Err(io::Error::other(format!("the server closed {} streams", self.tally.closed)));
        }
        if Instant::now() > deadline {
            let events = self.tally.events;
            return Err(io::Error::other(format!(
                "waited {PATIENCE:?} for {what}; {events} deliveries so far"
            )));
        }
        Ok(())
    }

    fn start(&mut self, path: &str, reading: Reading) -> io::Result<()> {
        let key = self.streams.len();
        let ((second, third), rcvbuf_bytes) = match reading {
            Reading::Live => (LIVE_SOURCE, None),
            Reading::Stalled => (STALLED_SOURCE, Some(STALLED_RCVBUF_BYTES)),
        };
        let host = u8::try_from(1 + key / STREAMS_PER_SOURCE).map_err(io::Error::other)?;
        let source = Ipv4Addr::new(127, second, third, host);
        let (target, mss_bytes) = (self.target, self.mss_bytes);
        let mut stream = Stream::open(&Opening { target, source, path, rcvbuf_bytes, mss_bytes })?;
        self.poll.registry().register(
            &mut stream.socket,
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.streams.push(stream);
        Ok(())
    }
}
