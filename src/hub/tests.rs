//! What the hub promises, one promise a test; the simulation has the mixtures.

use std::collections::HashMap;
use std::io::{self, IoSlice};

use super::*;
use crate::clock::Wall;
use crate::event::Audience;
use crate::id::{EventId, Fingerprint};
use crate::topic::TopicPattern;

const SECOND: Duration = Duration::from_secs(1);

/// Sockets that take everything, but for those that are blocked.
#[derive(Default)]
struct TestWire {
    received: HashMap<Key, String>,
    blocked: Vec<Key>,
    sends: usize,
}

impl Wire for TestWire {
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.sends += 1;
        if self.blocked.contains(&key) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.received.entry(key).or_default().push_str(std::str::from_utf8(&bytes).unwrap());
        Ok(bytes.len())
    }
}

struct Bench {
    hub: Hub,
    wire: TestWire,
    now: Now,
}

fn key(index: u32) -> Key {
    Key { index, generation: index + 100 }
}

fn event(name: &str, data: &str, tenant: Option<&str>, topics: &[&str]) -> Event {
    let mut body = Vec::new();
    sse::encode_body(name, data, &mut body);
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let audience = Audience { tenant: tenant.map(Box::from), topics };
    Event { body, fingerprint: Fingerprint::of(data.as_bytes()), audience, ..Event::default() }
}

fn topic(topic: &str) -> Subscription {
    let filter = Filter { topics: vec![TopicPattern::new(topic)], ..Filter::default() };
    Subscription { filter, ..Subscription::default() }
}

impl Bench {
    fn new(options: Options) -> Self {
        let metrics = Metrics::new(Mono::ZERO, CloseReason::ALL.map(CloseReason::name));
        let hub = Hub::new(options, Instance::new("i").unwrap(), metrics, 1, Mono::ZERO);
        Self { hub, wire: TestWire::default(), now: Now::default() }
    }

    fn with_clients(clients: u32, options: Options) -> Self {
        let mut bench = Self::new(options);
        (0..clients).for_each(|index| bench.join(index, Subscription::default()));
        bench
    }

    fn join(&mut self, index: u32, subscription: Subscription) {
        self.hub.join(key(index), Vec::new(), subscription, self.now);
        self.sweep();
        self.wire.received.insert(key(index), self.received(index).split("connected\n\n").skip(1).collect());
    }

    fn sweep(&mut self) {
        while self.hub.has_ready() {
            self.hub.sweep(64, &mut self.wire, self.now.mono);
            self.hub.settle(self.now);
        }
    }

    fn publish(&mut self, data: &str) {
        self.hub.append(&event("e", data, None, &[]), self.now);
    }

    fn received(&self, index: u32) -> String {
        self.wire.received.get(&key(index)).cloned().unwrap_or_default()
    }

    /// The `data:` of what a client received.
    fn data(&self, index: u32) -> Vec<String> {
        let received = self.received(index);
        received.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono.after(time);
        self.hub.handle_deadline(self.now);
        self.sweep();
    }
}

