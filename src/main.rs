//! The binary: arguments, configuration, server, exit code.
//!
//! Writes with `write!` and ignores its errors: `println!` panics when the stream is gone.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use ssecast::config::{self, Config, Invocation, Origins, Sources};
use ssecast::net::{self, Ended, Server};
use ssecast::{logging, redis};

/// A failure at run time.
const EXIT_FAILURE: u8 = 1;
/// A wrong configuration or command line.
const EXIT_CONFIG: u8 = 2;
/// The address is in use: EADDRINUSE of Linux.
const EXIT_ADDRESS_IN_USE: u8 = 98;

/// How long the end of the process waits for a log that nobody reads.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Invocation::Serve(config, sources)) => serve(*config, sources),
        Ok(Invocation::Check(config, origins)) => check(&config, &origins),
        Ok(Invocation::Print(text)) => print(&text),
        Err(failure) => {
            let _ = io::stderr().write_all(failure.message().as_bytes());
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// Prints the configuration in force, if the files that it names are of use.
fn check(config: &Config, origins: &Origins) -> ExitCode {
    let files = redis::Connector::new(&config.redis).map(drop).map_err(|error| error.to_string());
    let files = files.and_then(|()| net::gate(config).map(drop).map_err(|error| error.to_string()));
    let files = files.and_then(|()| net::check(config).map_err(|error| error.to_string()));
    match files {
        Ok(()) => {
            for warning in config::warnings(config, config.bus.mode) {
                let _ = writeln!(io::stderr(), "warning: {warning}");
            }
            print(&config::render_check(config, origins))
        }
        Err(problem) => fail(&problem, EXIT_CONFIG),
    }
}

/// Runs the server until it has drained.
fn serve(config: Config, sources: Sources) -> ExitCode {
    let log = match logging::init(config.log.level, config.log.format) {
        Ok(log) => log,
        Err(error) => return fail(&error.to_string(), EXIT_FAILURE),
    };
    for warning in config::warnings(&config, config.bus.mode) {
        log::warn!("{warning}");
    }
    let mut server = match Server::bind(config, sources) {
        Ok(server) => server,
        Err(error) if error.is_address_in_use() => return fail(&error.to_string(), EXIT_ADDRESS_IN_USE),
        Err(error) if error.is_configuration() => return fail(&error.to_string(), EXIT_CONFIG),
        Err(error) => return fail(&error.to_string(), EXIT_FAILURE),
    };
    let code = match server.run() {
        Ok(Ended::Drained) => {
            log::info!("drained");
            ExitCode::SUCCESS
        }
        Ok(Ended::Forced) => {
            log::warn!("ended at once, without draining");
            ExitCode::from(EXIT_FAILURE)
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(EXIT_FAILURE)
        }
    };
    log.shutdown(LOG_PATIENCE);
    code
}

/// Says on standard error why nothing was started.
fn fail(problem: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {problem}");
    ExitCode::from(code)
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
