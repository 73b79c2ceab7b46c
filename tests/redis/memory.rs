//! What is published takes bounded memory until it has arrived, whoever published it and whether or not that one is
//! still there.

use super::common::api::{metric, post, problem};
use super::common::events::{big_tick, envelope, tick};
use super::common::http::{Conn, compose};
use super::common::redis::Redis;
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};
use super::nodes::{ready, send_via};

const HELD: &str = "ssecast_publish_bytes";
const REFUSED: &str = "ssecast_limited_total{limit=\"publish_bytes\"}";
const MIB: f64 = 1024.0 * 1024.0;

fn reading(server: &Server, name: &str) -> f64 {
    metric(server, name).expect("the metric")
}

/// A server that takes little at once, and does not give Redis up.
fn start(redis: &Redis) -> Server {
    let setup = Setup::new()
        .flag("--mode", "redis")
        .flag("--redis-url", redis.url())
        .flag("--limits-publish-bytes", "2 MiB")
        .flag("--redis-publish-timeout", "60s")
        .flag("--redis-liveness", "60s")
        .flag("--redis-spool-events", "16")
        .flag("--stream-buffer-bytes", "8 MiB");
    ready(setup.start())
}

/// Sends a body and is gone, without waiting for an answer.
fn publish_and_reset(server: &Server, body: &str) {
    let mut conn = Conn::open(server.addr());
    conn.reset_on_drop();
    conn.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes()));
    // It was read when the server has an answer, or has none yet; a reset that overtook it would take it away.
    let _ = conn.read_some(std::time::Duration::from_millis(20));
}

#[test]
fn a_publisher_that_sends_and_resets_while_redis_is_slow_cannot_fill_the_memory() {
    let redis = Redis::start();
    let server = start(&redis);
    let mut stream = Stream::open(&server);
    redis.pause();
    let resident = || reading(&server, "process_resident_memory_bytes");
    let before = resident();
    for n in 0..200 {
        publish_and_reset(&server, &big_tick(n, 200_000));
    }
    assert!(reading(&server, REFUSED) > 100.0, "{} were refused", reading(&server, REFUSED));
    assert!((1.0 * MIB..=2.0 * MIB).contains(&reading(&server, HELD)), "{} are held", reading(&server, HELD));
    let grown = resident() - before;
    assert!(grown < 20.0 * MIB, "{} MiB of 40 MiB that were sent", grown / MIB);

    let refused = post(server.addr(), big_tick(1000, 200_000).as_bytes());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    let detail = problem(&refused)["detail"].to_string();
    assert!(detail.contains("limits.publish_bytes"), "{detail}");

    // What was taken arrives, what was refused does not, and then all is as before.
    redis.resume();
    wait_until("all of it arrived", DEADLINE, || reading(&server, HELD) == 0.0);
    send_via("redis", &server, &tick(2000));
    let accepted = reading(&server, "ssecast_events_published_total") as usize;
    assert!((4..30).contains(&accepted), "{accepted}");
    let mut last = String::new();
    for _ in 0..accepted {
        last = stream.next().data;
    }
    assert!(last.contains("2000"), "each that was accepted is shown once: {last}");
}

#[test]
fn many_small_events_with_topics_count_with_all_that_they_take() {
    let redis = Redis::start();
    let server = start(&redis);
    redis.pause();
    let topics: Vec<String> = (0..16).map(|n| format!("\"{}{n}\"", "t".repeat(250))).collect();
    let event = |n: usize| {
        let plain = envelope("x", &n.to_string(), "1");
        format!("{},\"topics\":[{}]}}", plain.trim_end_matches('}'), topics.join(","))
    };
    let mut n = 0;
    while reading(&server, REFUSED) == 0.0 {
        n += 50;
        assert!(n < 1000, "{} bytes are held of {n} events", reading(&server, HELD));
        let batch: Vec<String> = (n..n + 50).map(event).collect();
        publish_and_reset(&server, &format!("[{}]", batch.join(",")));
    }
    assert!(n >= 100, "each takes some 10 KiB: the envelope, and its topics once more");
    redis.resume();
    wait_until("all of it arrived", DEADLINE, || reading(&server, HELD) == 0.0);
}
