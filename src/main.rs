//! The binary: arguments and environment to the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssecast::commands::run(std::env::args_os(), std::env::vars_os())
}
