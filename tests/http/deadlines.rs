//! Heads and bodies that come too slowly, or never.

use std::time::{Duration, Instant};

use super::case::publish_framed;
use super::common::DEADLINE;
use super::common::api::assert_alive;
use super::common::http::{Conn, TimedOut, compose};
use super::common::server::{Server, Setup};

#[test]
fn a_head_that_trickles_is_ended_at_a_total_deadline() {
    let server = Setup::new().flag("--limits-head-timeout", "700ms").start();
    let mut conn = Conn::open(server.addr());
    let start = Instant::now();
    let mut bytes = b"GET /healthz HTTP/1.1\r\nX-Slow: ".to_vec();
    bytes.resize(2000, b'a');
    let mut bytes = bytes.chunks(1);
    let response = loop {
        conn.send(bytes.next().expect("the deadline comes before the last byte"));
        match conn.try_read_response("GET", Duration::from_millis(50)) {
            Err(TimedOut) => assert!(start.elapsed() < DEADLINE, "no answer"),
            Ok(response) => break response.expect("a 408, not a silent end"),
        }
    };
    assert_eq!(response.status, 408);
    assert!(response.says_close());
    assert!(start.elapsed() >= Duration::from_millis(650), "{:?}", start.elapsed());
    assert!(conn.ends_within(DEADLINE));
    assert_alive(&server);
}

#[test]
fn a_body_that_does_not_come_is_ended_at_its_deadline() {
    let server = Setup::new().flag("--limits-body-timeout", "700ms").start();
    for framing in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut conn = Conn::open(server.addr());
        let start = Instant::now();
        conn.send(&publish_framed(framing, "1"));
        let response = conn.read_response("POST");
        assert_eq!(response.status, 408);
        assert!(start.elapsed() >= Duration::from_millis(650), "{:?}", start.elapsed());
        assert!(conn.ends_within(DEADLINE));
    }
    assert_alive(&server);
}

#[test]
fn a_body_slower_than_a_kibibyte_a_second_is_ended_early() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    let start = Instant::now();
    conn.send(&publish_framed("Content-Length: 100000\r\n", "{"));
    let response = loop {
        conn.send(b"          ");
        match conn.try_read_response("POST", Duration::from_millis(100)) {
            Err(TimedOut) => {}
            Ok(response) => break response.expect("a 408, not a silent end"),
        }
        assert!(start.elapsed() < Duration::from_secs(25), "not ended before the 30 s of every body");
    };
    assert_eq!(response.status, 408);
    assert!(conn.ends_within(DEADLINE));
}

#[test]
fn a_silent_connection_is_closed_silently() {
    let server =
        Setup::new().flag("--limits-head-timeout", "500ms").flag("--limits-keepalive", "500ms").start();
    let mut fresh = Conn::open(server.addr());
    assert!(fresh.read_to_end().is_empty());
    let mut used = Conn::open(server.addr());
    used.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(used.read_response("GET").status, 200);
    assert!(used.read_to_end().is_empty());
}
