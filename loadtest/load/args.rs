//! The command line of the generator.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Arg, ArgMatches, ValueEnum, value_parser};

use crate::payload;

/// The largest payload: frames have to fit in the read buffer of `generator` many times.
const PAYLOAD_BYTES_MAX: u64 = 32 * 1024;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Events one at a time to all streams.
    Fanout,
    /// Many events at once, over as many connections.
    Burst,
    /// Streams that get nothing.
    Idle,
    /// Streams that do not read, beside others that do.
    Slow,
    /// `/healthz` while a broadcast runs.
    Health,
    /// Events that concern one stream of many.
    Topics,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The server.
    pub(crate) target: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
    /// Its name in the results.
    pub(crate) label: String,
    /// Which of several runs; `report` compares runs of the same number.
    pub(crate) repetition: u64,
    /// What is measured.
    pub(crate) scenario: Scenario,
    /// Streams that read.
    pub(crate) streams: usize,
    /// Streams that never read (`slow`).
    pub(crate) stalled: usize,
    /// Measured events, one at a time.
    pub(crate) events: u64,
    /// Payload of a measured event.
    pub(crate) payload_bytes: usize,
    /// Publishing connections of a burst, each with one event.
    pub(crate) publishers: usize,
    /// Bursts.
    pub(crate) rounds: u32,
    /// What is published before the measured events to fill the stalled sockets (`slow`).
    pub(crate) fill_bytes: usize,
    /// What is published after them, past the bound of a client's backlog (`slow`).
    pub(crate) overrun_bytes: usize,
    /// Where the result is appended, as one line of JSON.
    pub(crate) json: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// One run against a server.
    Run(Options),
    /// Medians and ratios of earlier runs.
    Report(PathBuf),
}

impl Scenario {
    /// Streams and events, where the command line names none.
    fn defaults(self) -> (usize, u64) {
        match self {
            Self::Fanout => (5_000, 100),
            Self::Burst => (2_000, 0),
            Self::Idle => (15_000, 0),
            Self::Slow => (4_000, 150),
            Self::Health => (15_000, 20),
            Self::Topics => (10_000, 2_000),
        }
    }

    /// Its name on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Burst => "burst",
            Self::Idle => "idle",
            Self::Slow => "slow",
            Self::Health => "health",
            Self::Topics => "topics",
        }
    }
}

impl ValueEnum for Scenario {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Fanout, Self::Burst, Self::Idle, Self::Slow, Self::Health, Self::Topics]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// Reads the command line; ends the process where it is wrong.
pub(crate) fn parse() -> Command {
    let matches = command().get_matches();
    match matches.get_one::<PathBuf>("report") {
        Some(path) => Command::Report(path.clone()),
        None => Command::Run(options(&matches)),
    }
}

fn command() -> clap::Command {
    let text = |name, help| Arg::new(name).long(name).help(help);
    let number = |name, help| text(name, help).value_parser(value_parser!(u64).range(1..));
    let from_zero = |name, help| text(name, help).value_parser(value_parser!(u64)).default_value("0");
    let payload_range = payload::BYTES_MIN as u64..=PAYLOAD_BYTES_MAX;
    clap::Command::new("load")
        .about("Measures an SSE server: streams, events, latency, CPU, memory")
        .arg(
            text("target", "address of the server")
                .value_parser(value_parser!(SocketAddr))
                .required_unless_present("report"),
        )
        .arg(
            text("pid", "process of the server")
                .value_parser(value_parser!(u32))
                .required_unless_present("report"),
        )
        .arg(
            text("scenario", "what is measured")
                .value_parser(value_parser!(Scenario))
                .required_unless_present("report"),
        )
        .arg(text("label", "the server's name in the results").default_value("server"))
        .arg(from_zero("repetition", "a number for this run; a report compares those of the same number"))
        .arg(number("streams", "streams that read (each scenario has its own default)"))
        .arg(from_zero("stalled", "slow: streams that never read"))
        .arg(number("events", "measured events, one at a time (each scenario has its own default)"))
        .arg(
            text("bytes", "payload of an event")
                .value_parser(value_parser!(u64).range(payload_range))
                .default_value("200"),
        )
        .arg(number("publishers", "burst: connections, each with one event").default_value("64"))
        .arg(
            text("rounds", "burst: how often")
                .value_parser(value_parser!(u32).range(1..))
                .default_value("10"),
        )
        .arg(from_zero("fill-bytes", "slow: published first, so that sockets fill").default_value("98304"))
        .arg(
            from_zero("overrun-bytes", "slow: published last, past the backlog's bound")
                .default_value("524288"),
        )
        .arg(text("json", "append the result here").value_parser(value_parser!(PathBuf)))
        .arg(
            text("report", "print medians and ratios of the results in this file")
                .value_parser(value_parser!(PathBuf))
                .exclusive(true),
        )
}

fn options(matches: &ArgMatches) -> Options {
    let scenario = *required::<Scenario>(matches, "scenario");
    let (streams, events) = scenario.defaults();
    let bytes = |name| usize::try_from(*required::<u64>(matches, name)).unwrap_or(usize::MAX);
    let streams = matches.get_one::<u64>("streams").and_then(|n| usize::try_from(*n).ok()).unwrap_or(streams);
    Options {
        target: *required(matches, "target"),
        pid: *required(matches, "pid"),
        label: required::<String>(matches, "label").clone(),
        repetition: *required(matches, "repetition"),
        scenario,
        streams,
        stalled: bytes("stalled"),
        events: matches.get_one("events").copied().unwrap_or(events),
        payload_bytes: bytes("bytes"),
        publishers: bytes("publishers"),
        rounds: *required(matches, "rounds"),
        fill_bytes: bytes("fill-bytes"),
        overrun_bytes: bytes("overrun-bytes"),
        json: matches.get_one("json").cloned(),
    }
}

fn required<'a, T: Clone + Send + Sync + 'static>(matches: &'a ArgMatches, name: &str) -> &'a T {
    matches.get_one(name).expect("the command requires it, or has a default for it")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_is_consistent() {
        super::command().debug_assert();
    }
}
