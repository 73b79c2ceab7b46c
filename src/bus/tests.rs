//! What the bus promises, one promise a test; the simulation has the mixtures.

use std::time::Duration;

use super::simulation::broker::Broker;
use super::simulation::node::{Arrival, Node};
use super::*;
use crate::clock::Wall;
use crate::event::{Audience, Event};
use crate::hub;
use crate::id::Fingerprint;
use crate::intake::{Batch, Item};
use crate::key::Key;
use crate::limits::MIB;
use crate::metrics::Metrics;

const MANY: usize = 10_000;

/// Servers on one Redis, carried on by hand.
struct Bench {
    broker: Broker,
    nodes: Vec<Node>,
    now: Now,
    published: usize,
}

impl Bench {
    /// Servers in these modes, with all that they need from Redis.
    fn new(modes: &[Mode]) -> Self {
        let mut bench = Self::without_redis(modes);
        bench.broker.is_up = true;
        bench.carry();
        bench
    }

    fn without_redis(modes: &[Mode]) -> Self {
        let now = Now { mono: Mono::from_micros(1), wall: Wall::from_micros(1_700_000_000_000_000) };
        let nodes =
            modes.iter().enumerate().map(|(at, &mode)| Node::new(&format!("n{at}"), mode, MANY, 1, now));
        Self { broker: Broker::default(), nodes: nodes.collect(), now, published: 0 }
    }

