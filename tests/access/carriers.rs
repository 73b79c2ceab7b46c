//! Where a token may be: header, cookie, query; and who may use which.

use serde_json::json;

use super::common::api::{post, problem};
use super::common::events::tick;
use super::common::http::{Conn, Response, compose, request};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::tokens::{claims, hs256};
use super::{bearer, get_as, jwt_server, publish_as, with_jwt};

fn all() -> String {
    hs256(&claims(json!({ "subscribe": true, "publish": true })))
}

fn status(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    let body: &[u8] = if method == "POST" { br#"{"eventType":"a","id":"1","payload":1}"# } else { b"" };
    request(server.addr(), method, target, headers, body).status
}

fn assert_401(answer: &Response) {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"ssecast\""));
}

#[test]
fn without_a_token_nothing_opens_that_needs_one() {
    let server = jwt_server();
    assert_401(&request(server.addr(), "GET", "/events", &[], b""));
    assert_401(&post(server.addr(), tick(1).as_bytes()));
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients"] {
        assert_eq!(status(&server, "GET", target, &[]), 200, "{target}");
    }
    assert_eq!(status(&server, "OPTIONS", "/events", &[]), 204);
}

/// What one request of a connection may does not rub off on the next.
#[test]
fn every_request_of_a_connection_needs_a_token_of_its_own() {
    let server = jwt_server();
    let body = tick(1);
    let publish = |token: &str| {
        let headers = [("Authorization", bearer(token)), ("Content-Type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        compose("POST", "/publish", &headers, body.as_bytes())
    };
    for next in [publish("not-a-token-at-all"), compose("GET", "/events", &[], b"")] {
        let mut conn = Conn::open(server.addr());
        conn.send(&[publish(&all()), next].concat());
        assert_eq!(conn.read_response("POST").status, 202);
        assert_eq!(conn.read_response("GET").status, 401);
    }
}

/// 401 closes before a body is sent that nobody reads.
#[test]
fn no_body_is_asked_for_that_will_not_be_taken() {
    let server = jwt_server();
    let mut conn = Conn::open(server.addr());
    conn.send(
        b"POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n",
    );
    conn.send(b"Expect: 100-continue\r\n\r\n");
    let answer = conn.read_response("POST");
    assert_401(&answer);
    assert!(answer.says_close());
}

#[test]
fn a_token_in_the_query_counts_only_where_it_may_and_is_never_shown() {
    let token = all();
    let target = format!("/events?limit=1&access_token={token}");
    let server = jwt_server();
    assert_eq!(status(&server, "GET", &target, &[]), 401);
    let server = with_jwt("query_token = true").flag("--log-level", "trace").start();
    let mut stream = Stream::open_at(&server, &target);
    assert_eq!(publish_as(&server, &token, &tick(1)).status, 202);
    let listed = request(server.addr(), "GET", "/clients", &[], b"").text();
    assert_eq!(stream.next().event, "tick");
    for (place, text) in [("clients", listed), ("log", server.log())] {
        assert!(!text.contains(&token[..20]), "{place}: {text}");
    }
}

#[test]
fn a_cookie_counts_for_pages_that_may_use_it() {
    let setup = with_jwt("").arg("--cors-origins=https://shop.example");
    let server = setup.start();
    let cookie = format!("theme=dark; ssecast_token={}", all());
    let own = "http://localhost";
    let with = |method: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("Cookie", cookie.as_str()), ("Content-Type", "application/json")];
        headers.extend_from_slice(more);
        status(&server, method, "/publish", &headers)
    };
    assert_eq!(with("POST", &[("Origin", own)]), 202);
    assert_eq!(with("POST", &[("Origin", "https://shop.example"), ("Sec-Fetch-Site", "cross-site")]), 202);
    for headers in [
        &[][..],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "https://shop.example.evil.example")],
        &[("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(with("POST", headers), 403, "{headers:?}");
    }
    let stream = |more: &[(&str, &str)]| {
        let mut headers = vec![("Cookie", cookie.as_str())];
        headers.extend_from_slice(more);
        status(&server, "HEAD", "/events", &headers)
    };
    assert_eq!(stream(&[]), 200);
    assert_eq!(stream(&[("Origin", "https://evil.example")]), 403);
    assert_eq!(stream(&[("Sec-Fetch-Site", "cross-site")]), 403);
}

#[test]
fn static_tokens_open_what_they_are_for() {
    let config = "[auth]\npublish_tokens = [\"publisher-of-events\"]\nsubscribe_tokens = [\"sha256:\
                  bc07b9de93b64b961fa8f9e177281b1a79d13004610c0a2189ca7ec113617671\"]\n\
                  admin_tokens = [\"admin-of-this-server\"]\n";
    let server = Setup::new().config(config).start();
    assert_eq!(publish_as(&server, "publisher-of-events", &tick(1)).status, 202);
    assert_eq!(publish_as(&server, "publisher-of-event", &tick(1)).status, 401);
    assert_eq!(publish_as(&server, "PUBLISHER-OF-EVENTS", &tick(1)).status, 401);
    let denied = publish_as(&server, "admin-of-this-server", &tick(1));
    assert_eq!(denied.status, 403);
    assert!(denied.header("www-authenticate").is_some_and(|value| value.contains("insufficient_scope")));
    assert_eq!(problem(&denied)["status"], 403);
    assert_eq!(get_as(&server, "/events?limit=1", "publisher-of-events").status, 403);
    // The hash itself opens nothing.
    let hash = "bc07b9de93b64b961fa8f9e177281b1a79d13004610c0a2189ca7ec113617671";
    assert_eq!(get_as(&server, "/events?limit=1", hash).status, 401);
    let head =
        request(server.addr(), "HEAD", "/events", &[("Authorization", &bearer("subscriber-of-events"))], b"");
    assert_eq!(head.status, 200);
    for target in ["/metrics", "/stats", "/clients"] {
        assert_eq!(status(&server, "GET", target, &[]), 401, "{target}");
        assert_eq!(get_as(&server, target, "publisher-of-events").status, 403, "{target}");
        assert_eq!(get_as(&server, target, "admin-of-this-server").status, 200, "{target}");
    }
    let mode = |token: &str| {
        let headers = [("Authorization", token), ("Content-Type", "application/json")];
        request(server.addr(), "PUT", "/admin/mode", &headers, br#"{"mode":"local"}"#).status
    };
    assert_eq!(mode("Bearer publisher-of-events"), 403);
    assert_eq!(mode("Bearer admin-of-this-server"), 200);
    assert_eq!(status(&server, "GET", "/healthz", &[]), 200);
}
