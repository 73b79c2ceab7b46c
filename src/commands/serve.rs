//! `ssecast serve` and `ssecast check`.

use std::process::ExitCode;
use std::time::Duration;

use super::{EXIT_ADDRESS_IN_USE, EXIT_CONFIG, EXIT_FAILURE, fail, print, say};
use crate::config::{self, Config, Origins, Sources};
use crate::memory::WorstCase;
use crate::net::{self, Ended, Inherited, Server};
use crate::{logging, redis};

/// How long the end of the process waits for a log that nobody reads.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// Prints the configuration in force, if the files that it names are of use.
pub(super) fn check(config: &Config, origins: &Origins) -> ExitCode {
    let files = redis::Connector::new(&config.redis).map(drop).map_err(|error| error.to_string());
    let files = files.and_then(|()| net::gate(config).map(drop).map_err(|error| error.to_string()));
    let files = files.and_then(|()| net::check(config).map_err(|error| error.to_string()));
    match files {
        Ok(()) => {
            for warning in config::warnings(config, config.bus.mode) {
                say(&format!("warning: {warning}"));
            }
            let memory = WorstCase::of(config, net::most_connections(config)).render();
            print(&(config::render_check(config, origins) + &memory + &config::notes(config)))
        }
        Err(problem) => fail(&problem, EXIT_CONFIG),
    }
}

/// Runs the server until it has drained.
pub(super) fn run(config: Config, sources: Sources, inherited: Inherited) -> ExitCode {
    let log = match logging::init(config.log.level, config.log.format) {
        Ok(log) => log,
        Err(error) => return fail(&error.to_string(), EXIT_FAILURE),
    };
    for warning in config::warnings(&config, config.bus.mode) {
        log::warn!("{warning}");
    }
    let mut server = match Server::bind(config, sources, inherited) {
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
