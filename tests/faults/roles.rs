//! Masters that become replicas, and those that are two.

use std::time::Instant;

use super::bench::{Bench, LIVENESS, Plan};
use super::common::proxy::FaultProxy;
use super::common::redis::{Redis, RedisSetup};
use super::common::sentinel::Sentinel;
use super::common::{DEADLINE, wait_until};
use super::permissions::RULES;
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
    bench.wait_until_back(start, DEADLINE);
    bench.set_service(Some(redis.address()));
    bench.let_flow_by(By::Redis, DEADLINE);
    bench.let_flow();
    bench.verify();
}

/// A sentinel of the master, and servers that ask it where the master is.
fn under_sentinel(master: &Redis) -> (Sentinel, Bench) {
    let sentinel = Sentinel::start("orders", master);
    let bench = Plan::at(master)
        .flag("--redis-sentinel", &sentinel.address())
        .flag("--redis-master-name", "orders")
        .start();
    (sentinel, bench)
}

#[test]
fn servers_follow_a_failover_by_sentinel() {
    let master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let (sentinel, bench) = under_sentinel(&master);
    bench.set_service(None);
    let start = Instant::now();
    sentinel.failover();
    bench.wait_until_back(start, DEADLINE);
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
    let (_sentinel, bench) = under_sentinel(&master);
    bench.set_service(None);
    let start = Instant::now();
    master.kill();
    bench.expect_lost(start);
    bench.wait_until_back(start, DEADLINE);
    bench.set_service(Some(replica.address()));
    bench.let_flow();
    bench.verify();
}

/// Two masters that know nothing of each other, each behind a proxy, and servers that may go to either.
struct Split {
    masters: [Redis; 2],
    proxies: [FaultProxy; 2],
    bench: Bench,
}

impl Split {
    fn start() -> Self {
        let master = || RedisSetup::new().acl(&format!("user node {RULES}")).start();
        let masters = [master(), master()];
        let proxies = masters.each_ref().map(|master| FaultProxy::start(master.address()));
        let [first, second] = proxies.each_ref().map(FaultProxy::addr);
        let url = format!("{first},{second},user=node,password=secret,abortConnect=false");
        let bench = Plan::at(&masters[0]).urls(&url, &url).start();
        Self { masters, proxies, bench }
    }

    /// Publishers are sent to the second master, while subscribers stay at the first.
    fn split(&self) -> Instant {
        self.bench.set_service(None);
        let start = Instant::now();
        self.proxies[0].refuse(true);
        assert_eq!(self.masters[0].kill_clients("normal"), 2, "both publishers");
        assert_eq!(self.masters[0].subscribers("orders.events"), 2, "both subscribers are still there");
        start
    }

    /// What is published comes back again: all are at the second master.
    fn verify_healed(self, start: Instant) {
        let is_healed = || self.masters[1].subscribers("orders.events") == 2;
        wait_until("the subscribers come to the second master", DEADLINE, is_healed);
        self.bench.wait_until_back(start, DEADLINE);
        self.bench.set_service(Some(self.masters[1].address()));
        self.bench.let_flow();
        self.bench.verify();
    }
}

#[test]
fn what_is_published_goes_elsewhere_and_does_not_come_back() {
    let split = Split::start();
    let start = split.split();
    split.verify_healed(start);
}

#[test]
fn it_does_not_come_back_after_publishing_was_forbidden_for_a_while() {
    let split = Split::start();
    let set = |rule: &str| split.masters[0].command(&["ACL", "SETUSER", "node", rule]);
    let start = Instant::now();
    set("-publish");
    split.bench.expect_lost(start);
    // Probes are made meanwhile.
    (0..5).for_each(|_| split.bench.let_flow());
    set("+publish");
    split.bench.wait_until_ready();
    split.bench.let_flow_by(By::Redis, DEADLINE);
    let start = split.split();
    split.verify_healed(start);
}
