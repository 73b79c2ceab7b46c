//! The scenarios, and the steps that they share.
//!
//! A measured window holds nothing but deliveries: streams are open and a few events have warmed the
//! server up before it begins, and CPU time is read when both sides are idle again.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::args::{Options, Scenario};
use crate::exchange::Answer;
use crate::generator::{ExchangeKey, Generator};
use crate::payload::{self, Stamp};
use crate::process::Process;
use crate::record::Record;
use crate::stream;

mod asker;
mod burst;
mod fanout;
mod feed;
mod health;
mod idle;
mod ingest;
mod redis_burst;
mod redis_health;
mod rounds;
mod slow;
mod topics;
mod usage;

use rounds::Rounds;
use usage::{Usage, Window};

/// Both sides are idle after this much silence.
const SETTLE: Duration = Duration::from_millis(30);
/// Events before a measured window.
const WARM_UP: u64 = 10;

/// Runs the scenario that the options name.
pub(crate) fn run(options: &Options) -> io::Result<Record> {
    if options.scenario == Scenario::Feed {
        return feed::run(options);
    }
    let mut session = Session::new(options)?;
    match options.scenario {
        Scenario::Feed => {}
        Scenario::Fanout => fanout::run(&mut session)?,
        Scenario::Burst => burst::run(&mut session)?,
        Scenario::Idle => idle::run(&mut session)?,
        Scenario::Slow => slow::run(&mut session)?,
        Scenario::Health => health::run(&mut session)?,
        Scenario::Topics => topics::run(&mut session)?,
        Scenario::Ingest => ingest::run(&mut session)?,
        Scenario::RedisBurst => redis_burst::run(&mut session)?,
        Scenario::RedisHealth => redis_health::run(&mut session)?,
    }
    session.finish()
}

/// What the steps of a scenario share.
struct Session<'a> {
    options: &'a Options,
    target: SocketAddr,
    generator: Generator,
    publisher: ExchangeKey,
    server: Process,
    record: Record,
    /// Events published so far, to whomever.
    published: u64,
    /// Of those, how many go to every stream, and the digest of their numbers.
    common_events: u64,
    common_digest: u64,
}

impl<'a> Session<'a> {
    fn new(options: &'a Options) -> io::Result<Self> {
        let target = options.target.ok_or_else(|| io::Error::other("the scenario needs --target"))?;
        let mut generator = Generator::new(target, options.mss_bytes)?;
        Ok(Self {
            options,
            target,
            publisher: generator.connect()?,
            generator,
            server: Process::new(options.pid),
            record: Record::new(options),
            published: 0,
            common_events: 0,
            common_digest: 0,
        })
    }

    /// The body of the next event, stamped now.
    fn next_envelope(&mut self, payload_bytes: usize, topic: Option<&str>) -> String {
        self.published += 1;
        if topic.is_none() {
            self.common_events += 1;
            self.common_digest = self.common_digest.wrapping_add(stream::mix(self.published));
        }
        let stamp = Stamp { number: self.published, sent_ns: self.generator.now_ns() };
        payload::envelope(stamp, payload_bytes, topic)
    }

    /// The bodies of the next `count` events, each for all streams.
    fn next_envelopes(&mut self, count: u64) -> Vec<String> {
        (0..count).map(|_| self.next_envelope(self.options.payload_bytes, None)).collect()
    }

    /// Publishes one event.
    fn publish(&mut self, payload_bytes: usize, topic: Option<&str>) -> io::Result<()> {
        let body = self.next_envelope(payload_bytes, topic);
        self.generator.exchange(self.publisher).post("/publish", &body)
    }

    /// Waits for the answer to an event published over `key`.
    fn accepted(&mut self, key: ExchangeKey) -> io::Result<()> {
        Self::check(self.generator.answer(key)?).map(|_| ())
    }

    /// An error where a publish was answered with anything but 202.
    fn check(answer: Answer) -> io::Result<Answer> {
        if answer.status == 202 {
            return Ok(answer);
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Err(io::Error::other(format!("publishing was answered with {}: {body}", answer.status)))
    }

    /// Deliveries in all, once every stream has every common event.
    fn common_deliveries(&self) -> u64 {
        self.common_events * self.generator.streams().len() as u64
    }

    /// Publishes `count` events to all streams, each when the one before has reached the last of them.
    fn broadcast(&mut self, count: u64, payload_bytes: usize) -> io::Result<()> {
        for _ in 0..count {
            self.publish(payload_bytes, None)?;
            self.generator.receive(self.common_deliveries())?;
            self.accepted(self.publisher)?;
        }
        Ok(())
    }

    /// Publishes a few events that do not count.
    fn warm_up(&mut self) -> io::Result<()> {
        self.broadcast(WARM_UP, self.options.payload_bytes)?;
        self.generator.tally.take_latency();
        Ok(())
    }

    /// Begins a window.
    fn begin(&mut self) -> io::Result<Window> {
        self.generator.settle(SETTLE)?;
        Window::open(self.server)
    }

    /// Ends a window at `end`, after what the server still does about it.
    fn end(&mut self, window: &Window, end: Instant) -> io::Result<Usage> {
        window.close(end, || self.generator.settle(SETTLE))
    }

    /// The results that all windows have.
    fn record_usage(&mut self, usage: &Usage, deliveries: u64) {
        let latency = self.generator.tally.take_latency();
        let record = &mut self.record;
        record.count("deliveries", deliveries);
        record.set("cpu_us_per_delivery", usage.server_ns as f64 / 1e3 / deliveries as f64);
        record.set_latency("latency", &latency);
        usage.record(record);
    }

    /// Checks what every stream got, and asks the server for its view.
    fn finish(mut self) -> io::Result<Record> {
        // An event that came twice, or to the wrong stream, may still be under way.
        self.generator.settle(SETTLE)?;
        let tally = &self.generator.tally;
        let streams = self.generator.streams();
        if self.options.scenario != Scenario::Topics {
            let wrong = streams.iter().filter(|stream| stream.digest != self.common_digest).count() as u64;
            let missing = streams.iter().map(|stream| self.common_events.saturating_sub(stream.events)).sum();
            self.record.count("missing", missing);
            self.record.count("wrong_streams", wrong);
        }
        self.record.count("unordered", tally.unordered);
        self.record.count("gaps", tally.gaps);
        self.record.count("closed", tally.closed as u64);
        self.record.count("pings", tally.pings);
        self.generator.exchange(self.publisher).get("/stats")?;
        let answer = self.generator.answer(self.publisher)?;
        if answer.status == 200 {
            self.record.stats = serde_json::from_slice(&answer.body).ok();
        }
        Ok(self.record)
    }
}
