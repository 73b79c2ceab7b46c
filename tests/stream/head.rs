//! The head of a stream, and what comes before the first event.

use super::common::DEADLINE;
use super::common::api::publish;
use super::common::events::tick;
use super::common::http::{Conn, compose};
use super::common::server::{Server, Setup};
use super::common::sse::Item;
use super::common::stream::Stream;

#[test]
fn the_head_says_stream_and_nothing_may_keep_it_back() {
    let server = Server::start();
    for version in ["HTTP/1.1\r\nHost: a", "HTTP/1.0"] {
        let mut conn = Conn::open(server.addr());
        conn.send(format!("GET /events {version}\r\n\r\n").as_bytes());
        let head = conn.read_head().expect("a head at once");
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert!(head.header_has("cache-control", "no-store"), "{:?}", head.headers);
        assert!(head.header_has("cache-control", "no-transform"), "{:?}", head.headers);
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(head.header("x-content-type-options"), Some("nosniff"));
        assert!(head.says_close());
        assert_eq!(head.header("content-length"), None);
        assert_eq!(head.header("transfer-encoding"), None);
        let first = conn.read_some(DEADLINE).expect("the first bytes come at once");
        assert!(first.starts_with(b"retry: "), "{:?}", String::from_utf8_lossy(&first));
    }
}

#[test]
fn the_head_of_a_stream_names_an_origin_once() {
    let server = Setup::new().flag("--cors-origins", "https://shop.example").start();
    for method in ["HEAD", "GET"] {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose(method, "/events", &[("Origin", "https://shop.example")], b""));
        let head = conn.read_head().expect("an answer");
        let count =
            |name: &str| head.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).count();
        for name in
            ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Content-Type", "Vary"]
        {
            assert_eq!(count(name), 1, "{method} {name}");
        }
    }
}

#[test]
fn head_gets_the_head_and_no_stream() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("HEAD", "/events", &[], b""));
    let head = conn.read_response("HEAD");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    publish(&server, &tick(1));
    conn.half_close();
    let rest = conn.read_to_end();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
}

#[test]
fn first_comes_retry_then_a_comment() {
    let server = Setup::new().flag("--stream-retry", "10s").start();
    let mut seen = Vec::new();
    for _ in 0..20 {
        let mut stream = Stream::open(&server);
        let Item::Retry(ms) = stream.next_item() else { panic!("no retry first") };
        assert!((8_000..=12_000).contains(&ms), "{ms}");
        seen.push(ms);
        assert!(matches!(stream.next_item(), Item::Comment(_)));
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 1, "20 clients would all come back at once: {seen:?}");
}
