//! The modes: where each publishes, what each broadcasts, and how streams get from one to another.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::common::api::{metric, problem};
use super::common::events::{envelope, tick, tick_data};
use super::common::http::{Conn, Response, compose, request};
use super::common::redis::Redis;
use super::common::server::Server;
use super::common::stream::{Stream, data_of};
use super::common::{DEADLINE, wait_until};
use super::nodes::{
    CHANNEL, ask_mode, assert_round_trip, mode_of, node, send, send_via, set_mode, through, wait_for_metric,
    wait_until_ready,
};

// ---- the table of the contract

/// A row of the table.
struct Row {
    mode: &'static str,
    via: &'static str,
    /// What is published at the server goes to Redis.
    publishes: bool,
    /// Messages from Redis are received.
    receives: bool,
    /// Messages of others are broadcast.
    forwards: bool,
}

/// Publishes at a server of that mode and at a service, and looks who gets what.
fn check(row: &Row) {
    let redis = Redis::start();
    let watcher = redis.subscribe(CHANNEL);
    let (server, other) = (node(row.mode, &redis), node("redis", &redis));
    let (mut here, mut there) = (Stream::open(&server), Stream::open(&other));

    send_via(row.via, &server, &tick(1));
    assert_eq!(here.next().data, tick_data(1));
    let mut on_redis = 0;
    if row.publishes {
        assert_eq!(there.next().data, tick_data(1));
        on_redis += 1;
    }
    redis.publish(CHANNEL, tick(2).as_bytes());
    assert_eq!(there.next().data, tick_data(2));
    send_via("redis", &other, &tick(3));
    assert_eq!(there.next().data, tick_data(3));
    on_redis += 2;
    if row.forwards {
        assert_eq!(data_of(&here.take(2)), [tick_data(2), tick_data(3)]);
    }
    let received = if row.receives { on_redis } else { 0 };
    wait_for_metric(&server, "redis_pubsub_messages_received_total", f64::from(received));
    // What is broadcast next shows that nothing came in between, and nothing twice.
    send_via(row.via, &server, &tick(4));
    assert_eq!(here.next().data, tick_data(4));
    if row.publishes {
        assert_eq!(there.next().data, tick_data(4));
        on_redis += 1;
    }
    let messages = watcher.wait_for(usize::try_from(on_redis).expect("a few"));
    assert_eq!(messages.len(), usize::try_from(on_redis).expect("a few"), "{}: {messages:?}", row.mode);
    assert_eq!(metric(&server, "ssecast_events_published_total"), Some(2.0));
    let published = format!("ssecast_events_published_total{{via=\"{}\"}}", row.via);
    assert_eq!(metric(&server, &published), Some(2.0));
    let taken = if row.publishes { 2.0 } else { 0.0 };
    wait_for_metric(&server, "ssecast_redis_published_total", taken);
    let not_forwarded = if row.receives && !row.forwards { f64::from(on_redis) } else { 0.0 };
    wait_for_metric(&server, "ssecast_redis_not_forwarded_total", not_forwarded);
    let echoes = if row.forwards && row.via == "local" { 2.0 } else { 0.0 };
    wait_for_metric(&server, "ssecast_redis_echoes_total", echoes);
    for server in [&server, &other] {
        assert_eq!(metric(server, "ssecast_gaps_total"), Some(0.0));
        assert_eq!(metric(server, "ssecast_redis_duplicates_total"), Some(0.0));
    }
}

#[test]
fn local_has_nothing_to_do_with_redis() {
    check(&Row { mode: "local", via: "local", publishes: false, receives: false, forwards: false });
}

#[test]
fn dual_publishes_and_receives_nothing() {
    check(&Row { mode: "dual", via: "local", publishes: true, receives: false, forwards: false });
}

#[test]
fn dry_run_receives_and_broadcasts_nothing_of_it() {
    check(&Row { mode: "dry-run", via: "local", publishes: true, receives: true, forwards: false });
}

#[test]
fn fanout_broadcasts_what_others_publish_and_its_own_once() {
    check(&Row { mode: "fanout", via: "local", publishes: true, receives: true, forwards: true });
}

#[test]
fn redis_broadcasts_what_comes_from_redis() {
    check(&Row { mode: "redis", via: "redis", publishes: true, receives: true, forwards: true });
}

