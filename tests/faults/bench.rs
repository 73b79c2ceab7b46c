//! Two servers on one Redis, with streams and publishers, and what has to hold whatever happens to Redis.
//!
//! `verify` is called after the fault has ended: both servers become ready again by themselves, what is published
//! then reaches both streams, and
//! - no stream was closed, and `/healthz` was always fast;
//! - every publish was accepted, in time;
//! - nothing came twice, and every accepted event that began to be published after a stream's last gap (or its
//!   start) came in it;
//! - what a server accepted by fallback came in its own stream, gap or not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::common::api::metric;
use super::common::http::{Response, get};
use super::common::redis::Redis;
use super::common::server::{Server, Setup, wait_for_log};
use super::common::{DEADLINE, wait_until};
use super::health::{Health, Patient};
use super::publishers::{Accepted, By, Ledger, publish_by_http, publish_by_redis};
use super::record::{Record, Recorder};

/// How soon the servers notice a Redis that is gone without a word, unless a test says otherwise.
pub(crate) const LIVENESS: Duration = Duration::from_secs(1);
/// What anything may take beyond its own time.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// What is to be started.
pub(crate) struct Plan {
    urls: [String; 2],
    service: SocketAddr,
    flags: Vec<(String, String)>,
    publish_timeout: Duration,
    liveness: Duration,
    pace: Option<Duration>,
}

impl Plan {
    /// Both servers at this Redis.
    pub(crate) fn at(redis: &Redis) -> Self {
        Self {
            urls: [redis.url().to_owned(), redis.url().to_owned()],
            service: redis.address(),
            flags: Vec::new(),
            publish_timeout: Duration::from_millis(200),
            liveness: LIVENESS,
            pace: Some(Duration::from_millis(10)),
        }
    }

    /// Where both servers connect to.
    pub(crate) fn urls(mut self, first: &str, second: &str) -> Self {
        self.urls = [first.to_owned(), second.to_owned()];
        self
    }

    /// Where both servers connect to, and the service does not.
    pub(crate) fn through(self, proxy: SocketAddr) -> Self {
        let url = format!("redis://{proxy}");
        self.urls(&url, &url)
    }

    /// A flag of both servers.
    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another `redis.publish_timeout`.
    pub(crate) fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// Another `redis.liveness`.
    pub(crate) fn liveness(mut self, liveness: Duration) -> Self {
        self.liveness = liveness;
        self
    }

    /// The pause between two events of each publisher.
    pub(crate) fn pace(mut self, pace: Duration) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Nobody publishes but the test itself.
    pub(crate) fn quiet(mut self) -> Self {
        self.pace = None;
        self
    }

    fn node(&self, url: &str) -> Server {
        let millis = |time: Duration| format!("{}ms", time.as_millis());
        let setup = Setup::new()
            .flag("--mode", "redis")
            .flag("--redis-url", url)
            .flag("--redis-liveness", &millis(self.liveness))
            .flag("--redis-connect-timeout", "500ms")
            .flag("--redis-publish-timeout", &millis(self.publish_timeout));
        self.flags.iter().fold(setup, |setup, (name, value)| setup.flag(name, value)).start()
    }

    /// Starts everything, and waits until events flow.
    pub(crate) fn start(self) -> Bench {
        let bench = self.start_unready();
        bench.wait_until_ready();
        bench.let_flow();
        bench
    }

    /// Starts everything, although Redis is not there for the servers.
    pub(crate) fn start_unready(self) -> Bench {
        let nodes = [self.node(&self.urls[0]), self.node(&self.urls[1])];
        let stop_reading = Arc::new(AtomicBool::new(false));
        let stop_publishing = Arc::new(AtomicBool::new(false));
        let ledger = Ledger::default();
        let service = Arc::new(Mutex::new(Some(self.service)));
        let streams = nodes.each_ref().map(|node| Recorder::open(node, stop_reading.clone()));
        let addrs = nodes.each_ref().map(Server::addr).to_vec();
        let patients = nodes.each_ref().map(|node| Patient { addr: node.addr(), pid: node.pid() });
        let health = Health::watch(patients.into(), stop_reading.clone());
        let publishers = self.pace.map(|pace| {
            [
                publish_by_http(addrs, ledger.clone(), pace, stop_publishing.clone()),
                publish_by_redis(service.clone(), ledger.clone(), pace, stop_publishing.clone()),
            ]
        });
        Bench {
            streams,
            ledger,
            health,
            publishers: publishers.into_iter().flatten().collect(),
            service,
            stop_publishing: Stop(stop_publishing),
            stop_reading: Stop(stop_reading),
            publish_timeout: self.publish_timeout,
            liveness: self.liveness,
            start: Instant::now(),
            nodes,
        }
    }
}

