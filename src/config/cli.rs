//! The options of the server on the command line: built from the table of keys, parsed by clap.
//!
//! Reads no values: it hands them on as words with their key.

use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches};

use super::Config;
use super::environment::FILE;
use super::keys::{KEYS, Key, SECTIONS};
use super::kind::Kind;
use super::value::Value;

/// The options of a command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// `--config`.
    pub(super) file: Option<PathBuf>,
    /// Values with their key's place in the table.
    pub(super) values: Vec<(usize, Value)>,
}

/// `--config`, and an option for every key.
#[must_use]
pub fn options() -> Vec<Arg> {
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
pub(super) fn line(outer: &ArgMatches, inner: Option<&ArgMatches>) -> Line {
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
