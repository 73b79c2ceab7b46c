//! What the server's insides tell of others: events and streams of other tenants are named in `/stats` and `/clients`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::json;

use super::common::dir::TestDir;
use super::common::http::request;
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::tokens::{claims, hs256, tenant_claims};
use super::{bearer, get_as, jwt_server, publish_as, with_jwt};

/// A proxy on this machine asks for somebody else.
const FOR_OTHERS: [&[(&str, &str)]; 3] = [
    &[("X-Forwarded-For", "192.0.2.1")],
    &[("Forwarded", "for=192.0.2.1")],
    &[("Origin", "https://evil.example")],
];

/// A server with an event and a stream of the tenant `acme`.
fn with_secrets(server: Server) -> (Server, Stream) {
    let reader = hs256(&tenant_claims("acme", json!({ "subscribe": true })));
    let stream = Stream::open_with(server.addr(), "/events", &[("Authorization", &bearer(&reader))]);
    let publisher = hs256(&claims(json!({ "publish": true })));
    let envelope =
        r#"{"eventType":"merger","id":"acme-buys-all","traceId":"acme-trace","payload":1,"tenant":"acme"}"#;
    assert_eq!(publish_as(&server, &publisher, envelope).status, 202);
    (server, stream)
}

#[test]
fn stats_and_clients_told_everybody_of_every_tenants_events_and_streams() {
    let (server, _stream) = with_secrets(jwt_server());
    for target in ["/stats", "/clients", "/clients?sort=age"] {
        for headers in FOR_OTHERS {
            let answer = request(server.addr(), "GET", target, headers, b"");
            assert_eq!(answer.status, 403, "{target} {headers:?}");
            assert!(!answer.text().contains("acme"), "{target}: {}", answer.text());
        }
        // Whoever is on this machine operates it.
        let answer = request(server.addr(), "GET", target, &[], b"");
        assert!(answer.status == 200 && answer.text().contains("acme"), "{target}: {}", answer.text());
    }
    // Numbers of everything are nobody's.
    let metrics = request(server.addr(), "GET", "/metrics", FOR_OTHERS[0], b"");
    assert!(metrics.status == 200 && !metrics.text().contains("acme"));
}

/// Streams were for everybody, and so was what operators see.
#[test]
fn strangers_saw_the_insides_where_only_publishing_needs_a_token() {
    let token = "publisher-of-events";
    let server = Setup::new().flag("--auth-publish-tokens", token).start();
    let _stream = Stream::open(&server);
    assert_eq!(publish_as(&server, token, r#"{"eventType":"a","id":"1","payload":1}"#).status, 202);
    for target in ["/stats", "/clients", "/recent"] {
        for headers in FOR_OTHERS {
            let answer = request(server.addr(), "GET", target, headers, b"");
            assert_eq!(answer.status, 403, "{target} {headers:?}");
            assert!(answer.text().contains("auth.admin_tokens"), "it says what to do: {}", answer.text());
        }
        assert_eq!(request(server.addr(), "GET", target, &[], b"").status, 200, "{target}");
        // A token for something else is none for this.
        let authorization = bearer(token);
        let headers = [FOR_OTHERS[0][0], ("Authorization", authorization.as_str())];
        assert_eq!(request(server.addr(), "GET", target, &headers, b"").status, 403, "{target}");
    }
    assert_eq!(request(server.addr(), "GET", "/metrics", FOR_OTHERS[0], b"").status, 200);
    // Where nothing needs a token, there is nobody to keep it from.
    let open = Setup::new().start();
    for target in ["/stats", "/clients", "/recent"] {
        assert_eq!(request(open.addr(), "GET", target, FOR_OTHERS[0], b"").status, 200, "{target}");
    }
}

#[test]
fn the_admin_side_is_for_operators_whatever_needs_a_token() {
    let dir = TestDir::new("insides");
    let socket = dir.path().join("admin.sock");
    let server = Setup::new()
        .flag("--auth-publish-tokens", "publisher-of-events")
        .flag("--server-admin-listen", &format!("unix:{}", socket.display()))
        .start();
    let mut conn = UnixStream::connect(&socket).expect("it listens there");
    let ask = b"GET /stats HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
    conn.write_all(ask).expect("it takes a request");
    let mut answer = String::new();
    conn.read_to_string(&mut answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(request(server.addr(), "GET", "/stats", &[], b"").status, 404);
}

#[test]
fn with_tokens_for_it_the_insides_are_shown_to_those_who_have_one() {
    let (server, _stream) = with_secrets(with_jwt("admin_tokens = [\"admin-of-this-server\"]").start());
    assert_eq!(request(server.addr(), "GET", "/stats", &[], b"").status, 401);
    let token = bearer("admin-of-this-server");
    let headers = [("Authorization", token.as_str()), FOR_OTHERS[0][0]];
    assert_eq!(request(server.addr(), "GET", "/stats", &headers, b"").status, 200);
    assert_eq!(get_as(&server, "/clients", &hs256(&claims(json!({ "subscribe": true })))).status, 403);
    assert_eq!(get_as(&server, "/clients", &hs256(&claims(json!({ "admin": true })))).status, 200);
}
