//! Thousands of requests that never end, a byte at a time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::api::metric;
use crate::common::http::compose;
use crate::common::server::{Server, Setup};
use crate::common::{DEADLINE, wait_until};
use crate::watch::{Others, Watch, alone, may_open};

const TRICKLING: usize = 5_000;
const OTHERS: usize = 200;
/// Each of them asks so often.
const TIMES: usize = 5;
/// A byte on each connection in this time.
const ROUND: Duration = Duration::from_millis(250);
/// How many times as long as in a calm time the others may wait, at the median.
const PATIENCE: f64 = 40.0;
const MEMORY: usize = 64 << 20;

/// Opens the connections, each with the beginning of a request.
fn open(server: &Server, beginning: &[u8]) -> Vec<TcpStream> {
    let open = || {
        let mut socket = TcpStream::connect_timeout(&server.addr(), DEADLINE).expect("the server accepts");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        socket.write_all(beginning).expect("the server takes it");
        socket
    };
    (0..TRICKLING).map(|_| open()).collect()
}

/// Sends a byte on each, round after round, until `is_over`; those that are closed are left alone.
fn trickle(sockets: &[TcpStream], is_over: &AtomicBool) {
    while !is_over.load(Ordering::Acquire) {
        let start = Instant::now();
        for mut socket in sockets {
            let _ = socket.write(b"a");
        }
        std::thread::sleep(ROUND.saturating_sub(start.elapsed()));
    }
}

fn check(server: &Server, beginning: &[u8], reason: &str) {
    let watch = Watch::begin(server);
    let mut others = Others::connect(server, OTHERS);
    let calm = others.ask(TIMES);
    let sockets = open(server, beginning);
    let is_over = AtomicBool::new(false);
    let under_attack = std::thread::scope(|scope| {
        scope.spawn(|| trickle(&sockets, &is_over));
        let under_attack = others.ask(TIMES);
        let closed = || metric(server, &format!("ssecast_connections_closed_total{{reason=\"{reason}\"}}"));
        watch.holds_at_most(server, MEMORY);
        wait_until("all of them are ended at their deadline", DEADLINE, || {
            closed() == Some(TRICKLING as f64)
        });
        is_over.store(true, Ordering::Release);
        under_attack
    });
    println!(
        "{reason}: others waited {:.1} times as long: {calm:?}, {under_attack:?}",
        under_attack.over(calm)
    );
    assert!(under_attack.over(calm) < PATIENCE, "{calm:?}, and under attack {under_attack:?}");
    for mut socket in sockets.iter().step_by(100) {
        let mut answer = [0; 16];
        let read = socket.read(&mut answer).unwrap_or(0);
        // A reset may have overtaken it, as we never stopped sending.
        assert!(read == 0 || answer.starts_with(b"HTTP/1.1 408"), "{:?}", answer.escape_ascii().to_string());
    }
    drop((sockets, others));
    watch.end(server, MEMORY);
}

#[test]
fn heads_that_trickle_on_5_000_connections_slow_nobody_and_end() {
    let _turn = alone();
    if !may_open(TRICKLING as u64 + 1_000) {
        return;
    }
    let server = Setup::new().flag("--limits-head-timeout", "4s").start();
    check(&server, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", "head-timeout");
}

#[test]
fn bodies_that_trickle_on_5_000_connections_slow_nobody_and_end() {
    let _turn = alone();
    if !may_open(TRICKLING as u64 + 1_000) {
        return;
    }
    let server = Setup::new().flag("--limits-body-timeout", "4s").start();
    let mut beginning = compose("POST", "/publish", &[("Content-Type", "application/json")], &[b' '; 1000]);
    beginning.truncate(beginning.len() - 1000);
    check(&server, &beginning, "body-timeout");
}
