//! The whole command line, and what it asks for.
//!
//! `ssecast` alone serves, with any of the options of `ssecast serve`; these are hidden in its own help, which shows
//! the commands instead.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::help::{CHECK, COMPLETIONS, HEALTH, Help, MAN, PROGRAM, PUBLISH, SERVE, TAIL};
use super::{completions, man, publish, tail};
use crate::config::{self, Config, Failure, Given, Origins, Sources};

/// Columns of `--help`, at most.
const HELP_COLUMNS: usize = 100;

/// The order of `--help`.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// What a command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// `ssecast`, `ssecast serve`.
    Serve(Box<Config>, Sources),
    /// `ssecast check`.
    Check(Box<Config>, Origins),
    /// `ssecast health`.
    Health(Box<Config>),
    /// `ssecast tail`.
    Tail(Box<ArgMatches>),
    /// `ssecast publish`.
    Publish(Box<ArgMatches>),
    /// `--help`, `--version`, `completions`, `man`: this goes to standard output.
    Print(String),
}

/// Reads a command line (the program's name first); where it is about the server, also its environment and the
/// file that they name. `given` are the sockets that the process was handed.
///
/// # Errors
/// When a flag, a variable, a key or a value is unknown or not allowed, or the file cannot be read. The
/// message names all of them and where they stand. Nothing is opened but the file.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl Iterator<Item = (OsString, OsString)>,
    given: Given,
) -> Result<Invocation, Failure> {
    let mut matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            let wished = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if wished { Ok(Invocation::Print(text)) } else { Err(Failure::new(text)) };
        }
    };
    let Some((name, inner)) = matches.remove_subcommand() else {
        let (config, _, sources) = config::load(&matches, None, env, given)?;
        return Ok(Invocation::Serve(Box::new(config), sources));
    };
    Ok(match name.as_str() {
        "tail" => Invocation::Tail(Box::new(inner)),
        "publish" => Invocation::Publish(Box::new(inner)),
        "completions" => Invocation::Print(completions::script(&inner, command())),
        "man" => {
            let page = man::page(&inner, command());
            Invocation::Print(page.map_err(|error| Failure::new(format!("error: {error}\n")))?)
        }
        "check" if inner.get_flag("reference") => Invocation::Print(config::render_reference()),
        "check" if inner.get_flag("example") => Invocation::Print(config::render_example()),
        "check" => {
            let (config, origins, _) = config::load(&matches, Some(&inner), env, given)?;
            Invocation::Check(Box::new(config), origins)
        }
        "health" => {
            let (config, ..) = config::load(&matches, Some(&inner), env, given)?;
            Invocation::Health(Box::new(config))
        }
        _ => {
            let (config, _, sources) = config::load(&matches, Some(&inner), env, given)?;
            Invocation::Serve(Box::new(config), sources)
        }
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
    let check =
        described(Command::new(CHECK.name), &CHECK).args(config::options()).args([reference, example]);
    let program = Command::new("ssecast")
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(HELP_COLUMNS)
        .override_usage("ssecast [COMMAND] [OPTIONS]")
        .disable_help_subcommand(true)
        .args(config::options().into_iter().map(|option| option.hide(true)))
        .subcommand(described(Command::new(SERVE.name), &SERVE).args(config::options()))
        .subcommand(check)
        .subcommand(described(Command::new(HEALTH.name), &HEALTH).args(config::options()))
        .subcommand(described(tail::command(), &TAIL))
        .subcommand(described(publish::command(), &PUBLISH))
        .subcommand(described(completions::command(), &COMPLETIONS))
        .subcommand(described(man::command(), &MAN));
    described(program, &PROGRAM)
}

fn described(command: Command, help: &Help) -> Command {
    let command = command.about(help.about).after_help(help.after_options()).max_term_width(HELP_COLUMNS);
    // What `before_help` holds stands below the one line, not above it.
    if help.more.is_empty() { command } else { command.before_help(help.more).help_template(TEMPLATE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Invocation, String> {
        let args = std::iter::once("ssecast").chain(args.iter().copied()).map(OsString::from);
        parse(args, std::iter::empty(), Given::default()).map_err(|failure| failure.message().to_owned())
    }

    fn config(args: &[&str]) -> Config {
        match parsed(args) {
            Ok(Invocation::Serve(config, _) | Invocation::Check(config, _)) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn printed(args: &[&str]) -> String {
        match parsed(args) {
            Ok(Invocation::Print(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn short_forms_and_bare_switches_are_flags_of_their_keys() {
        assert_eq!(config(&["--listen", "[::1]:1"]).server.listen, "[::1]:1".parse().unwrap());
        assert_eq!(config(&["serve", "--mode=dual"]).bus.mode.name(), "dual");
        assert!(config(&["--map-only"]).map_only);
        assert!(!config(&["--map-only=false"]).map_only);
        assert!(config(&["--map-only", "check"]).map_only);
        let origins =
            config(&["--cors-origins", "http://a,http://b", "--cors-origins=http://c"]).cors.origins;
        assert_eq!(origins, ["http://a", "http://b", "http://c"]);
    }

    #[test]
    fn options_go_on_both_sides_of_the_command() {
        let config = config(&["--log-level=debug", "--stream-retry=1s", "check", "--log-level=warn"]);
        assert_eq!((config.log.level, config.stream.retry.as_secs()), (log::LevelFilter::Warn, 1));
    }

    #[test]
    fn what_is_unknown_is_an_error_with_a_suggestion() {
        for args in [&["--stream-heartbet", "1s"][..], &["serve", "--stream-heartbet", "1s"]] {
            let text = parsed(args).unwrap_err();
            assert!(text.contains("--stream-heartbet") && text.contains("--stream-heartbeat"), "{text}");
        }
        assert!(parsed(&["chek"]).unwrap_err().contains("'check'"));
        assert!(parsed(&["tail", "--jsn"]).unwrap_err().contains("'--json'"));
        assert!(parsed(&["--log-level"]).is_err());
        assert!(parsed(&["--log-level=info", "--log-level=warn"]).is_err());
    }

    #[test]
    fn help_is_short_and_the_help_of_serve_has_every_key() {
        let short = printed(&["--help"]);
        assert_eq!(short, printed(&["-h"]));
        assert!(short.lines().count() <= 50 && !short.contains("--stream-heartbeat"), "{short}");
        for help in super::super::help::ALL {
            assert!(short.contains(help.name) && short.contains(help.about), "{}: {short}", help.name);
            let own = printed(&[help.name, "--help"]);
            assert!(own.contains("Examples:") && own.contains(help.about), "{own}");
            assert!(own.lines().all(|line| line.chars().count() <= HELP_COLUMNS), "{own}");
        }
        let serve = printed(&["serve", "--help"]);
        let dense = serve.replace(char::is_whitespace, "");
        for option in config::options().iter().filter_map(Arg::get_long) {
            assert!(serve.contains(&format!("--{option}")), "{option}");
            let variable = format!("[env:SSECAST_{}]", option.replace('-', "_").to_uppercase());
            assert!(option == "config" || dense.contains(&variable), "{variable}");
        }
        assert!(serve.contains("[default: 15s]"), "{serve}");
        assert!(!printed(&["check", "--help"]).contains("--reference"));
        assert!(printed(&["check", "--reference"]).contains("### `stream.heartbeat`"));
        assert_eq!(printed(&["--version"]), format!("ssecast {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn every_command_has_a_page_and_every_shell_a_script() {
        for help in super::super::help::ALL {
            let page = printed(&["man", help.name]);
            assert!(page.contains(&format!(".TH SSECAST-{} 1", help.name.to_uppercase())), "{page}");
            assert!(page.contains(".SH EXAMPLES"), "{page}");
        }
        assert!(printed(&["man"]).contains("ssecast\\-tail(1)"));
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            assert!(printed(&["completions", shell]).contains("heartbeats"), "{shell}");
        }
        assert!(parsed(&["completions", "csh"]).unwrap_err().contains("bash"));
    }
}
