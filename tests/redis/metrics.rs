//! What an operator sees: readiness, metrics and `/stats`.

use super::common::DEADLINE;
use super::common::api::metric;
use super::common::events::{tick, tick_data};
use super::common::http::get;
use super::common::redis::Redis;
use super::common::server::Server;
use super::common::stream::Stream;
use super::common::wait_until;
use super::nodes::{
    CHANNEL, next_after_gaps, node, ready, send_via, setup, stats, wait_for_metric, wait_until_not_ready,
    wait_until_ready,
};

/// The time of now, as an envelope has it.
fn fresh_tick(n: usize) -> String {
    let whole = tick(n);
    let (start, _) = whole.split_once(",\"ts\"").expect("a tick has a time");
    format!("{start}}}")
}

#[test]
fn traffic_is_seen_in_the_metrics() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(&server)).collect();
    for n in 0..5 {
        send_via("redis", &server, &fresh_tick(n));
    }
    redis.publish(CHANNEL, tick(5).as_bytes());
    redis.publish(CHANNEL, b"nonsense");
    for stream in &mut streams {
        stream.take(6);
    }
    for (name, value) in [
        ("redis_pubsub_messages_received_total", 7.0),
        ("redis_pubsub_deserialize_failures_total", 1.0),
        ("broadcast_latency_ms_count", 18.0),
        ("ssecast_events_sent_total", 18.0),
        ("ssecast_events_published_total{via=\"redis\"}", 5.0),
        ("ssecast_events_published_total{via=\"local\"}", 0.0),
        ("ssecast_events_published_total{via=\"fallback\"}", 0.0),
        ("ssecast_redis_published_total", 5.0),
        ("ssecast_redis_backlog", 0.0),
        ("ssecast_redis_up", 1.0),
        ("ssecast_breaker_state", 0.0),
        ("ssecast_spool_events", 0.0),
        ("ssecast_spool_dropped_total", 0.0),
        ("ssecast_redis_missing_total", 0.0),
        ("ssecast_redis_echoes_total", 0.0),
        ("ssecast_redis_reconnects_total", 0.0),
        ("ssecast_gaps_total{reason=\"upstream-lost\"}", 0.0),
    ] {
        wait_for_metric(&server, name, value);
    }
}

#[test]
fn the_latency_goes_through_redis() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let mut stream = Stream::open(&server);
    for n in 0..20 {
        send_via("redis", &server, &fresh_tick(n));
    }
    stream.take(20);
    wait_for_metric(&server, "broadcast_latency_ms_count", 20.0);
    let sum = metric(&server, "broadcast_latency_ms_sum").expect("a sum");
    assert!(sum > 0.0 && sum < 20.0 * 5000.0, "{sum} ms");
}

#[test]
fn a_loss_is_seen_in_the_metrics_and_passes() {
    let mut redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--redis-breaker-failures", "1").start());
    let mut streams: Vec<Stream> = (0..2).map(|_| Stream::open(&server)).collect();
    redis.kill();
    wait_until_not_ready(&server);
    for n in 0..5 {
        send_via("fallback", &server, &tick(n));
    }
    for (name, value) in [
        ("ssecast_redis_up", 0.0),
        ("ssecast_spool_events", 5.0),
        ("ssecast_events_published_total{via=\"fallback\"}", 5.0),
        ("ssecast_redis_reconnects_total", 1.0),
    ] {
        wait_for_metric(&server, name, value);
    }
    wait_until("the breaker opens", DEADLINE, || metric(&server, "ssecast_breaker_state") == Some(2.0));
    wait_until("/stats says so", DEADLINE, || stats(&server)["redis"]["publisher"]["breaker"] == "open");
    let told = stats(&server)["redis"].clone();
    assert_eq!((&told["up"], &told["publisher"]["spooled"]), (&false.into(), &5.into()), "{told}");
    assert!(told["subscriber"]["subscribed_seconds"].is_null(), "{told}");
    assert!(told["subscriber"]["why_down"].as_str().is_some_and(|why| !why.is_empty()), "{told}");

    redis.restart();
    wait_until_ready(&server);
    for (name, value) in [
        ("ssecast_redis_up", 1.0),
        ("ssecast_spool_events", 0.0),
        ("ssecast_breaker_state", 0.0),
        ("ssecast_redis_published_total", 5.0),
        ("ssecast_redis_echoes_total", 5.0),
        ("ssecast_gaps_total{reason=\"upstream-lost\"}", 2.0),
    ] {
        wait_for_metric(&server, name, value);
    }
    for stream in &mut streams {
        for n in 0..5 {
            assert_eq!(next_after_gaps(stream).data, tick_data(n));
        }
    }
}

