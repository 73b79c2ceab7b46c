//! One client that asks for more than its share without waiting for an answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::http::{Conn, compose, find};
use crate::common::server::Server;
use crate::watch::{Others, Watch, alone};

const REQUESTS: usize = 100_000;
/// Requests of one write.
const AT_ONCE: usize = 500;
const OTHERS: usize = 100;
const TIMES: usize = 5;
/// How many times as long as in a calm time the others may wait, at the median.
const PATIENCE: f64 = 40.0;
const MEMORY: usize = 16 << 20;

#[test]
fn a_hundred_thousand_pipelined_requests_are_all_answered_and_slow_nobody() {
    let _turn = alone();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut others = Others::connect(&server, OTHERS);
    let calm = others.ask(TIMES);
    let mut client = TcpStream::connect_timeout(&server.addr(), DEADLINE).expect("the server accepts");
    let under_attack = std::thread::scope(|scope| {
        let mut writer = client.try_clone().expect("a second handle");
        scope.spawn(move || {
            let requests = compose("GET", "/healthz", &[], b"").repeat(AT_ONCE);
            for _ in 0..REQUESTS / AT_ONCE {
                writer.write_all(&requests).expect("the server takes all of them");
            }
        });
        let reader = scope.spawn(|| count_answers(&mut client));
        let under_attack = others.ask(TIMES);
        assert!(!reader.is_finished(), "the others asked when it was over");
        watch.holds_at_most(&server, MEMORY);
        assert_eq!(reader.join().expect("it does not panic"), REQUESTS);
        under_attack
    });
    println!("others waited {:.1} times as long: {calm:?}, {under_attack:?}", under_attack.over(calm));
    assert!(under_attack.over(calm) < PATIENCE, "{calm:?}, and under attack {under_attack:?}");
    drop((client, others));
    watch.end(&server, MEMORY);
}

/// Reads answers that are all the same; gives how many were good.
fn count_answers(client: &mut TcpStream) -> usize {
    client.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
    let (mut count, mut unread, mut chunk) = (0, Vec::new(), vec![0; 256 << 10]);
    while count < REQUESTS {
        let read = client.read(&mut chunk).expect("answers come");
        assert!(read > 0, "closed after {count} answers");
        unread.extend_from_slice(&chunk[..read]);
        let mut at = 0;
        // An answer is whole when the next one begins, or the last one when nothing is left to read.
        while let Some(end) = find(&unread[at..], b"{\"status\":\"ok\"}") {
            assert!(unread[at..].starts_with(b"HTTP/1.1 200 OK\r\n"), "answer {count}");
            at += end + b"{\"status\":\"ok\"}".len();
            count += 1;
        }
        unread.drain(..at);
    }
    assert!(unread.is_empty());
    count
}

#[test]
fn a_client_that_pipelines_and_never_reads_is_read_no_further() {
    let _turn = alone();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut client = Conn::open_special(server.addr(), None, Some(4096));
    let (request, mut sent) = (compose("GET", "/metrics", &[], b"").repeat(AT_ONCE), 0);
    // It is stopped by the sockets' buffers, and not by a limit of its own.
    let socket = client.socket();
    socket.set_write_timeout(Some(Duration::from_millis(500))).expect("SO_SNDTIMEO");
    while let Ok(taken) = (&*socket).write(&request) {
        sent += taken;
        assert!(sent < 64 << 20, "{sent} bytes of requests were taken from a client that reads no answer");
    }
    watch.holds_at_most(&server, MEMORY);
    let mut others = Others::connect(&server, 1);
    others.ask(1);
    client.reset_on_drop();
    drop((client, others));
    watch.end(&server, MEMORY);
}
