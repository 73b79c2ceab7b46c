//! How fast may be published with one token: services behind one address are told apart.

use std::time::Duration;

use serde_json::json;

use super::common::api::problem;
use super::common::events::{tick, ticks};
use super::common::http::{Conn, Response, compose, request};
use super::common::server::{Server, Setup, wait_for_log};
use super::common::tokens::{SECRET, claims, hs256};
use super::limited;

const ONE: &str = "the-token-of-service-one";
const TWO: &str = "the-token-of-service-two";

fn config(more: &str) -> String {
    format!(
        "[auth]\npublish_tokens = [{ONE:?}, {TWO:?}]\njwt = [{{ alg = \"HS256\", key = \"{SECRET}\" }}]\n[limits]\n{more}\n"
    )
}

fn publish_as(server: &Server, token: &str, lines: &str) -> Response {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/x-ndjson")];
    request(server.addr(), "POST", "/publish", &headers, lines.as_bytes())
}

#[test]
fn a_service_that_publishes_too_fast_held_up_the_others_behind_its_proxy() {
    let server = Setup::new().config(&config("publish_rate_per_token = 3")).start();
    assert_eq!(publish_as(&server, ONE, &ticks(0..3)).status, 202);
    let refused = publish_as(&server, ONE, &ticks(3..5));
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let detail = problem(&refused)["detail"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(
        detail.contains("limits.publish_rate_per_token") && detail.ends_with("for this token"),
        "{detail}"
    );
    assert!(!refused.text().contains(ONE));
    assert_eq!(publish_as(&server, TWO, &ticks(5..8)).status, 202);
    assert_eq!(limited(&server, "publish_rate_per_token"), 1.0);
    assert_eq!((limited(&server, "publish_rate_per_ip"), limited(&server, "publish_rate")), (0.0, 0.0));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(publish_as(&server, ONE, &tick(9)).status, 202, "after what Retry-After said");
}

/// From wherever it comes, and whatever its signature is written like.
#[test]
fn json_web_tokens_are_counted_one_by_one() {
    let server =
        Setup::new().config(&config("publish_rate_per_token = 1\npublish_burst_per_token = 2")).start();
    let token = |of: &str| {
        let mut claims = claims(json!({ "publish": true }));
        claims["sub"] = json!(of);
        hs256(&claims)
    };
    let post_from = |from: [u8; 4], token: &str| {
        let mut conn = Conn::open_special(server.addr(), Some(from), None);
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/x-ndjson")];
        conn.send(&compose("POST", "/publish", &headers, ticks(0..2).as_bytes()));
        conn.read_response("POST").status
    };
    let (ann, bob) = (token("ann"), token("bob"));
    assert_eq!(post_from([127, 0, 0, 2], &ann), 202);
    assert_eq!(post_from([127, 0, 0, 3], &ann), 429, "another address is no way around it");
    assert_eq!(post_from([127, 0, 0, 2], &bob), 202);
}

#[test]
fn bodies_of_no_use_count_for_their_token() {
    let limits = "publish_rate_per_token = 1\npublish_burst_per_token = 5";
    let server = Setup::new().config(&config(limits)).start();
    let statuses: Vec<u16> = (0..12).map(|_| publish_as(&server, ONE, "nonsense").status).collect();
    assert_eq!(statuses[..5], [400; 5], "{statuses:?}");
    assert!(statuses[5..].iter().filter(|&&status| status == 429).count() >= 5, "{statuses:?}");
    assert_eq!(publish_as(&server, TWO, &tick(1)).status, 202);
}

/// A busy token cannot be made to be forgotten, and tokens that are no good take no place.
#[test]
fn a_busy_token_is_remembered_however_many_others_come() {
    let limits = "publish_rate_per_token = 1\npublish_burst_per_token = 1000\nrate_addresses = 8";
    let server = Setup::new().config(&config(limits)).start();
    assert_eq!(publish_as(&server, ONE, &ticks(0..1000)).status, 202);
    for n in 0..100 {
        let mut claims = claims(json!({ "publish": true }));
        claims["jti"] = json!(n);
        assert_eq!(publish_as(&server, &hs256(&claims), &tick(1)).status, 202);
        assert_eq!(publish_as(&server, &format!("a-token-that-is-not-{n}"), &tick(1)).status, 401);
    }
    assert_eq!(publish_as(&server, ONE, &tick(1)).status, 429);
}

#[test]
fn a_reload_switches_it_on_and_off() {
    let server = Setup::new().config(&config("")).start();
    let reload = |more: &str| {
        let from = server.log().len();
        std::fs::write(server.config_path(), config(more)).expect("our own file");
        server.signal(rustix::process::Signal::HUP);
        wait_for_log(&server, from, "configuration reloaded");
    };
    let statuses = || [1, 2].map(|n| publish_as(&server, ONE, &ticks(0..20 * n)).status);
    assert_eq!(statuses(), [202, 202]);
    reload("publish_rate_per_token = 1");
    assert_eq!(statuses(), [202, 429]);
    reload("");
    assert_eq!(statuses(), [202, 202]);
}

#[test]
fn without_tokens_it_counts_nobody_and_says_so() {
    let run = |toml: &str| Setup::bare().config(toml).arg("check").run().stderr;
    let said = run("[limits]\npublish_rate_per_token = 1\n");
    assert!(said.contains("limits.publish_rate_per_token changes nothing"), "{said}");
    assert_eq!(run(&config("publish_rate_per_token = 1")), "");
    let server = Setup::new().flag("--limits-publish-rate-per-token", "1").start();
    for n in 0..5 {
        assert_eq!(publish_as(&server, ONE, &tick(n)).status, 202);
    }
}
