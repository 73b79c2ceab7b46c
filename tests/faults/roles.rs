//! Masters that become replicas.

use std::time::Instant;

use super::bench::{LIVENESS, Plan};
use super::common::DEADLINE;
use super::common::redis::{Redis, RedisSetup};
use super::common::sentinel::Sentinel;
use super::publishers::By;

#[test]
fn a_master_becomes_a_replica_and_a_master_again() {
    let redis = Redis::start();
    let other = Redis::start();
    let bench = Plan::at(&redis).start();
    bench.set_service(None);
    let start = Instant::now();
    redis.demote_to(&other);
    bench.expect_lost(start);
    bench.assert_stays_unready(2 * LIVENESS);
    redis.promote();
    bench.wait_for_gaps(start, DEADLINE);
    bench.wait_until_ready();
    bench.set_service(Some(redis.address()));
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.let_flow();
    bench.verify();
}

#[test]
fn servers_follow_a_failover_by_sentinel() {
    let master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let sentinel = Sentinel::start("orders", &master);
    let bench = Plan::at(&master)
        .flag("--redis-sentinel", &sentinel.address())
        .flag("--redis-master-name", "orders")
        .start();
    bench.set_service(None);
    let start = Instant::now();
    sentinel.failover();
    bench.wait_for_gaps(start, DEADLINE);
    bench.wait_until_ready();
    bench.set_service(Some(replica.address()));
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.let_flow();
    assert_eq!(replica.subscribers("orders.events"), 2, "both servers are at the new master");
    bench.verify();
}

#[test]
fn servers_follow_when_the_master_dies() {
    let mut master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let sentinel = Sentinel::start("orders", &master);
    let bench = Plan::at(&master)
        .flag("--redis-sentinel", &sentinel.address())
        .flag("--redis-master-name", "orders")
        .start();
    bench.set_service(None);
    let start = Instant::now();
    master.kill();
    bench.expect_lost(start);
    bench.wait_for_gaps(start, DEADLINE);
    bench.wait_until_ready();
    bench.set_service(Some(replica.address()));
    bench.let_flow();
    bench.verify();
}
