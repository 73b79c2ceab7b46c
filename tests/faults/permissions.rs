//! What Redis lets the servers do, and what not.

use std::time::Instant;

use super::bench::{Bench, LIVENESS, Plan};
use super::common::DEADLINE;
use super::common::redis::{Redis, RedisSetup};
use super::publishers::By;

/// The rules of docs/redis.md.
pub(crate) const RULES: &str = "on >secret resetchannels &orders.events &ssecast.canary.* -@all +publish +subscribe +psubscribe \
                     +ping +hello +auth +client|setname +role +pubsub|numsub";

fn with_user() -> (Redis, Bench) {
    let redis = RedisSetup::new().acl(&format!("user node {RULES}")).start();
    let url = format!("redis://node:secret@{}", redis.address());
    let bench = Plan::at(&redis).urls(&url, &url).start();
    (redis, bench)
}

fn allow(redis: &Redis, rules: &[&str]) {
    let mut words = vec!["ACL", "SETUSER", "node"];
    words.extend(rules);
    redis.command(&words);
}

#[test]
fn a_wrong_password_that_becomes_the_right_one() {
    let redis = RedisSetup::new().password("right").start();
    let url = format!("redis://:seCret@{}", redis.address());
    let bench = Plan::at(&redis).urls(&url, &url).start_unready();
    bench.expect_lost(Instant::now());
    bench.wait_for_logs("invalid username-password pair");
    for node in &bench.nodes {
        assert!(!node.log().contains("seCret"), "a password in the log: {}", node.log());
    }
    redis.command(&["CONFIG", "SET", "requirepass", "seCret"]);
    bench.wait_until_ready();
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.verify();
}

#[test]
fn the_user_of_the_documentation_is_enough() {
    let (redis, bench) = with_user();
    bench.let_flow_by(By::Redis, DEADLINE);
    let denied = redis.command(&["ACL", "LOG"]);
    assert_eq!(denied, redis::Value::Array(Vec::new()), "nothing is denied");
    for node in &bench.nodes {
        assert!(!node.log().contains("does not let us"), "{}", node.log());
    }
    let outcome = bench.verify();
    outcome.assert_complete();
}

#[test]
fn publishing_is_forbidden_for_a_while() {
    let (redis, bench) = with_user();
    let start = Instant::now();
    allow(&redis, &["-publish"]);
    bench.expect_lost(start);
    bench.wait_for_logs("Redis takes no messages");
    allow(&redis, &["+publish"]);
    bench.wait_until_ready();
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.verify().assert_complete();
}

#[test]
fn while_publishing_is_forbidden_no_server_is_ready() {
    let (redis, bench) = with_user();
    let start = Instant::now();
    allow(&redis, &["-publish"]);
    bench.expect_lost(start);
    bench.assert_stays_unready(2 * LIVENESS);
    allow(&redis, &["+publish"]);
    bench.verify().assert_complete();
}

#[test]
fn the_channel_is_forbidden_for_a_while() {
    let (redis, bench) = with_user();
    let start = Instant::now();
    allow(&redis, &["resetchannels", "&ssecast.canary.*"]);
    bench.expect_lost(start);
    allow(&redis, &["&orders.events"]);
    bench.wait_until_back(start, DEADLINE);
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.verify();
}

#[test]
fn without_its_canary_a_server_is_ready_and_says_so() {
    let rules = RULES.replace("&ssecast.canary.* ", "");
    let mut redis = RedisSetup::new().acl(&format!("user node {rules}")).start();
    let url = format!("redis://node:secret@{}", redis.address());
    let bench = Plan::at(&redis).urls(&url, &url).start();
    bench.wait_for_logs("Redis does not let us subscribe to our canary");
    let start = Instant::now();
    redis.kill();
    bench.expect_lost(start);
    redis.restart();
    bench.verify_told(start);
}
