//! The log: its form, what cannot be forged in it, and that it may be lost.

use rustix::process::Signal;

use super::common::DEADLINE;
use super::common::api::{assert_alive, post, publish};
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, compose};
use super::common::server::{Setup, Stderr};
use super::common::stream::Stream;

#[test]
fn logs_may_be_json() {
    let server = Setup::new().flag("--log-format", "json").start();
    drop(Stream::open(&server));
    let log = server.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line.is_object(), "{line}");
    }
}

#[test]
fn nobody_can_forge_a_log_line() {
    let server = Setup::new().flag("--log-level", "trace").start();
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("GET", "/events?lastEventId=%22%1b%5b31mforged&type=x", &[], b""));
    conn.read_some(DEADLINE).expect("an answer");
    let bad = post(server.addr(), b"{\"eventType\":\"a\\nFORGED line\",\"id\":\"1\",\"payload\":1}");
    assert_eq!(bad.status, 400);
    assert_alive(&server);
    assert!(!server.log().lines().any(|line| line.starts_with("FORGED")), "{}", server.log());
    assert!(!server.log().contains('\u{1b}'), "{}", server.log());
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    for stderr in [Stderr::Broken, Stderr::Full, Stderr::Closed] {
        let mut server = Setup::new().flag("--log-level", "trace").stderr(stderr).start();
        for n in 0..50 {
            let mut stream = Stream::open(&server);
            publish(&server, &tick(n));
            assert_eq!(stream.next().data, tick_data(n));
            assert_eq!(post(server.addr(), b"nonsense").status, 400);
        }
        server.signal(Signal::HUP);
        assert_alive(&server);
        server.signal(Signal::TERM);
        assert_eq!(server.wait_for_exit(DEADLINE), 0);
    }
}
