//! Token buckets: who comes or publishes too fast is told when to come back.

use std::time::{Duration, Instant};

use super::common::api::{assert_alive, clients, post, post_as, problem};
use super::common::events::{tick, tick_data, ticks};
use super::common::http::{Conn, Response, compose, request};
use super::common::server::{Server, Setup, wait_for_log};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};
use super::limited;

/// `POST /publish` of lines from this address.
fn post_from(server: &Server, from: [u8; 4], lines: &str) -> Response {
    let mut conn = Conn::open_special(server.addr(), Some(from), None);
    let headers = [("Content-Type", "application/x-ndjson"), ("Connection", "close")];
    conn.send(&compose("POST", "/publish", &headers, lines.as_bytes()));
    conn.read_response("POST")
}

fn retry_after(response: &Response) -> u64 {
    let value = response.header("retry-after").expect("it says when to come back");
    value.parse().expect("whole seconds")
}

#[test]
fn publishing_too_fast_is_429_and_nothing_of_the_batch_is_published() {
    let server = Setup::new().flag("--limits-publish-rate", "5").flag("--limits-publish-burst", "10").start();
    let mut stream = Stream::open(&server);
    assert_eq!(post_as(server.addr(), "application/x-ndjson", ticks(0..10).as_bytes()).status, 202);
    let refused = post_as(server.addr(), "application/x-ndjson", ticks(100..110).as_bytes());
    assert_eq!(refused.status, 429);
    assert!(problem(&refused)["detail"].as_str().is_some_and(|text| text.contains("limits.publish_rate")));
    // Ten events are two seconds' worth; less what came back meanwhile.
    assert!((1..=2).contains(&retry_after(&refused)), "{refused:?}");
    assert!(limited(&server, "publish_rate") >= 1.0);
    // Who waits as long as is said gets through: at first for one event, as the body was not read, then for all.
    let mut waits = vec![retry_after(&refused)];
    loop {
        std::thread::sleep(Duration::from_secs(waits[waits.len() - 1]));
        let response = post_as(server.addr(), "application/x-ndjson", ticks(10..20).as_bytes());
        if response.status == 202 {
            break;
        }
        waits.push(retry_after(&response));
    }
    assert!(waits.len() <= 2, "{waits:?}");
    for n in 0..20 {
        assert_eq!(stream.next().data, tick_data(n), "nothing of the refused batch came");
    }
}

#[test]
fn the_rate_is_what_was_configured() {
    let server = Setup::new().flag("--limits-publish-rate", "50").flag("--limits-publish-burst", "5").start();
    let start = Instant::now();
    let mut conn = Conn::open(server.addr());
    let mut accepted = 0_u32;
    while start.elapsed() < Duration::from_secs(2) {
        let body = tick(1);
        conn.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes()));
        let response = conn.read_response("POST");
        assert!(matches!(response.status, 202 | 429));
        accepted += u32::from(response.status == 202);
        if response.says_close() {
            conn = Conn::open(server.addr());
        }
    }
    let most = 5.0 + 50.0 * start.elapsed().as_secs_f64() + 1.0;
    assert!(f64::from(accepted) <= most, "{accepted} > {most}");
    assert!(accepted >= 50, "{accepted}");
}

#[test]
fn a_batch_beyond_the_burst_gets_through_and_is_paid_for() {
    let server = Setup::new().flag("--limits-publish-rate", "10").start();
    assert_eq!(post_as(server.addr(), "application/x-ndjson", ticks(0..100).as_bytes()).status, 202);
    let refused = post(server.addr(), tick(1).as_bytes());
    assert_eq!(refused.status, 429);
    assert!((8..=10).contains(&retry_after(&refused)), "90 are owed: {refused:?}");
}

#[test]
fn an_address_that_publishes_too_fast_holds_up_nobody_else() {
    let server = Setup::new().flag("--limits-publish-rate-per-ip", "3").start();
    for _ in 0..3 {
        assert_eq!(post_from(&server, [127, 0, 0, 2], &tick(1)).status, 202);
    }
    let refused = post_from(&server, [127, 0, 0, 2], &tick(1));
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("for this address"));
    assert_eq!(post_from(&server, [127, 0, 0, 3], &tick(1)).status, 202);
    assert_eq!((limited(&server, "publish_rate_per_ip"), limited(&server, "publish_rate")), (1.0, 0.0));
}

#[test]
fn bodies_of_no_use_count_as_well() {
    let server = Setup::new()
        .flag("--limits-publish-rate-per-ip", "1")
        .flag("--limits-publish-burst-per-ip", "5")
        .start();
    let statuses: Vec<u16> = (0..20).map(|_| post(server.addr(), b"nonsense").status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 400).count(), 5, "{statuses:?}");
    assert!(statuses[5..].iter().all(|&status| status == 429), "{statuses:?}");
}

/// A publisher that keeps its connection does not lose it for being too fast.
#[test]
fn a_short_body_that_is_refused_does_not_cost_the_connection() {
    let server = Setup::new().flag("--limits-publish-rate", "1").start();
    let mut conn = Conn::open(server.addr());
    let body = tick(1);
    let statuses: Vec<u16> = (0..5)
        .map(|_| {
            conn.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes()));
            conn.read_response("POST").status
        })
        .collect();
    assert_eq!(statuses[0], 202);
    assert!(statuses[1..].contains(&429), "{statuses:?}");
}

