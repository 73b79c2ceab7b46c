//! The load generator: opens streams, publishes events, and measures a server from outside.
//!
//! One thread, one poll. It never shares anything with the server but the machine, so both are pinned
//! to a core of their own (see `loadtest/figures.sh`). What it sent and what came back is checked: a
//! run in which a frame is missing, doubled or out of order fails.

use std::process::ExitCode;

mod args;
#[path = "../descriptors.rs"]
mod descriptors;
mod exchange;
mod frames;
mod generator;
mod payload;
mod process;
mod record;
mod report;
mod scenario;
mod sockets;
mod stream;
mod upstream;

use args::Command;

fn main() -> ExitCode {
    descriptors::raise_limit();
    let done = match args::parse() {
        Command::Run(options) => scenario::run(&options).and_then(|record| {
            record.print();
            options.json.as_deref().map_or(Ok(()), |path| record.append_to(path))?;
            Ok(record.is_clean())
        }),
        Command::Report(path) => report::print(&path).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("load: streams lost frames, got them out of order, or were closed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
