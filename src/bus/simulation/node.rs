//! One server: the bus and the hub as they are, and what is under way to and from Redis.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::time::Duration;

use super::super::{Bus, Failure, Inbound, Job, Mode, Options, Probed, Receipt, Report};
use crate::clock::Now;
use crate::hub::{self, CloseReason, Hub, Subscription, Wire};
use crate::id::Instance;
use crate::intake::{BatchFormat, DataStyle, Intake};
use crate::key::Key;
use crate::limits::MIB;
use crate::mapping::Map;
use crate::metrics::Metrics;
use crate::scope::Scope;

/// Something on its way from Redis.
pub(in crate::bus) enum Arrival {
    Subscribed,
    Message(String),
    Canary(u64),
}

/// What became of a job, on its way back.
pub(in crate::bus) struct Reply {
    pub(in crate::bus) job: Job,
    pub(in crate::bus) works: bool,
    /// Nobody knows what became of it.
    pub(in crate::bus) is_lost: bool,
    /// Servers that were subscribed.
    pub(in crate::bus) subscribers: u64,
}

pub(in crate::bus) struct Node {
    pub(in crate::bus) bus: Bus,
    pub(in crate::bus) hub: Hub,
    intake: Intake,
    wire: Sockets,
    next_key: u32,
    pub(in crate::bus) jobs: VecDeque<Job>,
    pub(in crate::bus) replies: VecDeque<Reply>,
    /// The publisher's connection broke, and the next job finds out.
    pub(in crate::bus) is_publisher_broken: bool,
    /// It broke with jobs up to this epoch.
    pub(in crate::bus) broken_in: Option<u64>,
    pub(in crate::bus) is_subscribed: bool,
    pub(in crate::bus) inbound: VecDeque<Arrival>,
    /// Events published here that never reached Redis.
    only_here: BTreeSet<usize>,
    waiting: BTreeMap<Key, usize>,
    /// Answers to publish requests, in the order in which they were given.
    pub(in crate::bus) receipts: Vec<Receipt>,
}

/// Sockets that take everything.
#[derive(Default)]
struct Sockets(HashMap<Key, Vec<u8>>);