#[test]
fn local_connects_to_nothing() {
    let redis = Redis::start();
    let server = node("local", &redis);
    send_via("local", &server, &tick(1));
    assert_eq!(redis.clients(), [""; 0]);
    set_mode(&server, "fanout");
    wait_until_ready(&server);
    assert!(!redis.clients().is_empty());
    set_mode(&server, "local");
    wait_until("it lets go of Redis", DEADLINE, || redis.clients().is_empty());
}

// ---- from mode to mode

/// Publishes ticks one after the other until it is told to stop; how many were accepted.
fn publish_until(stop: &AtomicBool, server: &Server, accepted: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        let n = accepted.load(Ordering::Relaxed);
        send(server, &tick(n));
        accepted.store(n + 1, Ordering::Relaxed);
    }
}

/// What is on its way through Redis when the mode changes is broadcast at once, and said to be a fallback. With
/// one publisher that is one event at each such change at most.
fn assert_few_fallbacks(server: &Server, changes: f64) {
    let fallbacks = metric(server, "ssecast_events_published_total{via=\"fallback\"}");
    assert!(fallbacks.is_some_and(|count| count <= changes), "{fallbacks:?} of {changes}");
}

/// Sets a flag when it is dropped, so that a thread ends also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_stream_gets_every_event_once_on_the_way_to_redis_and_back() {
    let redis = Redis::start();
    let (server, other) = (node("local", &redis), node("redis", &redis));
    let (mut here, mut filtered) = (Stream::open(&server), Stream::open_at(&server, "/events?type=tick"));
    let mut there = Stream::open(&other);
    let (stop, accepted) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        let publisher = threads.spawn(|| publish_until(&stop, &server, &accepted));
        let _stop = StopOnDrop(&stop);
        for mode in ["dual", "dry-run", "fanout", "redis", "fanout", "dry-run", "dual", "local"] {
            let before = accepted.load(Ordering::Relaxed);
            wait_until(&format!("some more events before {mode}"), DEADLINE, || {
                accepted.load(Ordering::Relaxed) >= before + 30 || publisher.is_finished()
            });
            set_mode(&server, mode);
            wait_until_ready(&server);
            assert_eq!(mode_of(&server), mode);
        }
    });
    let count = accepted.load(Ordering::Relaxed);
    let expected: Vec<String> = (0..count).map(tick_data).collect();
    for stream in [&mut here, &mut filtered] {
        // Gaps are events as well here: there must be none.
        assert!(data_of(&stream.take(count)) == expected, "something is missing, doubled or out of order");
    }
    // The other server had those that went to Redis, in order, each once.
    redis.publish(CHANNEL, envelope("end", "end", "\"end\"").as_bytes());
    let events = through(&mut there, "\"end\"");
    let mut rest = expected.iter();
    for event in &events[..events.len() - 1] {
        assert!(rest.any(|data| *data == event.data), "{} is doubled or out of order", event.data);
    }
    assert!(events.len() > 150, "only {} events", events.len());
    assert_few_fallbacks(&server, 1.0);
    assert_eq!(metric(&server, "ssecast_gaps_total"), Some(0.0));
    send_via("local", &server, &tick(count));
    assert_eq!(here.next().data, tick_data(count), "and nothing more than that");
}

#[test]
fn between_fanout_and_redis_nothing_of_anybody_is_lost_or_doubled() {
    let redis = Redis::start();
    let server = node("fanout", &redis);
    let mut stream = Stream::open(&server);
    let (stop, accepted) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut of_service = 0;
    let service = |n: usize| envelope("service", &n.to_string(), &format!("\"s{n}\""));
    std::thread::scope(|threads| {
        let publisher = threads.spawn(|| publish_until(&stop, &server, &accepted));
        let _stop = StopOnDrop(&stop);
        for mode in ["redis", "fanout", "redis", "fanout", "redis", "fanout"] {
            let before = accepted.load(Ordering::Relaxed);
            wait_until(&format!("some more events before {mode}"), DEADLINE, || {
                redis.publish(CHANNEL, service(of_service).as_bytes());
                of_service += 1;
                accepted.load(Ordering::Relaxed) >= before + 30 || publisher.is_finished()
            });
            set_mode(&server, mode);
        }
    });
    let count = accepted.load(Ordering::Relaxed);
    let events = stream.take(count + of_service);
    let (service, http): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event.event == "service");
    let ticks: Vec<String> = (0..count).map(tick_data).collect();
    assert!(data_of(&http) == ticks, "something of HTTP is missing, doubled or out of order");
    let expected: Vec<String> = (0..of_service).map(|n| format!("\"s{n}\"")).collect();
    assert!(data_of(&service) == expected, "something of the service is missing, doubled or out of order");
    assert_few_fallbacks(&server, 3.0);
    assert_eq!(metric(&server, "ssecast_gaps_total"), Some(0.0));
}

