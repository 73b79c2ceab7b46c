//! `ssecast tail`: a stream of events on the terminal, or in a pipe.

mod show;

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::help::TAIL;
use super::paint::{Paint, Tint, When, harmless};
use super::stop::{Stop, Why, die};
use super::{EXIT_CONFIG, EXIT_FAILURE, connection, fail, say};
use crate::client::address::DEFAULT_ORIGIN;
use crate::client::follow::{Follow, Step, Wish};
use crate::client::parser::{Event, Item};
use crate::client::{Address, Client, Error};
use crate::net::Clock;
use show::Show;

/// Three heartbeats of a server with its defaults.
const SILENCE: &str = "45s";
/// Bytes that wait for a slow reader before it is waited for.
const OUTPUT_BYTES: usize = 64 * 1024;

/// The command.
pub(super) fn command() -> Command {
    let word = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new(TAIL.name)
        .arg(
            Arg::new("url").value_name("URL").default_value(DEFAULT_ORIGIN).help("The stream, or its server"),
        )
        .next_help_heading("Which events")
        .args([
            word("type", "NAME")
                .action(ArgAction::Append)
                .help("Only events of this name, such as order-created; may be repeated"),
            word("topic", "TOPIC")
                .action(ArgAction::Append)
                .help("Only events with this topic, or with one that begins so (orders/*); may be repeated"),
            word("tenant", "TENANT")
                .help("Events of this tenant as well, where the server has auth.open_tenants = true"),
            word("since", "ID")
                .help("Begin after the event with this id; `earliest` begins with the first that is kept"),
            switch("heartbeats").help("Show the server's heartbeats (ping), too"),
        ])
        .next_help_heading(None)
        .args([
            switch("json").help(
                "One JSON object a line: id, event, data (as JSON where it is JSON, else a string), received",
            ),
            word("color", "WHEN")
                .value_parser(["auto", "always", "never"])
                .hide_possible_values(true)
                .default_value("auto")
                .help("Use colours: auto (on a terminal, unless NO_COLOR is set), always, never"),
            switch("quiet").short('q').help("Say nothing about the connection, but for errors"),
        ])
        .next_help_heading("When to end")
        .args([
            word("limit", "N")
                .value_parser(clap::value_parser!(u64).range(1..))
                .help("End after N events; heartbeats and gaps do not count"),
            switch("wait")
                .help("Wait for a server that is not there yet; without it, a first failure is the end"),
            word("give-up", "DURATION")
                .value_parser(super::duration)
                .help("End when there was no stream for so long; 0s: when it is lost [default: never]"),
            word("silence", "DURATION")
                .value_parser(super::duration)
                .default_value(SILENCE)
                .help("Take the connection for lost when nothing came for so long; 0s: never"),
        ])
        .next_help_heading(None)
        .args(connection::args())
}

/// Follows the stream until something ends it.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let url = text("url").unwrap_or(DEFAULT_ORIGIN);
    let address = match Address::parse(url, "/events") {
        Ok(address) => address,
        Err(wrong) => return fail(&format!("{url}: {wrong}"), EXIT_CONFIG),
    };
    let silence = matches.get_one::<Duration>("silence").copied().filter(|silence| !silence.is_zero());
    let (options, warnings) = match connection::read(matches, &address, silence) {
        Ok(read) => read,
        Err(wrong) => return fail(&wrong, EXIT_CONFIG),
    };
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    let client = match Client::new(address, &options) {
        Ok(client) => client,
        Err(error) => return fail(&error.to_string(), EXIT_CONFIG),
    };
    let interrupted = client.clone();
    let stop = match Stop::watch(move || interrupted.shutdown()) {
        Ok(stop) => stop,
        Err(error) => return fail(&error.to_string(), EXIT_FAILURE),
    };
    let when = match text("color") {
        Some("always") => When::Always,
        Some("never") => When::Never,
        _ => When::Auto,
    };
    let show =
        if matches.get_flag("json") { Show::json() } else { Show::lines(Paint::new(when, &io::stdout())) };
    Tail {
        address: client.address().clone(),
        follow: Follow::new(client, wish(matches)),
        output: BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock()),
        show,
        heartbeats: matches.get_flag("heartbeats"),
        state: State { quiet: matches.get_flag("quiet"), paint: Paint::new(when, &io::stderr()) },
        clock: Clock::start(),
    }
    .run(&stop)
}

