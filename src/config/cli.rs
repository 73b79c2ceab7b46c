//! The command line: built from the table of keys, parsed by clap.
//!
//! Reads no values: it hands them on as words with their key.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Config;
use super::environment::FILE;
use super::keys::{KEYS, Key, SECTIONS};
use super::kind::Kind;
use super::value::Value;

/// Columns of `--help`, at most.
const HELP_COLUMNS: usize = 100;

const ABOUT: &str = "\
Broadcasts domain events to any number of browsers as Server-Sent Events.

Publishers POST events to /publish; clients read them from GET /events, reconnect by themselves and \
resume where they stopped. Without any option it listens on 127.0.0.1:8080.";

const EXAMPLES: &str = "\
Examples:
  ssecast
      Serve on 127.0.0.1:8080 with the defaults.
  curl -N http://127.0.0.1:8080/events
      Watch the events.
  curl http://127.0.0.1:8080/publish -H 'Content-Type: application/json' \\
       -d '{\"eventType\":\"hello\",\"id\":\"1\",\"payload\":{\"a\":1}}'
      Publish one.
  ssecast --config ssecast.toml --log-level debug
      Take a file; a flag goes before the file.
  SSECAST_STREAM_HEARTBEAT=5s ssecast check
      Print the configuration in force, and where each value comes from, and exit.
  ssecast check > ssecast.toml
      Start a file of one's own.

Every option is also an environment variable and a key of the TOML file: --stream-heartbeat 15s, \
SSECAST_STREAM_HEARTBEAT=15s, and under [stream] heartbeat = \"15s\". A flag goes before the \
environment, the environment before the file, the file before the default. SIGHUP reads the file \
again; SIGTERM lets the clients go and stops.";

/// What the command line says.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    /// `--help` and `--version`: what they print.
    Print(String),
    /// `check --reference`.
    Reference,
    /// `check --example`.
    Example,
    /// `serve`, or nothing.
    Serve(Line),
    /// `check`.
    Check(Line),
    /// `health`.
    Health(Line),
}

/// The options of a command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// `--config`.
    pub(super) file: Option<PathBuf>,
    /// Values with their key's place in the table.
    pub(super) values: Vec<(usize, Value)>,
}

/// Parses a command line, the program's name first; the error is ready to be printed.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, String> {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            let wished = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if wished { Ok(Parsed::Print(text)) } else { Err(text) };
        }
    };
    Ok(match matches.subcommand() {
        Some(("check", inner)) if inner.get_flag("reference") => Parsed::Reference,
        Some(("check", inner)) if inner.get_flag("example") => Parsed::Example,
        Some(("check", inner)) => Parsed::Check(line(&matches, Some(inner))),
        Some(("health", inner)) => Parsed::Health(line(&matches, Some(inner))),
        Some((_, inner)) => Parsed::Serve(line(&matches, Some(inner))),
        None => Parsed::Serve(line(&matches, None)),
    })
}

/// The whole command line.
fn command() -> Command {
    let reference = Arg::new("reference")
        .long("reference")
        .help("Print the reference of the configuration in Markdown")
        .action(ArgAction::SetTrue)
        .hide(true);
    let example = Arg::new("example")
        .long("example")
        .help("Print a file of all keys, commented out, each with what it is for")
        .action(ArgAction::SetTrue)
        .hide(true);
    Command::new("ssecast")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(EXAMPLES)
        .max_term_width(HELP_COLUMNS)
        .args(options())
        .subcommand(Command::new("serve").about("Serve (what it does without a command)").args(options()))
        .subcommand(
            Command::new("check")
                .about("Check the configuration, print what is in force as a TOML file, and exit with 0 or 2")
                .args(options())
                .arg(reference)
                .arg(example),
        )
        .subcommand(
            Command::new("health")
                .about("Ask the server of this configuration, on this machine, whether it is well, and exit with 0 or 1")
                .args(options()),
        )
}

/// `--config`, and an option for every key.
fn options() -> Vec<Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help(format!("Read this TOML file; without it none is read [env: {FILE}]"))
        .value_parser(ValueParser::path_buf());
    let defaults = Config::default();
    std::iter::once(file).chain(KEYS.iter().map(|key| option(key, &defaults))).collect()
}

