//! Heads, targets, headers, bodies and batches that are too large, or that come in crumbs.

use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::api::post;
use crate::common::http::{Conn, compose, get};
use crate::common::server::{Server, Setup};
use crate::watch::{Watch, alone, among_others};

const MEMORY: usize = 16 << 20;
/// Connections at a time.
const MANY: usize = 200;

/// Heads that are too large in one way each, with the status that says so.
pub(crate) fn giant_heads() -> Vec<(&'static str, Vec<u8>, u16)> {
    let head = |lines: &str| format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes();
    vec![
        (
            "a head of 1 MiB without an end",
            [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 1 << 20]].concat(),
            431,
        ),
        ("a value of 17 KiB", head(&format!("X: {}\r\n", "a".repeat(17 << 10))), 431),
        ("a name of 17 KiB", head(&format!("{}: a\r\n", "a".repeat(17 << 10))), 431),
        ("10 000 headers", head(&"a: b\r\n".repeat(10_000)), 431),
        ("10 000 empty headers", head(&"a:\r\n".repeat(10_000)), 431),
        ("a target of 9 KiB", compose("GET", &format!("/{}", "a".repeat(9 << 10)), &[], b""), 414),
        ("a target of 1 MiB", compose("GET", &format!("/?{}", "a&".repeat(1 << 19)), &[], b""), 414),
        ("a target of escapes", compose("GET", &format!("/?a={}", "%61".repeat(4 << 10)), &[], b""), 414),
        ("a method of 9 KiB", [vec![b'A'; 9 << 10], b" / HTTP/1.1\r\n\r\n".to_vec()].concat(), 501),
        ("a method of 1 MiB", vec![b'A'; 1 << 20], 501),
        ("a Host of 17 KiB", head(&format!("Host: {}\r\n", "a".repeat(17 << 10))), 431),
        ("a cookie of 17 KiB", head(&format!("Cookie: {}\r\n", "a=b; ".repeat(3500))), 431),
    ]
}

#[test]
fn giant_heads_are_refused_while_they_come() {
    let _turn = among_others();
    let server = Server::start();
    let watch = Watch::begin(&server);
    for (name, bytes, status) in giant_heads() {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        // A client that goes on sending may lose the answer to a reset, but never gets another one.
        match conn.try_read_response("GET", DEADLINE) {
            Ok(Some(answer)) => assert_eq!((answer.status, answer.says_close()), (status, true), "{name}"),
            Ok(None) => assert!(bytes.len() > 64 << 10, "{name}: no answer"),
            Err(_) => panic!("{name}: neither an answer nor the end"),
        }
        assert!(conn.ends_within(DEADLINE), "{name}");
    }
    watch.end(&server, MEMORY);
}

#[test]
fn heads_and_bodies_just_below_the_limits_do_not_add_up() {
    let _turn = alone();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut conns: Vec<Conn> = (0..MANY).map(|_| Conn::open(server.addr())).collect();
    for conn in &mut conns {
        conn.send(format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(16_000)).as_bytes());
    }
    // 200 heads of 16 KiB, doubled as a vector grows.
    watch.holds_at_most(&server, MEMORY);
    drop(conns);
    watch.end(&server, MEMORY);
}

#[test]
fn queries_of_thousands_of_parameters_and_more_filters_than_allowed_are_cheap() {
    let _turn = among_others();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let addr = server.addr();
    assert_eq!(get(addr, &format!("/healthz?{}", "a&".repeat(4_000))).status, 200);
    assert_eq!(get(addr, &format!("/events?{}", "topic=a*&".repeat(65))).status, 400);
    assert_eq!(get(addr, &format!("/events?{}", "type=a&".repeat(1_000))).status, 400);
    assert_eq!(get(addr, "/events?limit=99999999999999999999").status, 400);
    assert_eq!(get(addr, "/clients?limit=99999999999999999999").status, 400);
    watch.end(&server, MEMORY);
}

#[test]
fn bodies_that_trickle_or_stop_are_ended_and_publish_nothing() {
    let _turn = among_others();
    let server = Setup::new().flag("--limits-body-timeout", "1s").start();
    let watch = Watch::begin(&server);
    let head = |framing: &str| {
        format!(
            "POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n{framing}\r\n\r\n"
        )
    };
    for (framing, crumb) in [
        ("Content-Length: 1000000", "\n"),
        ("Transfer-Encoding: chunked", "1\r\n\n\r\n"),
        ("Transfer-Encoding: chunked", "1;a=b\r\n\n\r\n"),
    ] {
        let mut conns: Vec<Conn> = (0..20).map(|_| Conn::open(server.addr())).collect();
        conns.iter_mut().for_each(|conn| conn.send(head(framing).as_bytes()));
        let mut waiting: Vec<&mut Conn> = conns.iter_mut().collect();
        while !waiting.is_empty() {
            waiting.retain_mut(|conn| {
                conn.send(crumb.as_bytes());
                match conn.try_read_response("POST", Duration::from_millis(10)) {
                    Ok(Some(answer)) => {
                        assert_eq!((answer.status, answer.says_close()), (408, true), "{framing}");
                        false
                    }
                    Ok(None) => false,
                    Err(_) => true,
                }
            });
        }
    }
    watch.end(&server, MEMORY);
}

#[test]
fn bodies_that_are_hard_to_read_are_refused() {
    let _turn = among_others();
    let server = Server::start();
    let watch = Watch::begin(&server);
    for (name, body) in costly_bodies() {
        assert_eq!(post(server.addr(), &body).status / 100, 4, "{name}");
    }
    watch.end(&server, MEMORY);
}

/// Bodies within the limits that take some work before they turn out to be wrong.
pub(crate) fn costly_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let envelope = |fields: &str| format!(r#"{{"eventType":"a","id":"1","payload":1{fields}}}"#);
    let unknown: String = (0..18_000).map(|n| format!(r#","{n:07}":0"#)).collect();
    let valid = envelope("") + ",";
    vec![
        ("deep arrays", "[".repeat(250_000).into_bytes()),
        ("deep objects", "{\"a\":".repeat(50_000).into_bytes()),
        (
            "a deep payload",
            format!(r#"{{"eventType":"a","id":"1","payload":{}"#, "[".repeat(250_000)).into_bytes(),
        ),
        ("18 000 unknown fields, one twice", envelope(&(unknown + r#","0000000":1"#)).into_bytes()),
        ("a million commas", format!("[{}", ",".repeat(1_000_000)).into_bytes()),
        ("500 000 numbers", format!("[{}0]", "0,".repeat(500_000)).into_bytes()),
        ("22 000 envelopes, the last one wrong", format!("[{}0]", valid.repeat(22_000)).into_bytes()),
        (
            "a string of escapes",
            envelope(&format!(r#","traceId":"{}""#, "\\u0061".repeat(40_000))).into_bytes(),
        ),
        ("a string without its end", format!(r#"{{"eventType":"{}"#, "a".repeat(250_000)).into_bytes()),
        ("a number without its end", envelope("").replace("1}", &"1".repeat(250_000)).into_bytes()),
        ("bad UTF-8 at the end", [envelope("").into_bytes(), vec![b' '; 250_000], vec![0xff]].concat()),
        ("white space", vec![b' '; 1_000_000]),
    ]
}
