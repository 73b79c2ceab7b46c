//! Signals: draining and reloading.

use std::time::Duration;

use super::certificate_watch::CertificateWatch;
use super::phase::{Ended, Phase, Successor};
use super::server::Server;
use super::setup;
use super::signals::Wish;
use super::transport::Identity;
use crate::bus::Mode;
use crate::config::{self, Change};
use crate::logging;

/// What a drain may take however short it is meant to be: everybody is told at once then.
const LEAST_DRAIN: Duration = Duration::from_secs(1);
/// How long who had begun to connect may take to be let in, when the port is left to others: less than the second
/// (RFC 6298 section 2) after which whoever was not heard asks again.
const LEAVING: Duration = Duration::from_millis(900);
/// How long who was let in last may take to ask for something, where the port was left to others.
const LAST_REQUESTS: Duration = Duration::from_millis(500);
const _: () = assert!(LAST_REQUESTS.as_millis() < LEAST_DRAIN.as_millis());

impl Server {
    pub(super) fn handle_signals(&mut self) {
        for wish in self.signals.wishes() {
            match (wish, self.phase) {
                (Wish::Reload, _) => {
                    self.supervisor.handle_reload();
                    self.reload();
                }
                (Wish::End, Phase::Running) => self.begin_to_end(),
                (Wish::End, _) => self.phase = Phase::Forced,
            }
        }
    }

    /// Lets in who comes, or begins to with the next turn: says so to whom it concerns.
    pub(super) fn begin_to_serve(&mut self) {
        self.log_listening();
        let status = self.status();
        self.supervisor.handle_ready(&status);
    }

    /// Feeds the watchdog.
    pub(super) fn tend_supervisor(&mut self) {
        let mut supervisor = std::mem::take(&mut self.supervisor);
        supervisor.handle_turn(self.now.mono, || self.status());
        self.supervisor = supervisor;
    }

    /// How things are, on one line.
    fn status(&self) -> String {
        let (streams, mode) = (self.hub.len(), self.bus.mode().name());
        match self.phase {
            Phase::Running if self.entrance.is_opening() => "waiting for Redis".to_owned(),
            Phase::Running => {
                format!("listening on {}, mode {mode}, open streams: {streams}", self.entrance.endpoint())
            }
            Phase::Leaving { .. } => format!("leaving the port, open streams: {streams}"),
            Phase::Draining { .. } | Phase::Forced => format!("draining, open streams: {streams}"),
        }
    }

    fn begin_to_end(&mut self) {
        self.supervisor.handle_stopping(self.config.server.drain + 2 * LEAVING, "draining");
        if self.entrance.is_inherited() {
            log::info!("who comes now waits for the next process");
            self.entrance.close_public(self.poll.registry());
            self.begin_drain(Successor::Others);
        } else if self.config.server.reuse_port {
            log::info!("leaving the port to the other processes");
            self.entrance.begin_to_leave();
            let now = self.now.mono;
            self.phase = Phase::Leaving { until: now.after(LEAVING), latest: now.after(2 * LEAVING) };
        } else {
            self.begin_drain(Successor::Next);
        }
    }

    pub(super) fn begin_drain(&mut self, successor: Successor) {
        let (time, now) = (self.config.server.drain, self.now.mono);
        log::info!(streams = self.hub.len(), seconds = time.as_secs_f64(); "draining");
        let (earliest, gone) = match successor {
            Successor::Next => (now, now.after(time)),
            Successor::Others => (now.after(LAST_REQUESTS), now),
        };
        self.phase = Phase::Draining { earliest, until: now.after(time.max(LEAST_DRAIN)) };
        self.hub.begin_drain(time, gone, now);
    }

