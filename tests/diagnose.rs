//! `GET /diagnose` over real sockets: probes come when they say, whole, few at once, and cost little.

mod common;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use common::api::{metric, problem};
use common::http::{Conn, compose, get, request};
use common::server::{Server, Setup};
use common::sse::{Item, Parser};
use common::stream::Stream;
use common::{DEADLINE, wait_until};

const TARGET: &str = "/diagnose";

/// Connections that are open, the one that asks not counted.
fn open_connections(server: &Server) -> u64 {
    get(server.addr(), "/stats").json()["connections"]["open"].as_u64().expect("a number") - 1
}

fn data(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn fnv1a(bytes: &[u8]) -> String {
    let sum =
        bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("{sum:08x}")
}

#[test]
fn probes_come_when_they_say_and_the_end_tells_what_was_sent() {
    let server = Server::start();
    let started = Instant::now();
    let mut stream = Stream::open_at(&server, TARGET);
    assert_eq!(stream.head.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(stream.head.header("x-accel-buffering"), Some("no"));
    let facts = stream.next();
    assert_eq!(facts.event, "facts");
    let expected = json!({
        "probes": 10, "interval_ms": 200, "address": "127.0.0.1", "http": "1.1", "forwarded": false,
        "last_event_id": false,
    });
    assert_eq!(data(&facts.data), expected);
    for n in 1..=10_u64 {
        let probe = stream.next();
        let came = started.elapsed();
        assert_eq!(probe.event, "probe");
        let probe = data(&probe.data);
        assert_eq!((&probe["probe"], &probe["of"]), (&json!(n), &json!(10)));
        let sent = Duration::from_millis(probe["sent_ms"].as_u64().expect("a number"));
        assert!(sent >= Duration::from_millis(200 * (n - 1)), "{probe}");
        assert!(came >= sent, "{probe} came after {came:?}");
    }
    let end = stream.next();
    assert_eq!(end.event, "end");
    stream.expect_end();
    let raw = &stream.raw;
    let before = common::http::find(raw, b"event: end\n").expect("the end has a frame");
    assert_eq!(data(&end.data), json!({ "bytes": before, "fnv1a": fnv1a(&raw[..before]) }));
    assert!(raw.starts_with(b": What lies between"), "it begins with words for people");
}

#[test]
fn it_is_less_than_a_hundred_times_the_request() {
    let server = Server::start();
    for request in ["GET /diagnose HTTP/1.0\r\n\r\n", "GET /diagnose HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut conn = Conn::open(server.addr());
        conn.send(request.as_bytes());
        let bytes = conn.read_to_end();
        assert!(bytes.ends_with(b"}\n\n"), "it was cut");
        assert!(bytes.len() < 100 * request.len(), "{} bytes for {}", bytes.len(), request.len());
        let version = if request.contains("1.0") { "1.0" } else { "1.1" };
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.contains(&format!(r#""http":"{version}""#)), "{text}");
    }
}

#[test]
fn the_server_tells_what_it_sees_and_repeats_nothing() {
    let server = Server::start();
    let headers =
        [("Last-Event-ID", "hostile-id"), ("X-Forwarded-For", "203.0.113.9"), ("Via", "1.1 hostile")];
    let mut stream = Stream::open_with(server.addr(), "/diagnose?q=hostile", &headers);
    let facts = data(&stream.next().data);
    assert_eq!((&facts["forwarded"], &facts["last_event_id"]), (&json!(true), &json!(true)), "{facts}");
    while stream.next().event != "end" {}
    let text = String::from_utf8_lossy(&stream.raw);
    assert!(!text.contains("hostile"), "{text}");
}

#[test]
fn only_so_many_run_at_once_and_whoever_goes_makes_room() {
    let server = Setup::new().flag("--limits-diagnoses", "2").start();
    let first = Stream::open_at(&server, TARGET);
    let mut second = Stream::open_at(&server, TARGET);
    let refused = get(server.addr(), TARGET);
    assert_eq!(refused.status, 503);
    problem(&refused);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(metric(&server, "ssecast_shed_total"), Some(1.0));
    drop(first);
    wait_until("there is room again", Duration::from_secs(1), || get_status(&server) == 200);
    while second.next().event != "end" {}
    second.expect_end();
    wait_until("all connections are closed", DEADLINE, || open_connections(&server) == 0);
    assert_eq!(get(server.addr(), "/stats").json()["connections"]["streams"], 0, "a diagnosis is no stream");
}

/// The status of a diagnosis that is let go at once.
fn get_status(server: &Server) -> u16 {
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("GET", TARGET, &[], b""));
    conn.read_head().expect("an answer").status
}

#[test]
fn whoever_goes_on_sending_is_closed() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    conn.send(&[compose("GET", TARGET, &[], b""), vec![b'x'; 5000]].concat());
    let started = Instant::now();
    conn.read_to_end();
    assert!(started.elapsed() < Duration::from_millis(1800), "it was served to its end");
    let mut later = Conn::open(server.addr());
    later.send(&compose("GET", TARGET, &[], b""));
    later.read_head().expect("an answer");
    later.send(&[b'x'; 5000]);
    wait_until("both are closed", DEADLINE, || open_connections(&server) == 0);
}

#[test]
fn head_gets_the_head_and_other_methods_are_told_which_there_are() {
    let server = Server::start();
    let head = request(server.addr(), "HEAD", TARGET, &[], b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let post = request(server.addr(), "POST", TARGET, &[("Content-Type", "application/json")], b"{}");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn a_drain_lets_it_come_to_its_end() {
    let mut server = Server::start();
    let mut stream = Stream::open_at(&server, TARGET);
    assert_eq!(stream.next().event, "facts");
    server.signal(Signal::TERM);
    while stream.next().event != "end" {}
    stream.expect_end();
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_diagnosis_that_shares_a_connection_comes_after_the_answers_before_it() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    conn.send(&[compose("GET", "/healthz", &[], b""), compose("GET", TARGET, &[], b"")].concat());
    assert_eq!(conn.read_response("GET").json()["status"], "ok");
    assert_eq!(conn.read_head().expect("an answer").status, 200);
    let items = Parser::parse(&conn.read_to_end());
    let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count();
    assert_eq!(events, 12);
}

#[test]
fn recent_says_what_the_stream_does_not() {
    let server = Server::start();
    let ids: Vec<String> = (0..3)
        .map(|n| {
            let envelope = json!({
                "eventType": "tick", "id": format!("entity-{n}"), "traceId": format!("trace-{n}"), "payload": n,
                "ts": "2026-01-02T03:04:05.678Z",
            });
            common::api::publish(&server, &envelope.to_string())
        })
        .collect();
    let of_tenant = r#"{"eventType":"tick","id":"hidden","payload":1,"tenant":"acme"}"#;
    common::api::publish(&server, of_tenant);

    let all = get(server.addr(), "/recent").json();
    let event = |n: usize| {
        json!({
            "id": ids[n], "event": "tick", "entity": format!("entity-{n}"), "trace_id": format!("trace-{n}"),
            "ts": "2026-01-02T03:04:05.678Z",
        })
    };
    assert_eq!(all["events"], json!([event(0), event(1), event(2)]));
    assert!(all["now"].as_str().is_some_and(|now| now.ends_with('Z')), "{all}");
    let seq = common::stream::id_parts(&ids[1]).1;
    assert_eq!(get(server.addr(), &format!("/recent?after={seq}")).json()["events"], json!([event(2)]));
    assert_eq!(get(server.addr(), &format!("/recent?after={}", seq + 1)).json()["events"], json!([]));
    for bad in ["x", "-1", "", "1.5"] {
        problem(&get(server.addr(), &format!("/recent?after={bad}")));
    }
}
