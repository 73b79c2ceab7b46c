//! What the server's insides tell of others: events and streams of other tenants are named in `/stats` and `/clients`.

use serde_json::json;

use super::common::http::request;
use super::common::server::Server;
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
