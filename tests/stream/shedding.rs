//! Streams that find no place, and are told when to come back.

use super::common::api::post;
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, compose, get};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

/// A stream request that is shed: its reconnection time.
fn shed(server: &Server, conn: Conn) -> u64 {
    let mut stream = Stream::open_on(conn, "/events?lastEventId=earliest", &[]);
    stream.expect_end();
    let retry = stream.retry.unwrap_or_else(|| panic!("no retry; {}", server.log()));
    assert!((5_000..=15_000).contains(&retry), "{retry}");
    retry
}

#[test]
fn at_the_connection_cap_streams_are_told_to_come_back() {
    let server = Setup::new().flag("--limits-connections", "3").start();
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(&server)).collect();
    let mut retries: Vec<u64> = (0..12).map(|_| shed(&server, Conn::open(server.addr()))).collect();
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 1, "all would come back at once: {retries:?}");
    let health = get(server.addr(), "/healthz");
    assert!(matches!(health.status, 200 | 503), "{}", health.status);
    if health.status == 503 {
        assert!(health.header("retry-after").is_some_and(|s| s.parse::<u32>().is_ok()));
    }
    streams.pop();
    wait_until("a place is free", DEADLINE, || post(server.addr(), tick(1).as_bytes()).status == 202);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

#[test]
fn at_the_cap_of_an_address_only_that_address_is_shed() {
    let server = Setup::new().flag("--limits-connections-per-ip", "2").start();
    let mut streams: Vec<Stream> = (0..2).map(|_| Stream::open(&server)).collect();
    shed(&server, Conn::open(server.addr()));
    let elsewhere = |last: u8| Conn::open_special(server.addr(), Some([127, 0, 0, last]), None);
    streams.push(Stream::open_on(elsewhere(2), "/events", &[]));
    let mut publisher = elsewhere(3);
    publisher.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], tick(1).as_bytes()));
    assert_eq!(publisher.read_response("POST").status, 202);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

#[test]
fn shed_clients_of_another_origin_may_read_when_to_come_back() {
    // Without the CORS headers a browser would take it for a failure and never come back.
    let server = Setup::new()
        .config("[cors]\norigins = [\"https://a.example\"]\n[limits]\nconnections_per_ip = 1\n")
        .start();
    let _one = Stream::open(&server);
    let mut shed = Stream::open_with(server.addr(), "/events", &[("Origin", "https://a.example")]);
    assert_eq!(shed.head.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(shed.head.header("access-control-allow-credentials"), Some("true"));
    shed.expect_end();
    assert!(shed.retry.is_some());
}
