//! What answers say to browsers, and that they never say what a request said.

use super::common::http::{Conn, Response, compose, find, request};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;

const ORIGIN: &str = "https://shop.example";

/// Every path, and one that is none, with every method.
fn everywhere() -> impl Iterator<Item = (&'static str, &'static str)> {
    const PATHS: [&str; 10] = [
        "/events",
        "/publish",
        "/healthz",
        "/readyz",
        "/metrics",
        "/stats",
        "/clients",
        "/admin/mode",
        "/",
        "/none",
    ];
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    PATHS.into_iter().flat_map(|path| METHODS.into_iter().map(move |method| (method, path)))
}

#[test]
fn every_answer_but_a_stream_is_isolated() {
    let server = Server::start();
    for (method, path) in everywhere() {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose(method, path, &[("Content-Type", "application/json")], b""));
        let head = conn.read_head().expect("an answer");
        assert_eq!(head.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        let is_stream = head.header("content-type") == Some("text/event-stream");
        let is_page = head.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        let cache = head.header("cache-control").unwrap_or_default();
        // The page says nothing about anybody, and is asked for anew each time.
        let expected = if is_page { "no-cache" } else { "no-store" };
        assert!(cache.starts_with(expected), "{method} {path}: {cache}");
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            match (is_stream, is_page) {
                (true, _) => assert_eq!(head.header(name), None, "{method} {path}: {name}"),
                (false, true) => assert!(head.header(name).is_some(), "{method} {path}: {name}"),
                (false, false) => assert_eq!(head.header(name), Some(value), "{method} {path}: {name}"),
            }
        }
    }
    let mut conn = Conn::open(server.addr());
    conn.send(b"NONSENSE\r\n\r\n");
    let refused = conn.read_response("GET");
    assert_eq!(refused.header("referrer-policy"), Some("no-referrer"), "what the parser refuses, too");
}

/// It is sent to every client at every reconnect.
#[test]
fn the_head_of_a_stream_stays_short() {
    let server = Server::start();
    let stream = Stream::open(&server);
    let names: Vec<&str> = stream.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["Content-Type", "Cache-Control", "X-Accel-Buffering", "X-Content-Type-Options", "Connection"];
    assert_eq!(names, expected);
    assert_eq!(stream.head.head.len(), 166, "{}", String::from_utf8_lossy(&stream.head.head));
}

/// The text that no answer may contain, in every part of a request in turn.
const CANARY: &str = "c4n4ry";

fn has_canary(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    find(&lower, CANARY.as_bytes()).is_some()
}

/// All that comes back for these bytes, a stream's first bytes included.
fn all_that_comes(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut conn = Conn::open(server.addr());
    conn.send(bytes);
    conn.half_close();
    conn.read_to_end()
}

#[test]
fn nothing_of_a_request_comes_back() {
    for origins in ["", "https://c4n4ry.example", "*"] {
        let config = match origins {
            "" => String::new(),
            // The listed one is not the one that is sent, but for its scheme.
            listed => format!("[cors]\norigins = [\"{}\"]\n", listed.replace(CANARY, "other")),
        };
        let server = Setup::new().config(&config).start();
        let mut answers = 0;
        for (method, path) in everywhere() {
            for target in [
                path.to_owned(),
                format!("{path}?type={CANARY}&topic={CANARY}&tenant={CANARY}&heartbeat={CANARY}"),
                format!("{path}?limit={CANARY}"),
                format!("{path}?sort={CANARY}"),
                format!("{path}?access_token={CANARY}&{CANARY}=1"),
                format!("{path}/{CANARY}"),
                format!("{path}%{CANARY}"),
                format!("http://{CANARY}.example{path}"),
                format!("http://{CANARY}@example{path}"),
            ] {
                let head = format!(
                    "{method} {target} HTTP/1.1\r\nHost: {CANARY}.example\r\nOrigin: \
                     https://{CANARY}.example\r\nCookie: {CANARY}\r\nAuthorization: Bearer {CANARY}\r\nReferer: {CANARY}\r\n\
                     User-Agent: {CANARY}\r\nX-{CANARY}: {CANARY}\r\nAccess-Control-Request-Method: {CANARY}\r\n\
                     Access-Control-Request-Headers: {CANARY}\r\nX-Forwarded-For: {CANARY}\r\nAccept: {CANARY}/{CANARY}\r\n"
                );
                for rest in [
                    "\r\n".to_owned(),
                    format!("Content-Type: {CANARY}/{CANARY}\r\nContent-Length: 6\r\n\r\n{CANARY}"),
                    format!("Content-Type: application/json\r\nContent-Length: 8\r\n\r\n\"{CANARY}\""),
                    format!("Expect: {CANARY}\r\n\r\n"),
                    format!("Transfer-Encoding: {CANARY}\r\n\r\n"),
                    format!("Content-Length: {CANARY}\r\n\r\n"),
                    format!("bad {CANARY}: x\r\n\r\n"),
                ] {
                    let answer = all_that_comes(&server, format!("{head}{rest}").as_bytes());
                    assert!(!has_canary(&answer), "{head}{rest}: {}", String::from_utf8_lossy(&answer));
                    answers += usize::from(!answer.is_empty());
                }
            }
        }
        assert!(answers > 3000, "{answers}");
    }
}

