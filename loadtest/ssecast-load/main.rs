//! The load generator: opens streams, publishes events, and measures a server from outside.
//!
//! One thread, one poll. It never shares anything with the server but the machine, so both are pinned
//! to a core of their own (see `loadtest/compare.sh`). What it sent and what came back is checked: a
//! run in which a frame is missing, doubled or out of order fails.

use std::io;
use std::process::ExitCode;

mod args;
#[path = "../descriptors.rs"]
mod descriptors;
mod dialect;
mod exchange;
mod frames;
mod generator;
mod pace;
mod payload;
mod process;
mod progress;
mod publisher;
mod record;
mod report;
mod scenario;
mod slope;
mod sockets;
mod stream;
mod tally;
mod tls;
mod upstream;

use args::{Options, Task};

fn main() -> ExitCode {
    descriptors::raise_limit();
    let done = match args::parse() {
        Task::Run(options) => run(&options),
        Task::Report(options) => report::write(&options).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("ssecast-load: streams lost events, got them twice or out of order, or were closed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("ssecast-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One run; whether every stream got what it should.
fn run(options: &Options) -> io::Result<bool> {
    let record = scenario::run(options)?;
    record.print()?;
    options.json.as_deref().map_or(Ok(()), |path| record.append_to(path))?;
    Ok(record.is_clean())
}
