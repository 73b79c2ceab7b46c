//! A reload takes tokens and keys away: who came in by one is out, and nobody else notices.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::common::api::{metric, publish};
use super::common::dir::TestDir;
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, request};
use super::common::server::{Server, Setup, wait_for_log};
use super::common::stream::Stream;
use super::common::tokens::{SECRET, claims, hs256, signed_by, tenant_claims};
use super::common::{DEADLINE, wait_until};
use super::{bearer, get_as};

const REVOKED: &str = "ssecast_connections_closed_total{reason=\"token-revoked\"}";

fn open(server: &Server, target: &str, token: &str) -> Stream {
    Stream::open_with(server.addr(), target, &[("Authorization", &bearer(token))])
}

/// Reads another configuration, and waits until that is said in the log.
fn reload(server: &Server, toml: &str, says: &str) {
    fs::write(server.config_path(), toml).expect("our own file");
    let from = server.log().len();
    server.signal(Signal::HUP);
    wait_for_log(server, from, says);
}

fn revoked(server: &Server) -> f64 {
    metric(server, REVOKED).expect("it is shown from the start")
}

/// An event reaches these streams; `n` is its number.
fn all_get(server: &Server, streams: &mut [&mut Stream], n: usize) {
    publish(server, &tick(n));
    for stream in streams {
        assert_eq!(stream.next().data, tick_data(n));
    }
}

fn tokens(list: &[&str]) -> String {
    format!("[auth]\nsubscribe_tokens = {list:?}\n")
}

#[test]
fn a_stream_outlived_its_static_token() {
    let [one, two, three] = ["the-token-of-one", "the-token-of-two", "the-token-of-three"];
    let server = Setup::new().config(&tokens(&[one, two, three])).start();
    let mut streams = [one, two, three].map(|token| open(&server, "/events", token));
    let [first, second, third] = &mut streams;
    all_get(&server, &mut [first, second, third], 1);
    assert_eq!(revoked(&server), 0.0);
    // The others stand elsewhere in the list now.
    reload(&server, &tokens(&["another-token-of-many", three, one]), "streams=1");
    publish(&server, &tick(2));
    second.expect_end();
    assert!(!second.raw.ends_with(tick_data(2).as_bytes()), "an event after the token was gone");
    assert_eq!([first.next().data, third.next().data], [tick_data(2), tick_data(2)]);
    assert_eq!(revoked(&server), 1.0);
    assert_eq!(get_as(&server, "/events", two).status, 401, "it is not let in again");
    // A file that is no use closes nobody, and the next reload still knows who came in by what.
    reload(&server, &tokens(&["short"]), "configuration not reloaded");
    all_get(&server, &mut [first, third], 3);
    reload(&server, &tokens(&[three]), "streams=1");
    first.expect_end();
    all_get(&server, &mut [third], 4);
    reload(&server, "", "configuration reloaded");
    all_get(&server, &mut [third], 5);
    assert_eq!(revoked(&server), 2.0);
}

#[test]
fn a_stream_outlived_the_key_of_its_token() {
    let dir = TestDir::new("revoked");
    let (old, other) = (dir.write("old", SECRET), dir.write("other", &"o".repeat(40)));
    let config = |audience: &str| {
        let key = |file: &std::path::Path, more: &str| {
            format!("[[auth.jwt]]\nalg = \"HS256\"\nkey_file = {file:?}\n{more}\n")
        };
        format!("{}{}", key(&old, ""), key(&other, &format!("aud = {audience}\n")))
    };
    let server = Setup::new().config(&config("[\"us\"]")).start();
    let mut by_old = open(&server, "/events", &hs256(&claims(json!({ "subscribe": true, "publish": true }))));
    let mut ours = claims(json!({ "subscribe": true }));
    ours["aud"] = json!("us");
    let token = signed_by("o".repeat(40).as_bytes(), &json!({ "alg": "HS256" }), &ours);
    let mut by_other = open(&server, "/events", &token);
    // Nobody reads from it: that ends it all the same.
    let silent = open(&server, "/events", &token);
    reload(&server, &config("[\"them\", \"us\"]"), "configuration reloaded");
    assert_eq!(revoked(&server), 0.0);
    fs::write(&old, "n".repeat(40)).expect("our own file");
    reload(&server, &config("[\"them\", \"us\"]"), "streams=1");
    by_old.expect_end();
    reload(&server, &config("[\"them\"]"), "streams=2");
    by_other.expect_end();
    wait_until("all are counted", DEADLINE, || revoked(&server) == 3.0);
    drop(silent);
}

