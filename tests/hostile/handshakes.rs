//! Thousands of TLS handshakes that stall half-way, at each place where one can.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::common::http::{compose, find};
use crate::common::secure::{Secure, endless_hello, hello, socket};
use crate::common::{DEADLINE, wait_until};
use crate::watch::{Others, Polite, Watch, alone, may_open};

const STALLED: usize = 5_000;
const OTHERS: usize = 100;
/// Each of them asks so often.
const TIMES: usize = 5;
/// How many times as long as in a calm time the others may wait, at the median.
const PATIENCE: f64 = 40.0;
/// What a session takes while keys are agreed on, as `ssecast check` counts it, and beside it what a connection does
/// that carries a request.
const SESSION_BYTES: usize = 9 * 1024;
/// The room for what came of handshakes and is not complete.
const BUDGET: usize = 16 << 20;
/// What the allocator keeps, and the tables of connections.
const SLACK: usize = 16 << 20;

/// A client that has agreed on keys.
struct Sealed(StreamOwned<ClientConnection, TcpStream>);

impl Sealed {
    fn connect(secure: &Secure, config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::clone(config), name).expect("a client");
        let mut stream = StreamOwned::new(client, socket(secure.server.addr()));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).expect("it is served");
        }
        Self(stream)
    }
}

impl Polite for Sealed {
    fn ask(&mut self) -> bool {
        self.0.write_all(&compose("GET", "/nothing", &[], b"")).expect("it is taken");
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.0.read(&mut chunk).expect("an answer");
            answer.extend_from_slice(&chunk[..read]);
            let Some(end) = find(&answer, b"\r\n\r\n") else {
                assert!(read > 0, "the server ended it");
                continue;
            };
            let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if answer.len() >= end + 4 + length.unwrap_or(0) {
                return head.starts_with("http/1.1 404");
            }
        }
    }
}

/// Opens the connections, with these bytes in turn.
fn stall(secure: &Secure, beginnings: &[Vec<u8>]) -> Vec<TcpStream> {
    let open = |n: usize| {
        let mut socket = socket(secure.server.addr());
        // It may be closed for what others hold.
        let _ = socket.write_all(&beginnings[n % beginnings.len()]);
        socket
    };
    (0..STALLED).map(open).collect()
}

/// Has the handshakes stall while others ask; gives back how many were closed for the memory that they held.
fn check(beginnings: impl FnOnce(&[u8]) -> Vec<Vec<u8>>) -> f64 {
    let secure = Secure::with(|setup| {
        setup
            .flag("--limits-head-timeout", "6s")
            .flag("--limits-parser-bytes", &BUDGET.to_string())
            .flag("--limits-admin-connections", "1000")
    });
    let config = Arc::new(secure.client());
    let beginnings = beginnings(&hello(secure.client()));
    // What the first client of TLS makes the server allocate is no cost of the attack.
    drop(Sealed::connect(&secure, &config));
    let watch = Watch::begin_at(&secure.server, secure.admin);
    let mut plain = Others::connect_to(secure.admin, OTHERS);
    let mut sealed = Others::of((0..OTHERS).map(|_| Sealed::connect(&secure, &config)).collect());
    let calm = (plain.ask(TIMES), sealed.ask(TIMES));

    let sockets = stall(&secure, &beginnings);
    let under_attack = (plain.ask(TIMES), sealed.ask(TIMES));
    let start = Instant::now();
    Sealed::connect(&secure, &config);
    let newcomer = start.elapsed();
    let held = secure.metric("ssecast_parser_bytes");
    assert!(held <= BUDGET as f64, "{held} bytes are held");
    let most = STALLED * SESSION_BYTES + BUDGET + SLACK;
    watch.holds_at_most(&secure.server, most);
    let over = (under_attack.0.over(calm.0), under_attack.1.over(calm.1));
    println!("others waited {over:.1?} times as long: {calm:?}, {under_attack:?}; a newcomer {newcomer:?}");
    assert!(over.0 < PATIENCE && over.1 < PATIENCE, "{calm:?}, and under attack {under_attack:?}");
    assert!(newcomer < Duration::from_secs(5), "{newcomer:?}");

    let ended = || secure.closed("tls-timeout") + secure.closed("memory");
    wait_until("all of them are ended at their deadline", DEADLINE, || ended() == STALLED as f64);
    for mut socket in sockets.iter().step_by(100) {
        let mut chunk = [0; 16 * 1024];
        while socket.read(&mut chunk).is_ok_and(|read| read > 0) {}
    }
    let shed = secure.closed("memory");
    drop((sockets, plain, sealed));
    watch.end(&secure.server, most);
    shed
}

#[test]
fn handshakes_that_stall_on_5_000_connections_slow_nobody_and_end() {
    let _turn = alone();
    if !may_open(STALLED as u64 + 1_000) {
        return;
    }
    let shed = check(|hello| vec![hello[..3].to_vec(), hello[..hello.len() / 2].to_vec(), hello.to_vec()]);
    assert_eq!(shed, 0.0, "they hold little");
}

#[test]
fn the_longest_hellos_on_5_000_connections_take_no_more_memory_than_requests_may() {
    let _turn = alone();
    if !may_open(STALLED as u64 + 1_000) {
        return;
    }
    let shed = check(|_| vec![endless_hello()]);
    assert!(shed > 3_000.0, "{shed}: they are 80 MiB, and there is room for 16");
}
