//! Too much from Redis, and what is no event.

use std::time::{Duration, Instant};

use super::bench::{Bench, Plan};
use super::common::api::metric;
use super::common::events::tick;
use super::common::proxy::FaultProxy;
use super::common::redis::Redis;
use super::common::{DEADLINE, wait_until};
use super::publishers::By;

/// How long a flood may take until it has run off, in a debug build on a busy machine.
const RUN_OFF: Duration = Duration::from_secs(60);

/// Numbers that are published by the test itself, each noted as accepted afterwards.
fn publish(redis: &Redis, bench: &Bench, channel: &str, message: impl Fn(usize) -> Vec<u8>, count: usize) {
    let began = Instant::now();
    let numbers: Vec<usize> = (0..count).map(|_| bench.ledger.number()).collect();
    redis.publish_many(channel, numbers.iter().map(|number| message(*number)));
    for number in numbers {
        bench.ledger.note(number, began, By::Service);
    }
}

fn event(number: usize) -> Vec<u8> {
    tick(number).into_bytes()
}

#[test]
fn a_flood_runs_off() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).flag("--stream-buffer-bytes", "64MiB").start();
    publish(&redis, &bench, "orders.events", event, 50_000);
    for node in 0..2 {
        wait_until("the backlog is gone", RUN_OFF, || {
            metric(&bench.nodes[node], "ssecast_redis_backlog") == Some(0.0)
        });
    }
    bench.wait_until_ready();
    bench.let_flow();
    bench.verify();
}

#[test]
fn poison_harms_no_neighbour() {
    let redis = Redis::start();
    let bench = Plan::at(&redis)
        .flag("--redis-pattern", "orders.*")
        .pace(Duration::from_millis(50))
        // The large ones take their time in a debug build.
        .liveness(Duration::from_secs(20))
        .start();
    let mut invalid = 0;
    let mut spoil = |messages: Vec<(String, Vec<u8>)>| {
        for (channel, message) in messages {
            redis.publish(&channel, &message);
            invalid += 1;
            publish(&redis, &bench, "orders.events", event, 1);
        }
    };
    let names =
        ["orders.\r\n\0$5\r\n", "orders.events\nid: 1", "orders.*", "orders.[a-", "orders.\u{fffd}\u{202e}"];
    let binary: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let bodies: [&[u8]; 7] =
        [b"", b"\0", &binary, b"{", b"*3\r\n$7\r\nmessage\r\n", b"[[[[[[[[", b"\xff\xfe{\"eventType\":1}"];
    for name in names.iter().copied().chain(["orders.events"]) {
        spoil(bodies.iter().map(|body| (name.to_owned(), body.to_vec())).collect());
    }
    spoil(vec![("orders.events".to_owned(), vec![b'['; 10 * 1024 * 1024])]);
    spoil(vec![("orders.events".to_owned(), vec![0; 10 * 1024 * 1024])]);
    for name in names {
        publish(&redis, &bench, name, event, 1);
    }
    for _ in 0..100 {
        redis.publish_many("orders.events", (0..100).map(|n| format!("{{\"no\":{n}}}").into_bytes()));
        invalid += 100;
        publish(&redis, &bench, "orders.events", event, 1);
    }
    bench.let_flow_by(By::Redis, DEADLINE);
    for node in 0..2 {
        bench.wait_for_metric(node, "redis_pubsub_deserialize_failures_total", f64::from(invalid));
        let log = bench.nodes[node].log();
        let lines = log.lines().filter(|line| line.contains("invalid message from Redis dropped")).count();
        assert!((1..1000).contains(&lines), "{lines} lines of {invalid} invalid messages");
    }
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}

#[test]
fn a_pattern_that_matches_the_canaries_shows_nothing_twice() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).flag("--redis-pattern", "*").start();
    bench.let_flow_by(By::Redis, DEADLINE);
    publish(&redis, &bench, "anything.else", event, 10);
    bench.let_flow();
    for node in 0..2 {
        let invalid = metric(&bench.nodes[node], "redis_pubsub_deserialize_failures_total");
        assert_eq!(invalid, Some(0.0), "canaries are no invalid messages");
    }
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}

#[test]
fn a_message_that_comes_twice_is_shown_once() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).flag("--redis-dedupe", "1000").start();
    let began = Instant::now();
    for _ in 0..10 {
        let number = bench.ledger.number();
        redis.publish_many("orders.events", [event(number), event(number)]);
        bench.ledger.note(number, began, By::Service);
    }
    bench.let_flow();
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}

#[test]
fn a_large_message_that_comes_slowly_is_no_silence() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis).through(proxy.addr()).pace(Duration::from_millis(50)).start();
    proxy.slice(500);
    redis.publish("orders.events", &vec![b'['; 4 * 1024 * 1024]);
    for node in 0..2 {
        bench.wait_for_metric(node, "redis_pubsub_deserialize_failures_total", 1.0);
    }
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}