impl Wire for Sockets {
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let received = self.0.entry(key).or_default();
        slices.iter().for_each(|slice| received.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

impl Node {
    pub(in crate::bus) fn new(name: &str, mode: Mode, spool_events: usize, seed: u64, now: Now) -> Self {
        let instance = Instance::new(name).expect("a valid name");
        let options = Options {
            publish_timeout: Duration::from_millis(500),
            breaker_failures: 3,
            liveness: Duration::from_secs(3),
            spool_events,
            spool_bytes: MIB,
            publish_bytes: MIB,
            dedupe: 0,
            required_for_ready: true,
        };
        let metrics = Metrics::new(now.mono, CloseReason::ALL.map(CloseReason::name));
        let streams = hub::Options { heartbeat: Duration::ZERO, ..hub::Options::default() };
        Self {
            bus: Bus::new(mode, instance.clone(), options, seed),
            hub: Hub::new(streams, instance, metrics, seed, now.mono),
            intake: Intake::new(Map::default(), Vec::new(), DataStyle::Payload, 4096),
            wire: Sockets::default(),
            next_key: 0,
            jobs: VecDeque::new(),
            replies: VecDeque::new(),
            is_publisher_broken: false,
            broken_in: None,
            is_subscribed: false,
            inbound: VecDeque::new(),
            only_here: BTreeSet::new(),
            waiting: BTreeMap::new(),
            receipts: Vec::new(),
        }
    }

    pub(in crate::bus) fn publish(&mut self, number: usize, envelope: &str, now: Now) {
        let numbering = self.bus.numbering();
        let batch =
            self.intake.batch(envelope.as_bytes(), BatchFormat::Json, &Scope::ALL, now.wall, numbering);
        self.next_key += 1;
        let key = Key { index: self.next_key, generation: 0 };
        self.waiting.insert(key, number);
        self.only_here.insert(number);
        self.bus.submit(key, batch.expect("a valid envelope"), now.mono);
    }

    pub(in crate::bus) fn note_in_redis(&mut self, text: &str) {
        let event: serde_json::Value = serde_json::from_str(text).expect("a valid envelope");
        self.only_here.remove(&(event["payload"].as_u64().expect("a number") as usize));
    }

    pub(in crate::bus) fn not_in_redis(&self) -> impl Iterator<Item = usize> {
        self.only_here.iter().copied()
    }

    pub(in crate::bus) fn jobs_under_way(&self) -> usize {
        self.jobs.len()
    }

    pub(in crate::bus) fn take_report(&mut self, now: Now) {
        let Some(Reply { job, works, is_lost, subscribers }) = self.replies.pop_front() else { return };
        let failure =
            Failure { why: "Redis is not there".into(), may_be_there: is_lost, is_not_master: false };
        let report = match job {
            Job::Publish(message) if works => Report::Published { ticket: message.ticket },
            Job::Publish(message) => Report::Failed { ticket: message.ticket, failure },
            Job::Probe { token, .. } => {
                let probed = Probed { has_canary: true, subscribers: Some(subscribers) };
                Report::Probed { token, result: if works { Ok(probed) } else { Err(failure) } }
            }
        };
        self.bus.handle_report(&report, &mut self.hub, now);
    }

    /// Nobody knows what became of the jobs: they count as failed.
    pub(in crate::bus) fn fail_jobs(&mut self, now: Now) {
        let under_way = self.jobs.iter().chain(self.replies.iter().map(|reply| &reply.job));
        match under_way.map(Job::epoch).max() {
            Some(epoch) => self.broken_in = self.broken_in.max(Some(epoch)),
            None => self.is_publisher_broken = true,
        }
        let unanswered = self.replies.drain(..).map(|reply| reply.job).chain(self.jobs.drain(..));
        self.replies =
            unanswered.map(|job| Reply { job, works: false, is_lost: true, subscribers: 0 }).collect();
        while !self.replies.is_empty() {
            self.take_report(now);
        }
    }

    pub(in crate::bus) fn take_inbound(&mut self, now: Now) {
        let inbound = match self.inbound.pop_front() {
            None => return,
            Some(Arrival::Subscribed) => Inbound::Subscribed,
            Some(Arrival::Canary(token)) => Inbound::Canary { token },
            Some(Arrival::Message(text)) => {
                Inbound::Message(self.intake.message(text.as_bytes()).expect("a valid envelope"))
            }
        };
        self.bus.handle_inbound(inbound, &mut self.hub, now);
    }

    pub(in crate::bus) fn lose_subscription(&mut self, now: Now) {
        self.inbound.clear();
        self.is_subscribed = false;
        self.bus.handle_inbound(Inbound::Lost { why: "it broke".to_owned() }, &mut self.hub, now);
    }

    pub(in crate::bus) fn take_all(&mut self, now: Now) {
        while !self.replies.is_empty() {
            self.take_report(now);
        }
        while !self.inbound.is_empty() {
            self.take_inbound(now);
        }
    }

    pub(in crate::bus) fn change_mode(&mut self, mode: Mode, now: Now) {
        self.bus.set_mode(mode, &mut self.hub, now);
        if !mode.subscribes() {
            self.is_subscribed = false;
            self.inbound.clear();
        }
    }

    pub(in crate::bus) fn handle_deadline(&mut self, now: Now) {
        if self.bus.poll_deadline().is_some_and(|at| at <= now.mono) {
            self.bus.handle_deadline(&mut self.hub, now);
            if self.bus.poll_stale(&mut self.hub, now) {
                self.inbound.clear();
                self.is_subscribed = false;
            }
        }
    }

    /// What the loop does in a turn.
    pub(in crate::bus) fn turn(&mut self, now: Now) {
        while self.bus.has_work(now.mono) {
            if let Some((key, receipt)) = self.bus.poll(16, &mut self.hub, now) {
                assert_eq!(receipt.accepted, 1);
                assert!(self.waiting.remove(&key).is_some(), "answered once");
                self.receipts.push(receipt);
            }
        }
        while let Some(job) = self.bus.poll_job(now.mono) {
            self.jobs.push_back(job);
        }
        while self.hub.has_ready() {
            self.hub.sweep(64, &mut self.wire, now.mono);
            self.hub.settle(now);
        }
        while let Some(closed) = self.hub.poll_closed() {
            assert_eq!(closed.reason, CloseReason::Client);
        }
    }

    pub(in crate::bus) fn join(&mut self, resume: Option<String>, now: Now) -> Key {
        self.next_key += 1;
        let key = Key { index: self.next_key, generation: 0 };
        self.hub.join(key, Vec::new(), Subscription { resume, ..Subscription::default() }, now);
        key
    }

    pub(in crate::bus) fn leave(&mut self, key: Key) {
        self.hub.close(key, CloseReason::Client);
    }

    pub(in crate::bus) fn take_bytes(&mut self, key: Key) -> Vec<u8> {
        self.wire.0.remove(&key).unwrap_or_default()
    }

    /// All of its log, for people.
    pub(in crate::bus) fn describe_log(&self) -> String {
        let log = self.hub.log();
        let frames = log.frames_from(log.tail()).map(|(frame, range)| {
            let text = String::from_utf8_lossy(log.frame_bytes(&range));
            let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
            let data = if frame.is_gap() { "gap" } else { data };
            format!("{}:{data}:{}", frame.seq, frame.fingerprint)
        });
        format!("{} {:?} {}", log.last_id(), self.bus.mode(), frames.collect::<Vec<_>>().join(" "))
    }

    pub(in crate::bus) fn is_settled(&self, now: Now) -> bool {
        let is_quiet = self.jobs.is_empty() && self.replies.is_empty() && self.inbound.is_empty();
        is_quiet
            && self.waiting.is_empty()
            && self.bus.is_up(now.mono)
            && self.bus.status(now.mono).spooled == 0
            && self.bus.held_bytes() == 0
    }
}