fn option(key: &Key, defaults: &Config) -> Arg {
    let heading = SECTIONS.iter().find(|section| section.name == key.section());
    // The map's default takes lines, and is in the reference.
    let default = match key.kind {
        Kind::Map(_) => "the order events".to_owned(),
        _ => key.shown(defaults).trim_matches('"').to_owned(),
    };
    let named = match &key.kind {
        Kind::Choice(choice) => format!(" One of {}.", (choice.names)().join(", ")),
        _ => String::new(),
    };
    let default = if default.is_empty() { "empty".to_owned() } else { default };
    let arg = Arg::new(key.name)
        .long(key.flag())
        .value_name(key.kind.placeholder())
        .help(format!("{}{named} [default: {default}] [env: {}]", key.help, key.variable()))
        .help_heading(heading.map(|section| section.title))
        .value_parser(ValueParser::string());
    let arg = match key.alias() {
        Some(alias) => arg.visible_alias(alias),
        None => arg,
    };
    match key.kind {
        Kind::Switch(_) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::List(..) | Kind::Tokens(_) => arg.action(ArgAction::Append),
        _ => arg,
    }
}

/// The options of `outer` and `inner`; those after the command go before those ahead of it.
fn line(outer: &ArgMatches, inner: Option<&ArgMatches>) -> Line {
    let levels = || inner.into_iter().chain([outer]);
    let file = levels().find_map(|level| level.get_one::<PathBuf>("config")).cloned();
    let word = |name: &str| {
        let given = levels().find_map(|level| level.get_many::<String>(name))?;
        // Only lists can be given more than once.
        let words: Vec<&str> = given.map(String::as_str).collect();
        Some(Value::Word(words.join(",")))
    };
    let values = KEYS.iter().enumerate().filter_map(|(index, key)| Some((index, word(key.name)?))).collect();
    Line { file, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::find;

    fn parsed(args: &[&str]) -> Result<Parsed, String> {
        parse(std::iter::once("ssecast").chain(args.iter().copied()).map(OsString::from))
    }

    fn words(args: &[&str]) -> Vec<(&'static str, String)> {
        match parsed(args) {
            Ok(Parsed::Serve(line) | Parsed::Check(line)) => line
                .values
                .into_iter()
                .map(|(index, value)| (KEYS[index].name, value.text().unwrap().to_owned()))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn short_forms_and_bare_switches_are_flags_of_their_keys() {
        assert_eq!(words(&["--listen", "[::1]:1"]), [("server.listen", "[::1]:1".into())]);
        assert_eq!(words(&["serve", "--mode=dual"]), [("bus.mode", "dual".into())]);
        assert_eq!(words(&["--map-only"]), [("map_only", "true".into())]);
        assert_eq!(words(&["--map-only=false"]), [("map_only", "false".into())]);
        assert_eq!(words(&["--map-only", "check"]), [("map_only", "true".into())]);
        assert_eq!(words(&["--cors-origins", "a,b", "--cors-origins=c"]), [("cors.origins", "a,b,c".into())]);
    }

    #[test]
    fn options_go_on_both_sides_of_the_command() {
        let options = ["--log-level=debug", "--stream-retry=1s", "check", "--log-level=warn"];
        assert_eq!(words(&options), [("stream.retry", "1s".into()), ("log.level", "warn".into())]);
    }

    #[test]
    fn what_is_unknown_is_an_error_with_a_suggestion() {
        let text = parsed(&["--stream-heartbet", "1s"]).unwrap_err();
        assert!(text.contains("--stream-heartbet") && text.contains("--stream-heartbeat"), "{text}");
        assert!(parsed(&["chek"]).unwrap_err().contains("'check'"));
        assert!(parsed(&["--log-level"]).is_err());
        assert!(parsed(&["--log-level=info", "--log-level=warn"]).is_err());
    }

    #[test]
    fn help_has_every_key_with_its_default_and_variable() {
        let Ok(Parsed::Print(text)) = parsed(&["--help"]) else { panic!("no help") };
        for key in KEYS {
            assert!(text.contains(&format!("--{}", key.flag())), "{}", key.name);
            assert!(
                text.replace(char::is_whitespace, "").contains(&format!("[env:{}]", key.variable())),
                "{}",
                key.name
            );
        }
        assert!(text.contains("[default: 15s]") && text.contains("Examples:"), "{text}");
        assert!(!text.contains("--reference"));
        let Ok(Parsed::Print(version)) = parsed(&["--version"]) else { panic!("no version") };
        assert_eq!(version, format!("ssecast {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(parsed(&["check", "--reference"]), Ok(Parsed::Reference));
        assert!(find("stream.heartbeat").is_some());
    }
}