/// Whoever is beyond the limit anyway does not send the body.
#[test]
fn a_body_that_is_refused_anyway_is_not_asked_for() {
    let server = Setup::new().flag("--limits-publish-rate", "1").start();
    assert_eq!(post_as(server.addr(), "application/x-ndjson", ticks(0..50).as_bytes()).status, 202);
    let mut conn = Conn::open(server.addr());
    conn.send(
        b"POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\
          Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(conn.read_response("POST").status, 429);
}

/// What becomes of a stream request on a new connection from there: its retry, where it is shed.
fn shed_from(server: &Server, from: [u8; 4]) -> Option<u64> {
    let mut conn = Conn::open_special(server.addr(), Some(from), None);
    conn.send(&compose("GET", "/events", &[], b""));
    let head = conn.read_head()?;
    assert_eq!(head.status, 200);
    head.header("content-length")?;
    let body = String::from_utf8(conn.read_to_end()).expect("text");
    body.strip_prefix("retry: ")?.trim().parse().ok()
}

#[test]
fn who_connects_too_fast_is_told_to_come_back() {
    let server = Setup::new()
        .flag("--limits-accept-rate-per-ip", "1")
        .flag("--limits-accept-burst-per-ip", "3")
        .start();
    let slow = [127, 0, 0, 9];
    for _ in 0..3 {
        assert_eq!(shed_from(&server, slow), None);
    }
    let retry = shed_from(&server, slow).expect("the fourth is shed");
    assert!((5_000..=15_000).contains(&retry), "{retry}");
    let mut conn = Conn::open_special(server.addr(), Some(slow), None);
    conn.send(&compose("GET", "/stats", &[], b""));
    let refused = conn.read_response("GET");
    assert_eq!(refused.status, 503);
    assert!(retry_after(&refused) >= 1 && refused.says_close());
    assert_eq!(shed_from(&server, [127, 0, 0, 10]), None, "somebody else");
    wait_until("a second later it may again", DEADLINE, || shed_from(&server, slow).is_none());
}

#[test]
fn connections_of_all_together_have_a_rate() {
    let server = Setup::new().flag("--limits-accept-rate", "2").flag("--limits-accept-burst", "4").start();
    let shed = (1..=9).filter(|&n| shed_from(&server, [127, 0, 1, n]).is_some()).count();
    assert!((2..=5).contains(&shed), "{shed} of 9 were shed");
    wait_until("what was counted", DEADLINE, || {
        // Asking is a connection, too.
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/metrics", &[("Connection", "close")], b""));
        let response = conn.read_response("GET");
        response.status == 200
            && !response.text().contains("ssecast_limited_total{limit=\"accept_rate\"} 0\n")
    });
}

#[test]
fn open_streams_do_not_notice_a_storm_of_connections() {
    let server = Setup::new()
        .flag("--limits-accept-rate-per-ip", "5")
        .flag("--limits-accept-burst-per-ip", "5")
        .start();
    let mut stream =
        Stream::open_on(Conn::open_special(server.addr(), Some([127, 0, 2, 1]), None), "/events", &[]);
    let storm: Vec<Conn> =
        (0..500).map(|_| Conn::open_special(server.addr(), Some([127, 0, 2, 2]), None)).collect();
    assert_eq!(post_from(&server, [127, 0, 2, 3], &tick(7)).status, 202);
    assert_eq!(stream.next().data, tick_data(7));
    drop(storm);
    assert!(stream.is_between_events());
}

/// Many addresses cannot make the server forget who is at its limit.
#[test]
fn a_busy_address_is_remembered_however_many_others_come() {
    let server = Setup::new()
        .flag("--limits-publish-rate-per-ip", "1")
        .flag("--limits-publish-burst-per-ip", "1000")
        .flag("--limits-rate-addresses", "8")
        .start();
    let busy = [127, 0, 3, 255];
    assert_eq!(post_from(&server, busy, &ticks(0..1000)).status, 202);
    for n in 0..200 {
        assert_eq!(post_from(&server, [127, 0, 3, n], &tick(1)).status, 202);
    }
    assert_eq!(post_from(&server, busy, &tick(1)).status, 429);
}

#[test]
fn a_reload_changes_rates_and_other_keys_leave_them_alone() {
    let server = Setup::new().config("[limits]\npublish_rate = 1\n").start();
    let reload = |toml: &str| {
        let from = server.log().len();
        std::fs::write(server.config_path(), toml).expect("our own file");
        server.signal(rustix::process::Signal::HUP);
        wait_for_log(&server, from, "configuration reloaded");
    };
    assert_eq!(post_as(server.addr(), "application/x-ndjson", ticks(0..60).as_bytes()).status, 202);
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 429);
    reload("[limits]\npublish_rate = 1\nkeepalive = \"9s\"\n");
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 429, "what is owed is still owed");
    reload("[limits]\n");
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 202);
    assert_alive(&server);
    assert!(clients(&server).is_empty());
}

#[test]
fn streams_and_probes_are_not_published_events() {
    let server = Setup::new().flag("--limits-publish-rate", "1").start();
    for _ in 0..20 {
        assert_alive(&server);
    }
    assert_eq!(request(server.addr(), "GET", "/stats", &[], b"").status, 200);
    let _stream = Stream::open(&server);
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 202);
}
