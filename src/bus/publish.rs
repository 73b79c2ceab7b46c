//! What is published here: which way each event goes, and when whoever published it is answered.

use std::sync::Arc;

use super::own::{Answered, Early};
use super::receipt::{Receipt, Via};
use super::show::last_shown;
use super::{Bus, Mode};
use crate::clock::{Mono, Now};
use crate::hub::Hub;
use crate::id::{EventId, Fingerprint};
use crate::intake::{Batch, Item, Numbering};
use crate::key::Key;

/// A batch on its way.
#[derive(Debug)]
pub(super) struct Submission {
    /// Whose it is.
    key: Key,
    items: std::vec::IntoIter<Item>,
    /// The number of the next item, where they are numbered.
    next_seq: u64,
    /// What it takes, until the last of it went its way.
    bytes: usize,
    accepted: usize,
    appended: usize,
    dropped: usize,
    /// What the publish request is known by that waits for Redis; without one it is answered when the last
    /// item is in the log.
    answer: Option<u64>,
    /// Until when it may wait for the way through Redis to open.
    pub(super) hold_until: Option<Mono>,
}

impl Bus {
    /// How the envelopes of the next batch are to be numbered.
    #[must_use]
    pub fn numbering(&self) -> Option<Numbering<'_>> {
        let next = self.own.next_seq();
        self.mode.publishes().then(|| Numbering { origin: self.instance.as_str(), next })
    }

    /// Bytes of memory that events take which were published and have not arrived: batches that wait, and in `redis`
    /// mode events that are to come back.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.queue_bytes + self.own.memory_bytes()
    }

    /// Whether a batch of so many bytes fits in. One does, whatever it takes, when there is nothing else.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let held = self.held_bytes();
        held == 0 || held.saturating_add(bytes) <= self.options.publish_bytes
    }

    /// Takes a batch that the connection `key` published, numbered as `numbering` said; `poll` gives its
    /// receipt.
    pub fn submit(&mut self, key: Key, batch: Batch, now: Mono) {
        let (accepted, bytes) = (batch.items.len(), size_of::<Submission>() + batch.memory_bytes());
        self.queue_bytes += bytes;
        let is_numbered = batch.items.first().is_some_and(|item| item.stamped.is_some());
        let next_seq = if is_numbered { self.own.take_numbers(accepted) } else { 0 };
        let waits = is_numbered && !self.mode.shows_own();
        let deadline = now.after(self.options.publish_timeout);
        self.queue.push_back(Submission {
            key,
            items: batch.items.into_iter(),
            next_seq,
            bytes,
            accepted,
            appended: 0,
            dropped: 0,
            answer: waits.then(|| self.own.wait(key, accepted, deadline)),
            hold_until: waits.then_some(deadline),
        });
    }

    /// Whether `poll` has something to do.
    #[must_use]
    pub fn has_work(&self, now: Mono) -> bool {
        self.own.has_answered() || self.queue.front().is_some_and(|first| !self.holds(first, now))
    }

    /// Whether a batch is kept back for a moment.
    fn holds(&self, submission: &Submission, now: Mono) -> bool {
        self.is_congested(submission) || self.waits_for_opening(submission, now)
    }

    /// Whether Redis takes messages, and slower than they come: then they wait before the spool, not in it.
    fn is_congested(&self, submission: &Submission) -> bool {
        submission.next_seq > 0 && self.outbound.takes_messages() && self.outbound.spool.is_half_full()
    }

    fn waits_for_opening(&self, submission: &Submission, now: Mono) -> bool {
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
            if self.is_congested(&submission) {
                break;
            }
            let Some(item) = submission.items.next() else { break };
            self.send(&mut submission, item, hub, now);
        }
        if submission.items.len() > 0 {
            self.queue.push_front(submission);
            return None;
        }
        self.queue_bytes -= submission.bytes;
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
        let fingerprint = item.event.as_ref().map(|event| event.fingerprint);
        self.own.remember(fingerprint.unwrap_or_else(|| Fingerprint::of(text.as_bytes())));
        let comes_back = self.mode == Mode::Redis && self.is_up(now.mono) && self.outbound.takes_messages();
        match submission.answer {
            Some(answer) if comes_back => {
                let ticket = self.outbound.spool.push(Arc::clone(&text), false);
                self.own.push(seq, ticket, text, item.event, answer, now.mono);
                if let Some(seq) = self.own.overfull() {
                    self.show_through(seq, None, hub, now);
                }
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
}
