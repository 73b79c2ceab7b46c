//! A customer follows their own orders only: topics that a token grants, and those that payloads make.

use serde_json::{Value, json};

use super::common::api::{last_id, metric};
use super::common::http::request;
use super::common::server::{Server, Setup, wait_for_log};
use super::common::stream::{Stream, data_of};
use super::common::tokens::{SECRET, claims, hs256};
use super::{bearer, get_as, jwt_server, publish_as};

fn server() -> Server {
    let config = format!(
        "[topics]\nfrom_payload = [\"customerId\"]\n[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n"
    );
    Setup::new().config(&config).start()
}

fn reader(topics: &[&str]) -> String {
    hs256(&claims(json!({ "subscribe": true, "topics": topics })))
}

fn publish(server: &Server, customer: Value, n: usize) -> String {
    let envelope =
        json!({ "eventType": "order", "id": n.to_string(), "payload": { "customerId": customer, "n": n } });
    last_id(&publish_as(server, &hs256(&claims(json!({ "publish": true }))), &envelope.to_string()), 1)
}

fn open(server: &Server, target: &str, token: &str) -> Stream {
    Stream::open_with(server.addr(), target, &[("Authorization", &bearer(token))])
}

fn status(server: &Server, target: &str, token: &str) -> u16 {
    request(server.addr(), "HEAD", target, &[("Authorization", &bearer(token))], b"").status
}

#[test]
fn a_customer_follows_their_own_orders_only() {
    let server = server();
    let first = publish(&server, json!(41), 0);
    let token = reader(&["customerId/42"]);
    let mut live = open(&server, "/events", &token);
    let mut asked = open(&server, "/events?topic=customerId/42", &token);
    let mut typed = open(&server, "/events?type=order", &token);
    for (n, customer) in
        [json!(42), json!("42"), json!(4), json!(421), json!("42/1"), json!(null)].into_iter().enumerate()
    {
        publish(&server, customer, n + 1);
    }
    publish(&server, json!(42), 9);
    let ours = [r#"{"customerId":42,"n":1}"#, r#"{"customerId":"42","n":2}"#, r#"{"customerId":42,"n":9}"#];
    for stream in [&mut live, &mut asked, &mut typed] {
        assert_eq!(data_of(&stream.take(3)), ours);
    }
    let headers = [("Authorization", bearer(&token)), ("Last-Event-ID", first)];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut resumed = Stream::open_with(server.addr(), "/events", &headers);
    assert_eq!(data_of(&resumed.take(3)), ours);
    assert_eq!(data_of(&open(&server, "/events?lastEventId=earliest", &token).take(3)), ours);
}

#[test]
fn asking_for_more_than_is_granted_is_refused() {
    let server = server();
    let token = reader(&["customerId/42", "orders/eu/*"]);
    for target in [
        "",
        "?topic=customerId/42",
        "?topic=orders/eu/*",
        "?topic=orders/eu/1&topic=customerId/42",
        "?topic=orders/eu/a*",
    ] {
        assert_eq!(status(&server, &format!("/events{target}"), &token), 200, "{target}");
    }
    for target in [
        "?topic=customerId/4",
        "?topic=customerId/42*",
        "?topic=customerId/*",
        "?topic=*",
        "?topic=orders/*",
        "?topic=orders/eu",
        "?topic=orders/eu*",
        "?topic=customerId/42&topic=customerId/43",
        "?topic=customerId/42&lastEventId=earliest&topic=x",
    ] {
        assert_eq!(status(&server, &format!("/events{target}"), &token), 403, "{target}");
    }
    assert_eq!(status(&server, "/events", &reader(&[])), 403);
    assert_eq!(status(&server, "/events", &reader(&["*"])), 200);
}

#[test]
fn who_may_publish_about_some_topics_may_not_about_others() {
    let server = server();
    let token = hs256(&claims(json!({ "publish": true, "topics": ["customerId/*"] })));
    let status = |envelope: Value| publish_as(&server, &token, &envelope.to_string()).status;
    let envelope = |topics: &[&str], payload: Value| json!({ "eventType": "a", "id": "1", "topics": topics, "payload": payload });
    assert_eq!(status(envelope(&["customerId/1"], json!(1))), 202);
    assert_eq!(status(envelope(&[], json!({ "customerId": 1 }))), 202);
    assert_eq!(status(envelope(&["customerId/1", "news"], json!(1))), 403);
    assert_eq!(status(envelope(&["news"], json!({ "customerId": 1 }))), 403);
    assert_eq!(status(envelope(&[], json!(1))), 403);
}

/// The answer was a 403 like others, but neither the log nor the metrics knew of it, and it had no challenge.
#[test]
fn what_was_published_beyond_the_scope_was_refused_without_a_word() {
    let server = server();
    let token = hs256(&claims(json!({ "publish": true, "topics": ["customerId/*"] })));
    let denied = publish_as(&server, &token, r#"{"eventType":"a","id":"1","payload":1}"#);
    assert_eq!(denied.status, 403);
    assert!(denied.header("www-authenticate").is_some_and(|value| value.contains("insufficient_scope")));
    assert_eq!(metric(&server, "ssecast_denials_total{reason=\"topic\"}"), Some(1.0));
    wait_for_log(&server, 0, "access denied");
}

/// A token's topics cost as much as filters that a client asks for, and had no bound but its length.
#[test]
fn a_token_with_more_topics_than_one_may_grant_is_refused() {
    let with_topics = |count: usize| {
        let topics: Vec<String> = (0..count).map(|n| format!("t/{n}")).collect();
        hs256(&claims(json!({ "subscribe": true, "publish": true, "topics": topics })))
    };
    let server = jwt_server();
    let status = |token: &str| {
        let head = request(server.addr(), "HEAD", "/events", &[("Authorization", &bearer(token))], b"");
        head.status
    };
    assert_eq!(status(&with_topics(64)), 200);
    let refused = get_as(&server, "/events", &with_topics(65));
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("limits.token_topics"), "{}", refused.text());
    assert!(refused.header("www-authenticate").is_some_and(|value| value.contains("too many topics")));
    // It does not help to ask for one of them only, and publishing costs as well.
    assert_eq!(get_as(&server, "/events?topic=t/1", &with_topics(65)).status, 401);
    let envelope = r#"{"eventType":"a","id":"1","payload":1,"topics":["t/1"]}"#;
    assert_eq!(publish_as(&server, &with_topics(65), envelope).status, 401);
    assert_eq!(publish_as(&server, &with_topics(64), envelope).status, 202);
    assert!(server.log().contains("reason=too-many-topics"), "{}", server.log());
    let denied = metric(&server, "ssecast_denials_total{reason=\"too-many-topics\"}");
    assert_eq!(denied, Some(3.0));
    let other = Setup::new()
        .config(&format!("[limits]\ntoken_topics = 2\n[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n"));
    let other = other.start();
    let statuses = [2, 3].map(|count| publish_as(&other, &with_topics(count), envelope).status);
    assert_eq!(statuses, [202, 401]);
}
