//! Clients that stall, vanish, talk nonsense or flood, within the protocol and beside it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::SockRef;

use super::client::{Client, ends};
use super::common::events::{tick, tick_data};
use super::common::secure::{Secure, endless_hello, hello, socket};
use super::common::{DEADLINE, wait_until};

/// It is gone when its stream is to begin, and left a part of the answers before it.
#[test]
fn a_client_that_resets_as_its_stream_begins_is_closed_and_no_more() {
    let secure = Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB"));
    let mut client = Client::cramped(&secure).leaves_answers(&secure);
    // What it asks for and that it is gone come at once.
    secure.server.signal(Signal::STOP);
    client.ask("/events");
    SockRef::from(&client.stream.sock).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(client);
    secure.server.signal(Signal::CONT);
    secure.wait_for_closed("client", 1.0);
    secure.connect().open("/events");
}

#[test]
fn a_diagnosis_behind_answers_that_are_not_taken_is_given_up_as_late() {
    let secure = Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB"));
    let mut client = Client::cramped(&secure).leaves_answers(&secure);
    client.ask("/diagnose");
    secure.wait_for_closed("write-timeout", 1.0);
    assert_eq!(secure.metric("ssecast_transmission_errors_total"), 0.0);
    assert!(secure.connect().open("/diagnose").read_to_end().ends_with(b"\n\n"));
}

#[test]
fn a_handshake_that_stalls_is_given_up_in_time() {
    let secure = Secure::with(|setup| setup.flag("--limits-head-timeout", "400ms"));
    let start = Instant::now();
    let hello = hello(secure.client());
    let [mut silent, mut half, mut whole, mut trickling] = [(); 4].map(|()| socket(secure.server.addr()));
    half.write_all(&hello[..hello.len() / 2]).expect("it is taken");
    whole.write_all(&hello).expect("it is taken");
    for byte in &hello[..40] {
        if trickling.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for socket in [&mut silent, &mut half, &mut whole, &mut trickling] {
        assert!(ends(socket));
    }
    assert!(start.elapsed() < DEADLINE);
    secure.wait_for_closed("tls-timeout", 3.0);
    secure.wait_for_closed("silent", 1.0);
}

/// Records that are not complete are held like requests that are not.
#[test]
fn unfinished_records_count_as_requests_do() {
    const BUDGET: usize = 1 << 20;
    let secure = Secure::with(|setup| {
        setup
            .flag("--limits-parser-bytes", &BUDGET.to_string())
            .flag("--limits-body-bytes", "64 KiB")
            .flag("--limits-event-bytes", "64 KiB")
            .flag("--limits-head-timeout", "60s")
    });
    let held = || secure.metric("ssecast_parser_bytes");
    // In the handshake...
    let half: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut socket = socket(secure.server.addr());
            socket.write_all(&endless_hello()).expect("it is taken");
            socket
        })
        .collect();
    wait_until("all of it is counted", DEADLINE, || held() >= 20.0 * 16_384.0);
    assert!(held() < 24.0 * 16_384.0, "{}", held());
    // ...and after it.
    let mut client = secure.connect();
    client.shake_hands().expect("it is served");
    client.stream.sock.write_all(&[23, 3, 3, 0x40, 0]).expect("it is taken");
    client.stream.sock.write_all(&[7; 16_000]).expect("it is taken");
    wait_until("that is counted, too", DEADLINE, || held() >= 20.0 * 16_384.0 + 16_000.0);
    drop((half, client));
    wait_until("nothing is held", DEADLINE, || held() < 4096.0);

    // More than there is room for: who holds the most goes, and the others are served.
    let mut greedy: Vec<TcpStream> = (0..100).map(|_| socket(secure.server.addr())).collect();
    for socket in &mut greedy {
        let _ = socket.write_all(&endless_hello());
        assert!(held() <= BUDGET as f64);
    }
    wait_until("some of them are closed", DEADLINE, || secure.closed("memory") >= 30.0);
    assert!(held() > BUDGET as f64 / 2.0, "and no more than have to be: {}", held());
    secure.connect().open("/events");
}