/// Threads look at it, and end once it is dropped: also when the test fails.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// See the top of this file.
pub(crate) struct Bench {
    /// The streams, in the order of the servers.
    pub(crate) streams: [Recorder; 2],
    /// What was published.
    pub(crate) ledger: Ledger,
    health: Health,
    publishers: Vec<JoinHandle<()>>,
    service: Arc<Mutex<Option<SocketAddr>>>,
    stop_publishing: Stop,
    stop_reading: Stop,
    publish_timeout: Duration,
    liveness: Duration,
    start: Instant,
    /// The servers; last, so that they outlive all that watches them.
    pub(crate) nodes: [Server; 2],
}

impl Bench {
    /// Lets the service publish there, or nowhere; none of its messages is under way when this returns.
    pub(crate) fn set_service(&self, address: Option<SocketAddr>) {
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Waits until both publishers had some more events accepted.
    pub(crate) fn let_flow(&self) {
        if self.publishers.is_empty() {
            return;
        }
        let counts = || {
            let by_service = |accepted: &Accepted| accepted.by == By::Service;
            [self.ledger.count(by_service), self.ledger.count(|accepted| !by_service(accepted))]
        };
        let before = counts();
        wait_until("both publishers go on", DEADLINE, || {
            counts().iter().zip(before).all(|(now, before)| *now >= before + 10)
        });
    }

    /// Waits until events are accepted by Redis or by fallback at both servers again.
    pub(crate) fn let_flow_by(&self, by: impl Fn(usize) -> By, within: Duration) {
        let began = Instant::now();
        for node in 0..self.nodes.len() {
            let by = by(node);
            wait_until(&format!("an event is accepted by {by:?}"), within, || {
                self.ledger.lock().iter().rev().any(|one| one.by == by && one.began >= began)
            });
        }
    }

    /// Both servers say within the time that they are allowed that Redis is gone, and publish without it.
    pub(crate) fn expect_lost(&self, since: Instant) {
        let within = (since + self.liveness + GRACE).saturating_duration_since(Instant::now());
        self.wait_until_unready(within);
        if !self.publishers.is_empty() {
            self.let_flow_by(By::Fallback, self.publish_timeout + GRACE);
        }
    }

    /// Waits until both servers say that Redis is gone.
    pub(crate) fn wait_until_unready(&self, within: Duration) {
        let end = Instant::now() + within;
        for (index, node) in self.nodes.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            wait_until(&format!("server {index} is not ready"), left, || {
                is_unready(&get(node.addr(), "/readyz"))
            });
        }
    }