    fn envelope(&mut self) -> String {
        self.published += 1;
        let number = self.published;
        format!(r#"{{"eventType":"e","id":"{number}","payload":{number},"ts":"2026-01-31T12:00:00Z"}}"#)
    }

    /// Publishes the next number at a server.
    fn publish(&mut self, at: usize) {
        let envelope = self.envelope();
        self.nodes[at].publish(self.published, &envelope, self.now);
        self.nodes[at].turn(self.now);
    }

    /// A service publishes the next number to Redis.
    fn publish_by_service(&mut self) {
        let envelope = self.envelope();
        self.broker.publish(&mut self.nodes, &envelope);
    }

    /// Everything that is under way arrives.
    fn carry(&mut self) {
        for _ in 0..8 {
            for node in &mut self.nodes {
                self.broker.connect(node);
            }
            for at in 0..self.nodes.len() {
                self.nodes[at].turn(self.now);
                while !self.nodes[at].jobs.is_empty() {
                    self.broker.take_job(&mut self.nodes, at);
                }
                self.nodes[at].take_all(self.now);
                self.nodes[at].turn(self.now);
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
        for node in &mut self.nodes {
            node.handle_deadline(self.now);
            node.turn(self.now);
        }
    }

    /// Redis dies, and everybody notices.
    fn kill_redis(&mut self) {
        self.broker.is_up = false;
        for node in &mut self.nodes {
            if node.is_subscribed {
                node.lose_subscription(self.now);
            }
            node.fail_jobs(self.now);
        }
    }

    /// Redis comes back; a few probes later everything works.
    fn revive_redis(&mut self) {
        self.broker.is_up = true;
        for _ in 0..4 {
            self.pass(5_000);
            self.carry();
        }
    }

    /// What a server broadcast, in order: numbers, and 0 for a gap.
    fn shown(&self, at: usize) -> Vec<usize> {
        let log = self.nodes[at].hub.log();
        let number = |frame: &[u8]| {
            let text = std::str::from_utf8(frame).unwrap();
            text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().parse().unwrap_or(0)
        };
        log.frames_from(0).map(|(_, range)| number(log.frame_bytes(&range))).collect()
    }

    fn ways(&self, at: usize) -> Vec<Via> {
        self.nodes[at].receipts.iter().map(|receipt| receipt.via).collect()
    }

    fn redis(&self, at: usize) -> crate::metrics::Redis {
        self.nodes[at].hub.metrics().redis
    }

    fn readiness(&self, at: usize) -> Readiness {
        self.nodes[at].bus.readiness(self.now.mono)
    }
}

#[test]
fn batches_are_appended_in_order_piece_by_piece_and_each_has_one_receipt() {
    let now = Now::default();
    let instance = Instance::new("i").unwrap();
    let mut hub =
        Hub::new(hub::Options::default(), instance.clone(), Metrics::new(now.mono, []), 1, now.mono);
    let bench = Bench::without_redis(&[Mode::Local]);
    let mut bus = Bus::new(Mode::Local, instance, bench.nodes[0].bus.options.clone(), 1);
    let key = |index| Key { index, generation: 0 };
    let batch = |events: usize, dropped: usize| {
        let body = b"event: e\ndata: 1\n\n".to_vec();
        let event =
            Event { body, fingerprint: Fingerprint(7), audience: Audience::default(), ..Event::default() };
        let shown = vec![Item { event: Some(event), stamped: None }; events];
        let dropped = vec![Item { event: None, stamped: None }; dropped];
        Batch { items: shown.into_iter().chain(dropped).collect() }
    };
    bus.submit(key(1), batch(5, 1), now.mono);
    bus.submit(key(2), batch(0, 2), now.mono);
    bus.submit(key(3), batch(2, 0), now.mono);
    assert_eq!(bus.poll(3, &mut hub, now), None);
    assert_eq!(hub.log().appended(), 3);
    let receipt = |accepted, seq: Option<u64>| Receipt {
        accepted,
        via: Via::Local,
        last_id: seq.map(|seq| format!("i-{seq}-0000000000000007")),
    };
    assert_eq!(bus.poll(3, &mut hub, now), Some((key(1), receipt(6, Some(5)))));
    assert_eq!(bus.poll(3, &mut hub, now), Some((key(2), receipt(2, None))));
    assert_eq!(bus.poll(2, &mut hub, now), Some((key(3), receipt(2, Some(7)))));
    assert!(!bus.has_work(now.mono) && bus.poll(3, &mut hub, now).is_none());
    assert_eq!((hub.metrics().published["local"], hub.metrics().map_dropped), (10, 3));
}

#[test]
fn in_redis_mode_an_event_is_shown_when_it_comes_back() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    bench.publish(0);
    assert!(bench.shown(0).is_empty() && bench.ways(0).is_empty(), "neither shown nor answered yet");
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1], vec![1]));
    assert_eq!(bench.nodes[0].receipts, [Receipt { accepted: 1, via: Via::Redis, last_id: None }]);
    bench.publish_by_service();
    bench.publish(1);
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn what_is_published_counts_until_it_has_arrived() {
    let mut bench = Bench::new(&[Mode::Redis]);
    let held = |bench: &Bench| bench.nodes[0].bus.held_bytes();
    assert_eq!(held(&bench), 0);
    assert!(bench.nodes[0].bus.has_room(usize::MAX), "one batch, whatever it takes");
    for _ in 0..100 {
        bench.publish(0);
    }
    let each = held(&bench) / 100;
    assert!((300..1500).contains(&each), "{each}");
    assert!(bench.nodes[0].bus.has_room(MIB - 100 * each));
    assert!(!bench.nodes[0].bus.has_room(MIB));
    bench.broker.take_job(&mut bench.nodes, 0);
    bench.nodes[0].take_report(bench.now);
    assert!(held(&bench) > 99 * each, "Redis has one, and it is still to be shown");
    bench.carry();
    assert_eq!((held(&bench), bench.shown(0).len()), (0, 100));
    // Shown by fallback, it has arrived, too.
    bench.publish(0);
    bench.kill_redis();
    bench.pass(1_000);
    assert_eq!((held(&bench), bench.shown(0).len()), (0, 101));
}