fn wish(matches: &ArgMatches) -> Wish {
    let all = |name: &'static str| {
        let values = matches.get_many::<String>(name).into_iter().flatten();
        values.map(move |value| (name.to_owned(), value.clone()))
    };
    // As events they carry ids, so that a stream whose filter lets little pass can resume.
    let heartbeat = ("heartbeat".to_owned(), "event".to_owned());
    Wish {
        parameters: all("type").chain(all("topic")).chain(all("tenant")).chain([heartbeat]).collect(),
        since: matches.get_one::<String>("since").cloned(),
        limit: matches.get_one::<u64>("limit").copied(),
        wait: matches.get_flag("wait"),
        give_up: matches.get_one::<Duration>("give-up").copied(),
    }
}

struct Tail {
    address: Address,
    follow: Follow,
    output: BufWriter<StdoutLock<'static>>,
    show: Show,
    heartbeats: bool,
    state: State,
    clock: Clock,
}

/// What is said about the connection, on standard error.
struct State {
    quiet: bool,
    paint: Paint,
}

impl State {
    fn say(&self, tint: Tint, what: &str, more: &str) {
        if !self.quiet {
            say(&format!("{}: {}", self.paint.paint(tint, what), harmless(more)));
        }
    }
}

impl Tail {
    fn run(mut self, stop: &Stop) -> ExitCode {
        loop {
            let step = self.follow.step();
            if let Some(why) = stop.why() {
                // What came with the last step is complete, and belongs to the reader.
                if let Step::Items(items) = step {
                    let _ = self.print(&items);
                }
                return self.end(why);
            }
            match step {
                Step::Connected { after, again } => {
                    let place = match after.as_deref() {
                        None => String::new(),
                        Some("earliest") => ", from the first event that is kept".to_owned(),
                        Some(id) => format!(", after {id}"),
                    };
                    let what = if again && after.is_some() { "resumed" } else { "connected" };
                    self.state.say(Tint::Good, what, &format!("{}{place}", self.address));
                }
                Step::Items(items) => {
                    if let Err(error) = self.print(&items) {
                        return self.cannot_print(&error);
                    }
                }
                Step::Lost { error, wait } => {
                    self.lost(&error, wait);
                    if let Some(why) = stop.wait(wait) {
                        return self.end(why);
                    }
                }
                Step::Done => return ExitCode::SUCCESS,
                Step::Failed(error) => return self.failed(&error),
            }
        }
    }

    fn print(&mut self, items: &[Item]) -> io::Result<()> {
        let received = self.clock.now().wall;
        for item in items {
            if let Item::Event(event) = item
                && (self.heartbeats || !is_heartbeat(event))
            {
                self.output.write_all(self.show.line(event, received).as_bytes())?;
            }
        }
        self.output.flush()
    }

    fn lost(&self, error: &Error, wait: Duration) {
        let seconds = (wait.as_secs_f64() * 10.0).ceil() / 10.0;
        self.state.say(Tint::Warning, "lost", &format!("{error}; reconnecting in {seconds} s"));
    }

    fn failed(&self, error: &Error) -> ExitCode {
        let code = fail(&format!("{}: {error}", self.address), EXIT_FAILURE);
        if let Some(advice) = error.advice(&self.address) {
            say(&format!("  {advice}"));
        }
        self.tell_where();
        code
    }

    fn cannot_print(&mut self, error: &io::Error) -> ExitCode {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return die(Why::OutputGone);
        }
        let code = fail(&format!("cannot write to standard output: {error}"), EXIT_FAILURE);
        self.tell_where();
        code
    }

    fn end(&mut self, why: Why) -> ExitCode {
        if matches!(why, Why::Signal(_)) {
            let _ = self.output.flush();
            self.tell_where();
        }
        die(why)
    }

    /// How to go on where this one ends.
    fn tell_where(&self) {
        let id = self.follow.last_id();
        if !id.is_empty() && id != "earliest" {
            self.state.say(Tint::Dim, "ended", &format!("to go on from here, --since {id}"));
        }
    }
}

fn is_heartbeat(event: &Event) -> bool {
    event.name == "ping"
}
