//! What a stream that gets nothing costs.

use super::Section;
use super::comparison::Comparison;
use crate::report::runs::Runs;
use crate::report::units::Unit;
use crate::scenario::Scenario;

const MEMORY: Comparison = Comparison {
    title: "Memory per idle stream",
    about: "Resident bytes beyond those of the process without streams; logarithmic. Less is better.",
    metric: "rss_per_stream_bytes",
    unit: Unit::Bytes,
    factor: 1.0,
    is_log: true,
};

const OPENING: Comparison = Comparison {
    title: "Streams opened per second",
    about: "From the first connect to the last head, by one generator. More is better.",
    metric: "opened_per_s",
    unit: Unit::PerSecond,
    factor: 1.0,
    is_log: false,
};

pub(super) fn section(runs: &Runs) -> Section {
    let cases: Vec<_> = runs.cases.iter().filter(|case| case.scenario == Scenario::Idle.name()).collect();
    Section {
        id: "memory",
        title: "Memory",
        intro: "Streams are opened and then get nothing: what is measured is what the server keeps for each.",
        figures: [MEMORY, OPENING].iter().filter_map(|figure| figure.figure(runs, &cases)).collect(),
        missing: "The scenario idle was not run.",
    }
}
