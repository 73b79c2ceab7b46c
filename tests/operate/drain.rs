//! SIGTERM and SIGINT: every stream is told, what had begun is finished, and nobody delays the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::common::api::{assert_alive, metric, publish};
use super::common::events::{envelope, tick, tick_data};
use super::common::http::{Conn, compose, get};
use super::common::server::{Server, Setup};
use super::common::sse::Item;
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

/// A publish whose body is not complete: it holds a drain open.
fn half_a_publish(server: &Server, body: &str) -> Conn {
    let mut conn = Conn::open(server.addr());
    let whole = compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes());
    conn.send(&whole[..whole.len() - 5]);
    conn
}

#[test]
fn a_drain_tells_every_stream_when_to_come_back_and_ends_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Setup::new().flag("--server-drain", "1s").start();
        let mut streams: Vec<Stream> = (0..20).map(|_| Stream::open(&server)).collect();
        publish(&server, &tick(1));
        server.signal(signal);
        let mut retries = BTreeSet::new();
        for stream in &mut streams {
            assert_eq!(stream.next().data, tick_data(1));
            let farewell = stream.try_next_item(DEADLINE);
            assert!(matches!(farewell, Ok(Some(Item::Retry(_)))), "{farewell:?} instead of a retry");
            stream.expect_end();
            retries.extend(stream.retry);
        }
        assert!(retries.len() > 1, "all would come back at once: {retries:?}");
        assert_eq!(server.wait_for_exit(DEADLINE), 0);
    }
}

#[test]
fn a_drain_that_falls_behind_still_tells_every_stream() {
    let mut server = Setup::new().flag("--server-drain", "2s").start();
    let mut streams: Vec<Stream> = (0..40).map(|_| Stream::open(&server)).collect();
    for stream in &mut streams {
        while !matches!(stream.next_item(), Item::Comment(_)) {}
        stream.retry = None;
    }
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    // The machine is busy elsewhere for a while: that is the fault here, not a wait for something.
    server.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(600));
    server.signal(Signal::CONT);
    let ends = streams.iter_mut().map(|stream| (stream.rest(), stream.retry));
    let untold = ends.filter(|(_, retry)| retry.is_none()).count();
    assert_eq!(untold, 0, "of 40 streams ended without a retry");
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_drain_of_no_time_still_tells_every_stream() {
    let mut server = Setup::new().flag("--server-drain", "off").start();
    let mut streams: Vec<Stream> = (0..600).map(|_| Stream::open(&server)).collect();
    publish(&server, &tick(1));
    server.signal(Signal::TERM);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
        let farewell = stream.try_next_item(DEADLINE);
        assert!(matches!(farewell, Ok(Some(Item::Retry(_)))), "{farewell:?} instead of a retry");
        stream.expect_end();
    }
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_server_without_clients_drains_at_once() {
    let mut server = Setup::new().flag("--server-drain", "60s").start();
    assert_alive(&server);
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn while_draining_it_is_not_ready_and_takes_no_new_streams() {
    let mut server = Setup::new().flag("--server-drain", "8s").start();
    let mut stream = Stream::open(&server);
    let body = tick(1);
    let mut publisher = half_a_publish(&server, &body);
    let mut streams: Vec<Stream> = (0..30).map(|_| Stream::open(&server)).collect();
    server.signal(Signal::TERM);
    wait_until("it is not ready", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    let response = get(server.addr(), "/readyz");
    assert_eq!(response.status, 503);
    assert!(response.text().contains("draining"), "{}", response.text());
    let mut late = Stream::open(&server);
    late.expect_end();
    assert!(late.retry.is_some_and(|ms| (5_000..=15_000).contains(&ms)), "{:?}", late.retry);
    // A publish that had begun is finished.
    publisher.send(&body.as_bytes()[body.len() - 5..]);
    assert_eq!(publisher.read_response("POST").status, 202);
    stream.rest();
    assert!(stream.retry.is_some());
    for stream in &mut streams {
        stream.rest();
    }
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_publish_that_had_begun_is_finished_where_nothing_else_holds_the_drain_open() {
    let mut server = Server::start();
    let body = tick(1);
    let mut publisher = half_a_publish(&server, &body);
    wait_until("its head was read", DEADLINE, || metric(&server, "ssecast_open_connections") >= Some(2.0));
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || server.log().contains("draining"));
    publisher.send(&body.as_bytes()[body.len() - 5..]);
    assert_eq!(publisher.read_response("POST").status, 202);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn nobody_can_hold_a_drain_open_for_longer_than_it_lasts() {
    let mut server =
        Setup::new().flag("--server-drain", "1s").flag("--stream-buffer-bytes", "16777216").start();
    // A stream that takes nothing, a connection without a request, one between two requests, half a head,
    // and half a body.
    let _stalled = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    for _ in 0..50 {
        publish(&server, &envelope("pad", "1", &format!("\"{}\"", "x".repeat(20_000))));
    }
    let _silent = Conn::open(server.addr());
    let mut idle = Conn::open(server.addr());
    idle.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(idle.read_response("GET").status, 200);
    let mut half_a_head = Conn::open(server.addr());
    half_a_head.send(b"GET /healthz HTTP/1.1\r\n");
    let _half_a_body = half_a_publish(&server, &tick(1));
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_does_not_delay_a_drain() {
    let mut server = Setup::new().flag("--server-drain", "60s").start();
    let mut idle = Conn::open(server.addr());
    idle.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(idle.read_response("GET").status, 200);
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Setup::new().flag("--server-drain", "120s").start();
    let _streams: Vec<Stream> = (0..50).map(|_| Stream::open(&server)).collect();
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    server.signal(Signal::TERM);
    server.wait_for_exit(Duration::from_secs(10));
}
