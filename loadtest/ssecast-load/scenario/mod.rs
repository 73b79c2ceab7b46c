//! The scenarios, and the steps that they share.
//!
//! A measured window holds nothing but what is measured: streams are open and a few events have warmed the
//! server up before it begins, and CPU time is read when both sides are idle again.

use std::io;
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::dialect::{Dialect, Publication};
use crate::generator::Generator;
use crate::pace::Pace;
use crate::payload::{Concerned, Stamp};
use crate::process::Processes;
use crate::publisher::Publisher;
use crate::record::Record;
use crate::stream::{self, Role};

mod asker;
mod burst;
mod catalogue;
mod churn;
mod comings;
mod fanout;
mod feed;
mod health;
mod idle;
mod ingest;
mod rounds;
mod slow;
mod soak;
mod storm;
mod topics;
mod usage;

pub(crate) use catalogue::{Defaults, Scenario};
use rounds::Rounds;
use usage::{Usage, Window};

/// Both sides are idle after this much silence.
const SETTLE: Duration = Duration::from_millis(30);
/// The longest turn of a scenario that has something else to do.
const TURN: Duration = Duration::from_millis(50);
/// Events before a measured window.
const WARM_UP: u64 = 10;
/// Where streams are.
const EVENTS_PATH: &str = "/events";

/// Runs the scenario that the options name.
pub(crate) fn run(options: &Options) -> io::Result<Record> {
    if options.scenario == Scenario::Feed {
        return feed::run(options);
    }
    let mut session = Session::new(options)?;
    let done = match options.scenario {
        Scenario::Feed => Ok(()),
        Scenario::Fanout => fanout::run(&mut session),
        Scenario::Burst => burst::run(&mut session),
        Scenario::Topics => topics::run(&mut session, "topic", |topic| Concerned::Topic(topic)),
        Scenario::Tenants => topics::run(&mut session, "tenant", |tenant| Concerned::Tenant(tenant)),
        Scenario::Slow => slow::run(&mut session),
        Scenario::Churn => churn::run(&mut session),
        Scenario::Storm => storm::run(&mut session),
        Scenario::Idle => idle::run(&mut session),
        Scenario::Soak => soak::run(&mut session),
        Scenario::Health => health::run(&mut session),
        Scenario::Ingest => ingest::run(&mut session),
    };
    // What the streams lack says more than that it did not come in time.
    let done = done.and_then(|()| session.ask_for_the_end());
    session.record.error = done.err().map(|error| error.to_string());
    Ok(session.finish())
}

/// What the steps of a scenario share.
struct Session<'a> {
    options: &'a Options,
    generator: Generator,
    publisher: Publisher,
    server: Option<Processes>,
    record: Record,
    /// Events published so far, to whomever.
    published: u64,
    /// Of those, how many go to every stream, and the digest of their numbers.
    common_events: u64,
    common_digest: u64,
    /// Deliveries until the last window began.
    deliveries_before: u64,
}

impl<'a> Session<'a> {
    fn new(options: &'a Options) -> io::Result<Self> {
        let target = options.target.ok_or_else(|| io::Error::other("the scenario needs --target"))?;
        let mut generator = Generator::new(target, options)?;
        // A burst has a connection for each of its events.
        let connections = match options.scenario {
            Scenario::Burst => usize::try_from(options.events).unwrap_or(usize::MAX),
            _ => options.publishers,
        };
        Ok(Self {
            options,
            publisher: Publisher::connect(options, &mut generator, connections)?,
            generator,
            server: Processes::of(&options.pids),
            record: Record::new(options),
            published: 0,
            common_events: 0,
            common_digest: 0,
            deliveries_before: 0,
        })
    }

    /// Opens streams, each at the path that `path` gives, and records how fast that was.
    fn open(&mut self, count: usize, role: Role, path: impl Fn(usize) -> String) -> io::Result<()> {
        let window = Window::open(self.server.clone())?;
        self.generator.open(count, role, path)?;
        let usage = self.end(&window, Instant::now())?;
        self.record.set("opened_per_s", count as f64 / usage.wall.as_secs_f64());
        let of_each = usage.server_ns.map(|ns| ns as f64 / 1e3 / count as f64);
        self.record.set_some("cpu_us_per_open", of_each);
        self.record.set("open_generator_busy_pct", usage.own_busy_pct());
        Ok(())
    }

    /// Opens streams that get every event for all, and records how fast that was.
    fn open_for_all(&mut self, count: usize, role: Role) -> io::Result<()> {
        self.open(count, role, |_| EVENTS_PATH.to_owned())
    }

    /// The request for the next event, stamped `sent_ns`.
    fn next_publication(
        &mut self,
        sent_ns: u64,
        payload_bytes: usize,
        concerned: Option<Concerned<'_>>,
    ) -> Publication {
        self.published += 1;
        if concerned.is_none() {
            self.common_events += 1;
            self.common_digest = self.common_digest.wrapping_add(stream::mix(self.published));
        }
        let stamp = Stamp { number: self.published, sent_ns };
        self.options.dialect.publication(stamp, payload_bytes, concerned)
    }

    /// Publishes `count` events to all streams at once.
    fn publish_many(&mut self, count: u64) -> io::Result<()> {
        let publications: Vec<_> = (0..count)
            .map(|_| self.next_publication(self.generator.now_ns(), self.options.payload_bytes, None))
            .collect();
        self.publisher.publish(&publications, &mut self.generator)
    }

