//! Streams and answers over TLS: how they end, resume, and are held to their bounds.

use std::io::Write;
use std::sync::Arc;

use rustix::process::Signal;
use rustls::HandshakeKind;

use super::client::Client;
use super::common::events::{big_tick, tick, tick_data};
use super::common::http::{compose, find, get};
use super::common::secure::{Secure, client_of};
use super::common::server::wait_for_log;
use super::common::{DEADLINE, wait_until};

#[test]
fn a_stream_ends_with_a_word() {
    let mut secure = Secure::with(|setup| setup.flag("--server-drain", "1s"));
    let mut limited = secure.connect().open("/events?limit=2");
    let mut drained = secure.connect().open("/events");
    for n in 0..2 {
        secure.publish(&tick(n));
        assert_eq!(limited.next(), tick_data(n));
    }
    limited.read_to_end();
    secure.server.signal(Signal::TERM);
    let rest = drained.read_to_end();
    assert!(find(&rest, b"retry: ").is_some() && find(&rest, tick_data(1).as_bytes()).is_some());
    assert_eq!(secure.server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn an_answer_ends_with_a_word() {
    let secure = Secure::start();
    let mut client = secure.connect();
    client
        .stream
        .write_all(&compose("GET", "/nothing", &[("Connection", "close")], b""))
        .expect("it is taken");
    let answer = client.read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
    // Two at once are answered in order, and so is one in pieces.
    let mut client = secure.connect();
    client.stream.write_all(&compose("HEAD", "/events", &[], b"")).expect("it is taken");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    let mut client = secure.connect();
    for byte in compose("GET", "/nothing", &[("Connection", "close")], b"") {
        client.stream.write_all(&[byte]).expect("it is taken");
        client.stream.flush().expect("it is taken");
    }
    assert!(client.read_to_end().starts_with(b"HTTP/1.1 404"));
}

#[test]
fn who_comes_back_is_known_again() {
    let secure = Secure::start();
    for (version, resumed) in [(&rustls::version::TLS13, 1.0), (&rustls::version::TLS12, 2.0)] {
        let config = Arc::new(client_of(&secure.certificates, &[version]));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::connect(secure.server.addr(), Arc::clone(&config)).open("/events");
            assert_eq!(client.stream.conn.handshake_kind(), Some(kind), "{version:?}");
            // The ticket comes with the first bytes, or before.
            client.stream.conn.send_close_notify();
            let _ = client.stream.flush();
        }
        assert_eq!(secure.metric("ssecast_tls_handshakes_total{kind=\"resumed\"}"), resumed);
    }
}

/// One that does not read is closed and named, and holds little; one that reads again gets every byte in order.
#[test]
fn a_slow_client_is_held_to_its_bound_and_one_that_reads_again_gets_everything() {
    let secure = Secure::with(|setup| {
        setup.flag("--stream-buffer-bytes", "1MiB").flag("--stream-sndbuf-bytes", "16KiB")
    });
    let mut late = secure.connect().open("/events");
    let stalled = secure.connect().open("/events");
    for n in 0..12 {
        secure.publish(&big_tick(n, 50_000));
    }
    // It is blocked, with a part of a record waiting.
    wait_until("clients lag", DEADLINE, || {
        get(secure.admin, "/clients").text().matches("\"blocked\":true").count() == 2
    });
    for n in 0..12 {
        assert!(late.next().starts_with(&format!("{{\"n\":{n},")), "{n}");
    }
    for n in 12..60 {
        secure.publish(&big_tick(n, 50_000));
        assert!(late.next().starts_with(&format!("{{\"n\":{n},")), "{n}");
    }
    secure.wait_for_closed("overrun", 1.0);
    drop(stalled);
}

#[test]
fn a_client_that_takes_nothing_for_long_is_closed() {
    let secure = Secure::with(|setup| {
        setup.flag("--stream-stall-timeout", "300ms").flag("--stream-sndbuf-bytes", "16KiB")
    });
    let _stalled = secure.connect().open("/events");
    // More than the sockets hold.
    for n in 0..200 {
        secure.publish(&big_tick(n, 50_000));
        if secure.closed("stalled") + secure.closed("overrun") > 0.0 {
            return;
        }
    }
    wait_until("it is closed", DEADLINE, || secure.closed("stalled") + secure.closed("overrun") == 1.0);
}

/// The last bytes of a stream that is over may still be with the server when it is told to end.
#[test]
fn a_server_that_ends_gives_the_last_bytes_first() {
    let mut secure =
        Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB").flag("--server-drain", "5s"));
    let mut over = Vec::new();
    // Until one is too long to be taken, those before it were taken in part.
    for kib in (4..).step_by(4) {
        let client = Client::cramped(&secure).open("/events?limit=1");
        secure.publish(&big_tick(kib, kib * 1024));
        let is_blocked = || get(secure.admin, "/clients").text().contains("\"blocked\":true");
        wait_until("it is sent", DEADLINE, || {
            secure.closed("limit") == (over.len() + 1) as f64 || is_blocked()
        });
        if is_blocked() {
            break;
        }
        over.push((kib, client));
    }
    wait_until("the one that was blocked is gone", DEADLINE, || {
        get(secure.admin, "/clients").text().contains("\"total\":0")
    });
    secure.server.signal(Signal::TERM);
    wait_for_log(&secure.server, 0, "draining");
    for (kib, client) in over.iter_mut().rev() {
        assert!(client.next().starts_with(&format!("{{\"n\":{kib},")));
        client.read_to_end();
    }
    assert_eq!(secure.server.wait_for_exit(DEADLINE), 0);
}
