//! Clients that read slowly, or not at all.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::bounded;
use super::common::api::{is_listed, publish, publish_lines};
use super::common::events::big_tick;
use super::common::http::Conn;
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

#[test]
fn a_slow_client_is_closed_at_the_bound_and_resumes_without_loss_while_others_go_on() {
    let server = bounded(65536).start();
    let mut slow = Stream::open_on(
        Conn::open_special(server.addr(), None, Some(4096)),
        "/events?lastEventId=earliest",
        &[],
    );
    let mut fast = Stream::open(&server);
    let mut published = 0;
    while is_listed(&server, slow.local_addr()) {
        assert!(published < 1500, "1500 events of 8 KB and still not closed");
        for _ in 0..4 {
            publish(&server, &big_tick(published, 8000));
            published += 1;
        }
        for n in published - 4..published {
            let payload: Value = serde_json::from_str(&fast.next().data).expect("a payload");
            assert_eq!(payload["n"], n);
        }
    }
    let address = slow.local_addr().to_string();
    wait_until("the log names it", DEADLINE, || server.log().lines().any(|line| line.contains(&address)));
    let got = slow.rest();
    for (n, event) in got.iter().enumerate() {
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
    assert!(got.len() < published, "it was not closed early");
    let mut again = Stream::resume(&server, &slow.last_id);
    for n in got.len()..published {
        let event = again.next();
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
}

#[test]
fn a_client_that_takes_nothing_is_closed_after_the_stall_timeout() {
    let server = Setup::new()
        .flag("--stream-buffer-bytes", "16777216")
        .flag("--stream-stall-timeout", "2s")
        .flag("--stream-heartbeat", "100ms")
        .start();
    let stalled = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    let mut reading = Stream::open(&server);
    // Whoever reads does so all the time: else they are stalled as well, for a while.
    for batch in 0..3 {
        publish_lines(&server, &(0..100).map(|n| big_tick(100 * batch + n, 8000) + "\n").collect::<String>());
        assert_eq!(reading.take(100).len(), 100);
    }
    let start = Instant::now();
    assert!(is_listed(&server, stalled.local_addr()), "closed at once, not after a time");
    wait_until("the stalled client is closed", DEADLINE, || !is_listed(&server, stalled.local_addr()));
    assert!(start.elapsed() < Duration::from_secs(15));
    // One that has nothing to take is not stalled, however long that lasts.
    for _ in 0..40 {
        reading.next_ping();
    }
    assert!(is_listed(&server, reading.local_addr()));
}

/// A reset, which closing a socket with unread input causes, would destroy the last bytes.
#[test]
fn a_client_that_goes_on_talking_gets_its_last_bytes_all_the_same() {
    let server = Server::start();
    publish_lines(&server, &(0..40).map(|n| big_tick(n, 8_000) + "\n").collect::<String>());
    let conn = Conn::open_special(server.addr(), None, Some(4096));
    let mut stream = Stream::open_on(conn, "/events?lastEventId=earliest&limit=40", &[]);
    for n in 0..40 {
        stream.conn().try_send(b"x");
        let event = stream.next();
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
    stream.conn().try_send(b"x");
    stream.expect_end();
}

#[test]
fn whole_frames_come_out_however_slowly_they_are_read() {
    let server = Server::start();
    let conn = Conn::open_special(server.addr(), None, Some(2048));
    let mut stream = Stream::open_on(conn, "/events", &[]);
    publish_lines(&server, &(0..20).map(|n| big_tick(n, 9000) + "\n").collect::<String>());
    for n in 0..20 {
        assert!(stream.next().data.starts_with(&format!("{{\"n\":{n},")));
    }
    assert!(stream.is_between_events());
}
