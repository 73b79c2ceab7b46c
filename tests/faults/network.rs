//! What happens between the servers and Redis.

use std::time::{Duration, Instant};

use super::bench::Plan;
use super::common::DEADLINE;
use super::common::proxy::{Direction, FaultProxy};
use super::common::redis::Redis;
use super::publishers::By;

#[test]
fn a_black_hole_both_ways() {
    black_hole(Direction::Both);
}

#[test]
fn a_black_hole_towards_redis() {
    black_hole(Direction::ToServer);
}

#[test]
fn a_black_hole_from_redis() {
    black_hole(Direction::ToClient);
}

fn black_hole(direction: Direction) {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis).through(proxy.addr()).start();
    let start = Instant::now();
    proxy.freeze(direction);
    bench.expect_lost(start);
    // While messages still come, the subscription is as good as ever.
    if direction != Direction::ToServer {
        bench.wait_for_logs("not subscribed to Redis");
    }
    proxy.thaw();
    if direction != Direction::ToServer {
        bench.wait_for_gaps(start, DEADLINE);
    }
    bench.let_flow();
    bench.verify();
}

#[test]
fn all_connections_are_reset() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis).through(proxy.addr()).start();
    for _ in 0..3 {
        let start = Instant::now();
        proxy.reset();
        bench.wait_until_back(start, DEADLINE);
        bench.let_flow();
    }
    bench.verify();
}

#[test]
fn a_reset_while_nothing_can_be_connected_to() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis).through(proxy.addr()).start();
    let start = Instant::now();
    proxy.refuse(true);
    proxy.reset();
    bench.expect_lost(start);
    proxy.refuse(false);
    bench.verify_told(start);
}

#[test]
fn connections_are_cut_in_the_middle_of_replies() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis).through(proxy.addr()).start();
    let start = Instant::now();
    for cut in 0..25 {
        proxy.cut_after(1 + 7 * cut);
        bench.let_flow();
    }
    bench.wait_for_gaps(start, DEADLINE);
    bench.verify();
}

#[test]
fn a_slow_redis_is_no_fault() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let bench = Plan::at(&redis)
        .through(proxy.addr())
        .publish_timeout(Duration::from_secs(2))
        .liveness(Duration::from_secs(5))
        .pace(Duration::from_millis(50))
        .start();
    proxy.set_latency(Duration::from_millis(50));
    proxy.slice(7);
    for _ in 0..3 {
        bench.let_flow_by(By::Redis, DEADLINE);
        bench.let_flow();
    }
    let outcome = bench.verify();
    outcome.assert_no_gap();
    outcome.assert_no_fallback();
    outcome.assert_complete();
}