    /// For so long both servers say all the time that Redis is gone.
    pub(crate) fn assert_stays_unready(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for (index, node) in self.nodes.iter().enumerate() {
                let answer = get(node.addr(), "/readyz");
                assert!(is_unready(&answer), "server {index}: {} {}", answer.status, answer.text());
            }
        }
    }

    /// Waits until both servers are ready.
    pub(crate) fn wait_until_ready(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            wait_until(&format!("server {index} is ready"), DEADLINE, || {
                get(node.addr(), "/readyz").status == 200
            });
        }
    }

    /// Waits until both streams had a gap after that moment.
    pub(crate) fn wait_for_gaps(&self, since: Instant, within: Duration) {
        let end = Instant::now() + within;
        for (index, stream) in self.streams.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            wait_until(&format!("a gap in stream {index}"), left, || {
                stream.look(|record| record.last_gap().is_some_and(|at| at >= since))
            });
        }
    }

    /// Waits until both servers have Redis back: their streams had a gap after that moment, and they are ready.
    pub(crate) fn wait_until_back(&self, since: Instant, within: Duration) {
        self.wait_for_gaps(since, within);
        self.wait_until_ready();
    }

    /// Waits until both logs say this.
    pub(crate) fn wait_for_logs(&self, text: &str) {
        self.nodes.iter().for_each(|node| wait_for_log(node, 0, text));
    }

    /// Waits until a metric of a server has this value.
    pub(crate) fn wait_for_metric(&self, node: usize, name: &str, value: f64) {
        wait_until(&format!("{name} of server {node} is {value}"), DEADLINE, || {
            metric(&self.nodes[node], name) == Some(value)
        });
    }

    /// Publishes one more event at a server, and waits until both streams have it.
    pub(crate) fn publish_to_both(&self, node: usize) {
        let (number, _) = self.ledger.publish_at(node, self.nodes[node].addr());
        for (index, stream) in self.streams.iter().enumerate() {
            wait_until(&format!("event {number} of server {node} in stream {index}"), DEADLINE, || {
                stream.look(|record| record.seen.contains(&number))
            });
        }
    }

    /// The fault that began at that moment is over, and both streams were told: then as `verify`.
    pub(crate) fn verify_told(self, since: Instant) -> Outcome {
        self.wait_for_gaps(since, DEADLINE);
        self.let_flow();
        self.verify()
    }

    /// The fault is over: everything works again, and what was promised was kept.
    pub(crate) fn verify(self) -> Outcome {
        self.wait_until_ready();
        drop(self.stop_publishing);
        for publisher in self.publishers {
            publisher.join().expect("every publish is accepted");
        }
        let end = Bench { publishers: Vec::new(), stop_publishing: Stop::default(), ..self };
        for node in 0..end.nodes.len() {
            end.wait_for_metric(node, "ssecast_spool_events", 0.0);
            end.wait_for_metric(node, "ssecast_redis_up", 1.0);
            end.wait_for_metric(node, "ssecast_redis_backlog", 0.0);
        }
        // What is published now comes after all that was published before, on every way.
        for node in 0..end.nodes.len() {
            end.publish_to_both(node);
        }
        drop(end.stop_reading);
        end.health.verify();
        let accepted = end.ledger.lock().clone();
        let records = end.streams.map(Recorder::end);
        let allowed = end.publish_timeout + GRACE;
        if let Some(slow) = accepted.iter().find(|one| one.by != By::Service && one.took > allowed) {
            panic!("publishing took longer than {allowed:?}: {slow:?}");
        }
        for (node, record) in records.iter().enumerate() {
            verify_record(node, record, &accepted, end.start);
        }
        Outcome { records, accepted }
    }
}

fn verify_record(node: usize, record: &Record, accepted: &[Accepted], start: Instant) {
    assert!(!record.has_ended, "stream {node} was closed");
    let last_gap = record.last_gap();
    let missing = accepted.iter().filter(|one| {
        let is_due = one.by == By::Fallback(node) || last_gap.is_none_or(|gap| one.began > gap);
        is_due && !record.seen.contains(&one.number)
    });
    let missing: Vec<String> = missing
        .map(|one| format!("{} by {:?} at {:?}", one.number, one.by, one.began.duration_since(start)))
        .collect();
    let gaps: Vec<(Duration, &str)> =
        record.gaps.iter().map(|(at, why)| (at.duration_since(start), why.as_str())).collect();
    assert!(missing.is_empty(), "stream {node} with gaps at {gaps:?} misses {missing:?}");
}

/// What came of it, for what a test checks beside.
pub(crate) struct Outcome {
    /// What came in the streams.
    pub(crate) records: [Record; 2],
    /// What was accepted.
    pub(crate) accepted: Vec<Accepted>,
}

impl Outcome {
    /// Every accepted event came in both streams, gap or not.
    pub(crate) fn assert_complete(&self) {
        for (node, record) in self.records.iter().enumerate() {
            let missing: Vec<usize> =
                self.accepted.iter().map(|one| one.number).filter(|n| !record.seen.contains(n)).collect();
            assert!(missing.is_empty(), "stream {node} misses {missing:?}");
        }
    }

    /// Nobody was told of a gap.
    pub(crate) fn assert_no_gap(&self) {
        for (node, record) in self.records.iter().enumerate() {
            assert!(record.gaps.is_empty(), "stream {node}: {:?}", record.gaps);
        }
    }

    /// Everything went through Redis.
    pub(crate) fn assert_no_fallback(&self) {
        let fallback = self.accepted.iter().find(|one| matches!(one.by, By::Fallback(_)));
        assert!(fallback.is_none(), "{fallback:?}");
    }
}

/// Whether a server says that it is not ready, for want of Redis.
pub(crate) fn is_unready(answer: &Response) -> bool {
    answer.status == 503 && answer.json()["components"] == serde_json::json!(["redis"])
}
