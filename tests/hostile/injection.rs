//! Line ends where they would start something new: in a head, a target, an event name, an id, a payload, a log.

use crate::common::api::{post, publish};
use crate::common::events::{tick, tick_data};
use crate::common::http::{Conn, compose, find};
use crate::common::server::{Server, Setup};
use crate::common::stream::Stream;
use crate::watch::{Watch, among_others};

const MEMORY: usize = 8 << 20;

#[test]
fn no_answer_holds_a_line_that_a_client_made() {
    let _turn = among_others();
    let server = Setup::new().flag("--cors-origins", "https://shop.example").start();
    let watch = Watch::begin(&server);
    let forged = "X-Forged: yes";
    for (target, headers) in [
        ("/events?type=%0d%0aX-Forged:%20yes", vec![]),
        ("/events?lastEventId=%0d%0aX-Forged:%20yes", vec![]),
        ("/%0d%0aX-Forged:%20yes", vec![]),
        ("/healthz?%0aX-Forged:%20yes", vec![]),
        ("/healthz?X-Forged:%20yes", vec![]),
        ("/healthz", vec![("Origin", "https://shop.example\tX-Forged: yes")]),
        ("/healthz", vec![("Origin", "https://shop.example, X-Forged: yes")]),
        ("/publish", vec![("Access-Control-Request-Headers", "X-Forged: yes")]),
        ("/healthz", vec![("Host", "X-Forged:yes")]),
    ] {
        for method in ["GET", "OPTIONS", "HEAD"] {
            let mut conn = Conn::open(server.addr());
            conn.send(&compose(method, target, &[&headers[..], &[("Connection", "close")]].concat(), b""));
            conn.half_close();
            let answer = conn.read_to_end();
            assert!(answer.starts_with(b"HTTP/1.1 "), "{method} {target}");
            assert!(
                find(&answer, forged.as_bytes()).is_none(),
                "{method} {target}: {}",
                answer.escape_ascii()
            );
        }
    }
    watch.end(&server, MEMORY);
}

#[test]
fn no_event_holds_a_line_that_its_publisher_made() {
    let _turn = among_others();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut witness = Stream::open(&server);
    for end in ["\\n", "\\r", "\\u000a", "\\u000D", "\\u0000", "\\u0085", "\\n\\n", "\\u001b[2J"] {
        for envelope in [
            format!(r#"{{"eventType":"a{end}data: forged","id":"1","payload":1}}"#),
            format!(r#"{{"eventType":"a","id":"1{end}id: forged","payload":1}}"#),
        ] {
            assert_eq!(post(server.addr(), envelope.as_bytes()).status, 400, "{envelope}");
        }
    }
    for end in ["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n"] {
        // Between tokens JSON may have line ends, and the payload goes out byte for byte.
        let payload = format!("[1,{end}\"event: forged\",{end}\"id: forged\"{end}]");
        publish(&server, &format!(r#"{{"eventType":"lines","id":"1","payload":{payload}}}"#));
        let event = witness.next();
        assert_eq!(
            (event.event.as_str(), event.data),
            ("lines", payload.replace("\r\n", "\n").replace('\r', "\n"))
        );
        assert!(!event.id.contains("forged"));
    }
    // What a client asked for comes back in its own gap, and nowhere else.
    let mut curious = Stream::open_at(&server, "/events?lastEventId=x%22%7D%20data:%20forged");
    assert_eq!(curious.expect_gap("unknown-id")["requested"], "x\"} data: forged");
    drop(curious);
    publish(&server, &tick(1));
    assert_eq!(witness.next().data, tick_data(1));
    drop(witness);
    watch.end(&server, MEMORY);
}

#[test]
fn no_line_of_the_log_is_one_that_a_client_made() {
    let _turn = among_others();
    let server = Setup::new().flag("--log-level", "trace").start();
    for bytes in [
        compose("GET", "/events?type=%c2%85WARN%20forged", &[("User-Agent", "\u{85}WARN forged")], b""),
        compose("GET", "/events", &[("Last-Event-ID", "a\tWARN forged \u{2028}")], b""),
        compose("GET", "/WARN%20forged%1b%5b2J", &[], b""),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        assert!(conn.read_head().is_some());
    }
    let body = "{\"eventType\":\"a\\u001b[2J\",\"id\":\"\\nWARN forged\",\"payload\":1}";
    assert_eq!(post(server.addr(), body.as_bytes()).status, 400);
    let log = server.log();
    for line in log.lines() {
        assert!(
            !line.contains('\u{1b}') && !line.contains('\u{2028}') && !line.contains('\u{85}'),
            "{line:?}"
        );
        assert!(!line.trim_start().starts_with("WARN forged"), "{line:?}");
    }
}
