//! The bus between those who publish and the log: which way an event goes, in each mode.
//!
//! The loop hands it every published batch (`submit`), what comes from Redis (`handle_inbound`) and what
//! became of what went there (`handle_report`); it does not ask which mode is in force, and answers whoever
//! published when the receipt comes (`poll`). Jobs for Redis leave by `poll_job`. A large batch goes its way
//! over several turns.
//!
//! What was published and has not arrived takes memory whether or not its publisher is still there: `has_room` says
//! whether a batch fits, and is to be asked before it is submitted.
//!
//! Never touches Redis, a thread or a clock: `redis` does, and `channel` is what lies between.
//!
//! In `redis` mode an event is shown when it comes back. Where it may not come back, or not soon, it is shown
//! at once (`show_early`), and its copy in Redis says so: on the other servers it stands at another place, and
//! who goes there must not miss what lies between (`Log::note_race`).

mod backoff;
mod breaker;
mod channel;
mod mode;
mod options;
mod origins;
mod outbound;
mod own;
mod publish;
mod receipt;
mod receive;
mod recent;
mod show;
mod shown;
mod spool;
mod status;
mod upstream;

/// What `channel` is made of; its test puts other primitives in their place.
mod sync {
    pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
}

use std::collections::VecDeque;

pub use backoff::Backoff;
pub use breaker::State as BreakerState;
pub use channel::{Closed, Receiver, Sender, Sent, Wake, channel};
pub use mode::Mode;
pub use options::Options;
pub use outbound::{Failure, Job, Probed, Report};
pub use receipt::{Receipt, Via};
pub use shown::ShownEvent;
pub use spool::Outgoing;
pub use status::{Readiness, Status};
pub use upstream::Inbound;

use crate::clock::{Mono, Now};
use crate::hub::Hub;
use crate::id::Instance;
use outbound::{Outbound, Outcome};
use own::{Overdue, Own};
use publish::Submission;
use shown::Shown;
use upstream::Upstream;

/// Bytes of memory that is remembered at most of messages that went and came: which are ours, which came before.
pub const REMEMBERED_BYTES: usize = own::REMEMBERED_BYTES + origins::REMEMBERED_BYTES;

/// The bus.
#[derive(Debug)]
pub struct Bus {
    mode: Mode,
    instance: Instance,
    options: Options,
    random: fastrand::Rng,
    shown: Shown,
    /// Batches on their way.
    queue: VecDeque<Submission>,
    /// What those take.
    queue_bytes: usize,
    own: Own,
    outbound: Outbound,
    upstream: Upstream,
}

impl Bus {
    /// The bus of this instance, in this mode. `seed` is where its jitter comes from.
    #[must_use]
    pub fn new(mode: Mode, instance: Instance, options: Options, seed: u64) -> Self {
        let mut upstream = Upstream::new(options.liveness, options.dedupe);
        if mode.subscribes() {
            upstream.handle_opening();
        }
        Self {
            mode,
            instance,
            random: fastrand::Rng::with_seed(seed),
            shown: Shown::default(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            own: Own::default(),
            outbound: Outbound::new(&options),
            upstream,
            options,
        }
    }

    /// The mode in force.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The last event that was broadcast here.
    #[must_use]
    pub fn last(&self) -> Option<&ShownEvent> {
        self.shown.last()
    }

    /// The last events that were broadcast here after the frame `seq`, oldest first.
    pub fn shown_after(&self, seq: u64) -> impl Iterator<Item = &ShownEvent> {
        self.shown.after(seq)
    }

    /// Takes options over.
    pub fn set_options(&mut self, options: Options) {
        self.outbound.set_options(&options);
        self.upstream.set_options(options.liveness, options.dedupe);
        self.options = options;
    }

    /// Changes the mode: what was published goes on its way, and nothing is shown twice.
    pub fn set_mode(&mut self, mode: Mode, hub: &mut Hub, now: Now) {
        let old = std::mem::replace(&mut self.mode, mode);
        if old == mode {
            return;
        }
        log::info!(from = old.name(), to = mode.name(); "mode changed");
        if mode.shows_own() {
            // What would have come back is shown now, before what is published next.
            self.show_through(u64::MAX, None, hub, now);
        }
        if old.forwards() && !mode.forwards() {
            self.upstream.has_missed = true;
        }
        match mode.subscribes() {
            true if !old.subscribes() => self.upstream.handle_opening(),
            true => {}
            false => drop(self.upstream.handle_lost(None)),
        }
        if mode.forwards() && self.upstream.is_confirmed() {
            self.tell_missed(hub, now);
        }
        self.outbound.probe_now(now.mono);
    }

    /// Whether the way from Redis is being opened, and nothing went wrong so far.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.upstream.is_opening()
    }

