//! From arguments, environment and file to a checked `Config`, once at start and again at SIGHUP.
//!
//! The only part of the configuration that reads the file system, and only the file that was named.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fmt, fs, io};

use clap::ArgMatches;

use super::cli::{self, Line};
use super::environment::{self, Environment};
use super::keys::{self, KEYS};
use super::origin::{Origin, Origins};
use super::value::Value;
use super::{Config, Endpoint, file, validate};

/// A wrong command line or configuration: nothing was started. Never helped by trying again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
}

impl Failure {
    /// A failure with this text, which ends with a line end.
    pub(crate) const fn new(message: String) -> Self {
        Self { message }
    }

    /// All problems, a line each.
    fn of(problems: &[String]) -> Self {
        Self { message: problems.iter().map(|problem| format!("error: {problem}\n")).collect() }
    }

    /// A failure with this one problem.
    pub(super) fn all(problems: &[String]) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::of(problems)) }
    }

    /// The text for standard error: a line per problem, each with its line end.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end())
    }
}

impl std::error::Error for Failure {}

/// Where sockets listen that were handed over: not ours to choose.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// In the place of `server.listen`.
    pub listen: Option<SocketAddr>,
    /// In the place of `server.admin_listen`.
    pub admin_listen: Option<Endpoint>,
}

/// All that a configuration is made of, kept to make it again.
#[derive(Clone, Debug)]
pub struct Sources {
    line: Line,
    environment: Environment,
    given: Given,
}

impl Sources {
    /// The file that is read, if any.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.line.file.as_ref().or(self.environment.file.as_ref())
    }

    /// Reads the file again; arguments and environment are as at the start.
    ///
    /// The result says what the sources say; `adopt` makes of it what a running server can take over.
    ///
    /// # Errors
    ///
    /// As `load`; the old configuration is as good as before.
    pub fn reload(&self) -> Result<Config, Failure> {
        self.resolve().map(|(config, _)| config)
    }

    /// Default, file, environment, flags, and the sockets that there are: each over the one before.
    fn resolve(&self) -> Result<(Config, Origins), Failure> {
        let mut layers =
            Layers { config: Config::default(), origins: Origins::defaults(), problems: Vec::new() };
        if let Some(path) = self.file() {
            layers.add_file(path);
        }
        for (index, value) in &self.environment.values {
            layers.add(*index, value, Origin::Environment(KEYS[*index].variable()));
        }
        for (index, value) in &self.line.values {
            layers.add(*index, value, Origin::Flag(format!("--{}", KEYS[*index].flag())));
        }
        let listen = self.given.listen.map(|address| address.to_string());
        let admin_listen = self.given.admin_listen.as_ref().map(Endpoint::to_string);
        for (name, value) in [("server.listen", listen), ("server.admin_listen", admin_listen)] {
            if let (Some(value), Some(index)) = (value, keys::find(name)) {
                layers.add(index, &Value::Word(value), Origin::Socket);
            }
        }
        Failure::all(&layers.problems)?;
        Failure::all(&validate::relations(&layers.config, &layers.origins))?;
        Ok((layers.config, layers.origins))
    }
}

/// A configuration while it is put together. A value that is overridden is checked all the same.
struct Layers {
    config: Config,
    origins: Origins,
    problems: Vec<String>,
}

impl Layers {
    fn add_file(&mut self, path: &PathBuf) {
        let shown = path.to_string_lossy().escape_debug().to_string();
        let text = match fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return self.problems.push(format!("the configuration file {shown} is not UTF-8")),
            Err(error) => {
                let advice = match error.kind() {
                    io::ErrorKind::NotFound => format!("; `ssecast check > {shown}` makes one"),
                    _ => String::new(),
                };
                return self
                    .problems
                    .push(format!("cannot read the configuration file {shown}: {error}{advice}"));
            }
        };
        let parsed = file::parse(&text);
        for (line, problem) in parsed.problems {
            self.problems.push(format!("{shown}:{line}: {problem}"));
        }
        for (index, line, value) in parsed.values {
            self.add(index, &value, Origin::File { path: path.clone(), line });
        }
    }

    fn add(&mut self, index: usize, value: &Value, origin: Origin) {
        let key = &KEYS[index];
        match key.kind.read(value, &mut self.config) {
            Ok(()) => self.origins.set(index, origin),
            // What is wrong with a secret never quotes it (`Target::parse`, `Kind::Text`).
            Err(why) if key.secret => {
                self.problems.push(format!("{} ({origin}) {why}; allowed: {}", key.name, key.kind.syntax()));
            }
            Err(why) => self.problems.push(format!(
                "{} = {} ({origin}) {why}; allowed: {}",
                key.name,
                value.shown(),
                key.kind.syntax()
            )),
        }
    }
}

/// Reads the options of a command line (those of `inner`, a command's, go before those ahead of it) and an
/// environment, and the file that they name.
///
/// # Errors
///
/// When a variable, a key or a value is unknown or not allowed, or the file cannot be read. The message names all
/// of them and where they stand. Nothing is opened but the file. What must not be listened on is no better for having
/// been handed over.
pub fn load(
    outer: &ArgMatches,
    inner: Option<&ArgMatches>,
    env: impl Iterator<Item = (OsString, OsString)>,
    given: Given,
) -> Result<(Config, Origins, Sources), Failure> {
    let mut problems = Vec::new();
    let environment = environment::read(env, &mut problems);
    let sources = Sources { line: cli::line(outer, inner), environment, given };
    let resolved = sources.resolve();
    if let (Err(failure), false) = (&resolved, problems.is_empty()) {
        let message = Failure::of(&problems).message + &failure.message;
        return Err(Failure { message });
    }
    Failure::all(&problems)?;
    let (config, origins) = resolved?;
    Ok((config, origins, sources))
}
