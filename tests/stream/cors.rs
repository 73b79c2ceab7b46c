//! Pages of other origins: who may read, and what preflights are told.

use super::common::http::request;
use super::common::server::{Server, Setup};
use super::common::stream::Stream;

#[test]
fn listed_origins_are_echoed_with_credentials() {
    let server =
        Setup::new().config("[cors]\norigins = [\"https://a.example\", \"http://localhost:3000\"]\n").start();
    for origin in ["https://a.example", "http://localhost:3000"] {
        let stream = Stream::open_with(server.addr(), "/events", &[("Origin", origin)]);
        let health = request(server.addr(), "GET", "/healthz", &[("Origin", origin)], b"");
        for head in [&stream.head, &health] {
            assert_eq!(head.header("access-control-allow-origin"), Some(origin));
            assert_eq!(head.header("access-control-allow-credentials"), Some("true"));
            assert!(head.header_has("vary", "origin"), "{:?}", head.headers);
        }
    }
    for origin in
        ["https://b.example", "https://a.example.evil", "http://a.example", "https://A.example:443", "null"]
    {
        let stream = Stream::open_with(server.addr(), "/events", &[("Origin", origin)]);
        assert_eq!(stream.head.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(stream.head.header("access-control-allow-credentials"), None, "{origin}");
        assert!(stream.head.header_has("vary", "origin"), "caches must know: {:?}", stream.head.headers);
    }
}

#[test]
fn errors_may_be_read_by_listed_origins_too() {
    let server = Setup::new().config("[cors]\norigins = [\"https://a.example\"]\n").start();
    let origin = ("Origin", "https://a.example");
    let json = ("Content-Type", "application/json");
    for (method, target, headers, status) in [
        ("GET", "/nothing", vec![origin], 404),
        ("DELETE", "/events", vec![origin], 405),
        ("POST", "/publish", vec![origin, json], 400),
        ("POST", "/publish", vec![origin, ("Content-Type", "text/plain")], 415),
        ("GET", "/events?limit=none", vec![origin], 400),
    ] {
        let body = if method == "POST" { "nonsense" } else { "" };
        let response = request(server.addr(), method, target, &headers, body.as_bytes());
        assert_eq!(response.status, status, "{method} {target}");
        let allowed = response.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://a.example"), "{method} {target} {status}");
    }
}

#[test]
fn any_origin_is_without_credentials() {
    let server = Setup::new().config("[cors]\norigins = [\"*\"]\n").start();
    let stream = Stream::open_with(server.addr(), "/events", &[("Origin", "https://b.example")]);
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(stream.head.header("access-control-allow-credentials"), None);
    let closed = Server::start();
    let stream = Stream::open_with(closed.addr(), "/events", &[("Origin", "https://b.example")]);
    assert_eq!(stream.head.header("access-control-allow-origin"), None, "off by default");
}

#[test]
fn preflights_are_answered_on_every_route() {
    let server = Setup::new().config("[cors]\norigins = [\"https://a.example\"]\n").start();
    for (path, method) in [
        ("/events", "GET"),
        ("/publish", "POST"),
        ("/healthz", "GET"),
        ("/stats", "GET"),
        ("/clients", "GET"),
    ] {
        let headers = [
            ("Origin", "https://a.example"),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "content-type, last-event-id"),
        ];
        let response = request(server.addr(), "OPTIONS", path, &headers, b"");
        assert!(matches!(response.status, 200 | 204), "{path}: {}", response.status);
        assert_eq!(response.header("access-control-allow-origin"), Some("https://a.example"), "{path}");
        assert!(
            response.header_has("access-control-allow-methods", method),
            "{path}: {:?}",
            response.headers
        );
        for name in ["content-type", "last-event-id"] {
            let allowed = response.header_has("access-control-allow-headers", name);
            assert!(allowed, "{path}: {:?}", response.headers);
        }
        let stranger = [("Origin", "https://b.example"), ("Access-Control-Request-Method", method)];
        let response = request(server.addr(), "OPTIONS", path, &stranger, b"");
        assert_eq!(response.header("access-control-allow-origin"), None, "{path}");
    }
}
