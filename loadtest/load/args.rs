//! The command line of the generator.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Arg, ArgMatches, ValueEnum, value_parser};

use crate::payload;

/// The largest payload: frames have to fit in the read buffer of `generator` many times.
const PAYLOAD_BYTES_MAX: u64 = 32 * 1024;
/// The largest TCP segment on Ethernet: 1 500 bytes without the headers of IPv4 and TCP.
const ETHERNET_MSS_BYTES: u32 = 1_460;

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
    /// Envelopes from Redis to one stream.
    Ingest,
    /// The same envelopes, for `redis_floor`.
    Feed,
    /// Many envelopes from Redis at once.
    RedisBurst,
    /// `/healthz` while events are published, with Redis or without.
    RedisHealth,
}

/// What a scenario takes where the command line says nothing.
struct Defaults {
    streams: usize,
    events: u64,
    payload_bytes: usize,
    rounds: u32,
    mss_bytes: u32,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The server; `feed` has none.
    pub(crate) target: Option<SocketAddr>,
    /// The Redis that the scenario publishes to.
    pub(crate) redis: Option<String>,
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
    /// Measured events; of `redis-burst` those of a round.
    pub(crate) events: u64,
    /// Payload of a measured event.
    pub(crate) payload_bytes: usize,
    /// Publishing connections of a burst, each with one event.
    pub(crate) publishers: usize,
    /// Bursts.
    pub(crate) rounds: u32,
    /// Largest TCP segment that a stream takes; 0 leaves it to the kernel, which on loopback takes 64 KiB.
    pub(crate) mss_bytes: u32,
    /// Events per second (`redis-health`).
    pub(crate) rate: u32,
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
    fn defaults(self) -> Defaults {
        let (streams, events) = match self {
            Self::Fanout => (5_000, 100),
            Self::Burst => (2_000, 0),
            Self::Idle => (15_000, 0),
            Self::Slow => (4_000, 150),
            Self::Health => (15_000, 20),
            Self::Topics => (10_000, 2_000),
            Self::Ingest => (1, 500_000),
            Self::Feed => (0, 500_000),
            Self::RedisBurst => (2_000, 1_000),
            Self::RedisHealth => (1_000, 500),
        };
        // Envelopes of 300 bytes, from Redis.
        let payload_bytes = if matches!(self, Self::Ingest | Self::Feed) { 240 } else { 200 };
        let rounds = if self == Self::RedisBurst { 5 } else { 10 };
        // So many bytes for one stream fill the server's SO_SNDBUF, which is less than one segment of loopback.
        let mss_bytes = if self == Self::Ingest { ETHERNET_MSS_BYTES } else { 0 };
        Defaults { streams, events, payload_bytes, rounds, mss_bytes }
    }

    /// Whether it opens streams of a server.
    fn needs_target(self) -> bool {
        self != Self::Feed
    }

    /// Whether it publishes to Redis itself.
    fn needs_redis(self) -> bool {
        matches!(self, Self::Ingest | Self::Feed | Self::RedisBurst)
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
            Self::Ingest => "ingest",
            Self::Feed => "feed",
            Self::RedisBurst => "redis-burst",
            Self::RedisHealth => "redis-health",
        }
    }
}

impl ValueEnum for Scenario {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Fanout,
            Self::Burst,
            Self::Idle,
            Self::Slow,
            Self::Health,
            Self::Topics,
            Self::Ingest,
            Self::Feed,
            Self::RedisBurst,
            Self::RedisHealth,
        ]
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
    let count = |name, help| text(name, help).value_parser(value_parser!(u32).range(1..));
    let those = |needs: fn(Scenario) -> bool| {
        let scenarios = Scenario::value_variants().iter().filter(move |scenario| needs(**scenario));
        scenarios.map(|scenario| ("scenario", scenario.name()))
    };
    let payload_range = payload::BYTES_MIN as u64..=PAYLOAD_BYTES_MAX;
    clap::Command::new("load")
        .about("Measures an SSE server: streams, events, latency, CPU, memory")
        .arg(
            text("target", "address of the server")
                .value_parser(value_parser!(SocketAddr))
                .required_if_eq_any(those(Scenario::needs_target)),
        )
        .arg(
            text("redis", "ingest, feed, redis-burst: URL of the Redis that the server is subscribed to")
                .required_if_eq_any(those(Scenario::needs_redis)),
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
        .arg(number("events", "measured events; redis-burst: in a round (each scenario has its own default)"))
        .arg(
            text("bytes", "payload of an event (200; ingest and feed: 240)")
                .value_parser(value_parser!(u64).range(payload_range)),
        )
        .arg(number("publishers", "burst: connections, each with one event").default_value("64"))
        .arg(count("rounds", "burst, redis-burst: how often (10, 5)"))
        .arg(
            text("mss", "largest TCP segment of a stream, 0 for the kernel's (0; ingest: 1460)")
                .value_parser(value_parser!(u32)),
        )
        .arg(count("rate", "redis-health: events per second").default_value("100"))
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
    let defaults = scenario.defaults();
    let bytes = |name| usize::try_from(*required::<u64>(matches, name)).unwrap_or(usize::MAX);
    let size = |name| matches.get_one::<u64>(name).and_then(|n| usize::try_from(*n).ok());
    Options {
        target: matches.get_one("target").copied(),
        redis: matches.get_one("redis").cloned(),
        pid: *required(matches, "pid"),
        label: required::<String>(matches, "label").clone(),
        repetition: *required(matches, "repetition"),
        scenario,
        streams: size("streams").unwrap_or(defaults.streams),
        stalled: bytes("stalled"),
        events: matches.get_one("events").copied().unwrap_or(defaults.events),
        payload_bytes: size("bytes").unwrap_or(defaults.payload_bytes),
        publishers: bytes("publishers"),
        rounds: matches.get_one("rounds").copied().unwrap_or(defaults.rounds),
        mss_bytes: matches.get_one("mss").copied().unwrap_or(defaults.mss_bytes),
        rate: *required(matches, "rate"),
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
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_scenario_gets_what_it_talks_to() {
        let parse = |line: &str| command().try_get_matches_from(line.split(' ')).map(|found| options(&found));
        let server = "load --pid 1 --target 127.0.0.1:1";
        let redis = "--redis redis://127.0.0.1:2";
        assert!(parse(&format!("{server} --scenario ingest")).is_err());
        assert!(parse(&format!("load --pid 1 {redis} --scenario ingest")).is_err());
        assert!(parse("load --pid 1 --scenario fanout").is_err());
        assert!(parse(&format!("{server} --scenario redis-health")).is_ok());
        assert_eq!(parse(&format!("load --pid 1 {redis} --scenario feed")).unwrap().target, None);
        let ingest = parse(&format!("{server} {redis} --scenario ingest --events 5")).unwrap();
        assert_eq!((ingest.streams, ingest.events, ingest.payload_bytes), (1, 5, 240));
    }

    #[test]
    fn an_envelope_from_redis_has_300_bytes() {
        let Defaults { events, payload_bytes, .. } = Scenario::Ingest.defaults();
        let stamp = payload::Stamp { number: events, sent_ns: 0 };
        assert_eq!(payload::envelope(stamp, payload_bytes, None).len(), 300);
    }
}
