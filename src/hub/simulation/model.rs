//! What each client must have, kept in the most naive way: a list of events, a list per client.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::{ClientView, CloseReason, Closed, Filter, HeartbeatStyle, Options, Subscription};
use crate::clock::Mono;
use crate::event::Event;
use crate::id::{EventId, Fingerprint};
use crate::key::Key;

/// An event as it was appended.
#[derive(Clone, Debug)]
pub(super) struct ModelEvent {
    pub(super) seq: u64,
    pub(super) fingerprint: Fingerprint,
    name: String,
    tenant: Option<Box<str>>,
    topics: Vec<Box<str>>,
    /// Bytes that are kept of who may see it.
    beside: u64,
    place: Range<u64>,
    appended: Mono,
    /// It is no event but a gap that everybody is sent.
    is_gap: bool,
}

impl ModelEvent {
    fn bytes(&self) -> u64 {
        self.place.end - self.place.start
    }
}

struct ModelClient {
    filter: Filter,
    limit: usize,
    /// Events that it is still to get, if there are so many.
    left: usize,
    style: HeartbeatStyle,
    /// The numbers of the events that it must get, in order.
    wanted: Vec<usize>,
    /// The gap that it must be told of.
    gap: Option<&'static str>,
    /// Whether it may have begun with a replay.
    may_replay: bool,
    joined: Mono,
    expires: Option<Mono>,
}

pub(super) struct Model {
    pub(super) events: Vec<ModelEvent>,
    /// The number of the first event that may be resumed into.
    kept_from: usize,
    /// The first kept copy of each envelope. When it leaves, a later copy is not looked for.
    by_print: BTreeMap<Fingerprint, usize>,
    options: Options,
    /// The least bound so far: the log may have let go of what is beyond it.
    least_buffer_bytes: usize,
    clients: BTreeMap<Key, ModelClient>,
    /// Deliveries to clients that went.
    pub(super) delivered: u64,
}

impl Model {
    pub(super) fn new(options: Options) -> Self {
        let least_buffer_bytes = options.buffer_bytes;
        Self {
            least_buffer_bytes,
            events: Vec::new(),
            kept_from: 0,
            by_print: BTreeMap::new(),
            options,
            clients: BTreeMap::new(),
            delivered: 0,
        }
    }

    pub(super) fn append(&mut self, event: &Event, seq: u64, place: Range<u64>, now: Mono) {
        let number = self.events.len();
        self.events.push(ModelEvent {
            seq,
            fingerprint: event.fingerprint,
            name: event.name().to_owned(),
            tenant: event.audience.tenant.clone(),
            topics: event.audience.topics.clone(),
            beside: match event.audience.is_plain() {
                true => 0,
                false => 48 + event.audience.clone().memory_bytes() as u64,
            },
            place,
            appended: now,
            is_gap: false,
        });
        self.by_print.entry(event.fingerprint).or_insert(number);
        self.want(number);
        self.trim(now);
    }

    pub(super) fn append_gap(&mut self, seq: u64, place: Range<u64>, now: Mono) {
        let fingerprint = self.events.last().map_or(Fingerprint(0), |event| event.fingerprint);
        self.events.push(ModelEvent {
            seq,
            fingerprint,
            name: "gap".to_owned(),
            tenant: None,
            topics: Vec::new(),
            beside: 0,
            place,
            appended: now,
            is_gap: true,
        });
        self.want(self.events.len() - 1);
        self.trim(now);
    }

    /// Notes who is to get what was appended last.
    fn want(&mut self, number: usize) {
        let event = &self.events[number];
        for client in self.clients.values_mut() {
            if client.left > 0 && sees(&client.filter, event) {
                client.left -= usize::from(!event.is_gap);
                client.wanted.push(number);
            }
        }
    }

    fn count_events(&self, numbers: &[usize]) -> u64 {
        numbers.iter().filter(|&&at| !self.events[at].is_gap).count() as u64
    }

    pub(super) fn trim(&mut self, now: Mono) {
        let Some(head) = self.events.last().map(|event| event.place.end) else { return };
        while let Some(oldest) = self.events.get(self.kept_from) {
            let too_many = self.events.len() - self.kept_from > self.options.history_events;
            let beside: u64 = self.events[self.kept_from..].iter().map(|event| event.beside).sum();
            let too_large = head - oldest.place.start + beside > self.options.history_bytes as u64;
            let too_old = self.options.history_age.is_some_and(|age| now.since(oldest.appended) > age);
            if !(too_many || too_large || too_old) {
                break;
            }
            if !oldest.is_gap && self.by_print.get(&oldest.fingerprint) == Some(&self.kept_from) {
                self.by_print.remove(&oldest.fingerprint);
            }
            self.kept_from += 1;
        }
    }

    pub(super) fn set_options(&mut self, options: Options, now: Mono) {
        self.least_buffer_bytes = self.least_buffer_bytes.min(options.buffer_bytes);
        self.options = options;
        self.trim(now);
    }

