//! `ssecast publish`: envelopes from a file, a pipe or flags, to the server in batches.

mod dry;
mod envelope;
mod input;
mod progress;
mod sending;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::help::PUBLISH;
use super::stop::Stop;
use super::{EXIT_CONFIG, EXIT_FAILURE, connection, fail, say};
use crate::client::address::DEFAULT_ORIGIN;
use crate::client::batch::Bounds;
use crate::client::publisher::{Patience, Publisher};
use crate::client::{Address, Client};
use input::Input;
use sending::{Plan, Sending};

/// Events of one request.
const BATCH_EVENTS: &str = "1000";
/// The default of `limits.body_bytes`.
const BATCH_BYTES: &str = "1MiB";
/// The default of `limits.event_bytes`.
const EVENT_BYTES: &str = "256KiB";
/// How long a server may be silent before its answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Why nothing is sent.
pub(super) struct Problem(pub(super) String, pub(super) u8);

/// The command.
pub(super) fn command() -> Command {
    let word = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let one = "One event from flags";
    let how = "How it is sent";
    Command::new(PUBLISH.name)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(clap::builder::ValueParser::path_buf())
                .help("The envelopes: one, an array, or one a line; - is standard input, as is no FILE"),
        )
        .arg(word("url", "URL").default_value(DEFAULT_ORIGIN).help("The server; without a path it gets /publish"))
        .args(
            [
                word("event-type", "TYPE").requires("id").requires("payload").help("What happened"),
                word("id", "ID").help("The entity that it happened to"),
                word("payload", "JSON|@FILE").help("Any JSON value, or the file that it is in"),
                word("tenant", "TENANT").help("Only clients of this tenant get it"),
                word("topic", "TOPIC").action(ArgAction::Append).help("What `topic=` finds; may be repeated"),
                word("trace-id", "ID").help("For logs"),
                word("ts", "TIME").help("When it happened, RFC 3339 [default: when the server gets it]"),
            ]
            .map(|arg| match arg.get_id().as_str() {
                "event-type" => arg.conflicts_with("file").help_heading(one),
                _ => arg.requires("event-type").help_heading(one),
            }),
        )
        .args([
            switch("dry-run").help_heading(how).help("Send nothing: check every envelope as the server would"),
            word("skip", "N")
                .value_parser(clap::value_parser!(u64))
                .default_value("0")
                .help_heading(how)
                .help("Leave out the first N envelopes, to go on where another run ended"),
            word("rate", "N")
                .value_parser(clap::value_parser!(u64).range(1..))
                .help_heading(how)
                .help("At most N events a second [default: as fast as the server takes them]"),
            word("batch-events", "N")
                .value_parser(clap::value_parser!(u64).range(1..=100_000))
                .default_value(BATCH_EVENTS)
                .help_heading(how)
                .help("Events of one request; it is taken as a whole or not at all"),
            word("batch-bytes", "SIZE")
                .value_parser(super::size)
                .default_value(BATCH_BYTES)
                .help_heading(how)
                .help("Bytes of one request: the server's limits.body_bytes"),
            word("event-bytes", "SIZE")
                .value_parser(super::size)
                .default_value(EVENT_BYTES)
                .help_heading(how)
                .help("Bytes of one envelope: the server's limits.event_bytes"),
            word("retry-for", "DURATION")
                .value_parser(super::duration)
                .default_value("60s")
                .help_heading(how)
                .help("Try a batch again for so long when the server has no room (429, 503) or restarts"),
            switch("at-least-once").help_heading(how).help(
                "Send a batch again also when the connection broke before its answer: its events may then come \
                 twice. Without it that is the end, and it is said",
            ),
            switch("quiet").short('q').help_heading(how).help("No progress and no summary; errors are still said"),
        ])
        .args(connection::args())
}

/// Publishes until the input ends or something is wrong.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    match publish(matches) {
        Ok(code) => code,
        Err(Problem(what, code)) => fail(&what, code),
    }
}

fn publish(matches: &ArgMatches) -> Result<ExitCode, Problem> {
    let size = |name: &str| matches.get_one::<ByteSize>(name).map_or(0, |size| size.as_u64());
    let number = |name: &str| matches.get_one::<u64>(name).copied();
    let bytes = |name| usize::try_from(size(name)).unwrap_or(usize::MAX);
    let config = |what: String| Problem(what, EXIT_CONFIG);
    let event_bytes = bytes("event-bytes");
    let (source, total) = source(matches, event_bytes)?;
    let plan = Plan {
        bounds: Bounds {
            events: number("batch-events").and_then(|events| usize::try_from(events).ok()).unwrap_or(1),
            bytes: bytes("batch-bytes"),
        },
        event_bytes,
        rate: number("rate"),
        skip: number("skip").unwrap_or(0),
        total_bytes: total,
        quiet: matches.get_flag("quiet"),
    };
    if matches.get_flag("dry-run") {
        return Ok(dry::run(source, &plan));
    }
    let url = matches.get_one::<String>("url").map_or(DEFAULT_ORIGIN, String::as_str);
    let address = Address::parse(url, "/publish").map_err(|wrong| config(format!("--url {url}: {wrong}")))?;
    let (options, warnings) = connection::read(matches, &address, Some(SILENCE)).map_err(config)?;
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    let client = Client::new(address, &options).map_err(|error| config(error.to_string()))?;
    let patience = Patience {
        retry_for: matches.get_one::<Duration>("retry-for").copied().unwrap_or_default(),
        at_least_once: matches.get_flag("at-least-once"),
    };
    let failure = |error: io::Error| Problem(error.to_string(), EXIT_FAILURE);
    let (input, waker) = Input::start(source).map_err(failure)?;
    let stop = Stop::watch(move || waker.wake()).map_err(failure)?;
    Ok(Sending::new(Publisher::new(client, patience), input, stop, plan).run())
}

/// Where the envelopes come from, and how many bytes that will be, where it is known.
fn source(matches: &ArgMatches, event_bytes: usize) -> Result<(Box<dyn Read + Send>, Option<u64>), Problem> {
    if matches.contains_id("event-type") {
        let text = envelope::of_flags(matches, event_bytes).map_err(|what| Problem(what, EXIT_CONFIG))?;
        let total = Some(text.len() as u64);
        return Ok((Box::new(io::Cursor::new(text)), total));
    }
    match matches.get_one::<std::path::PathBuf>("file") {
        Some(path) if path != Path::new("-") => {
            let wrong = |error: io::Error| Problem(format!("{}: {error}", path.display()), EXIT_CONFIG);
            let file = File::open(path).map_err(wrong)?;
            let metadata = file.metadata().map_err(wrong)?;
            if metadata.is_dir() {
                return Err(Problem(format!("{}: this is a directory", path.display()), EXIT_CONFIG));
            }
            let total = metadata.is_file().then_some(metadata.len());
            Ok((Box::new(file), total))
        }
        _ => {
            if io::stdin().is_terminal() && !matches.get_flag("quiet") {
                say(
                    "reading envelopes from the terminal, one a line; Ctrl-D ends, `ssecast publish --help` helps",
                );
            }
            Ok((Box::new(io::stdin()), None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn the_bounds_are_those_of_a_server_with_its_defaults() {
        let limits = Limits::default();
        let bytes = |text: &str| super::super::size(text).map(|size| size.as_u64() as usize);
        assert_eq!(bytes(BATCH_BYTES), Ok(limits.body_bytes));
        assert_eq!(bytes(EVENT_BYTES), Ok(limits.event_bytes));
    }
}
