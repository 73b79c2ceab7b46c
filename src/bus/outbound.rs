//! What goes to Redis: the spool behind its circuit breaker, and the probes that show that Redis is there.
//!
//! A publisher (a thread, in the server) takes jobs by `poll_job` and tells by `handle_report` what became of
//! them. Never appends to the log and knows no client.
//!
//! Invariant: one probe at most is under way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::options::Options;
use super::spool::{Outgoing, Spool};
use crate::clock::Mono;

/// Probes made in the time that a round trip is good for: two may be late or lost.
const PROBES_PER_LIVENESS: u32 = 3;

/// What the publisher is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Publish a message.
    Publish(Outgoing),
    /// See whether Redis is there, is the one that others are connected to, and takes what we publish: send
    /// the canary of this token.
    Probe {
        /// Tells it from earlier ones.
        token: u64,
    },
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Redis has the message.
    Published {
        /// Which message.
        ticket: u64,
    },
    /// Redis does not have the message, as far as is known.
    Failed {
        /// Which message.
        ticket: u64,
        /// It may have it all the same: it was sent, and nothing came back.
        may_be_there: bool,
        /// Why, for the log.
        why: Arc<str>,
    },
    /// The probe is over.
    Probed {
        /// Which probe.
        token: u64,
        /// Whether the canary is on its way, or why Redis is not there.
        result: Result<Canary, Arc<str>>,
    },
}

/// A probe that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// The canary was published.
    Sent,
    /// Redis answers, and does not allow us to publish the canary.
    Refused,
}

/// What a report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A message is published.
    Published,
    /// A message failed, waits again, and counts as a failure.
    Failed,
    /// A probe worked.
    Probed(Canary),
    /// A probe failed.
    ProbeFailed,
    /// It was no news.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    token: u64,
    sent: Mono,
    is_under_way: bool,
}

/// The way to Redis.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) spool: Spool,
    pub(super) breaker: Breaker,
    liveness: Duration,
    probe: Probe,
    next_probe: Mono,
    /// Redis answered at that time.
    answered: Option<Mono>,
    /// With the publisher, and given up already: their failure was counted.
    given_up: HashSet<u64>,
}

impl Outbound {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            spool: Spool::new(options.spool_events, options.spool_bytes),
            breaker: Breaker::new(options.breaker_failures),
            liveness: options.liveness,
            probe: Probe { token: 0, sent: Mono::ZERO, is_under_way: false },
            next_probe: Mono::ZERO,
            answered: None,
            given_up: HashSet::new(),
        }
    }

    pub(super) fn set_options(&mut self, options: &Options) {
        self.spool.set_bounds(options.spool_events, options.spool_bytes);
        self.breaker.set_limit(options.breaker_failures);
        self.liveness = options.liveness;
    }

    /// The next job for the publisher; to be called until `None`.
    pub(super) fn poll_job(&mut self, now: Mono) -> Option<Job> {
        let is_closed = self.breaker.is_closed();
        if !is_closed && self.breaker.poll_deadline().is_some() {
            return None;
        }
        if let Some(message) = self.spool.poll(!is_closed) {
            return Some(Job::Publish(message));
        }
        let is_due = if is_closed { self.next_probe <= now } else { self.spool.with_publisher() == 0 };
        if !is_due || self.probe.is_under_way {
            return None;
        }
        let token = self.probe.token + 1;
        self.probe = Probe { token, sent: now, is_under_way: true };
        self.next_probe = now.after(self.liveness / PROBES_PER_LIVENESS);
        Some(Job::Probe { token })
    }

    /// Has the next probe made at once.
    pub(super) fn probe_now(&mut self, now: Mono) {
        self.next_probe = now;
    }

    /// When `poll_job` may have something that it has not now.
    pub(super) fn poll_deadline(&self) -> Option<Mono> {
        let probe = (self.breaker.is_closed() && !self.probe.is_under_way).then_some(self.next_probe);
        self.breaker.poll_deadline().or(probe)
    }

    /// A message is no longer waited for, and its failure is counted now.
    pub(super) fn give_up(&mut self, ticket: u64, now: Mono, jitter: f64) {
        self.given_up.insert(ticket);
        self.breaker.handle_failure(now, jitter);
    }

    /// What became of a job.
    pub(super) fn handle_report(&mut self, report: &Report, now: Mono, jitter: f64) -> Outcome {
        match *report {
            Report::Published { ticket } => {
                self.given_up.remove(&ticket);
                if !self.spool.handle_published(ticket) {
                    return Outcome::Nothing;
                }
                self.answered = Some(now);
                self.breaker.handle_success();
                Outcome::Published
            }
            Report::Failed { ticket, may_be_there, .. } => {
                let is_counted = self.given_up.remove(&ticket);
                if !self.spool.handle_failed(ticket, may_be_there) {
                    return Outcome::Nothing;
                }
                if !is_counted {
                    self.breaker.handle_failure(now, jitter);
                }
                Outcome::Failed
            }
            Report::Probed { token, .. } if token != self.probe.token => Outcome::Nothing,
            Report::Probed { result: Ok(canary), .. } => {
                self.probe.is_under_way = false;
                self.answered = Some(now);
                self.breaker.handle_success();
                Outcome::Probed(canary)
            }
            Report::Probed { result: Err(_), .. } => {
                self.probe.is_under_way = false;
                self.breaker.handle_failure(now, jitter);
                Outcome::ProbeFailed
            }
        }
    }

    /// The publisher is gone, with all that it had.
    pub(super) fn handle_publisher_gone(&mut self, now: Mono) {
        self.spool.handle_publisher_gone();
        self.given_up.clear();
        self.probe.is_under_way = false;
        self.next_probe = now;
    }

    /// When the probe of this token was made, if it is the last one.
    pub(super) fn probe_sent(&self, token: u64) -> Option<Mono> {
        (token == self.probe.token).then_some(self.probe.sent)
    }

    /// When the last probe was made.
    pub(super) const fn last_probe(&self) -> Mono {
        self.probe.sent
    }

    /// Whether Redis answered lately, and takes what we publish.
    pub(super) fn is_up(&self, now: Mono) -> bool {
        let is_fresh = |at: Mono| now.since(at) <= self.liveness;
        self.breaker.is_closed() && self.answered.is_some_and(is_fresh)
    }
}
