//! The command line of the generator: a subcommand for each scenario, and `report`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::dialect::Dialect;
use crate::payload;
use crate::scenario::{Defaults, Scenario};

/// The largest payload: frames have to fit in the read buffer of `generator` many times.
const PAYLOAD_BYTES_MAX: u64 = 32 * 1024;
/// Streams of one process: a descriptor each, and some for everything else.
const STREAMS_MAX: u64 = 19_000;

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is measured.
    pub(crate) scenario: Scenario,
    /// The server; `feed` has none.
    pub(crate) target: Option<SocketAddr>,
    /// Where the server is published to and asked, if not there, too.
    pub(crate) admin: Option<SocketAddr>,
    /// Whether the streams speak TLS.
    pub(crate) tls: bool,
    /// How the server is talked to.
    pub(crate) dialect: Dialect,
    /// The Redis that is published to, instead of the server.
    pub(crate) redis: Option<String>,
    /// The server's processes, where their CPU time and memory are to be measured.
    pub(crate) pids: Vec<u32>,
    /// Its name in the results.
    pub(crate) label: String,
    /// Which of several runs; `report` compares runs of the same number.
    pub(crate) repetition: u64,
    /// Streams that read.
    pub(crate) streams: usize,
    /// Streams that never read.
    pub(crate) stalled: usize,
    /// Streams that stay while the others reconnect (`storm`).
    pub(crate) live: usize,
    /// Measured events; through Redis those of a round or a batch.
    pub(crate) events: u64,
    /// How long the scenario goes on, where time and not events end it.
    pub(crate) duration: Duration,
    /// Payload of a measured event.
    pub(crate) payload_bytes: usize,
    /// Publishing connections.
    pub(crate) publishers: usize,
    /// Bursts.
    pub(crate) rounds: u32,
    /// Largest TCP segment that a stream takes; 0 leaves it to the kernel, which on loopback takes 64 KiB.
    pub(crate) mss_bytes: u32,
    /// Events per second.
    pub(crate) rate: u32,
    /// Share of the streams that reconnect in each second, in percent.
    pub(crate) churn_pct: f64,
    /// Events published while the streams are away (`storm`).
    pub(crate) back: u64,
    /// What is published before the measured events, to fill the stalled sockets (`slow`) or what the server keeps of
    /// the past (`soak`).
    pub(crate) fill_bytes: usize,
    /// What is published after them, past the bound of a client's backlog (`slow`).
    pub(crate) overrun_bytes: usize,
    /// What any one step may take before the run is given up.
    pub(crate) patience: Duration,
    /// Where the result is appended, as one line of JSON.
    pub(crate) json: Option<PathBuf>,
}

/// What is to be made of the results of many runs.
#[derive(Clone, Debug)]
pub(crate) struct ReportOptions {
    /// Files that `--json` appended to.
    pub(crate) results: Vec<PathBuf>,
    /// Where the page with charts goes.
    pub(crate) html: Option<PathBuf>,
    /// Its title.
    pub(crate) title: String,
    /// Lines below the title: when and where it was measured.
    pub(crate) notes: Vec<String>,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// One run against a server.
    Run(Box<Options>),
    /// Medians and ratios of earlier runs.
    Report(ReportOptions),
}

/// Reads the command line; ends the process where it is wrong.
pub(crate) fn parse() -> Task {
    task(&command().get_matches())
}

fn task(matches: &ArgMatches) -> Task {
    let (name, matches) = matches.subcommand().expect("the command requires a subcommand");
    match Scenario::ALL.into_iter().find(|scenario| scenario.name() == name) {
        Some(scenario) => Task::Run(Box::new(options(scenario, matches))),
        None => Task::Report(report_options(matches)),
    }
}

fn command() -> Command {
    let scenarios = Scenario::ALL.map(scenario_command);
    Command::new("ssecast-load")
        .about("Measures an SSE server: streams, events, latency, CPU, memory; loadtest/README.md says how")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(scenarios)
        .subcommand(report_command())
}

