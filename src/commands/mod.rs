//! The commands: a command line in, an exit code out.
//!
//! Writes with `write!` and ignores its errors where nobody could be told: `println!` panics when the stream is
//! gone.

mod completions;
mod connection;
mod help;
mod line;
mod man;
mod paint;
mod publish;
mod serve;
mod stop;
mod tail;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;

pub use line::{Invocation, parse};

use crate::health;
use crate::net::Inherited;

/// A failure at run time.
const EXIT_FAILURE: u8 = 1;
/// A wrong configuration or command line.
const EXIT_CONFIG: u8 = 2;
/// An event that is invalid or was refused.
const EXIT_REFUSED: u8 = 3;
/// The address is in use: EADDRINUSE of Linux.
const EXIT_ADDRESS_IN_USE: u8 = 98;

/// Does what a command line says, the program's name first, in an environment.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: impl Iterator<Item = (OsString, OsString)>,
) -> ExitCode {
    // No thread runs yet, as this asks for.
    let inherited = match Inherited::take() {
        Ok(inherited) => inherited,
        Err(error) => return fail(&error.to_string(), EXIT_CONFIG),
    };
    match parse(args, env, inherited.given()) {
        Ok(Invocation::Serve(config, sources)) => serve::run(*config, sources, inherited),
        Ok(Invocation::Check(config, origins)) => serve::check(&config, &origins),
        Ok(Invocation::Health(config)) => match health::ask(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sickness) => fail(&sickness.to_string(), EXIT_FAILURE),
        },
        Ok(Invocation::Tail(matches)) => tail::run(&matches),
        Ok(Invocation::Publish(matches)) => publish::run(&matches),
        Ok(Invocation::Print(text)) => print(&text),
        Err(failure) => {
            let _ = io::stderr().write_all(failure.message().as_bytes());
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// Says on standard error why it is over.
fn fail(problem: &str, code: u8) -> ExitCode {
    say(&format!("error: {problem}"));
    ExitCode::from(code)
}

/// Writes a line to standard error, in one piece.
fn say(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Writes `text` to standard output.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error.to_string(), EXIT_FAILURE),
        _ => ExitCode::SUCCESS,
    }
}

/// A variable of the environment, where it is text.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A duration of a flag.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "a duration has a unit: 500ms, 30s, 5m".to_owned())
}

/// A size of a flag.
fn size(text: &str) -> Result<ByteSize, String> {
    let size: Result<ByteSize, _> = text.parse();
    size.ok()
        .filter(|size| size.as_u64() > 0)
        .ok_or_else(|| "a size is a number of bytes, or 256 KiB, 1 MiB".to_owned())
}