#[test]
fn a_message_weighs_what_it_takes() {
    let topics: Vec<Box<str>> = (0..16).map(|_| "t".repeat(256).into()).collect();
    let audience = Audience { tenant: None, topics };
    let event = Event { body: vec![0; 10], audience, ..Event::default() };
    let message = crate::intake::Message {
        event: Some(event),
        fingerprint: Fingerprint(1),
        origin: Some(("i".into(), 1)),
        mark: None,
    };
    assert!(Inbound::Message(message).weight() > 16 * 256, "redis.backlog_bytes bounds topics, too");
}

#[test]
fn an_event_that_comes_back_before_its_acknowledgement_is_answered() {
    let mut bench = Bench::new(&[Mode::Redis]);
    bench.publish(0);
    bench.broker.take_job(&mut bench.nodes, 0);
    bench.nodes[0].take_inbound(bench.now);
    bench.nodes[0].turn(bench.now);
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Redis]));
    bench.carry();
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Redis]));
}

#[test]
fn without_redis_an_event_is_shown_at_once_and_published_later() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    bench.kill_redis();
    bench.publish(0);
    bench.publish(0);
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2], vec![]));
    assert_eq!(bench.ways(0), [Via::Fallback; 2]);
    let id = bench.nodes[0].hub.log().last_id().to_string();
    assert_eq!(bench.nodes[0].receipts[1].last_id.as_deref(), Some(id.as_str()));
    bench.revive_redis();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 0], vec![0, 1, 2]));
    assert_eq!(bench.redis(0).echoes, 2);
    bench.publish(0);
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 0, 3], vec![0, 1, 2, 3]));
    assert_eq!(bench.ways(0)[2], Via::Redis);
}

#[test]
fn what_is_under_way_when_redis_dies_is_shown_once_and_in_order() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    (0..3).for_each(|_| bench.publish(0));
    // Redis executes two of them, and the second server gets those.
    bench.broker.take_job(&mut bench.nodes, 0);
    bench.broker.take_job(&mut bench.nodes, 0);
    bench.nodes[1].take_all(bench.now);
    bench.kill_redis();
    bench.publish(0);
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 3, 4], vec![1, 2]));
    assert_eq!(bench.ways(0), [Via::Fallback; 4]);
    bench.revive_redis();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 3, 4, 0], vec![1, 2, 0, 3, 4]));
    assert_eq!(bench.redis(1).duplicates, 2);
}

#[test]
fn a_publish_that_redis_does_not_acknowledge_in_time_is_answered_all_the_same() {
    let mut bench = Bench::new(&[Mode::Redis]);
    bench.publish(0);
    bench.pass(499);
    assert!(bench.shown(0).is_empty());
    bench.pass(1);
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Fallback]));
    // Redis wakes up: what it does now is no news, nor is the copy that says that it was shown before.
    bench.carry();
    bench.pass(100);
    bench.carry();
    assert_eq!((bench.shown(0), bench.redis(0).echoes), (vec![1], 2));
}

#[test]
fn after_one_failure_nobody_waits_and_three_open_the_breaker() {
    let mut bench = Bench::new(&[Mode::Redis]);
    let breaker = |bench: &Bench| bench.nodes[0].bus.status(bench.now.mono).breaker;
    bench.publish(0);
    assert!(bench.ways(0).is_empty(), "it waits for Redis");
    bench.pass(500);
    assert_eq!((bench.ways(0), breaker(&bench)), (vec![Via::Fallback], BreakerState::Closed { failures: 1 }));
    bench.publish(0);
    assert_eq!((bench.ways(0).len(), breaker(&bench)), (2, BreakerState::Closed { failures: 2 }));
    bench.publish(0);
    assert_eq!(bench.ways(0), [Via::Fallback; 3]);
    assert!(matches!(breaker(&bench), BreakerState::Open { .. }));
}

