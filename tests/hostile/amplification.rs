//! What an attack costs us for each bit that it costs the attacker.
//!
//! No clock on the wall: the time on the CPU of the server's threads against that of the thread that attacks, and
//! bytes against bytes, each connection counted with the least that TCP needs for it.

use crate::attack::Cost;
use crate::attacks;
use crate::common::server::{Server, is_optimised};
use crate::watch::{Watch, alone};

/// The promise: neither time nor bytes are amplified more than that.
const FACTOR: f64 = 100.0;
/// Without optimisation the same code takes up to so many times as long, and the attacker's, which is in the
/// kernel, does not: `SSECAST_TEST_BINARY=target/release/ssecast` judges the promise, any other run only what grew.
const UNOPTIMISED: f64 = 20.0;
const MEMORY: usize = 64 << 20;

#[test]
fn every_attack_costs_us_less_than_a_hundred_times_what_it_costs_the_attacker() {
    let _turn = alone();
    let mut costs: Vec<(&str, Cost)> = Vec::new();
    for (server, attacks) in [(Server::start(), attacks::all()), (attacks::guarded(), attacks::guesses())] {
        let watch = Watch::begin(&server);
        costs.extend(attacks.iter().map(|attack| (attack.name, attack.run(&server, &watch))));
        watch.end(&server, MEMORY);
    }
    println!("| attack | repeats | client CPU | server CPU | CPU | bytes |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (name, cost) in &costs {
        let Cost { repeats, client_cpu, server_cpu, .. } = cost;
        let per_repeat = |cpu: &std::time::Duration| cpu.as_secs_f64() * 1e6 / *repeats as f64;
        let (client, server) = (per_repeat(client_cpu), per_repeat(server_cpu));
        let (cpu, bytes) = (cost.cpu_factor(), cost.byte_factor());
        println!("| {name} | {repeats} | {client:.0} µs | {server:.0} µs | {cpu:.2} | {bytes:.2} |");
    }
    let allowed = if is_optimised() { FACTOR } else { FACTOR * UNOPTIMISED };
    let is_dear = |cost: &Cost| cost.cpu_factor() >= allowed || cost.byte_factor() >= FACTOR;
    let dear: Vec<_> = costs.iter().filter(|(_, cost)| is_dear(cost)).collect();
    assert!(dear.is_empty(), "amplified too much: {dear:#?}");
}