    pub(super) fn join(&mut self, key: Key, subscription: &Subscription, now: Mono) {
        self.trim(now);
        let (from, mut gap) = match subscription.resume.as_deref() {
            None | Some("") => (self.events.len(), None),
            Some("earliest") => (self.kept_from, None),
            Some(id) => match self.place(id) {
                Ok(after) => (after, None),
                Err(reason) => (self.kept_from, Some(reason)),
            },
        };
        // A replay goes back so many bytes of the log, whoever may see them.
        let head = self.events.last().map_or(0, |event| event.place.end);
        let goes_too_far =
            |at: &usize| head - self.events[*at].place.start > self.options.replay_bytes as u64;
        let cut = (from..self.events.len()).take_while(goes_too_far).count();
        if cut > 0 && gap.is_none() {
            gap = Some("overrun");
        }
        let from = from + cut;
        let expires = subscription.expires;
        let limit = subscription.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut left = limit;
        let mut wanted = Vec::new();
        for at in from..self.events.len() {
            if left > 0 && sees(&subscription.filter, &self.events[at]) {
                left -= usize::from(!self.events[at].is_gap);
                wanted.push(at);
            }
        }
        let style = subscription.heartbeat.unwrap_or(self.options.heartbeat_style);
        let filter = subscription.filter.clone();
        let is_narrow = !subscription.filter.is_everything_public() || subscription.limit.is_some();
        let may_replay = is_narrow && subscription.resume.is_some();
        self.clients.insert(
            key,
            ModelClient { filter, limit, left, style, wanted, gap, may_replay, joined: now, expires },
        );
    }

    fn bytes(&self, numbers: &[usize]) -> u64 {
        numbers.iter().map(|&at| self.events[at].bytes()).sum()
    }

    /// The number of the event that comes after the one that `id` names.
    fn place(&self, id: &str) -> Result<usize, &'static str> {
        let Some(id) = EventId::parse(id).filter(|_| id.len() <= 256) else { return Err("unknown-id") };
        let ours = id.instance == "sim";
        // An id of ours is that of an event, or of a heartbeat after it.
        let before = self.events.iter().rposition(|event| event.seq <= id.seq);
        let before_print = before.map_or(Fingerprint(0), |at| self.events[at].fingerprint);
        let after = before.map_or(0, |at| at + 1);
        if ours && before_print == id.fingerprint && after >= self.kept_from {
            return Ok(after);
        }
        if let Some(&at) = self.by_print.get(&id.fingerprint) {
            return Ok(at + 1);
        }
        let expired = self.kept_from.checked_sub(1).map_or(0, |at| self.events[at].seq);
        if ours && id.seq < expired { Err("expired") } else { Err("unknown-id") }
    }

    /// Checks an open client's bytes; what is missing of the wanted must still be pending, unless the log
    /// has let go of it, which the next sweep sees.
    pub(super) fn check_client(&self, key: Key, received: &[u8], view: &ClientView<'_>, tail: u64) {
        let client = &self.clients[&key];
        let got = self.check_bytes(client, received);
        let missing = &client.wanted[got..];
        if missing.first().is_some_and(|&first| self.events[first].place.start < tail) {
            return;
        }
        assert_eq!(view.sent, self.count_events(&client.wanted[..got]), "{key:?}");
        if view.is_replaying {
            assert!(view.lag_events >= self.count_events(missing), "{key:?} lacks {missing:?}");
            return;
        }
        assert_eq!(view.lag_events, self.count_events(missing), "{key:?} lacks {missing:?}");
        let pending = self.bytes(missing);
        assert!(view.lag_bytes <= pending, "{key:?} {} {pending}", view.lag_bytes);
        if let Some(&first) = missing.first() {
            assert!(view.lag_bytes > pending - self.events[first].bytes(), "{key:?}");
        }
    }

    pub(super) fn check_complete(&self, key: Key, received: &[u8]) {
        let client = &self.clients[&key];
        assert_eq!(self.check_bytes(client, received), client.wanted.len(), "{key:?}");
        let frames = frames(received).0;
        let last = frames.last().map(|frame| frame.name.as_str());
        match client.style {
            HeartbeatStyle::Event => assert_eq!(last, Some("ping"), "{key:?}"),
            HeartbeatStyle::Comment => assert!(received.ends_with(b": ping\n\n"), "{key:?}"),
            HeartbeatStyle::Off => assert!(!frames.iter().any(|frame| frame.name == "ping"), "{key:?}"),
        }
    }

    pub(super) fn close(&mut self, closed: Closed, received: &[u8], now: Mono, tail: u64) {
        let client = self.clients.remove(&closed.key).expect("a client is closed once");
        let got = self.check_bytes(&client, received);
        let delivered = self.count_events(&client.wanted[..got]);
        self.delivered += delivered;
        let missing = &client.wanted[got..];
        let is_lost = missing.first().is_some_and(|&first| self.events[first].place.start < tail);
        if !is_lost {
            let is_exact = closed.lag_events == self.count_events(missing);
            let is_most = client.may_replay && closed.lag_events > self.count_events(missing);
            assert!(is_exact || is_most, "what is not delivered is pending");
        }
        match closed.reason {
            CloseReason::Limit => assert_eq!(delivered, client.limit as u64, "closed at its limit"),
            CloseReason::Stalled => assert!(now.since(client.joined) >= self.options.stall_timeout),
            CloseReason::Overrun => {
                let head = self.events.last().map_or(0, |event| event.place.end);
                let oldest = missing.first().map_or(head, |&first| self.events[first].place.start);
                // The log may have let go of what a filtered replay had not gone over yet.
                let is_lost = is_lost || client.may_replay;
                let behind =
                    if client.may_replay { closed.lag_bytes.max(head - oldest) } else { head - oldest };
                let bound = if is_lost { self.least_buffer_bytes } else { self.options.buffer_bytes };
                assert!(behind > bound as u64, "closed within its bound");
                assert!(is_lost || missing.len() > 1, "closed for one frame");
            }
            CloseReason::Expired => {
                assert!(client.expires.is_some_and(|at| at <= now), "closed before its time")
            }
            CloseReason::Drained => assert!(received.ends_with(b"\n\n"), "drained in the middle of a frame"),
            _ => {}
        }
    }

    /// Checks all that a client received; gives back how many of the wanted that is.
    fn check_bytes(&self, client: &ModelClient, received: &[u8]) -> usize {
        let (frames, gaps) = frames(received);
        let mut got = 0;
        let mut last_seq = 0;
        // The first gap may be the answer to its id.
        let mut answer = client.gap;
        for frame in &frames {
            let Some(id) = &frame.id else {
                assert_eq!(frame.name, "gap");
                if answer.take().is_none() {
                    let wanted = client.wanted.get(got).expect("no more than what is wanted");
                    assert!(self.events[*wanted].is_gap, "a gap where an event is wanted");
                    assert!(frame.data.contains("upstream-lost"), "{}", frame.data);
                    got += 1;
                }
                continue;
            };
            let id = EventId::parse(id).expect("a valid id");
            assert!(id.seq > last_seq, "numbers grow: {} after {last_seq}", id.seq);
            last_seq = id.seq;
            if frame.name == "ping" {
                assert_eq!(client.style, HeartbeatStyle::Event);
                let before = self.events.iter().rev().find(|event| event.seq < id.seq);
                assert_eq!(id.fingerprint, before.map_or(Fingerprint(0), |event| event.fingerprint));
                continue;
            }
            let wanted = client.wanted.get(got).copied().expect("no more than what is wanted");
            let event = &self.events[wanted];
            let number: usize = frame.data.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
            assert_eq!(
                (number, id.seq, &frame.name),
                (wanted, event.seq, &event.name),
                "the next wanted event"
            );
            assert_eq!(id.fingerprint, event.fingerprint);
            let tenant = event.tenant.as_deref();
            assert!(tenant.is_none() || tenant == client.filter.tenant.as_deref(), "another tenant's event");
            got += 1;
        }
        if !frames.is_empty() {
            let first = gaps.first().map(String::as_str).filter(|&reason| reason != "upstream-lost");
            assert_eq!(first, client.gap, "what it is told that it may lack");
        }
        got
    }
}