    /// Publishes one event.
    fn publish(&mut self, payload_bytes: usize, concerned: Option<Concerned<'_>>) -> io::Result<()> {
        let publication = self.next_publication(self.generator.now_ns(), payload_bytes, concerned);
        self.publisher.publish(&[publication], &mut self.generator)
    }

    /// Publishes the events that are due, stamped with the time when they were.
    fn publish_due(&mut self, pace: &mut Pace) -> io::Result<()> {
        while let Some(due) = pace.take(Instant::now()) {
            let publication =
                self.next_publication(self.generator.ns_at(due), self.options.payload_bytes, None);
            self.publisher.publish(&[publication], &mut self.generator)?;
        }
        Ok(())
    }

    /// Publishes at the pace of the options until `end`, has `meanwhile` do something in every turn, and waits
    /// until all streams have got everything.
    fn publish_until(
        &mut self,
        end: Instant,
        mut meanwhile: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut pace = Pace::new(Instant::now(), self.options.rate);
        let deadline = end + self.options.patience;
        while Instant::now() < end {
            self.publish_due(&mut pace)?;
            meanwhile(self)?;
            self.generator.turn(pace.wait(Instant::now()).min(TURN))?;
            self.generator.check(deadline, "the end")?;
        }
        Ok(())
    }

    /// Waits until all answers and deliveries are there.
    fn receive_all(&mut self) -> io::Result<()> {
        self.publisher.finish(&mut self.generator)?;
        self.generator.receive(self.common_deliveries())
    }

    /// Deliveries in all, once every stream has every common event.
    fn common_deliveries(&self) -> u64 {
        self.common_events * self.generator.readers().count() as u64
    }

    /// Publishes `count` events to all streams: each when the one before has reached the last of them, or at
    /// the pace that was asked for.
    fn broadcast(&mut self, count: u64, payload_bytes: usize) -> io::Result<()> {
        for _ in 0..count {
            self.publish(payload_bytes, None)?;
            self.receive_all()?;
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
        self.deliveries_before = self.generator.tally.events;
        self.generator.settle(SETTLE)?;
        Window::open(self.server.clone())
    }

    /// Ends a window at `end`, after what the server still does about it.
    fn end(&mut self, window: &Window, end: Instant) -> io::Result<Usage> {
        window.close(end, || self.generator.settle(SETTLE))
    }

    /// Deliveries since the last window began.
    fn deliveries(&self) -> u64 {
        self.generator.tally.events - self.deliveries_before
    }

    /// How long the events of the options take at this rate.
    fn time_at(&self, rate: u32) -> Duration {
        Duration::from_secs_f64(self.options.events as f64 / f64::from(rate))
    }

    /// The results that all windows have.
    fn record_usage(&mut self, usage: &Usage, deliveries: u64) {
        let record = &mut self.record;
        record.count("deliveries", deliveries);
        record.set("deliveries_per_s", deliveries as f64 / usage.wall.as_secs_f64());
        let of_each = usage.server_ns.map(|ns| ns as f64 / 1e3 / deliveries as f64);
        record.set_some("cpu_us_per_delivery", of_each);
        usage.record(record);
        self.record_latency();
    }

    /// Latencies since they were last taken.
    fn record_latency(&mut self) {
        let (steady, returning) = self.generator.tally.take_latency();
        if steady.is_empty() {
            return self.record.set_latency(&returning);
        }
        self.record.set_latency(&steady);
        if !returning.is_empty() {
            self.record.set_percentiles("returning_latency", &returning);
        }
    }

    fn record_memory(&mut self, name: &str) -> io::Result<()> {
        if let Some(server) = &self.server {
            self.record.count(name, server.rss_bytes()?);
        }
        Ok(())
    }

    /// Waits for what may still be under way, and asks the server for its view.
    fn ask_for_the_end(&mut self) -> io::Result<()> {
        // An event that came twice, or to the wrong stream.
        self.generator.settle(SETTLE)?;
        self.record_memory("rss_end_bytes")?;
        if self.options.dialect == Dialect::Ssecast {
            let key = self.generator.connect()?;
            self.generator.exchange(key).get("/stats")?;
            let answer = self.generator.answer(key)?;
            self.record.stats = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
        }
        Ok(())
    }

    /// Checks what every stream got.
    fn finish(mut self) -> Record {
        if !matches!(self.options.scenario, Scenario::Topics | Scenario::Tenants) {
            let (mut missing, mut duplicate, mut wrong) = (0, 0, 0);
            for stream in self.generator.readers() {
                missing += self.common_events.saturating_sub(stream.events);
                duplicate += stream.events.saturating_sub(self.common_events);
                wrong += u64::from(stream.digest != self.common_digest);
            }
            self.record.count("missing", missing);
            self.record.count("duplicate", duplicate);
            self.record.count("wrong_streams", wrong);
        }
        let tally = &self.generator.tally;
        self.record.count("unordered", tally.unordered);
        self.record.count("gaps", tally.gaps);
        self.record.count("closed", tally.closed);
        self.record.count("stalled_closed", tally.stalled_closed);
        self.record.count("pings", tally.pings);
        if let Publisher::Http(http) = &self.publisher
            && !http.answered.is_empty()
        {
            self.record.set_percentiles("publish", &http.answered);
            self.record.count("fallbacks", http.fallbacks);
        }
        self.record
    }
}
