//! Clients that leave, break off, or say what a stream does not take.

use super::common::api::{assert_alive, clients, is_listed, metric, publish};
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, compose, find};
use super::common::server::{Server, Setup};
use super::common::stream::{Stream, data_of};
use super::common::{DEADLINE, wait_until};

#[test]
fn a_half_closed_client_is_gone() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let address = stream.local_addr();
    assert!(is_listed(&server, address));
    stream.conn().half_close();
    stream.expect_end();
    wait_until("it is no longer listed", DEADLINE, || !is_listed(&server, address));
}

#[test]
fn a_client_that_leaves_is_gone() {
    let server = Server::start();
    let streams: Vec<Stream> = (0..20).map(|_| Stream::open(&server)).collect();
    assert_eq!(clients(&server).len(), 20);
    drop(streams);
    wait_until("none is listed", DEADLINE, || clients(&server).is_empty());
    assert_alive(&server);
}

#[test]
fn clients_that_reset_their_connections_all_at_once_are_gone() {
    let server = Server::start();
    let mut steady = Stream::open(&server);
    let mut streams: Vec<Stream> = (0..200).map(|_| Stream::open(&server)).collect();
    for stream in &mut streams {
        stream.conn().reset_on_drop();
    }
    publish(&server, &tick(0));
    drop(streams);
    publish(&server, &tick(1));
    wait_until("only one is listed", DEADLINE, || clients(&server).len() == 1);
    assert_eq!(data_of(&steady.take(2)), [tick_data(0), tick_data(1)]);
}

#[test]
fn a_stream_asked_for_on_a_connection_that_is_broken_is_never_opened() {
    // A sweep over so many streams with so many heartbeats takes more than one turn of the loop: what a turn
    // opens is not sent to in the same turn.
    let server = Setup::new().flag("--stream-heartbeat", "10ms").start();
    let streams: Vec<Stream> = (0..600).map(|_| Stream::open(&server)).collect();
    // The socket is found broken after the sixteenth answer, when the stream's turn comes.
    let requests =
        [compose("OPTIONS", "*", &[], b"").repeat(16), compose("GET", "/events", &[], b"")].concat();
    for _ in 0..3000 {
        let mut conn = Conn::open(server.addr());
        conn.reset_on_drop();
        conn.send(&requests);
    }
    let open = streams.len() as f64;
    let active = || metric(&server, "ssecast_active_connections");
    wait_until("only the steady ones are open", DEADLINE, || active() == Some(open));
    let closed = metric(&server, "ssecast_connections_closed_total").unwrap_or_default();
    let connections = metric(&server, "ssecast_open_connections").unwrap_or_default();
    assert!(connections <= open + 2.0 && closed >= 3000.0, "{connections} open, {closed} closed");
    drop(streams);
}

#[test]
fn input_after_the_head_is_never_a_request_and_closes_when_it_is_too_much() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    stream.conn().send(&compose(
        "POST",
        "/publish",
        &[("Content-Type", "application/json")],
        tick(1).as_bytes(),
    ));
    stream.conn().send(&compose("GET", "/healthz", &[], b""));
    publish(&server, &tick(2));
    assert_eq!(stream.next().data, tick_data(2));
    stream.conn().send(&[b'x'; 5000]);
    stream.expect_end();

    // The same when it comes in one packet with the head.
    let mut conn = Conn::open(server.addr());
    conn.send(&[compose("GET", "/events", &[], b""), compose("GET", "/healthz", &[], b"")].concat());
    assert_eq!(conn.read_head().map(|head| head.status), Some(200));
    publish(&server, &tick(3));
    let mut bytes = Vec::new();
    while find(&bytes, b"\n\n").is_none() || !bytes.ends_with(b"{\"n\":3}\n\n") {
        bytes.extend(conn.read_some(DEADLINE).expect("the event"));
    }
    assert!(find(&bytes, b"HTTP/1.1").is_none(), "{:?}", String::from_utf8_lossy(&bytes));
}
