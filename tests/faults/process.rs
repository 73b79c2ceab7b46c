//! What happens to the process of Redis.

use std::time::{Duration, Instant};

use super::bench::{LIVENESS, Plan};
use super::common::redis::{Redis, RedisSetup};
use super::common::{DEADLINE, wait_until};
use super::publishers::By;

#[test]
fn redis_is_killed_and_comes_back() {
    let mut redis = Redis::start();
    let bench = Plan::at(&redis).start();
    for _ in 0..2 {
        let start = Instant::now();
        redis.kill();
        bench.expect_lost(start);
        redis.restart();
        bench.wait_until_back(start, DEADLINE);
        bench.let_flow();
    }
    bench.verify();
}

#[test]
fn redis_is_restarted_by_its_operator() {
    let mut redis = Redis::start();
    let bench = Plan::at(&redis).start();
    let start = Instant::now();
    redis.shutdown();
    bench.expect_lost(start);
    redis.restart();
    bench.verify_told(start);
}

#[test]
fn redis_hangs_for_longer_than_it_may() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).start();
    let start = Instant::now();
    redis.pause();
    bench.expect_lost(start);
    // Until the subscribers have given up, too.
    bench.wait_for_logs("not subscribed to Redis");
    redis.resume();
    bench.verify_told(start);
}

#[test]
fn a_short_hang_costs_time_only() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).liveness(20 * LIVENESS).publish_timeout(Duration::from_secs(5)).start();
    for _ in 0..3 {
        redis.pause();
        std::thread::sleep(Duration::from_millis(300));
        redis.resume();
        bench.let_flow();
    }
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_no_fallback();
    outcome.assert_complete();
}

#[test]
fn a_hang_that_is_too_long_for_publishing_only() {
    let redis = Redis::start();
    let bench = Plan::at(&redis).liveness(20 * LIVENESS).start();
    redis.pause();
    bench.let_flow_by(By::Fallback, DEADLINE);
    redis.resume();
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.let_flow();
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_complete();
}

#[test]
fn a_redis_that_loads_its_data_is_waited_for() {
    let mut redis = RedisSetup::new()
        .config("rdbcompression no")
        .config("key-load-delay 20000")
        .config("loading-process-events-interval-bytes 1024")
        .start();
    for key in 0..100 {
        redis.command(&["SET", &format!("key-{key}"), &"x".repeat(2000)]);
    }
    redis.command(&["SAVE"]);
    let bench = Plan::at(&redis).start();
    let start = Instant::now();
    redis.kill();
    bench.expect_lost(start);
    redis.restart();
    wait_until("Redis loads", DEADLINE, || redis.info("loading").as_deref() == Some("1"));
    wait_until("Redis has loaded", DEADLINE, || redis.info("loading").as_deref() == Some("0"));
    bench.verify_told(start);
}