/// A stream's client has little to say, and no record that is longer.
#[test]
fn a_stream_holds_no_long_record() {
    let secure = Secure::start();
    let mut client = secure.connect().open("/events");
    client.stream.sock.write_all(&[23, 3, 3, 0x40, 0]).expect("it is taken");
    client.stream.sock.write_all(&[7; 3000]).expect("it is taken");
    secure.publish(&tick(1));
    assert_eq!(client.next(), tick_data(1), "it may still be complete in time");
    let _ = client.stream.sock.write_all(&[7; 8000]);
    secure.wait_for_closed("input", 1.0);
}

#[test]
fn a_client_that_vanishes_or_says_nonsense_is_closed_and_counted() {
    let secure = Secure::start();
    let hello = hello(secure.client());
    let mut vanishing = socket(secure.server.addr());
    vanishing.write_all(&hello).expect("it is taken");
    vanishing.read_exact(&mut [0; 5]).expect("our part of the handshake");
    drop(vanishing);
    secure.wait_for_closed("tls-handshake", 1.0);
    let mut endless = vec![22, 3, 1, 64, 0, 1, 0, 255, 255];
    endless.resize(40_000, 22);
    let nonsense: [&[u8]; 6] = [
        &[0; 100],
        &[255; 100],
        b"\x16\x03\x01\x00\x05hello",
        b"*1\r\n$4\r\nPING\r\n",
        &[21, 3, 3, 0, 2, 2, 40],
        &endless,
    ];
    for bytes in nonsense {
        let mut socket = socket(secure.server.addr());
        let _ = socket.write_all(bytes);
        assert!(ends(&mut socket), "{:?}", &bytes[..5]);
    }
    secure.wait_for_closed("tls-handshake", 1.0 + nonsense.len() as f64);
    secure.connect().shake_hands().expect("others are served");
}

#[test]
fn a_client_may_end_before_it_asks() {
    let secure = Secure::start();
    let mut client = secure.connect();
    client.shake_hands().expect("it is served");
    client.stream.conn.send_close_notify();
    client.stream.flush().expect("it is taken");
    client.read_to_end();
    secure.wait_for_closed("client", 1.0);
}

#[test]
fn floods_of_the_protocol_itself_are_cut_off() {
    let secure = Secure::start();
    // New keys, again and again (RFC 8446 section 4.6.3).
    let mut client = secure.connect().open("/events");
    let mut sent = 0;
    while sent < 10_000 && client.stream.conn.refresh_traffic_keys().is_ok() && client.stream.flush().is_ok()
    {
        sent += 1;
    }
    secure.wait_for_closed("tls-error", 1.0);
    assert!(sent < 10_000);
    // A byte to a record, which is more than a stream's client has to say.
    let mut client = secure.connect().open("/events");
    for _ in 0..20_000 {
        if client.stream.write_all(b"x").and_then(|()| client.stream.flush()).is_err() {
            break;
        }
    }
    secure.wait_for_closed("input", 1.0);
    // What cannot be opened.
    let mut client = secure.connect().open("/events");
    client
        .stream
        .sock
        .write_all(&[23, 3, 3, 0, 20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        .expect("sent");
    secure.wait_for_closed("tls-error", 2.0);
}

#[test]
fn many_handshakes_at_once_stop_nobody() {
    let secure = Secure::start();
    let mut stream = secure.connect().open("/events");
    let config = Arc::new(secure.client());
    let hello = hello(secure.client());
    let mut half: Vec<TcpStream> = (0..300).map(|_| socket(secure.server.addr())).collect();
    for socket in &mut half {
        socket.write_all(&hello).expect("it is taken");
    }
    for n in 0..20 {
        secure.publish(&tick(n));
        assert_eq!(stream.next(), tick_data(n));
    }
    for socket in &mut half {
        socket.read_exact(&mut [0; 5]).expect("each gets its answer");
    }
    drop(half);
    Client::connect(secure.server.addr(), config).open("/events");
}
