//! What goes to Redis: the spool behind its circuit breaker, and the probes that show that Redis is there.
//!
//! A publisher (a thread, in the server) takes jobs by `poll_job` and tells by `handle_report` what became of
//! them. Never appends to the log and knows no client.
//!
//! After a failure no message is sent before a probe got through, so that none overtakes one that failed: what the
//! publisher was given meanwhile it gives back. And as a Redis that comes back has nobody
//! subscribed yet, the spool waits a little for as many subscribers as there were before.
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

/// How soon the next probe is made after a failure.
const RECOVERY_PROBE: Duration = Duration::from_millis(100);
/// How long the spool waits for those who were subscribed before: as long as they may pause before they connect.
const RECOVERY_PATIENCE: Duration = super::backoff::MOST;

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
        /// How many failures the bus knew of.
        epoch: u64,
    },
}

impl Job {
    /// How many failures the bus knew of: what it gave away before it knew of one is given back.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        match self {
            Self::Publish(message) => message.epoch,
            Self::Probe { epoch, .. } => *epoch,
        }
    }
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
        /// Why not.
        failure: Failure,
    },
    /// The probe is over.
    Probed {
        /// Which probe.
        token: u64,
        /// What Redis said, or why it is not there.
        result: Result<Probed, Failure>,
    },
}

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For the log.
    pub why: Arc<str>,
    /// Redis may have the message all the same: it was sent, and nothing came back.
    pub may_be_there: bool,
    /// The server is not, or not any more, the one that everybody else is connected to.
    pub is_not_master: bool,
}

/// What Redis said to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Whether the canary was published; false where Redis does not allow it.
    pub has_canary: bool,
    /// Who is subscribed to the channel that is published to; `None` where Redis does not tell.
    pub subscribers: Option<u64>,
}

/// What a report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A message is published.
    Published,
    /// A message failed, waits again, and counts as a failure.
    Failed,
    /// A probe worked.
    Probed(Probed),
    /// A probe failed.
    ProbeFailed,
    /// It was no news.
    Nothing,
}

/// Since something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    /// Nothing did.
    None,
    /// No probe got through yet.
    Lost,
    /// Redis is there again, and subscribers are waited for until then.
    Waiting { until: Mono },
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
    recovery: Recovery,
    /// Failures so far.
    epoch: u64,
    /// Subscribers that the channel had when all was well.
    subscribers: u64,
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
            recovery: Recovery::None,
            epoch: 0,
            subscribers: 0,
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
        if self.breaker.poll_deadline().is_some() {
            return None;
        }
        if self.takes_messages()
            && let Some(message) = self.spool.poll(self.epoch)
        {
            return Some(Job::Publish(message));
        }
        // A half-open breaker wants its probe at once.
        let is_due = self.next_probe <= now || !self.breaker.is_closed();
        if !is_due || self.probe.is_under_way {
            return None;
        }
        let token = self.probe.token + 1;
        self.probe = Probe { token, sent: now, is_under_way: true };
        self.next_probe = now.after(self.liveness / PROBES_PER_LIVENESS);
        Some(Job::Probe { token, epoch: self.epoch })
    }

    /// Whether messages go to Redis at once.
    pub(super) fn takes_messages(&self) -> bool {
        self.breaker.is_closed() && self.recovery == Recovery::None
    }

    /// A message cannot go to Redis at once: that is a failure, too.
    pub(super) fn divert(&mut self, now: Mono, jitter: f64) {
        if self.recovery == Recovery::Lost {
            self.breaker.handle_failure(now, jitter);
        }
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
        // What is not with the publisher waits for us, and not for Redis.
        if self.spool.is_with_publisher(ticket) {
            self.given_up.insert(ticket);
            self.fail(now, jitter);
        }
    }

    /// Something failed: messages wait until a probe gets through.
    fn fail(&mut self, now: Mono, jitter: f64) {
        self.recovery = Recovery::Lost;
        self.epoch += 1;
        self.next_probe = self.next_probe.min(now.after(RECOVERY_PROBE));
        self.breaker.handle_failure(now, jitter);
    }

    /// A probe got through.
    fn recover(&mut self, subscribers: Option<u64>, now: Mono) {
        let until = match self.recovery {
            Recovery::Waiting { until } => until,
            Recovery::None | Recovery::Lost => now.after(RECOVERY_PATIENCE),
        };
        let are_back = subscribers.is_none_or(|subscribers| subscribers >= self.subscribers);
        if self.recovery == Recovery::None || are_back || until <= now || self.spool.is_empty() {
            self.recovery = Recovery::None;
            self.subscribers = subscribers.unwrap_or(0);
        } else {
            self.recovery = Recovery::Waiting { until };
            self.next_probe = now.after(RECOVERY_PROBE);
        }
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
                self.breaker.handle_published();
                Outcome::Published
            }
            Report::Failed { ticket, ref failure } => {
                let is_counted = self.given_up.remove(&ticket);
                if !self.spool.handle_failed(ticket, failure.may_be_there) {
                    return Outcome::Nothing;
                }
                if !is_counted {
                    self.fail(now, jitter);
                }
                Outcome::Failed
            }
            Report::Probed { token, .. } if token != self.probe.token => Outcome::Nothing,
            Report::Probed { result: Ok(probed), .. } => {
                self.probe.is_under_way = false;
                self.answered = Some(now);
                self.breaker.handle_probe();
                self.recover(probed.subscribers, now);
                Outcome::Probed(probed)
            }
            Report::Probed { result: Err(_), .. } => {
                self.probe.is_under_way = false;
                self.fail(now, jitter);
                Outcome::ProbeFailed
            }
        }
    }

    /// The publisher is gone, with all that it had.
    pub(super) fn handle_publisher_gone(&mut self, now: Mono) {
        self.spool.handle_publisher_gone();
        self.given_up.clear();
        self.probe.is_under_way = false;
        self.next_probe = now.after(RECOVERY_PROBE);
        // Where there is none to be had, trying again is no use for a while.
        self.fail(now, 1.0);
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
        self.breaker.is_closed() && self.recovery != Recovery::Lost && self.answered.is_some_and(is_fresh)
    }
}