#[test]
fn a_redis_that_is_back_is_sent_the_spool_when_the_others_are_back_too() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    bench.pass(1_500);
    bench.carry();
    bench.kill_redis();
    bench.publish(0);
    bench.broker.is_up = true;
    let carry_first = |bench: &mut Bench| {
        bench.broker.connect(&mut bench.nodes[0]);
        for _ in 0..8 {
            bench.nodes[0].turn(bench.now);
            while !bench.nodes[0].jobs.is_empty() {
                bench.broker.take_job(&mut bench.nodes, 0);
            }
            bench.nodes[0].take_all(bench.now);
        }
    };
    for _ in 0..10 {
        bench.pass(150);
        carry_first(&mut bench);
    }
    assert_eq!(bench.nodes[0].bus.status(bench.now.mono).spooled, 1, "the other one would not get it");
    bench.publish(0);
    assert_eq!(bench.ways(0), [Via::Fallback; 2], "what is published now comes after it");
    bench.carry();
    bench.pass(150);
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 0, 2], vec![0, 1, 2]));
    // Who does not come back is not waited for without end.
    bench.kill_redis();
    bench.publish(0);
    bench.broker.is_up = true;
    for _ in 0..60 {
        bench.pass(150);
        carry_first(&mut bench);
    }
    assert_eq!(bench.nodes[0].bus.status(bench.now.mono).spooled, 0);
}

#[test]
fn in_fanout_mode_own_events_are_shown_at_once_and_those_of_others_when_they_come() {
    let mut bench = Bench::new(&[Mode::Fanout, Mode::Redis]);
    bench.publish(0);
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Local]));
    bench.carry();
    bench.publish(1);
    bench.carry();
    bench.publish_by_service();
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!((bench.redis(0).echoes, bench.redis(0).messages), (1, 3));
}

#[test]
fn in_dual_and_dry_run_mode_redis_gets_everything_and_gives_nothing() {
    let mut bench = Bench::new(&[Mode::Dual, Mode::DryRun, Mode::Redis]);
    bench.publish(0);
    bench.publish(1);
    bench.publish_by_service();
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1], vec![2]));
    assert_eq!((bench.redis(0).messages, bench.redis(1).messages, bench.redis(1).not_forwarded), (0, 3, 3));
    let mut shown = bench.shown(2);
    shown.sort_unstable();
    assert_eq!(shown, [1, 2, 3]);
}

#[test]
fn a_change_of_mode_loses_nothing_and_doubles_nothing() {
    for (from, to) in Mode::ALL.iter().flat_map(|&from| Mode::ALL.map(|to| (from, to))) {
        let mut bench = Bench::new(&[from, Mode::Redis]);
        bench.publish(0);
        bench.publish(0);
        // One has reached Redis, one has not.
        bench.broker.take_job(&mut bench.nodes, 0);
        bench.nodes[0].change_mode(to, bench.now);
        bench.publish(0);
        bench.carry();
        bench.publish(0);
        bench.carry();
        bench.pass(20_000);
        assert_eq!(bench.shown(0), [1, 2, 3, 4], "{from:?} to {to:?}");
        if from.publishes() && to.publishes() {
            assert_eq!(bench.shown(1), [1, 2, 3, 4], "{from:?} to {to:?}");
        }
    }
}

#[test]
fn the_walk_to_redis_and_back_tells_nobody_to_begin_anew() {
    let mut bench = Bench::new(&[Mode::Local, Mode::Redis]);
    for mode in [Mode::Dual, Mode::DryRun, Mode::Fanout, Mode::Redis, Mode::Fanout, Mode::DryRun, Mode::Dual]
    {
        bench.nodes[0].change_mode(mode, bench.now);
        bench.carry();
        bench.publish(0);
        bench.carry();
    }
    assert_eq!(bench.shown(0), [1, 2, 3, 4, 5, 6, 7]);
    // Whoever goes there a second time was away, and may have missed something.
    bench.publish(1);
    bench.carry();
    bench.nodes[0].change_mode(Mode::Redis, bench.now);
    bench.carry();
    assert_eq!(bench.shown(0).last(), Some(&0));
}

