//! A stream ends when its token does: nothing is sent afterwards, and nothing before.

use std::time::{Duration, Instant};

use serde_json::json;

use super::common::api::metric;
use super::common::http::request;
use super::common::stream::Stream;
use super::common::tokens::{claims, hs256, seconds_from_now};
use super::common::{DEADLINE, wait_until};
use super::{bearer, jwt_server, publish_as, with_jwt};

#[test]
fn a_stream_is_closed_when_its_token_expires() {
    let server = with_jwt("leeway = \"0s\"").start();
    let exp = seconds_from_now(3);
    let short = hs256(&json!({ "exp": exp, "ssecast": { "subscribe": true } }));
    let long = hs256(&claims(json!({ "subscribe": true, "publish": true })));
    let mut stream = Stream::open_with(server.addr(), "/events", &[("Authorization", &bearer(&short))]);
    let mut other = Stream::open_with(server.addr(), "/events", &[("Authorization", &bearer(&long))]);
    assert_eq!(publish_as(&server, &long, r#"{"eventType":"before","id":"1","payload":1}"#).status, 202);
    assert_eq!(stream.next().event, "before");
    assert_eq!(other.next().event, "before");
    let closed = "ssecast_connections_closed_total{reason=\"token-expired\"}";
    assert_eq!(metric(&server, closed), Some(0.0));
    stream.expect_end();
    assert!(seconds_from_now(0) >= exp, "closed too early");
    assert_eq!(metric(&server, closed), Some(1.0));
    assert_eq!(publish_as(&server, &long, r#"{"eventType":"after","id":"1","payload":1}"#).status, 202);
    assert_eq!(other.next().event, "after");
    let again = request(server.addr(), "GET", "/events", &[("Authorization", &bearer(&short))], b"");
    assert_eq!(again.status, 401);
    assert!(again.header("www-authenticate").is_some_and(|value| value.contains("the token expired")));
}

#[test]
fn leeway_lets_it_live_that_much_longer() {
    let server = with_jwt("leeway = \"1h\"").start();
    let expired = hs256(&json!({ "exp": seconds_from_now(-10), "ssecast": { "subscribe": true } }));
    let head = request(server.addr(), "HEAD", "/events", &[("Authorization", &bearer(&expired))], b"");
    assert_eq!(head.status, 200);
}

/// Many tokens that expire at once, and clients that left before theirs did.
#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let server = with_jwt("leeway = \"0s\"").start();
    let exp = seconds_from_now(4);
    let token = hs256(&json!({ "exp": exp, "ssecast": { "subscribe": true } }));
    let open = || Stream::open_with(server.addr(), "/events", &[("Authorization", &bearer(&token))]);
    let mut staying: Vec<Stream> = (0..20).map(|_| open()).collect();
    for _ in 0..20 {
        drop(open());
    }
    for stream in &mut staying {
        stream.expect_end();
    }
    let reason =
        |reason: &str| metric(&server, &format!("ssecast_connections_closed_total{{reason=\"{reason}\"}}"));
    wait_until("everybody is gone", DEADLINE, || {
        reason("token-expired")
            .zip(reason("client"))
            .is_some_and(|(expired, left)| expired == 20.0 && left >= 20.0)
    });
    assert_eq!(metric(&server, "ssecast_active_connections"), Some(0.0));
}

/// An idle server wakes for the expiry and for nothing else.
#[test]
fn an_expiry_far_away_costs_nothing() {
    let server = jwt_server();
    let token = hs256(&json!({ "exp": 1e300, "ssecast": { "subscribe": true } }));
    let _stream = Stream::open_with(server.addr(), "/events", &[("Authorization", &bearer(&token))]);
    let (start, before) = (Instant::now(), server.cpu_time());
    wait_until("a while", DEADLINE, || start.elapsed() > Duration::from_secs(1));
    let spent = server.cpu_time() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?}");
}
