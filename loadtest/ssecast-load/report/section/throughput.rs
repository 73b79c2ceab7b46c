//! How much a server delivers when it gets more than it can deliver at once.

use super::Section;
use super::comparison::Comparison;
use crate::report::runs::Runs;
use crate::report::units::Unit;
use crate::scenario::Scenario;

const BURSTS: Comparison = Comparison {
    title: "Deliveries per second in a burst",
    about: "Many events at once to all streams, from before the first one is written to the last delivery. \
            More is better.",
    metric: "deliveries_per_s",
    unit: Unit::PerSecond,
    factor: 1.0,
    is_log: false,
};

const FROM_REDIS: Comparison = Comparison {
    title: "Events per second from Redis",
    about: "As fast as they are taken, to one stream; feed is what a bare subscriber receives. More is better.",
    metric: "events_per_s",
    ..BURSTS
};

pub(super) fn section(runs: &Runs) -> Section {
    // Whatever the scenario is called: older results have `redis-burst`.
    let bursts: Vec<_> = runs.cases_with("events_per_burst").collect();
    let from_redis =
        |scenario: &str| [Scenario::Ingest, Scenario::Feed].iter().any(|of| of.name() == scenario);
    let ingests: Vec<_> =
        runs.cases_with(FROM_REDIS.metric).filter(|case| from_redis(&case.scenario)).collect();
    Section {
        id: "throughput",
        title: "Throughput",
        intro: "What a server does when more comes than can go out at once. One that sends each event to each \
                stream on its own is held up by the number of its writes.",
        figures: BURSTS.figure(runs, &bursts).into_iter().chain(FROM_REDIS.figure(runs, &ingests)).collect(),
        missing: "The scenario burst was not run.",
    }
}
