//! The bus between those who publish and the log: which way an event goes, in each mode.
//!
//! The loop hands it every published batch (`submit`), what comes from Redis (`handle_inbound`) and what
//! became of what went there (`handle_report`); it does not ask which mode is in force, and answers whoever
//! published when the receipt comes (`poll`). Jobs for Redis leave by `poll_job`. A large batch goes its way
//! over several turns.
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
mod recent;
mod spool;
mod status;
mod upstream;

/// What `channel` is made of; its test puts other primitives in their place.
mod sync {
    pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
}

use std::collections::VecDeque;
use std::sync::Arc;

pub use backoff::Backoff;
pub use breaker::State as BreakerState;
pub use channel::{Closed, Receiver, Sender, Sent, Wake, channel};
pub use mode::Mode;
pub use options::Options;
pub use outbound::{Job, Probed, Report};
pub use spool::Outgoing;
pub use status::{Readiness, Status};
pub use upstream::Inbound;

use crate::clock::{Mono, Now};
use crate::event::{Event, Subject};
use crate::hub::{Hub, Whose};
use crate::id::{EventId, Fingerprint, Instance};
use crate::intake::{Batch, Item, Message, Numbering};
use crate::key::Key;
use crate::sse::GapReason;
use crate::stamp::{self, After, Mark};
use origins::Standing;
use outbound::{Outbound, Outcome};
use own::{Answered, Awaiting, Early, Overdue, Own};
use upstream::Upstream;

/// The way that a published batch took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The local log.
    Local,
    /// Redis, which acknowledged it.
    Redis,
    /// The local log, as Redis is not there; it gets it later.
    Fallback,
}

impl Via {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Local, Self::Redis, Self::Fallback];

    /// The name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis => "redis",
            Self::Fallback => "fallback",
        }
    }
}

/// What became of a published batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Envelopes that were accepted.
    pub accepted: usize,
    /// The way that they took.
    pub via: Via,
    /// The id of the last frame, where this node gave it one.
    pub last_id: Option<String>,
}

/// The last event that was broadcast here, for people who look for theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEvent {
    /// Its SSE event name.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
}

/// The bus.
#[derive(Debug)]
pub struct Bus {
    mode: Mode,
    instance: Instance,
    options: Options,
    random: fastrand::Rng,
    last: Option<LastEvent>,
    /// Batches on their way.
    queue: VecDeque<Submission>,
    own: Own,
    outbound: Outbound,
    upstream: Upstream,
}

/// A batch on its way.
#[derive(Debug)]
struct Submission {
    /// Whose it is.
    key: Key,
    items: std::vec::IntoIter<Item>,
    /// The number of the next item, where they are numbered.
    next_seq: u64,
    accepted: usize,
    appended: usize,
    dropped: usize,
    /// What the publish request is known by that waits for Redis; without one it is answered when the last
    /// item is in the log.
    answer: Option<u64>,
    /// Until when it may wait for the way through Redis to open.
    hold_until: Option<Mono>,
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
            last: None,
            queue: VecDeque::new(),
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
    pub const fn last(&self) -> Option<&LastEvent> {
        self.last.as_ref()
    }

    /// How the envelopes of the next batch are to be numbered.
    #[must_use]
    pub fn numbering(&self) -> Option<Numbering<'_>> {
        let next = self.own.next_seq();
        self.mode.publishes().then(|| Numbering { origin: self.instance.as_str(), next })
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
            self.own.confirm_all();
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