#[test]
fn publishing_touches_no_client_and_one_send_carries_a_burst() {
    let mut bench = Bench::with_clients(100, Options::default());
    let before: Vec<Flow> = bench.hub.clients.iter().map(|(_, client)| client.flow).collect();
    (0..64).for_each(|n| bench.publish(&n.to_string()));
    let after: Vec<Flow> = bench.hub.clients.iter().map(|(_, client)| client.flow).collect();
    assert_eq!(before, after);
    bench.wire.sends = 0;
    bench.sweep();
    assert_eq!(bench.wire.sends, 100);
    assert_eq!(bench.data(7), (0..64).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(bench.hub.metrics().events_sent, 6_400);
    assert_eq!(bench.hub.metrics().duration.count(), 64);
}

#[test]
fn no_private_frame_ever_leaves_by_a_bare_cursor() {
    let mut bench = Bench::with_clients(1, Options::default());
    let tenant = |name: &str| Filter { tenant: Some(name.into()), ..Filter::default() };
    bench.join(1, Subscription { filter: tenant("x"), ..Subscription::default() });
    bench.join(2, Subscription { filter: tenant("y"), ..Subscription::default() });
    for n in 0..50 {
        let owner = [None, Some("x"), Some("y"), Some("x")][n % 4];
        bench.hub.append(&event("e", &format!("{n} {}", owner.unwrap_or("all")), owner, &["t"]), bench.now);
        if n % 7 == 0 {
            bench.sweep();
        }
    }
    bench.sweep();
    bench.join(3, Subscription { resume: Some("earliest".to_owned()), ..Subscription::default() });
    for index in [0, 3] {
        assert!(bench.data(index).iter().all(|data| data.ends_with("all")), "{:?}", bench.data(index));
        assert_eq!(bench.data(index).len(), 13);
    }
    assert!(bench.data(1).iter().all(|data| !data.ends_with('y')) && bench.data(1).len() == 38);
    assert!(bench.data(2).iter().all(|data| !data.ends_with('x')) && bench.data(2).len() == 25);
}

#[test]
fn an_event_for_one_of_many_topics_touches_one_client() {
    let mut bench = Bench::new(Options::default());
    (0..1_000).for_each(|index| bench.join(index, topic(&format!("t/{index}"))));
    bench.wire.sends = 0;
    bench.hub.append(&event("e", "x", None, &["t/500"]), bench.now);
    assert_eq!(bench.hub.ready.len(), 1);
    bench.sweep();
    assert_eq!((bench.wire.sends, bench.data(500).len()), (1, 1));
}

#[test]
fn those_who_stay_do_not_wait_for_those_who_come_back() {
    let mut bench = Bench::with_clients(90, Options::default());
    (0..20).for_each(|n| bench.publish(&n.to_string()));
    bench.sweep();
    let earliest = Subscription { resume: Some("earliest".to_owned()), ..Subscription::default() };
    (100..1_100).for_each(|index| bench.hub.join(key(index), Vec::new(), earliest.clone(), bench.now));
    bench.publish("live");
    bench.hub.sweep(120, &mut bench.wire, bench.now.mono);
    assert!((0..90).all(|index| bench.received(index).ends_with("live\n\n")));
    let returned = (100..1_100).filter(|&index| !bench.received(index).is_empty()).count();
    assert_eq!(returned, 30, "they have their share of the sends");
    bench.sweep();
    assert!((100..1_100).all(|index| bench.data(index).len() == 21));
}

#[test]
fn stalled_clients_cost_neither_memory_nor_sends() {
    let options = Options { history_bytes: 300_000, ..Options::default() };
    let mut bench = Bench::with_clients(50, options);
    bench.wire.blocked = (0..40).map(key).collect();
    for n in 0..200 {
        bench.publish(&n.to_string());
        bench.sweep();
    }
    bench.wire.sends = 0;
    bench.publish("one more");
    bench.sweep();
    assert_eq!(bench.wire.sends, 10, "blocked clients are not written to");
    for _ in 0..1_000 {
        bench.publish(&"x".repeat(20_000));
        bench.sweep();
    }
    assert_eq!(bench.hub.len(), 10, "those beyond the bound are closed");
    assert!(bench.hub.log().memory_bytes() < 5_000_000, "{}", bench.hub.log().memory_bytes());
    let reasons: Vec<CloseReason> =
        std::iter::from_fn(|| bench.hub.poll_closed()).map(|c| c.reason).collect();
    assert_eq!(reasons, [CloseReason::Overrun; 40]);
}

#[test]
fn a_client_that_takes_nothing_is_stalled_after_the_time_out() {
    let mut bench = Bench::with_clients(2, Options { heartbeat: Duration::ZERO, ..Options::default() });
    bench.wire.blocked.push(key(0));
    bench.publish("x");
    bench.sweep();
    bench.pass(SECOND * 29);
    // Readiness without a byte taken is no progress.
    bench.hub.handle_writable(key(0));
    bench.sweep();
    assert_eq!(bench.hub.poll_closed(), None);
    bench.pass(SECOND * 2);
    let closed = bench.hub.poll_closed().unwrap();
    assert_eq!((closed.key, closed.reason, closed.lag_events), (key(0), CloseReason::Stalled, 1));
    assert_eq!(bench.hub.len(), 1);
}

#[test]
fn a_heartbeat_keeps_its_place_between_events_and_is_not_replayed() {
    let mut bench = Bench::with_clients(2, Options::default());
    bench.wire.blocked.push(key(1));
    bench.publish("a");
    bench.sweep();
    bench.now.wall = Wall::from_micros(15_000_000);
    bench.pass(SECOND * 15);
    bench.publish("b");
    bench.wire.blocked.clear();
    bench.hub.handle_writable(key(1));
    bench.sweep();
    for index in [0, 1] {
        assert_eq!(bench.data(index), ["a", r#"{"ts":"1970-01-01T00:00:15.000Z"}"#, "b"]);
        let print = Fingerprint::of(b"a");
        assert!(bench.received(index).contains(&format!("id: i-2-{print}\nevent: ping\n")));
    }
    bench.join(3, Subscription { resume: Some("earliest".to_owned()), ..Subscription::default() });
    assert_eq!(bench.data(3), ["a", "b"]);
    let ping = format!("i-2-{}", Fingerprint::of(b"a"));
    bench.join(4, Subscription { resume: Some(ping), ..Subscription::default() });
    assert_eq!(bench.data(4), ["b"]);
}

/// A client takes the last id that it sees: that of a heartbeat after its last event would be too far.
#[test]
fn who_has_all_that_it_asked_for_gets_no_heartbeat() {
    let mut bench = Bench::new(Options::default());
    let two = |resume: Option<&str>| Subscription {
        limit: Some(2),
        resume: resume.map(str::to_owned),
        ..Subscription::default()
    };
    bench.join(0, two(None));
    ["a", "b", "c", "d"].into_iter().for_each(|data| bench.publish(data));
    bench.hub.join(key(1), Vec::new(), two(Some("earliest")), bench.now);
    bench.pass(SECOND * 15);
    for index in [0, 1] {
        assert_eq!(bench.data(index), ["a", "b"], "{index}");
    }
    bench.join(2, two(Some(&format!("i-2-{}", Fingerprint::of(b"b")))));
    assert_eq!(bench.data(2), ["c", "d"]);
}

#[test]
fn replay_is_bounded_and_says_so() {
    let mut bench = Bench::new(Options { replay_bytes: 500, ..Options::default() });
    (0..20).for_each(|n| bench.publish(&n.to_string()));
    for (index, subscription) in [(0, Subscription::default()), (1, topic("*"))] {
        bench.hub.append(&event("e", "t", None, &["t"]), bench.now);
        let resume = Some("earliest".to_owned());
        bench.join(index, Subscription { resume, ..subscription });
    }
    let gap = r#"{"reason":"overrun","requested":"earliest","oldest":"#;
    assert!(bench.data(0)[0].starts_with(gap), "{:?}", bench.data(0));
    assert!((8..14).contains(&bench.data(0).len()) && bench.data(0).last().unwrap() == "t");
    assert!(bench.data(1)[0].starts_with(gap) && bench.data(1)[1..] == ["t", "t"], "{:?}", bench.data(1));
    assert_eq!(bench.hub.metrics().gaps["overrun"], 2);
}

#[test]
fn a_replay_may_be_larger_than_the_bound_of_live_events() {
    let options = Options { buffer_bytes: 1_000, history_bytes: 1_000_000, ..Options::default() };
    let mut bench = Bench::new(options);
    (0..100).for_each(|_| bench.publish(&"x".repeat(100)));
    bench.wire.blocked.push(key(0));
    bench.hub.join(
        key(0),
        Vec::new(),
        Subscription { resume: Some("earliest".into()), ..Subscription::default() },
        bench.now,
    );
    bench.sweep();
    bench.publish("live");
    bench.sweep();
    assert_eq!(bench.hub.len(), 1);
    (0..20).for_each(|_| bench.publish(&"x".repeat(100)));
    assert_eq!(bench.hub.poll_closed().map(|closed| closed.reason), Some(CloseReason::Overrun));
}

/// A request for a filter that finds nothing in a long history must not hold up the others.
#[test]
fn a_filtered_replay_goes_over_the_log_in_pieces_and_then_is_live() {
    let mut bench = Bench::with_clients(1, Options::default());
    (0..5_000).for_each(|n| bench.publish(&n.to_string()));
    bench.sweep();
    let filter = Filter { types: vec!["rare".into()], ..Filter::default() };
    let resume = Some("earliest".to_owned());
    bench.hub.join(key(1), Vec::new(), Subscription { filter, resume, ..Subscription::default() }, bench.now);
    bench.wire.sends = 0;
    let mut turns = 0;
    while bench.hub.has_ready() {
        assert!(bench.hub.sweep(1, &mut bench.wire, bench.now.mono) <= 1);
        if turns == 3 {
            bench.hub.append(&event("rare", "found", None, &[]), bench.now);
        }
        turns += 1;
    }
    assert!((20..30).contains(&turns), "{turns} pieces");
    bench.hub.append(&event("rare", "live", None, &[]), bench.now);
    bench.sweep();
    assert_eq!(bench.data(1), ["found", "live"]);
}

/// `limit=` with a replay that was cut: what follows the cut is in one piece.
#[test]
fn a_limit_counts_from_where_a_cut_replay_begins() {
    let mut bench = Bench::new(Options { replay_bytes: 500, ..Options::default() });
    (0..30).for_each(|n| bench.publish(&n.to_string()));
    let subscription =
        Subscription { limit: Some(3), resume: Some("earliest".to_owned()), ..Subscription::default() };
    bench.join(0, subscription);
    let data = bench.data(0);
    let numbers: Vec<u32> = data[1..].iter().map(|data| data.parse().unwrap()).collect();
    assert!(data[0].contains("overrun") && numbers.len() == 3, "{data:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{data:?}");
    assert_eq!(bench.hub.poll_closed().map(|closed| closed.reason), Some(CloseReason::Limit));
}

#[test]
fn what_is_replayed_is_counted_and_is_no_latency() {
    let mut bench = Bench::with_clients(1, Options::default());
    let old = Event { ts: Some(Wall::from_micros(-1)), ..event("e", "x", None, &["t"]) };
    bench.hub.append(&old, bench.now);
    bench.sweep();
    assert_eq!((bench.hub.metrics().events_sent, bench.hub.metrics().broadcast.count()), (1, 1));
    bench.join(1, Subscription { resume: Some("earliest".to_owned()), ..Subscription::default() });
    bench.join(2, Subscription { resume: Some("earliest".to_owned()), ..topic("t") });
    assert_eq!((bench.hub.metrics().events_sent, bench.hub.metrics().broadcast.count()), (3, 1));
    bench.hub.append(&old, bench.now);
    bench.sweep();
    assert_eq!((bench.hub.metrics().events_sent, bench.hub.metrics().broadcast.count()), (6, 4));
}

#[test]
fn draining_tells_everybody_once_and_in_turn() {
    let mut bench = Bench::with_clients(10, Options { heartbeat: Duration::ZERO, ..Options::default() });
    bench.hub.begin_drain(SECOND * 5, bench.now.mono.after(SECOND * 5), bench.now.mono);
    let mut left = Vec::new();
    for _ in 0..10 {
        bench.pass(SECOND / 2);
        left.push(bench.hub.len());
    }
    assert!(left.is_sorted_by(|a, b| a >= b) && left[0] >= 8 && left[9] == 0, "{left:?}");
    assert!((0..10).all(|index| bench.received(index).starts_with("retry: ")));
}

#[test]
fn who_is_told_to_go_comes_back_when_the_process_is_gone() {
    for (gone, most_ms) in [(SECOND * 100, 103_600), (Duration::ZERO, 3_600)] {
        let mut bench = Bench::with_clients(1, Options { heartbeat: Duration::ZERO, ..Options::default() });
        bench.hub.begin_drain(Duration::ZERO, bench.now.mono.after(gone), bench.now.mono);
        bench.pass(Duration::ZERO);
        let told = bench.received(0);
        let retry_ms: u64 = told.trim().strip_prefix("retry: ").and_then(|ms| ms.parse().ok()).unwrap();
        assert!((most_ms - 1_200..=most_ms).contains(&retry_ms), "{retry_ms}");
    }
}

#[test]
fn events_of_the_future_are_counted_and_cost_nothing() {
    let mut bench = Bench::with_clients(1, Options::default());
    let ts = Some(Wall::from_micros(5_000_000));
    bench.hub.append(&Event { ts, ..event("e", "x", None, &[]) }, bench.now);
    bench.sweep();
    assert_eq!(bench.hub.metrics().clock_skew, 1);
    assert_eq!((bench.hub.metrics().broadcast.count(), bench.hub.metrics().broadcast.sum_ms()), (1, 0.001));
}

#[test]
fn a_gap_reaches_everybody_whatever_they_asked_for_and_is_no_event() {
    let mut bench = Bench::with_clients(1, Options::default());
    let filter = |tenant: Option<&str>| Filter {
        types: vec!["x".into()],
        tenant: tenant.map(Box::from),
        ..Filter::default()
    };
    bench.join(1, Subscription { filter: filter(None), ..Subscription::default() });
    bench.join(2, Subscription { filter: filter(Some("t")), limit: Some(1), ..Subscription::default() });
    bench.publish("1");
    bench.hub.append_gap(GapReason::UpstreamLost, bench.now);
    bench.publish("2");
    bench.sweep();
    let gap = r#"{"reason":"upstream-lost","requested":null,"oldest":"i-1-REPLACE"}"#;
    let gap = gap.replace("REPLACE", &Fingerprint::of(b"1").to_string());
    assert_eq!(bench.data(0), ["1", gap.as_str(), "2"]);
    assert_eq!((bench.data(1), bench.data(2)), (vec![gap.clone()], vec![gap.clone()]));
    assert!(!bench.received(0).contains(&format!("id: i-2-{}", Fingerprint::of(b"1"))), "a gap has no id");
    assert_eq!((bench.hub.log().appended(), bench.hub.metrics().events_sent), (2, 2));
    assert_eq!(bench.hub.metrics().gaps["upstream-lost"], 3);
    assert_eq!(bench.hub.len(), 3, "the one with a limit is still to get its event");

    // Who was away when it came is told as well, whoever was there before is not told twice.
    let resume = |seq: u64, data: &str| {
        let id = EventId { instance: "i", seq, fingerprint: Fingerprint::of(data.as_bytes()) }.to_string();
        Subscription { resume: Some(id), ..Subscription::default() }
    };
    bench.join(3, resume(1, "1"));
    bench.join(4, Subscription { filter: filter(None), ..resume(1, "1") });
    bench.join(5, resume(3, "2"));
    assert_eq!((bench.data(3), bench.data(4)), (vec![gap.clone(), "2".to_owned()], vec![gap]));
    assert!(bench.data(5).is_empty());
}