    /// Clients are let in although the way from Redis is not open: they may miss something.
    pub fn end_opening(&mut self) {
        if self.upstream.end_opening() {
            self.upstream.has_missed |= self.mode.forwards();
        }
    }

    /// Whether there is, or may soon be, something for the publisher to do.
    #[must_use]
    pub const fn wants_publisher(&self) -> bool {
        self.mode.publishes() || !self.outbound.spool.is_empty()
    }

    /// The next job for the publisher; to be called until `None`.
    pub fn poll_job(&mut self, now: Mono) -> Option<Job> {
        if !self.wants_publisher() {
            return None;
        }
        let job = self.outbound.poll_job(now);
        if matches!(job, Some(Job::Probe { .. })) {
            self.own.handle_canary_sent();
        }
        job
    }

    /// The publisher says what became of a job.
    pub fn handle_report(&mut self, report: &Report, hub: &mut Hub, now: Now) {
        let before = self.outbound.breaker.state();
        let jitter = self.random.f64();
        let outcome = self.outbound.handle_report(report, now.mono, jitter);
        match (outcome, report) {
            (Outcome::Published, Report::Published { ticket }) => {
                hub.metrics_mut().redis.published += 1;
                // Who is not subscribed now is later than this message.
                self.own.handle_published(*ticket, self.mode.subscribes());
            }
            (Outcome::Failed, Report::Failed { ticket, .. }) => {
                hub.metrics_mut().redis.publish_failures += 1;
                if let Some(seq) = self.own.awaited_seq(*ticket) {
                    self.show_through(seq, None, hub, now);
                }
            }
            (Outcome::Probed(probed), Report::Probed { token, .. }) => {
                if let Some(sent) = self.outbound.probe_sent(*token) {
                    self.upstream.handle_answer(sent, probed.has_canary, now.mono);
                }
            }
            _ => {}
        }
        match report {
            Report::Failed { failure, .. } | Report::Probed { result: Err(failure), .. } => {
                self.upstream.is_elsewhere |= failure.is_not_master;
                self.log_breaker(before, &failure.why);
            }
            Report::Published { .. } | Report::Probed { .. } => self.log_breaker(before, ""),
        }
    }

    fn log_breaker(&self, before: BreakerState, why: &str) {
        let spooled = self.outbound.spool.len();
        match (before, self.outbound.breaker.state()) {
            (BreakerState::Closed { .. }, BreakerState::Open { .. }) => {
                log::warn!(why, spooled; "Redis takes no messages: they are broadcast here and kept for it");
            }
            (BreakerState::HalfOpen, BreakerState::Closed { .. }) => {
                log::info!(spooled; "Redis takes messages again");
            }
            _ => {}
        }
    }

    /// The publisher is gone, with all that it had.
    pub fn handle_publisher_gone(&mut self, now: Mono) {
        self.outbound.handle_publisher_gone(now);
    }

    /// When `handle_deadline`, `poll_stale` or `poll_job` may have something to do.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Mono> {
        if !self.wants_publisher() {
            return None;
        }
        let held = self.queue.front().and_then(|first| first.hold_until);
        let own = self.own.poll_deadline(self.options.liveness);
        [held, own, self.outbound.poll_deadline()].into_iter().flatten().min()
    }

    /// Time passed.
    pub fn handle_deadline(&mut self, hub: &mut Hub, now: Now) {
        self.outbound.breaker.handle_deadline(now.mono);
        while let Some(overdue) = self.own.overdue(now.mono, self.options.liveness) {
            match overdue {
                Overdue::Return { seq } => self.show_through(seq, None, hub, now),
                Overdue::Answer { seq, ticket } => {
                    let (before, jitter) = (self.outbound.breaker.state(), self.random.f64());
                    self.outbound.give_up(ticket, now.mono, jitter);
                    self.show_through(seq, None, hub, now);
                    self.log_breaker(before, "no acknowledgement within redis.publish_timeout");
                }
            }
        }
    }

    /// Whether a round trip through Redis works, as far as this mode makes one.
    #[must_use]
    pub fn is_up(&self, now: Mono) -> bool {
        let is_live = !self.mode.subscribes() || self.upstream.is_live(now);
        self.mode.publishes() && is_live && self.outbound.is_up(now)
    }

    /// Whether there is nothing left that a server which ends should wait for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let is_on_its_way = self.outbound.breaker.is_closed() && !self.outbound.spool.is_empty();
        self.queue.is_empty() && !self.own.has_answers() && !is_on_its_way
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
