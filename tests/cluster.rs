//! Three servers on one Redis, two hundred clients that come, go and resume on any of them, publishers that never
//! stop, while Redis is killed twice and two servers are killed: at the end each client has everything or was told.
//!
//! What a client's history must be is in `cluster/history.rs`.

mod common;

#[path = "cluster/clients.rs"]
mod clients;
#[path = "cluster/history.rs"]
mod history;
#[path = "cluster/ledger.rs"]
mod ledger;
#[path = "cluster/nodes.rs"]
mod nodes;

use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use clients::Crowd;
use common::events::Random;
use common::redis::Redis;
use common::{DEADLINE, wait_until};
use history::{Totals, verify};
use ledger::Ledger;
use nodes::{Nodes, Patience};

const CLIENTS: usize = 200;

/// What is done to the cluster.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillRedis,
    RestartRedis,
    KillNode(usize),
    RestartNode(usize),
}

/// When what is done, from the start: each in a time of its own, spread by the seed, and some of them while Redis
/// is down.
fn schedule(random: &mut Random) -> Vec<(Duration, Fault)> {
    let mut at = |from: usize, spread: usize| {
        let millis = from + random.below(spread);
        Duration::from_millis(u64::try_from(millis).expect("small"))
    };
    let mut faults = vec![
        (at(2000, 500), Fault::KillRedis),
        (at(3000, 1000), Fault::RestartRedis),
        (at(5000, 1000), Fault::KillNode(0)),
        (at(6500, 1000), Fault::RestartNode(0)),
        (at(9000, 500), Fault::KillRedis),
        (at(9300, 1000), Fault::KillNode(1)),
        (at(10_000, 1000), Fault::RestartRedis),
        (at(11_200, 1000), Fault::RestartNode(1)),
    ];
    faults.sort_by_key(|(at, _)| *at);
    faults
}

/// The cluster, its clients and its publishers.
struct Scene {
    seed: u64,
    random: Random,
    redis: Redis,
    nodes: Nodes,
    ledger: Ledger,
    crowd: Crowd,
    publishers: [JoinHandle<()>; 2],
}

impl Scene {
    fn start(patience: Patience) -> Self {
        let seed = std::env::var("SSECAST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        eprintln!("SSECAST_SEED={seed}");
        let mut random = Random(seed);
        let redis = Redis::start();
        let nodes = Nodes::start(redis.url(), patience);
        let ledger = Ledger::default();
        let crowd = Crowd::gather(CLIENTS, random.next(), nodes.clone());
        let publishers = [
            spawn({
                let (ledger, nodes, seed) = (ledger.clone(), nodes.clone(), random.next());
                move || ledger.publish_by_http(&nodes, seed, Duration::from_millis(8))
            }),
            spawn({
                let (ledger, address) = (ledger.clone(), redis.address());
                move || ledger.publish_by_redis(address, Duration::from_millis(15))
            }),
        ];
        Self { seed, random, redis, nodes, ledger, crowd, publishers }
    }

    /// Waits until so many more events were accepted.
    fn let_flow(&self, events: usize) {
        let before = self.ledger.accepted().len();
        let has_come = || self.ledger.accepted().len() >= before + events;
        wait_until("more is published", 2 * DEADLINE, has_come);
    }

    /// Everything is there: each client resumes once more, reads to the end, and is asked what it got.
    fn verify(self) -> Totals {
        self.nodes.wait_until_settled();
        self.ledger.stop();
        for publisher in self.publishers {
            publisher.join().expect("a publisher does not panic");
        }
        self.nodes.wait_until_settled();
        self.crowd.send_home();
        let marker = self.ledger.publish_marker(self.nodes.address(2).expect("it was not killed"));
        let histories = self.crowd.bring_back_until(marker);
        let (accepted, kills) = (self.ledger.accepted(), self.nodes.kills());
        let mut totals = Totals::default();
        for (client, history) in histories.iter().enumerate() {
            verify(history, &accepted, &kills, &mut totals)
                .unwrap_or_else(|wrong| panic!("SSECAST_SEED={}: client {client}: {wrong}", self.seed));
        }
        eprintln!("{totals:?}");
        totals
    }
}

#[test]
fn clients_that_change_servers_miss_nothing_without_being_told() {
    let mut scene = Scene::start(Patience::SHORT);
    let start = Instant::now();
    for (at, fault) in schedule(&mut scene.random) {
        sleep((start + at).saturating_duration_since(Instant::now()));
        match fault {
            Fault::KillRedis => scene.redis.kill(),
            Fault::RestartRedis => scene.redis.restart(),
            Fault::KillNode(node) => scene.nodes.kill(node),
            Fault::RestartNode(node) => scene.nodes.restart(node),
        }
    }
    scene.nodes.wait_until_settled();
    // Clients go on for a while with everything there.
    scene.let_flow(200);
    let totals = scene.verify();
    // A quarter of what an idle machine does.
    assert!(totals.events > 100_000 && totals.resumes > 400 && totals.gaps > 200, "{totals:?}");
}

#[test]
fn clients_that_change_servers_get_everything_once_while_all_is_well() {
    let scene = Scene::start(Patience::LONG);
    scene.let_flow(600);
    let totals = scene.verify();
    assert_eq!((totals.gaps, totals.twice), (0, 0), "{totals:?}");
    assert!(totals.resumes > 200, "{totals:?}");
}