#[test]
fn nothing_of_an_envelope_comes_back_to_its_publisher() {
    let server = Server::start();
    for body in [
        format!(r#"{{"{CANARY}":1}}"#),
        format!(r#"{{"eventType":"{CANARY}\r","id":"1","payload":1}}"#),
        format!(r#"{{"eventType":"a","id":"{CANARY}\u0000","payload":1}}"#),
        format!(r#"{{"eventType":"a","id":"1","payload":{CANARY}}}"#),
        format!(r#"{{"eventType":"a","id":"1","payload":1,"ts":"{CANARY}"}}"#),
        format!(r#"{{"eventType":"a","id":"1","payload":1,"tenant":["{CANARY}"]}}"#),
        format!(r#"{{"eventType":"a","id":"1","payload":1,"topics":"{CANARY}"}}"#),
        format!(r#"{{"eventType":"a","id":"1","payload":1}}{CANARY}"#),
        format!(r#"{{"eventType":"{CANARY}","id":"{CANARY}","payload":"{CANARY}","traceId":"{CANARY}"}}"#),
        CANARY.to_owned(),
    ] {
        for kind in ["application/json", "application/x-ndjson"] {
            let headers = [("Content-Type", kind), ("Connection", "close")];
            let response = request(server.addr(), "POST", "/publish", &headers, body.as_bytes());
            assert!(
                !has_canary(&response.head) && !has_canary(&response.body),
                "{body}: {}",
                response.text()
            );
        }
    }
    let mode = request(
        server.addr(),
        "PUT",
        "/admin/mode",
        &[("Content-Type", "application/json"), ("Content-Length", "19"), ("Connection", "close")],
        b"",
    );
    assert!(!has_canary(&mode.body));
}

// ---- CORS, beyond what tests/stream/cors.rs has

fn preflight(server: &Server, path: &str, more: &[(&str, &str)]) -> Response {
    let mut headers = vec![("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")];
    headers.extend_from_slice(more);
    request(server.addr(), "OPTIONS", path, &headers, b"")
}

const PRIVATE: (&str, &str) = ("Access-Control-Request-Private-Network", "true");

#[test]
fn a_private_network_is_opened_to_those_who_are_named_only() {
    let allows = |server: &Server, more: &[(&str, &str)]| {
        preflight(server, "/events", more).header("access-control-allow-private-network").map(str::to_owned)
    };
    let named = Setup::new().flag("--cors-origins", ORIGIN).start();
    assert_eq!(allows(&named, &[PRIVATE]).as_deref(), Some("true"));
    assert_eq!(allows(&named, &[]), None, "nobody asked");
    let any = Setup::new().flag("--cors-origins", "*").start();
    assert_eq!(allows(&any, &[PRIVATE]), None, "any page is not named");
    let other = Setup::new().flag("--cors-origins", "https://other.example").start();
    assert_eq!(allows(&other, &[PRIVATE]), None);
    assert_eq!(allows(&Server::start(), &[PRIVATE]), None);
}

#[test]
fn no_page_may_change_the_mode() {
    for origins in [ORIGIN, "*"] {
        let server = Setup::new().flag("--cors-origins", origins).start();
        let response = preflight(&server, "/admin/mode", &[PRIVATE]);
        let granted: Vec<_> = response
            .headers
            .iter()
            .filter(|(name, _)| name.to_lowercase().starts_with("access-control"))
            .collect();
        assert!(granted.is_empty(), "{granted:?}");
    }
}

#[test]
fn credentials_are_for_named_origins_and_never_with_a_star() {
    let named = Setup::new().flag("--cors-origins", ORIGIN).start();
    let response = preflight(&named, "/publish", &[]);
    assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert!(response.header_has("vary", "origin"));
    for name in ["access-control-allow-methods", "access-control-allow-headers"] {
        assert!(
            !response.header(name).unwrap_or_default().contains('*'),
            "with credentials * is no wildcard"
        );
    }
    let any = Setup::new().flag("--cors-origins", "*").start();
    let response = preflight(&any, "/publish", &[]);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
}

#[test]
fn a_page_may_read_when_to_try_again() {
    let server = Setup::new().flag("--cors-origins", ORIGIN).flag("--limits-publish-rate", "1").start();
    let headers = [("Origin", ORIGIN), ("Content-Type", "application/json"), ("Connection", "close")];
    let publish = || {
        let body = super::common::events::tick(1);
        request(server.addr(), "POST", "/publish", &headers, body.as_bytes())
    };
    let first = publish();
    assert_eq!((first.status, first.header("access-control-expose-headers")), (202, None));
    let late = publish();
    assert_eq!((late.status, late.header("access-control-expose-headers")), (429, Some("Retry-After")));
    assert!(late.header("retry-after").is_some());
    let stranger =
        request(server.addr(), "POST", "/publish", &[("Origin", "https://x.example"), headers[1]], b"x");
    assert_eq!(stranger.header("access-control-expose-headers"), None);
}