    /// Takes a batch that the connection `key` published, numbered as `numbering` said; `poll` gives its
    /// receipt.
    pub fn submit(&mut self, key: Key, batch: Batch, now: Mono) {
        let accepted = batch.items.len();
        let is_numbered = batch.items.first().is_some_and(|item| item.stamped.is_some());
        let next_seq = if is_numbered { self.own.take_numbers(accepted) } else { 0 };
        let waits = is_numbered && !self.mode.shows_own();
        let deadline = now.after(self.options.publish_timeout);
        self.queue.push_back(Submission {
            key,
            items: batch.items.into_iter(),
            next_seq,
            accepted,
            appended: 0,
            dropped: 0,
            answer: waits.then(|| self.own.wait(key, accepted, deadline)),
            hold_until: waits.then_some(deadline),
        });
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

    /// Whether `poll` has something to do.
    #[must_use]
    pub fn has_work(&self, now: Mono) -> bool {
        self.own.has_answered() || self.queue.front().is_some_and(|first| !self.holds(first, now))
    }

    /// Whether a batch is kept back for a moment, as the way through Redis is just being opened.
    fn holds(&self, submission: &Submission, now: Mono) -> bool {
        submission.hold_until.is_some_and(|until| now < until)
            && self.upstream.is_opening()
            && self.outbound.breaker.is_closed()
            && self.mode == Mode::Redis
    }

    /// Sends up to `most` published events on their way, in the order of their batches; gives back a receipt
    /// for a batch that is in the local log or that Redis acknowledged, and whose it is.
    pub fn poll(&mut self, most: usize, hub: &mut Hub, now: Now) -> Option<(Key, Receipt)> {
        if let Some(answered) = self.own.poll_answered() {
            return Some(self.receipt(answered, hub));
        }
        if self.queue.front().is_none_or(|first| self.holds(first, now.mono)) {
            return None;
        }
        let mut submission = self.queue.pop_front()?;
        for _ in 0..most {
            let Some(item) = submission.items.next() else { break };
            self.send(&mut submission, item, hub, now);
        }
        if submission.items.len() > 0 {
            self.queue.push_front(submission);
            return None;
        }
        hub.metrics_mut().map_dropped += submission.dropped as u64;
        let Submission { key, accepted, appended, answer: None, .. } = submission else {
            return self.own.poll_answered().map(|answered| self.receipt(answered, hub));
        };
        let via = Via::Local;
        *hub.metrics_mut().published.entry(via.name()).or_default() += accepted as u64;
        let last_id = (appended > 0).then(|| hub.log().last_id().to_string());
        Some((key, Receipt { accepted, via, last_id }))
    }

    fn receipt(&self, answered: Answered, hub: &mut Hub) -> (Key, Receipt) {
        let Answered { key, accepted, fallback } = answered;
        let (via, last) = fallback.map_or((Via::Redis, None), |last| (Via::Fallback, last));
        *hub.metrics_mut().published.entry(via.name()).or_default() += accepted as u64;
        let instance = self.instance.as_str();
        let last_id = last.map(|(seq, fingerprint)| EventId { instance, seq, fingerprint }.to_string());
        (key, Receipt { accepted, via, last_id })
    }

    /// Sends one published event on its way.
    fn send(&mut self, submission: &mut Submission, item: Item, hub: &mut Hub, now: Now) {
        submission.dropped += usize::from(item.event.is_none());
        let Some(text) = item.stamped else {
            submission.appended += usize::from(self.show(item.event, hub, now));
            return;
        };
        let seq = submission.next_seq;
        submission.next_seq += 1;
        let comes_back = self.mode == Mode::Redis && self.is_up(now.mono) && self.outbound.takes_messages();
        match submission.answer {
            Some(answer) if comes_back => {
                let ticket = self.outbound.spool.push(Arc::clone(&text), false);
                self.own.push(seq, ticket, text, item.event, answer, now.mono);
            }
            answer => {
                // What was published before is shown before.
                self.show_through(u64::MAX, None, hub, now);
                let ticket = self.outbound.spool.push(self.marked(&text), false);
                let early = Early { seq, ticket, is_published: false };
                let is_shown = self.show_early(early, item.event, hub, now);
                submission.appended += usize::from(is_shown);
                if let Some(answer) = answer {
                    self.own.resolve(answer, Some(last_shown(is_shown, hub)));
                    let (before, jitter) = (self.outbound.breaker.state(), self.random.f64());
                    self.outbound.divert(now.mono, jitter);
                    self.log_breaker(before, "nothing gets through");
                }
            }
        }
    }

    /// Broadcasts an event, unless one of its idempotency key was; whether it did.
    fn show(&mut self, event: Option<Event>, hub: &mut Hub, now: Now) -> bool {
        let Some(event) = event else { return false };
        if !self.upstream.is_news(&event) {
            hub.metrics_mut().redis.duplicates += 1;
            return false;
        }
        hub.append(&event, now);
        let (id, trace) = (&*event.subject.id, event.subject.trace_id.as_deref().unwrap_or_default());
        log::debug!(event = event.name(), id, trace; "broadcast");
        self.last = Some(LastEvent { name: event.name().to_owned(), subject: event.subject });
        true
    }

    /// Broadcasts an event of ours before it came back; whether it did.
    fn show_early(&mut self, of: Early, event: Option<Event>, hub: &mut Hub, now: Now) -> bool {
        let start = hub.log().head();
        let is_shown = self.show(event, hub, now);
        if is_shown && self.mode.forwards() {
            self.own.note_shown(of, start);
        }
        is_shown
    }

    /// A message as it goes to Redis when its event is shown now.
    fn marked(&self, text: &str) -> Arc<str> {
        let after = if self.mode.forwards() { self.upstream.shown() } else { After::Unknown };
        stamp::mark(text, Mark { after, is_again: false }).into()
    }

    /// Shows what is to come back, up to the number `seq`: `back` is the one that did come back.
    fn show_through(&mut self, seq: u64, back: Option<u64>, hub: &mut Hub, now: Now) {
        while let Some(Awaiting { seq, ticket, text, event, answer, .. }) = self.own.pop_through(seq) {
            let is_back = back == Some(seq);
            let mut is_shown = false;
            if is_back {
                self.upstream.last_shown =
                    event.as_ref().map(|event| event.fingerprint).or(self.upstream.last_shown);
                self.show(event, hub, now);
            } else if event.is_some() {
                let marked = self.marked(&text);
                if !self.outbound.spool.replace(ticket, &marked) {
                    // It may be in Redis without the mark: the others are told by a copy.
                    self.outbound.spool.push(marked, true);
                }
                is_shown =
                    self.show_early(Early { seq, ticket, is_published: answer.is_none() }, event, hub, now);
            }
            if let Some(answer) = answer {
                self.own.resolve(answer, (!is_back).then(|| last_shown(is_shown, hub)));
            }
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
                self.own.handle_published(*ticket);
            }
            (Outcome::Failed, Report::Failed { ticket, .. }) => {
                hub.metrics_mut().redis.publish_failures += 1;
                if let Some(seq) = self.own.awaited_seq(*ticket) {
                    self.show_through(seq, None, hub, now);
                }
            }
            (Outcome::Probed(probed), Report::Probed { token, .. }) => {
                if !probed.has_canary {
                    self.upstream.handle_no_canary();
                }
                if let Some(sent) = self.outbound.probe_sent(*token) {
                    self.upstream.handle_answer(sent, now.mono);
                }
            }
            _ => {}
        }
        match report {
            Report::Failed { why, .. } | Report::Probed { result: Err(why), .. } => {
                self.log_breaker(before, why)
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

    /// The subscriber says what came.
    pub fn handle_inbound(&mut self, inbound: Inbound, hub: &mut Hub, now: Now) {
        self.upstream.heard = now.mono;
        match inbound {
            Inbound::Message(message) => {
                hub.metrics_mut().redis.messages += 1;
                self.handle_message(message, hub, now);
            }
            Inbound::Invalid => {
                hub.metrics_mut().redis.messages += 1;
                hub.metrics_mut().redis.invalid += 1;
            }
            Inbound::Canary { token } => {
                if let Some(sent) = self.outbound.probe_sent(token) {
                    self.upstream.handle_canary(sent, now.mono);
                    self.own.handle_canary_back();
                }
            }
            Inbound::NoCanary => self.upstream.handle_no_canary(),
            Inbound::Subscribed => self.handle_subscribed(hub, now),
            Inbound::Lost { why } => self.handle_lost(why, hub, now),
        }
    }

    fn handle_subscribed(&mut self, hub: &mut Hub, now: Now) {
        if !self.mode.subscribes() {
            return;
        }
        log::info!("subscribed to Redis");
        self.upstream.handle_subscribed(now.mono);
        if self.mode.forwards() {
            self.tell_missed(hub, now);
        }
        self.outbound.probe_now(now.mono);
    }

    /// Tells everybody that messages may be missing, if they may.
    fn tell_missed(&mut self, hub: &mut Hub, now: Now) {
        if std::mem::take(&mut self.upstream.has_missed) {
            hub.append_gap(GapReason::UpstreamLost, now);
        }
    }

    /// The subscription is gone, or could not be made.
    fn handle_lost(&mut self, why: String, hub: &mut Hub, now: Now) {
        if !self.mode.subscribes() {
            return;
        }
        let is_news = self.upstream.why_down.as_ref() != Some(&why);
        let level = if is_news { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, why = why.as_str(); "not subscribed to Redis, trying again");
        if self.upstream.handle_lost(Some(why)) {
            hub.metrics_mut().redis.reconnects += 1;
        }
        self.upstream.has_missed |= self.mode.forwards();
        // What was to come back will not.
        self.show_through(u64::MAX, None, hub, now);
    }

    /// The subscriber is to be replaced: canaries do not come back, although Redis takes them. To be asked
    /// after `handle_deadline`; it is then taken as lost.
    pub fn poll_deaf(&mut self, hub: &mut Hub, now: Now) -> bool {
        let is_deaf = self.outbound.is_up(now.mono) && self.upstream.is_deaf(now.mono);
        if is_deaf {
            self.handle_lost("what is published does not come back".to_owned(), hub, now);
        }
        is_deaf
    }

    fn handle_message(&mut self, message: Message, hub: &mut Hub, now: Now) {
        if !self.mode.forwards() {
            hub.metrics_mut().redis.not_forwarded += 1;
            return;
        }
        match &message.origin {
            Some((instance, seq)) if **instance == *self.instance.as_str() && self.own.has_numbered(*seq) => {
                let seq = *seq;
                if self.own.is_awaited(seq) {
                    self.show_through(seq, Some(seq), hub, now);
                } else {
                    hub.metrics_mut().redis.echoes += 1;
                }
                if let Some(start) = self.own.confirm(seq) {
                    hub.note_race(message.fingerprint, Whose::AnyOther, Some(start));
                }
            }
            _ => self.handle_foreign(message, hub, now),
        }
    }

    /// A message of another instance, or of a service.
    fn handle_foreign(&mut self, message: Message, hub: &mut Hub, now: Now) {
        let standing = self.upstream.standing(&message);
        if let Standing::AfterHole(missing) = standing {
            log::warn!(missing; "messages of another instance never came");
            hub.metrics_mut().redis.missing += missing;
            hub.append_gap(GapReason::UpstreamLost, now);
        }
        let Message { event, fingerprint, mark, .. } = message;
        let Some(event) = event else {
            hub.metrics_mut().map_dropped += 1;
            return;
        };
        let origin = event.origin;
        if standing == Standing::Duplicate {
            hub.metrics_mut().redis.duplicates += 1;
        } else if self.show(Some(event), hub, now) {
            self.upstream.last_shown = Some(fingerprint);
            if let Some(start) = self.own.first_unconfirmed() {
                hub.note_race(fingerprint, Whose::AnyOther, Some(start));
            }
            if mark.is_some_and(|mark| mark.is_again) {
                // Others may have been shown it long ago.
                hub.note_race(fingerprint, Whose::AnyOther, None);
            }
        }
        if let Some(Mark { after, .. }) = mark
            && let Some(from) = hub.log().goes_on_after(after, fingerprint, origin)
        {
            hub.note_race(fingerprint, Whose::Of(origin), from);
        }
    }

    /// When `handle_deadline`, `poll_deaf` or `poll_job` may have something to do.
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

/// The number and the fingerprint of the frame that was shown, if one was.
fn last_shown(is_shown: bool, hub: &Hub) -> Option<(u64, Fingerprint)> {
    let last = hub.log().last_id();
    is_shown.then_some((last.seq, last.fingerprint))
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