    /// Whether it has ended, and how.
    pub(super) fn poll_ended(&self) -> Option<Ended> {
        match self.phase {
            Phase::Running | Phase::Leaving { .. } => None,
            Phase::Forced => Some(Ended::Forced),
            Phase::Draining { earliest, until } => {
                let has_streams = !self.hub.is_empty() || self.hub.has_closed();
                let is_done = !has_streams && !self.has_answers_to_give() && self.bus.is_settled();
                let is_over = self.now.mono >= until || (is_done && self.now.mono >= earliest);
                let spooled = self.bus.status(self.now.mono).spooled;
                if is_over && spooled > 0 {
                    log::warn!(spooled; "ended with messages that Redis did not take: other servers will not get them");
                }
                is_over.then_some(Ended::Drained)
            }
        }
    }

    fn has_answers_to_give(&self) -> bool {
        let owes = |http: &crate::http::Connection| http.has_request() || !http.output().is_empty();
        self.diagnoses > 0
            || self.connections.has_last_bytes()
            || self.connections.exchanges().any(|exchange| owes(&exchange.http))
    }

    /// Reads the configuration again; one that is wrong changes nothing.
    fn reload(&mut self) {
        let read = self.sources.reload();
        let adopted = read.and_then(|new| {
            let changes = config::changes(&self.config, &new);
            Ok((config::adopt(&self.config, new)?, changes))
        });
        let (config, changes) = match adopted {
            Ok(adopted) => adopted,
            Err(failure) => return self.refuse_reload(failure.message()),
        };
        let gate = match setup::gate(&config) {
            Ok(gate) => gate,
            Err(error) => return self.refuse_reload(&error.to_string()),
        };
        let identity = match Identity::load(&config.tls, self.identity.as_ref()) {
            Ok(identity) => identity,
            Err(error) => return self.refuse_reload(&error.to_string()),
        };
        let are_new = match self.relay.redis.set_options(&config.redis) {
            Ok(are_new) => are_new,
            Err(error) => return self.refuse_reload(&error.to_string()),
        };
        log_changes(&changes);
        // Who is connected goes on with the certificate that it has seen.
        self.identity = identity;
        self.certificate = CertificateWatch::new();
        logging::set_level(config.log.level);
        self.settings = setup::settings(&config);
        let handover = self.gate.handover(&gate);
        self.gate = gate;
        self.hand_over(&handover);
        self.guard.set_options(&config);
        self.intake = setup::intake(&config);
        self.relay.redis.set_intake(self.intake.clone());
        self.bus.set_options(setup::bus(&config));
        if are_new {
            self.replace_threads();
        }
        // The mode that PUT /admin/mode set stays, unless the file now says another one than before.
        if config.bus.mode != self.config.bus.mode {
            self.set_mode(config.bus.mode);
        }
        self.hub.set_options(config.stream.clone(), self.now.mono);
        self.config = config;
        let status = self.status();
        self.supervisor.handle_reloaded(&status);
    }

    /// Says why nothing was reloaded, a line for each problem.
    fn refuse_reload(&mut self, problems: &str) {
        for line in problems.lines() {
            let problem = line.strip_prefix("error: ").unwrap_or(line);
            log::error!(problem; "configuration not reloaded, the old one stays");
        }
        let first = problems.lines().next().unwrap_or_default();
        let status = format!("configuration not reloaded, the old one stays: {first}");
        self.supervisor.handle_reloaded(&status);
    }

    /// Changes the mode of the bus, and has the threads follow at once: another change may come in this very turn.
    pub(super) fn set_mode(&mut self, mode: Mode) {
        if mode != self.bus.mode() {
            for warning in config::warnings(&self.config, mode) {
                log::warn!("{warning}");
            }
        }
        self.bus.set_mode(mode, &mut self.hub, self.now);
        self.tend_threads();
    }
}

/// Says what a reload changed.
fn log_changes(changes: &[Change]) {
    for change in changes {
        let (old, new) = (change.old.as_str(), change.new.as_str());
        if change.takes_effect {
            log::info!(key = change.key, old, new; "configuration changed");
        } else {
            log::warn!(key = change.key, old, new; "configuration changed; needs a restart");
        }
    }
    log::info!(changes = changes.len(); "configuration reloaded");
}
