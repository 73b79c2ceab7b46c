//! What answers say, to whichever request, and what they never repeat.

use super::case::{line, publish_framed, with_lines};
use super::common::api::problem;
use super::common::http::{Conn, compose, find, get, request};
use super::common::server::Server;

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start();
    for (path, allowed) in [
        ("/healthz", "GET"),
        ("/readyz", "GET"),
        ("/metrics", "GET"),
        ("/stats", "GET"),
        ("/clients", "GET"),
        ("/events", "GET"),
        ("/publish", "POST"),
    ] {
        for method in ["PUT", "DELETE", "PATCH", if allowed == "GET" { "POST" } else { "GET" }] {
            let response = request(server.addr(), method, path, &[], b"");
            assert_eq!(response.status, 405, "{method} {path}");
            assert!(response.header_has("allow", allowed), "{method} {path}: {:?}", response.headers);
            assert!(!response.header_has("allow", method), "{method} {path}: {:?}", response.headers);
            problem(&response);
        }
        let options = request(server.addr(), "OPTIONS", path, &[], b"");
        assert!(matches!(options.status, 200 | 204), "OPTIONS {path}: {}", options.status);
        assert!(options.header_has("allow", allowed), "OPTIONS {path}: {:?}", options.headers);
    }
    assert_eq!(problem(&get(server.addr(), "/nothing"))["status"], 404);
}

#[test]
fn errors_never_echo_what_was_sent() {
    let server = Server::start();
    let marker = "Zq7Marker";
    let body = format!(r#"{{"eventType":"{marker}","id":"{marker}","payload":{marker}}}"#);
    let wrong = format!(r#"{{"eventType":"a","id":"1","payload":1,"ts":"{marker}"}}"#);
    for bytes in [
        line(&format!("GET /{marker} HTTP/1.1")),
        line(&format!("GET /healthz%{marker} HTTP/1.1")),
        line(&format!("{marker} / HTTP/1.1")),
        line(&format!("GET /healthz {marker}/1.1")),
        line(&format!("DELETE /healthz?{marker} HTTP/1.1")),
        with_lines(&format!("{marker} : a\r\n")),
        with_lines(&format!("Expect: {marker}\r\n")),
        publish_framed(&format!("Content-Length: {marker}\r\n"), ""),
        publish_framed(&format!("Content-Length: {}\r\n", body.len()), &body),
        publish_framed(&format!("Content-Length: {}\r\n", wrong.len()), &wrong),
        compose("POST", "/publish", &[("Content-Type", &format!("text/{marker}"))], b"{}"),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        let response = conn.read_response("GET");
        assert!(response.status >= 400, "{}", String::from_utf8_lossy(&bytes));
        let all = [response.head, response.body].concat();
        assert!(find(&all, marker.as_bytes()).is_none(), "{}", String::from_utf8_lossy(&all));
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start();
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients"] {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("HEAD", target, &[], b""));
        let head = conn.read_response("HEAD");
        conn.send(&compose("GET", target, &[("Connection", "close")], b""));
        let whole = conn.read_response("GET");
        assert_eq!((head.status, whole.status), (200, 200), "{target}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{target}");
        assert!(conn.read_to_end().is_empty(), "{target}");
    }
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("HEAD", "/nothing", &[], b""));
    assert_eq!(conn.read_response("HEAD").status, 404);
    conn.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(conn.read_response("GET").status, 200);
}

#[test]
fn answers_say_what_they_are() {
    let server = Server::start();
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients", "/nothing"] {
        let response = get(server.addr(), target);
        assert!(response.header("content-type").is_some(), "{target}: {:?}", response.headers);
        let length = response.header("content-length").map(str::to_owned);
        assert_eq!(length, Some(response.body.len().to_string()), "{target}");
    }
}
