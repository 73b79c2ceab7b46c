//! What Redis has no room or no time for.

use std::time::{Duration, Instant};

use super::bench::{Bench, Plan};
use super::common::events::big_tick;
use super::common::proxy::{Direction, FaultProxy};
use super::common::redis::{Redis, RedisSetup};
use super::common::{DEADLINE, wait_until};
use super::publishers::{By, Link};

#[test]
fn redis_has_too_many_clients() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).start();
    let others: Vec<Link> =
        (0..20).map(|_| Link::open(redis.address()).expect("there is room for them")).collect();
    // Those that are connected stay; nobody gets in any more.
    redis.command(&["CONFIG", "SET", "maxclients", "10"]);
    let start = Instant::now();
    assert_eq!(redis.kill_clients("pubsub"), 2);
    redis.kill_clients("normal");
    bench.expect_lost(start);
    bench.wait_for_logs("max number of clients");
    redis.command(&["CONFIG", "SET", "maxclients", "1000"]);
    drop(others);
    bench.verify_told(start);
}

#[test]
fn redis_pauses_all_its_clients() {
    pause("ALL");
}

#[test]
fn redis_pauses_all_that_write() {
    pause("WRITE");
}

fn pause(whom: &str) {
    let redis = Redis::start();
    let bench = Plan::at(&redis).start();
    let start = Instant::now();
    redis.command(&["CLIENT", "PAUSE", "3000", whom]);
    bench.expect_lost(start);
    bench.let_flow();
    bench.verify();
}

#[test]
fn a_redis_without_memory_goes_on() {
    let redis = RedisSetup::new().config("maxmemory-policy noeviction").start();
    let bench = Plan::at(&redis).start();
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(redis.try_command(&["SET", "key", "value"]).is_err(), "it is out of memory");
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.let_flow();
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}

#[test]
fn the_connections_of_subscribers_are_killed() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).start();
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(redis.kill_clients("pubsub"), 2);
        bench.wait_until_back(start, Duration::from_secs(1));
        bench.let_flow();
    }
    bench.verify();
}

/// How many messages are published before the fast one is waited for.
const CHUNK: usize = 100;

fn publish_chunk(redis: &Redis, bench: &Bench) {
    let began = Instant::now();
    let numbers: Vec<usize> = (0..CHUNK).map(|_| bench.ledger.number()).collect();
    redis.publish_many("orders.events", numbers.iter().map(|n| big_tick(*n, 2000).into_bytes()));
    for number in &numbers {
        bench.ledger.note(*number, began, By::Service);
    }
    wait_until("the first server keeps up", DEADLINE, || {
        bench.streams[0].look(|record| numbers.iter().all(|number| record.seen.contains(number)))
    });
}

#[test]
fn a_subscriber_is_cut_off_for_being_slow() {
    let redis = RedisSetup::new().config("client-output-buffer-limit pubsub 1mb 1mb 0").start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis)
        .urls(redis.url(), &format!("redis://{}", proxy.addr()))
        // Neither is its client to be cut off when all comes at once, nor anything but slowness to cut off itself.
        .flag("--stream-buffer-bytes", "64MiB")
        .liveness(Duration::from_secs(30))
        .start();
    let start = Instant::now();
    proxy.freeze(Direction::ToClient);
    let is_cut_off = || {
        let log = std::fs::read_to_string(redis.log_path()).unwrap_or_default();
        log.contains("overcoming of output buffer limits")
    };
    wait_until("Redis cuts the second server off", 2 * DEADLINE, || {
        publish_chunk(&redis, &bench);
        is_cut_off()
    });
    proxy.thaw();
    wait_until("a gap in the stream of the second server", DEADLINE, || {
        bench.streams[1].look(|record| record.last_gap().is_some_and(|at| at >= start))
    });
    bench.let_flow();
    let outcome = bench.verify();
    let [first, second] = &outcome.records;
    assert!(first.gaps.is_empty(), "the fast one had everything: {:?}", first.gaps);
    assert!(outcome.accepted.iter().all(|one| first.seen.contains(&one.number)), "the first has everything");
    assert!(second.gaps.iter().all(|(_, reason)| reason == "upstream-lost"), "{:?}", second.gaps);
    assert!(outcome.accepted.iter().any(|one| !second.seen.contains(&one.number)), "something was lost");
}

#[test]
fn more_is_kept_for_redis_than_fits() {
    let mut redis = Redis::start();
    let bench = Plan::at(&redis).quiet().flag("--redis-spool-events", "5").start();
    bench.publish_to_both(0);
    bench.publish_to_both(1);
    redis.wait_until_counted_by(2);
    let start = Instant::now();
    redis.kill();
    bench.expect_lost(start);
    let kept: Vec<usize> = (0..20)
        .map(|_| {
            let (number, by) = bench.ledger.publish_at(0, bench.nodes[0].addr());
            assert_eq!(by, By::Fallback(0));
            number
        })
        .collect();
    bench.wait_for_metric(0, "ssecast_spool_events", 5.0);
    bench.wait_for_metric(0, "ssecast_spool_dropped_total", 15.0);
    redis.restart();
    bench.wait_for_gaps(start, DEADLINE);
    let is_there = || bench.streams[1].look(|record| record.seen.contains(&kept[19]));
    wait_until("the last one at the second server", DEADLINE, is_there);
    bench.wait_for_metric(1, "ssecast_redis_missing_total", 15.0);
    let outcome = bench.verify();
    let [first, second] = &outcome.records;
    assert!(kept.iter().all(|number| first.seen.contains(number)), "the first has all: {first:?}");
    let came: Vec<usize> = kept.iter().copied().filter(|number| second.seen.contains(number)).collect();
    assert_eq!(came, kept[15..], "the second has the last five");
    assert!(second.gaps.len() >= 2, "the loss of Redis and the hole are told: {:?}", second.gaps);
}