/// The options that a scenario takes, with its own defaults.
fn scenario_command(scenario: Scenario) -> Command {
    let defaults = scenario.defaults();
    let mut args = common_args(&defaults);
    if scenario.has_streams() {
        args.extend(stream_args(&defaults));
    }
    if scenario.publishes() {
        let help = "publish to the Redis with this URL, not to the server";
        args.push(text("redis", help).required(scenario.needs_redis()));
    }
    args.extend(own_args(&defaults));
    match scenario {
        Scenario::Slow => {
            args.push(number("fill-bytes", "published first, so that sockets fill", 0, 96 * 1024));
            args.push(number("overrun-bytes", "published last, past the backlog's bound", 0, 512 * 1024));
        }
        Scenario::Soak => {
            let help = "published before the first stream, so that what the server keeps is full";
            args.push(number("fill-bytes", help, 0, 8 * 1024 * 1024));
        }
        _ => {}
    }
    Command::new(scenario.name()).about(scenario.about()).args(args)
}

fn text(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help)
}

fn number(name: &'static str, help: &'static str, least: u64, default: u64) -> Arg {
    text(name, help).value_parser(value_parser!(u64).range(least..)).default_value(default.to_string())
}

fn common_args(defaults: &Defaults) -> Vec<Arg> {
    let payload_range = payload::BYTES_MIN as u64..=PAYLOAD_BYTES_MAX;
    vec![
        text("pid", "process of the server, for its CPU time and memory; may be repeated")
            .value_parser(value_parser!(u32))
            .action(ArgAction::Append),
        text("label", "the server's name in the results").default_value("server"),
        number("repetition", "a number for this run; a report compares those of the same number", 0, 0),
        text("json", "append the result to this file").value_parser(value_parser!(PathBuf)),
        number("patience", "seconds that any one step may take before the run is given up", 1, 60),
        text("bytes", "payload of an event")
            .value_parser(value_parser!(u64).range(payload_range))
            .default_value(defaults.payload_bytes.to_string()),
    ]
}

fn stream_args(defaults: &Defaults) -> Vec<Arg> {
    vec![
        text("target", "address of the server, as 127.0.0.1:8080")
            .value_parser(value_parser!(SocketAddr))
            .required(true),
        text("admin", "its admin side, where publishing and /stats are, if not at the target")
            .value_parser(value_parser!(SocketAddr)),
        text("tls", "the streams speak TLS and take any certificate; needs --admin")
            .action(ArgAction::SetTrue)
            .requires("admin"),
        text("dialect", "how the server is talked to")
            .value_parser(value_parser!(Dialect))
            .default_value("ssecast"),
        streams("streams", "streams that read", 1, defaults.streams),
        number("mss", "largest TCP segment of a stream, 0 for the kernel's", 0, defaults.mss_bytes),
    ]
}

fn streams(name: &'static str, help: &'static str, least: u64, default: u64) -> Arg {
    let range = value_parser!(u64).range(least..=STREAMS_MAX);
    text(name, help).value_parser(range).default_value(default.to_string())
}

/// Those that only some scenarios take.
fn own_args(defaults: &Defaults) -> impl Iterator<Item = Arg> {
    let churn = |default: f64| {
        text("churn", "share of the streams that reconnect in each second, in percent")
            .value_parser(value_parser!(f64))
            .default_value(default.to_string())
    };
    let events = "measured events; in a burst those of a round, each over a connection of its own";
    let rate = "events per second; 0: each when the one before has reached all";
    // Where 0 is a choice, it is the default.
    let least = |default: u64| u64::from(default > 0);
    [
        defaults.events.map(|n| number("events", events, 1, n)),
        defaults.seconds.map(|n| number("seconds", "how long it goes on", 1, n)),
        defaults.rounds.map(|n| number("rounds", "how often", 1, n)),
        defaults.rate.map(|n| number("rate", rate, least(n), n)),
        defaults.publishers.map(|n| number("publishers", "connections that publish in turn", 1, n)),
        defaults.stalled.map(|n| streams("stalled", "streams that never read", 0, n)),
        defaults.live.map(|n| streams("live", "streams that stay while the others reconnect", 1, n)),
        defaults.back.map(|n| number("back", "events published while the streams are away", 1, n)),
        defaults.churn_pct.map(churn),
    ]
    .into_iter()
    .flatten()
}

