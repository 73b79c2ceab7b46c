//! Descriptors: none is lost, and running out of them is survived.

use std::time::Duration;

use super::common::api::{assert_idle, clients, is_listed, metric, publish};
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, compose};
use super::common::server::{Server, Setup};
use super::common::stream::{Stream, data_of};
use super::common::{DEADLINE, wait_until};

#[test]
fn descriptors_return_to_where_they_were() {
    let server = Server::start();
    let open = |server: &Server| metric(server, "process_open_fds").expect("a gauge");
    let before = open(&server);
    let streams: Vec<Stream> = (0..100).map(|_| Stream::open(&server)).collect();
    assert!(open(&server) >= before + 100.0);
    drop(streams);
    wait_until("all descriptors are free again", DEADLINE, || open(&server) <= before);
}

/// Opens far more streams than the server can have, then leaves; the server must survive and serve.
fn flood_and_recover(server: &mut Server) {
    let mut served = Stream::open(server);
    let mut flood = Vec::new();
    for _ in 0..200 {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/events", &[], b""));
        flood.push(conn);
    }
    assert!(server.is_running());
    // Those that are served stay served.
    let answered =
        flood.iter_mut().map(|conn| conn.read_some(Duration::from_millis(20))).filter(Result::is_ok).count();
    assert!(answered >= 20, "only {answered} of 200 got an answer");
    drop(flood);
    wait_until("it serves again", DEADLINE, || {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/healthz", &[("Connection", "close")], b""));
        let answer = conn.try_read_response("GET", Duration::from_secs(1));
        matches!(answer, Ok(Some(response)) if response.status == 200)
    });
    wait_until("only one stream is left", DEADLINE, || clients(server).len() == 1);
    let mut fresh = Stream::open(server);
    publish(server, &tick(1));
    assert_eq!(served.next().data, tick_data(1));
    assert_eq!(fresh.next().data, tick_data(1));
    assert!(is_listed(server, fresh.local_addr()));
}

#[test]
fn a_low_descriptor_limit_sheds_and_recovers() {
    let mut server = Setup::new().shell("ulimit -n 128").start();
    flood_and_recover(&mut server);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut server = Setup::new().shell("ulimit -n 128").flag("--limits-connections", "10000").start();
    flood_and_recover(&mut server);
}

/// EMFILE (accept(2)): an edge-triggered listener stays silent after it, even when descriptors are free
/// again, so the server has to come back to it by itself, without spinning until then.
#[test]
fn accepting_without_a_free_descriptor_is_survived() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let open = metric(&server, "process_open_fds").expect("a gauge");
    server.limit_descriptors(Some(open as u64 + 2));
    let mut conns: Vec<Conn> = (0..30).map(|_| Conn::open(server.addr())).collect();
    let ended =
        conns.iter_mut().filter_map(|conn| conn.ends_within(Duration::from_millis(100)).then_some(()));
    assert!(ended.count() >= 20, "who finds no descriptor is told at once");
    assert_idle(&server);

    server.limit_descriptors(None);
    let mut fresh = Stream::open(&server);
    publish(&server, &tick(1));
    for stream in [&mut stream, &mut fresh] {
        assert_eq!(stream.next().data, tick_data(1));
    }
    assert!(metric(&server, "ssecast_connections_closed_total{reason=\"refused\"}") >= Some(20.0));
}

#[test]
fn the_soft_descriptor_limit_is_raised() {
    let server = Setup::new().shell("ulimit -Sn 64").start();
    let mut streams: Vec<Stream> = (0..200).map(|_| Stream::open(&server)).collect();
    publish(&server, &tick(1));
    for stream in &mut streams {
        assert_eq!(data_of(&stream.take(1)), [tick_data(1)]);
    }
}
