//! The binary: arguments, configuration, server, exit code.
//!
//! Writes with `write!` and ignores its errors: `println!` panics when the stream is gone.

use std::io::{self, Write};
use std::process::ExitCode;

use ssecast::config::{self, Config, Invocation, Sources};

/// A wrong configuration or command line.
const EXIT_CONFIG: u8 = 2;

fn main() -> ExitCode {
    match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Invocation::Serve(config, sources)) => serve(*config, sources),
        Ok(Invocation::Check(config, origins)) => print(&config::render_check(&config, &origins)),
        Ok(Invocation::Print(text)) => print(&text),
        Err(failure) => {
            let _ = io::stderr().write_all(failure.message().as_bytes());
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// Runs the server until it has drained.
fn serve(config: Config, sources: Sources) -> ExitCode {
    // The server comes with the net layer; until then the configuration is only checked.
    drop((config, sources));
    ExitCode::SUCCESS
}

/// Writes `text` to standard output.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}