#[test]
fn streams_without_a_token_end_when_one_is_needed() {
    let server = Setup::new().config("").start();
    let mut stranger = Stream::open(&server);
    let open_streams = "[auth]\nopen_streams = true\nsubscribe_tokens = [\"the-token-of-one\"]\n";
    reload(&server, open_streams, "configuration reloaded");
    let mut known = open(&server, "/events", "the-token-of-one");
    all_get(&server, &mut [&mut stranger, &mut known], 1);
    reload(&server, &tokens(&["the-token-of-one"]), "streams=1");
    stranger.expect_end();
    all_get(&server, &mut [&mut known], 2);
    assert_eq!(revoked(&server), 1.0);
}

#[test]
fn a_tenant_that_a_client_chose_ends_when_nobody_may_choose() {
    let config = |more: &str| {
        format!(
            "[auth]\nsubscribe_tokens = [\"the-token-of-one\"]\n{more}\n[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n"
        )
    };
    let server = Setup::new().config(&config("open_tenants = true")).start();
    let mut chosen = open(&server, "/events?tenant=acme", "the-token-of-one");
    let mut none = open(&server, "/events", "the-token-of-one");
    let acme = hs256(&tenant_claims("acme", json!({ "subscribe": true })));
    let mut granted = open(&server, "/events?tenant=acme", &acme);
    reload(&server, &config(""), "streams=1");
    chosen.expect_end();
    let publisher = hs256(&claims(json!({ "publish": true })));
    assert_eq!(super::publish_as(&server, &publisher, &tick(1)).status, 202);
    assert_eq!([none.next().data, granted.next().data], [tick_data(1), tick_data(1)]);
}

/// Far more than are closed in one turn: who stays is served, and everything of those that go is given back.
#[test]
fn hundreds_go_at_once_and_who_stays_does_not_notice() {
    let server = Setup::new().config(&tokens(&["the-token-of-many", "the-token-of-one"])).start();
    let mut staying = open(&server, "/events", "the-token-of-one");
    let mut conn = Conn::open(server.addr());
    let descriptors = metric(&server, "process_open_fds");
    let mut going: Vec<Stream> = (0..700).map(|_| open(&server, "/events", "the-token-of-many")).collect();
    reload(&server, &tokens(&["the-token-of-one"]), "streams=700");
    all_get(&server, &mut [&mut staying], 1);
    assert_eq!(metric(&server, "ssecast_active_connections"), Some(1.0));
    conn.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(conn.read_response("GET").status, 200);
    for stream in &mut going {
        assert!(stream.rest().is_empty(), "nothing was sent any more");
    }
    assert_eq!(revoked(&server), 700.0);
    drop(going);
    wait_until("their sockets are closed", DEADLINE, || metric(&server, "process_open_fds") <= descriptors);
}

/// They are in the middle of something else when they lose their token.
#[test]
fn who_replays_or_does_not_read_is_out_as_well() {
    let server = Setup::new().config(&tokens(&["the-token-of-one", "the-token-of-two"])).start();
    for n in 0..200 {
        publish(&server, &super::common::events::big_tick(n, 100_000));
    }
    let token = bearer("the-token-of-one");
    let replaying = |target: &str| {
        let conn = Conn::open_special(server.addr(), None, Some(4096));
        Stream::open_on(conn, target, &[("Authorization", &token)])
    };
    let stuck =
        [replaying("/events?lastEventId=earliest"), replaying("/events?lastEventId=earliest&type=tick")];
    reload(&server, &tokens(&["the-token-of-two"]), "streams=2");
    assert_eq!(metric(&server, "ssecast_active_connections"), Some(0.0));
    wait_until("both are counted", DEADLINE, || revoked(&server) == 2.0);
    drop(stuck);
    let again = request(server.addr(), "GET", "/events", &[("Authorization", &token)], b"");
    assert_eq!(again.status, 401);
    wait_until("nothing is left of them", DEADLINE + Duration::from_secs(2), || {
        metric(&server, "process_open_fds").is_some_and(|count| count < 30.0)
    });
}