#[test]
fn a_hole_in_another_server_s_numbers_is_a_gap() {
    let mut bench = Bench::new(&[Mode::Fanout, Mode::Redis]);
    bench.publish(0);
    bench.carry();
    bench.publish(0);
    bench.broker.take_job(&mut bench.nodes, 0);
    // It gets lost on its way to the other server.
    bench.nodes[1].inbound.clear();
    bench.publish(0);
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2, 3], vec![1, 0, 3]));
    assert_eq!(bench.redis(1).missing, 1);
}

#[test]
fn events_that_come_again_are_dropped_where_that_is_asked_for() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    let options = bench.nodes[1].bus.options.clone();
    bench.nodes[1].bus.set_options(Options { dedupe: 10, ..options });
    let envelope = bench.envelope();
    for _ in 0..2 {
        bench.broker.publish(&mut bench.nodes, &envelope);
        bench.carry();
    }
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 1], vec![1]));
    assert_eq!(bench.redis(1).duplicates, 1);
}

#[test]
fn readiness_tells_what_the_mode_needs() {
    let modes = [Mode::Local, Mode::Dual, Mode::DryRun, Mode::Fanout, Mode::Redis];
    let mut bench = Bench::new(&modes);
    let all = |bench: &Bench| (0..modes.len()).map(|at| bench.readiness(at)).collect::<Vec<_>>();
    assert_eq!(all(&bench), [Readiness::Ready; 5]);
    bench.kill_redis();
    bench.pass(4_000);
    bench.carry();
    let (ready, degraded, not_ready) = (Readiness::Ready, Readiness::Degraded, Readiness::NotReady);
    assert_eq!(all(&bench), [ready, degraded, degraded, not_ready, not_ready]);
    for node in &mut bench.nodes {
        let options = node.bus.options.clone();
        node.bus.set_options(Options { required_for_ready: false, ..options });
    }
    assert_eq!(all(&bench), [ready, degraded, degraded, degraded, degraded]);
    bench.revive_redis();
    assert_eq!(all(&bench), [Readiness::Ready; 5]);
}

#[test]
fn a_round_trip_is_good_for_a_while_only() {
    let mut bench = Bench::new(&[Mode::Redis]);
    assert!(bench.nodes[0].bus.is_up(bench.now.mono));
    // Canaries are taken and do not come back.
    for _ in 0..4 {
        bench.pass(1_000);
        while !bench.nodes[0].jobs.is_empty() {
            bench.broker.take_job(&mut bench.nodes, 0);
        }
        bench.nodes[0].inbound.retain(|item| !matches!(item, Arrival::Canary(_)));
        while !bench.nodes[0].replies.is_empty() {
            bench.nodes[0].take_report(bench.now);
        }
    }
    assert!(!bench.nodes[0].bus.is_up(bench.now.mono));
    assert!(!bench.nodes[0].is_subscribed, "the subscription is made anew");
    bench.carry();
    assert!(bench.nodes[0].bus.is_up(bench.now.mono));
    assert_eq!(bench.shown(0), [0], "what was lost meanwhile nobody knows");
}

#[test]
fn while_the_way_opens_publishes_wait_for_it() {
    let mut bench = Bench::without_redis(&[Mode::Redis]);
    bench.broker.is_up = true;
    bench.publish(0);
    assert!(bench.shown(0).is_empty() && bench.ways(0).is_empty());
    bench.carry();
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Redis]));

    let mut bench = Bench::without_redis(&[Mode::Redis]);
    bench.publish(0);
    bench.pass(500);
    assert_eq!((bench.shown(0), bench.ways(0)), (vec![1], vec![Via::Fallback]));
}

#[test]
fn messages_of_an_earlier_life_of_this_instance_are_news() {
    let mut bench = Bench::new(&[Mode::Redis, Mode::Redis]);
    bench.publish(0);
    bench.carry();
    let envelope = bench.envelope();
    let stamped = crate::stamp::stamp(&envelope, "n0", 1);
    bench.broker.publish(&mut bench.nodes, &stamped);
    bench.carry();
    assert_eq!((bench.shown(0), bench.shown(1)), (vec![1, 2], vec![1, 2]));
}