#[test]
fn statistics_tell_of_redis() {
    let redis = Redis::start();
    let server = node("fanout", &redis);
    let mut stream = Stream::open(&server);
    redis.publish(CHANNEL, tick(0).as_bytes());
    stream.next();
    let told = stats(&server);
    assert_eq!(told["mode"], "fanout");
    let told = &told["redis"];
    assert_eq!(told["up"], true, "{told}");
    assert_eq!(told["publisher"]["breaker"], "closed", "{told}");
    for number in [
        &told["round_trip_ms"],
        &told["subscriber"]["lag_ms"],
        &told["subscriber"]["subscribed_seconds"],
        &told["subscriber"]["messages_per_second"],
    ] {
        assert!(number.as_f64().is_some_and(|n| (0.0..20_000.0).contains(&n)), "{number}: {told}");
    }
    assert_eq!(told["subscriber"]["messages"], 1, "{told}");
    let mut n = 1;
    wait_until("a rate of messages", DEADLINE, || {
        redis.publish(CHANNEL, tick(n).as_bytes());
        n += 1;
        let told = stats(&server);
        told["redis"]["subscriber"]["messages_per_second"].as_f64().is_some_and(|rate| rate > 1.0)
    });
    assert!(stats(&node("local", &redis))["redis"].is_null(), "there is none in mode local");
}

#[test]
fn a_redis_that_hangs_is_noticed() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--redis-liveness", "1s").start());
    let mut stream = Stream::open(&server);
    redis.pause();
    wait_until_not_ready(&server);
    assert_eq!(metric(&server, "ssecast_redis_up"), Some(0.0));
    // Not ready comes a little before the connection is given up; only then something may be lost.
    wait_for_metric(&server, "ssecast_redis_reconnects_total", 1.0);
    redis.resume();
    stream.expect_gap("upstream-lost");
    wait_until_ready(&server);
    redis.publish(CHANNEL, tick(1).as_bytes());
    assert_eq!(next_after_gaps(&mut stream).data, tick_data(1));
}

// ---- readiness

/// What `/readyz` says.
fn readiness(server: &Server) -> (u16, bool) {
    let answer = get(server.addr(), "/readyz");
    let names_redis = |key: &str| answer.json()[key] == serde_json::json!(["redis"]);
    match answer.status {
        200 => (200, names_redis("degraded")),
        status => (status, names_redis("components")),
    }
}

/// With Redis it is ready, and without it is what is expected.
fn check(mode: &str, required: bool, without: (u16, bool)) {
    let mut redis = Redis::start();
    let flag = format!("--redis-required-for-ready={required}");
    let server = setup(mode, redis.url()).arg(&flag).start();
    wait_until_ready(&server);
    redis.kill();
    wait_until(&format!("{mode}: {without:?}"), DEADLINE, || readiness(&server) == without);
    if mode != "local" {
        wait_for_metric(&server, "ssecast_redis_up", 0.0);
    }
    redis.restart();
    wait_until_ready(&server);
    assert_eq!(readiness(&server), (200, false));
}

#[test]
fn a_server_that_broadcasts_from_redis_is_not_ready_without_it() {
    check("fanout", true, (503, true));
    check("redis", true, (503, true));
}

#[test]
fn a_server_that_only_publishes_to_redis_is_degraded_without_it() {
    check("dual", true, (200, true));
    check("dry-run", true, (200, true));
}

#[test]
fn a_server_that_does_not_require_redis_is_degraded_without_it() {
    check("fanout", false, (200, true));
    check("redis", false, (200, true));
}

#[test]
fn a_local_server_is_ready_without_redis() {
    check("local", true, (200, false));
}
