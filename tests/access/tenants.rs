//! An event with a tenant never leaves it, whatever a client of another one tries.

use serde_json::{Value, json};

use super::common::api::last_id;
use super::common::http::request;
use super::common::server::{Server, Setup};
use super::common::stream::{Stream, data_of};
use super::common::tokens::{claims, hs256, tenant_claims};
use super::{bearer, get_as, jwt_server, publish_as, with_jwt};

fn reader(tenant: &str) -> String {
    hs256(&tenant_claims(tenant, json!({ "subscribe": true })))
}

fn publisher() -> String {
    hs256(&claims(json!({ "publish": true })))
}

fn of_tenant(tenant: &str, n: usize) -> String {
    format!(
        r#"{{"eventType":"secret","id":"{n}","payload":"{tenant} {n}","tenant":"{tenant}","topics":["orders/{n}"]}}"#
    )
}

fn public(n: usize) -> String {
    format!(r#"{{"eventType":"after","id":"{n}","payload":"public {n}","topics":["orders/{n}"]}}"#)
}

/// Publishes, and gives back the id.
fn publish(server: &Server, envelope: &str) -> String {
    last_id(&publish_as(server, &publisher(), envelope), 1)
}

fn open_as(server: &Server, target: &str, token: &str, more: &[(&str, &str)]) -> Stream {
    let bearer = bearer(token);
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    Stream::open_with(server.addr(), target, &headers)
}

#[test]
fn a_client_sees_its_tenant_and_what_is_for_everybody() {
    let server = jwt_server();
    let mut acme = open_as(&server, "/events", &reader("acme"), &[]);
    let mut other = open_as(&server, "/events", &reader("other"), &[]);
    let mut nobody = open_as(&server, "/events", &hs256(&claims(json!({ "subscribe": true }))), &[]);
    for n in 0..2 {
        publish(&server, &of_tenant("acme", n));
        publish(&server, &of_tenant("other", n));
    }
    publish(&server, &public(9));
    assert_eq!(data_of(&acme.take(3)), ["\"acme 0\"", "\"acme 1\"", "\"public 9\""]);
    assert_eq!(data_of(&other.take(3)), ["\"other 0\"", "\"other 1\"", "\"public 9\""]);
    assert_eq!(data_of(&nobody.take(1)), ["\"public 9\""]);
}

#[test]
fn no_header_query_cookie_or_id_reaches_another_tenant() {
    let server = with_jwt("query_token = true\nopen_tenants = true").start();
    let first = publish(&server, &public(0));
    let theirs = publish(&server, &of_tenant("acme", 1));
    let (evil, acme) = (reader("evil"), reader("acme"));
    let cookie = format!("ssecast_token={acme}");
    let in_query = format!("/events?access_token={acme}");
    let targets: [(&str, Vec<(&str, &str)>); 12] = [
        ("/events", vec![]),
        ("/events?topic=*", vec![]),
        ("/events?topic=orders/*", vec![]),
        ("/events?topic=orders/1&topic=orders/2&topic=orders/9", vec![]),
        ("/events?type=secret&type=after", vec![]),
        ("/events?tenant=evil", vec![]),
        ("/events", vec![("X-Tenant", "acme"), ("Tenant", "acme")]),
        // The header goes before the cookie and the query, so whose token that is does not matter.
        ("/events", vec![("Cookie", &cookie)]),
        (&in_query, vec![]),
        ("/events?lastEventId=earliest", vec![]),
        ("/events", vec![("Last-Event-ID", &theirs)]),
        ("/events", vec![("Last-Event-ID", &first)]),
    ];
    let mut streams: Vec<(&str, Stream)> =
        targets.iter().map(|(target, more)| (*target, open_as(&server, target, &evil, more))).collect();
    publish(&server, &of_tenant("acme", 2));
    publish(&server, &public(9));
    for (target, stream) in &mut streams {
        let events = loop {
            let event = stream.next();
            assert!(!event.data.contains("acme"), "{target}: {event:?}");
            if event.data.contains("public 9") {
                break event;
            }
        };
        assert_eq!(events.event, "after", "{target}");
        assert!(!String::from_utf8_lossy(&stream.raw).contains("acme"), "{target}");
    }
    for (target, status) in [
        ("/events?tenant=acme", 403),
        ("/events?tenant=acme&tenant=evil", 400),
        ("/events?tenant=evil&tenant=acme", 400),
    ] {
        assert_eq!(get_as(&server, target, &evil).status, status, "{target}");
    }
}

#[test]
fn a_resume_is_authorised_anew() {
    let server = jwt_server();
    let first = publish(&server, &public(0));
    publish(&server, &of_tenant("acme", 1));
    publish(&server, &of_tenant("other", 2));
    publish(&server, &public(3));
    let from = [("Last-Event-ID", first.as_str())];
    let mut acme = open_as(&server, "/events", &reader("acme"), &from);
    assert_eq!(data_of(&acme.take(2)), ["\"acme 1\"", "\"public 3\""]);
    let mut other = open_as(&server, "/events", &reader("other"), &from);
    assert_eq!(data_of(&other.take(2)), ["\"other 2\"", "\"public 3\""]);
    assert_eq!(request(server.addr(), "GET", "/events", &from, b"").status, 401);
}

#[test]
fn who_publishes_for_a_tenant_publishes_for_no_other() {
    let server = jwt_server();
    let token = hs256(&tenant_claims("acme", json!({ "publish": true, "subscribe": true })));
    let mut acme = open_as(&server, "/events", &token, &[]);
    let status = |body: &str| publish_as(&server, &token, body).status;
    assert_eq!(status(&of_tenant("acme", 1)), 202);
    assert_eq!(status(&of_tenant("other", 2)), 403);
    assert_eq!(status(&public(3)), 403);
    let mixed = publish_as(&server, &token, &format!("[{},{}]", of_tenant("acme", 4), of_tenant("other", 5)));
    let body: Value = mixed.json();
    assert_eq!((mixed.status, body["index"].as_u64()), (403, Some(1)), "{body}");
    assert_eq!(status(&of_tenant("acme", 6)), 202);
    // All or nothing: what was fine in the mixed batch was not published either.
    assert_eq!(data_of(&acme.take(2)), ["\"acme 1\"", "\"acme 6\""]);
}

/// A gateway that adds its `tenant=` to whatever a client asked for was overruled by the client's own one.
#[test]
fn of_two_tenants_in_a_query_the_clients_own_one_won() {
    let server = Setup::new().config("[auth]\nopen_tenants = true\n").start();
    for target in [
        "/events?tenant=acme&tenant=evil",
        "/events?tenant=&tenant=evil",
        "/events?%74enant=acme&tenant=acme",
    ] {
        assert_eq!(request(server.addr(), "HEAD", target, &[], b"").status, 400, "{target}");
    }
    assert_eq!(request(server.addr(), "HEAD", "/events?tenant=acme", &[], b"").status, 200);
    // Where the parameter does not count, two of them do not either.
    let server = Setup::new().start();
    assert_eq!(request(server.addr(), "HEAD", "/events?tenant=a&tenant=b", &[], b"").status, 200);
}

/// Whoever published first under the idempotency key of another tenant's event kept it from its readers.
#[test]
fn a_tenant_swallowed_an_event_of_another_one_by_its_idempotency_key() {
    let server = with_jwt("").flag("--redis-dedupe", "1000").start();
    let of = |tenant: &str| hs256(&tenant_claims(tenant, json!({ "publish": true, "subscribe": true })));
    let envelope = |tenant: &str, payload: u32| {
        format!(
            r#"{{"eventType":"paid","id":"1","payload":{payload},"ts":"2026-01-31T12:00:00Z","tenant":"{tenant}"}}"#
        )
    };
    let mut acme = open_as(&server, "/events", &of("acme"), &[]);
    assert_eq!(publish_as(&server, &of("evil"), &envelope("evil", 1)).status, 202);
    assert_eq!(publish_as(&server, &of("acme"), &envelope("acme", 2)).status, 202);
    // Its own are still told apart from each other.
    assert_eq!(publish_as(&server, &of("acme"), &envelope("acme", 3)).status, 202);
    publish(&server, &of_tenant("acme", 4));
    assert_eq!(data_of(&acme.take(2)), ["2", "\"acme 4\""]);
}