fn report_command() -> Command {
    Command::new("report")
        .about("Medians and ratios of the results in files, as a Markdown table; with --html, as a page of charts, too")
        .arg(
            Arg::new("results")
                .help("files that runs were appended to by --json")
                .value_parser(value_parser!(PathBuf))
                .num_args(1..)
                .required(true),
        )
        .arg(
            Arg::new("html")
                .long("html")
                .help("write a page with charts to this file")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(text("title", "title of the page").default_value("ssecast, measured"))
        .arg(
            text("note", "a line below the title, as on the machine, versions, the day; may come again")
                .action(ArgAction::Append),
        )
}

fn options(scenario: Scenario, matches: &ArgMatches) -> Options {
    // An option that the scenario does not take has no value.
    let number = |name| optional::<u64>(matches, name).unwrap_or(0);
    let size = |name| usize::try_from(number(name)).unwrap_or(usize::MAX);
    let small = |name| u32::try_from(number(name)).unwrap_or(u32::MAX);
    Options {
        scenario,
        target: optional(matches, "target"),
        admin: optional(matches, "admin"),
        tls: optional(matches, "tls").unwrap_or(false),
        dialect: optional(matches, "dialect").unwrap_or(Dialect::Ssecast),
        redis: optional(matches, "redis"),
        pids: matches.get_many("pid").into_iter().flatten().copied().collect(),
        label: optional(matches, "label").unwrap_or_default(),
        repetition: number("repetition"),
        streams: size("streams"),
        stalled: size("stalled"),
        live: size("live"),
        events: number("events"),
        duration: Duration::from_secs(number("seconds")),
        payload_bytes: size("bytes"),
        publishers: size("publishers"),
        rounds: small("rounds"),
        mss_bytes: small("mss"),
        rate: small("rate"),
        churn_pct: optional(matches, "churn").unwrap_or(0.0),
        back: number("back"),
        fill_bytes: size("fill-bytes"),
        overrun_bytes: size("overrun-bytes"),
        patience: Duration::from_secs(number("patience")),
        json: optional(matches, "json"),
    }
}

fn report_options(matches: &ArgMatches) -> ReportOptions {
    ReportOptions {
        results: matches.get_many("results").into_iter().flatten().cloned().collect(),
        html: optional(matches, "html"),
        title: optional(matches, "title").unwrap_or_default(),
        notes: matches.get_many("note").into_iter().flatten().cloned().collect(),
    }
}

fn optional<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.try_get_one(name).ok().flatten().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let matches = command().try_get_matches_from(line.split(' '))?;
        let Task::Run(options) = task(&matches) else { panic!("{line} is a report") };
        Ok(*options)
    }

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_scenario_gets_what_it_talks_to() {
        let server = "--target 127.0.0.1:1";
        let redis = "--redis redis://127.0.0.1:2";
        assert!(parse(&format!("ssecast-load ingest {server}")).is_err());
        assert!(parse(&format!("ssecast-load ingest {redis}")).is_err());
        assert!(parse("ssecast-load fanout").is_err());
        assert!(parse("ssecast-load").is_err());
        assert!(parse(&format!("ssecast-load health {server}")).is_ok());
        assert_eq!(parse(&format!("ssecast-load feed {redis}")).unwrap().target, None);
        let ingest = parse(&format!("ssecast-load ingest {server} {redis} --events 5")).unwrap();
        assert_eq!((ingest.streams, ingest.events, ingest.payload_bytes), (1, 5, 240));
    }

    #[test]
    fn streams_with_tls_need_an_admin_side_in_the_clear() {
        let line = "ssecast-load idle --target 127.0.0.1:1 --tls";
        assert!(parse(line).is_err());
        assert!(parse(&format!("{line} --admin 127.0.0.1:2")).unwrap().tls);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let line = |rest| parse(&format!("ssecast-load {rest} --target 127.0.0.1:1"));
        assert!(line("fanout --streams 0").is_err());
        assert!(line("fanout --streams 19001").is_err());
        assert!(line("fanout --bytes 1").is_err());
        assert!(line("fanout --seconds 5").is_err(), "it ends by its events");
        assert!(line("slow --stalled 0").is_ok());
    }

    #[test]
    fn a_report_takes_several_files() {
        let line = ["ssecast-load", "report", "a", "b", "--html", "c", "--note", "d", "--note", "e"];
        let matches = command().try_get_matches_from(line).unwrap();
        let Task::Report(options) = task(&matches) else { panic!("no report") };
        assert_eq!((options.results.len(), options.html), (2, Some("c".into())));
        assert_eq!(options.notes, ["d", "e"]);
    }
}