fn sees(filter: &Filter, event: &ModelEvent) -> bool {
    event.is_gap || filter.matches(&event.name, event.tenant.as_deref(), &event.topics)
}

/// A dispatched event.
struct Frame {
    id: Option<String>,
    name: String,
    data: String,
}

/// The last id that a client received.
pub(super) fn last_id(received: &[u8]) -> Option<String> {
    frames(received).0.into_iter().rev().find_map(|frame| frame.id)
}

/// The whole frames after the head, and the reasons of the gaps among them. Asserts that nothing but whole
/// lines of the known kinds was sent.
fn frames(received: &[u8]) -> (Vec<Frame>, Vec<String>) {
    let text = std::str::from_utf8(received).expect("only UTF-8 is sent");
    let Some(stream) = text.strip_prefix("HEAD\r\n\r\n") else {
        assert!("HEAD\r\n\r\n".starts_with(text), "{text}");
        return (Vec::new(), Vec::new());
    };
    let (mut frames, mut gaps) = (Vec::new(), Vec::new());
    let blocks: Vec<&str> = stream.split("\n\n").collect();
    // After the last empty line there is nothing, or a frame that was cut.
    for block in &blocks[..blocks.len() - 1] {
        let mut frame = Frame { id: None, name: String::new(), data: String::new() };
        for line in block.split('\n') {
            match line.split_once(": ") {
                Some(("id", id)) => frame.id = Some(id.to_owned()),
                Some(("event", name)) => frame.name = name.to_owned(),
                Some(("data", data)) => frame.data = data.to_owned(),
                Some(("retry" | "", _)) => {}
                _ => panic!("a broken line: {line:?} in {block:?}"),
            }
        }
        if frame.name == "gap" {
            let reason = frame.data.split('"').nth(3).expect("a gap has a reason");
            gaps.push(reason.to_owned());
        }
        if !frame.name.is_empty() {
            frames.push(frame);
        }
    }
    (frames, gaps)
}