#[test]
fn coming_back_to_fanout_is_told_by_a_gap() {
    let redis = Redis::start();
    let server = node("fanout", &redis);
    let mut stream = Stream::open(&server);
    set_mode(&server, "dual");
    set_mode(&server, "fanout");
    stream.expect_gap("upstream-lost");
    wait_until_ready(&server);
    redis.publish(CHANNEL, tick(1).as_bytes());
    assert_eq!(stream.next().data, tick_data(1));
}

// ---- PUT /admin/mode

fn admin(server: &Server, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let headers = [headers, &[("Connection", "close")]].concat();
    request(server.addr(), method, "/admin/mode", &headers, body)
}

#[test]
fn a_mode_is_set_and_the_one_before_is_told() {
    let redis = Redis::start();
    let server = node("local", &redis);
    let answer = ask_mode(&server, "dual");
    assert_eq!((answer.status, answer.json()), (200, json!({ "mode": "dual", "previous": "local" })));
    let answer = ask_mode(&server, "dual");
    assert_eq!((answer.status, answer.json()), (200, json!({ "mode": "dual", "previous": "dual" })));
}

#[test]
fn a_request_for_a_mode_that_is_wrong_changes_nothing() {
    let server = Server::start();
    let json = ("Content-Type", "application/json");
    for body in [r#"{"mode":"turbo"}"#, r#"{"mode":1}"#, "{}", "{\"mode\":", "[]", "\"dual\"", "dual"] {
        let answer = admin(&server, "PUT", &[json], body.as_bytes());
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let told = problem(&answer).to_string();
        assert!(told.contains("dry-run") && !told.contains("turbo"), "{told}");
    }
    assert_eq!(problem(&admin(&server, "PUT", &[json], b""))["status"], 400);
    let body = br#"{"mode":"dual"}"#;
    for headers in [&[("Content-Type", "text/plain")][..], &[], &[json, ("Content-Encoding", "gzip")]] {
        assert_eq!(problem(&admin(&server, "PUT", headers, body))["status"], 415, "{headers:?}");
    }
    for method in ["GET", "HEAD", "POST"] {
        let answer = admin(&server, method, &[json], if method == "POST" { body } else { b"" });
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("PUT, OPTIONS"), "{method}");
    }
    let answer = admin(&server, "OPTIONS", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (204, Some("PUT, OPTIONS")));
    assert_eq!(mode_of(&server), "local");
}

#[test]
fn changes_in_one_piece_leave_the_last_mode_in_force_and_working() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let change = |mode: &str| {
        let json = ("Content-Type", "application/json");
        compose("PUT", "/admin/mode", &[json], format!(r#"{{"mode":"{mode}"}}"#).as_bytes())
    };
    for _ in 0..10 {
        let mut conn = Conn::open(server.addr());
        conn.send(&["local", "redis", "local", "redis"].map(change).concat());
        for _ in 0..4 {
            assert_eq!(conn.read_response("PUT").status, 200);
        }
        wait_until_ready(&server);
        assert_round_trip(&server, &redis);
    }
}

#[test]
fn what_came_through_a_proxy_or_from_a_page_changes_no_mode() {
    let server = Server::start();
    let json = ("Content-Type", "application/json");
    for name in ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "Origin"] {
        let answer = admin(&server, "PUT", &[json, (name, "x")], br#"{"mode":"dual"}"#);
        assert_eq!(problem(&answer)["status"], 403, "{name}");
    }
    assert_eq!(mode_of(&server), "local");
}
