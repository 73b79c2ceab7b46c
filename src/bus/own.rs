//! What was published here and is on its way through Redis: who waits for an answer, what our own clients have
//! not been shown yet, and what they were shown before it came back.
//!
//! Never shows anything: it says what is to be shown.
//!
//! Invariants: numbers grow in `awaiting` and in `unconfirmed`; an answer is given once all of its messages
//! were acknowledged, came back or were shown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::recent::Recent;
use crate::clock::Mono;
use crate::event::{Event, allocated};
use crate::id::Fingerprint;
use crate::key::Key;

/// Events shown early that are told apart until they come back: those in the spool, and those on their way. Beyond that
/// the oldest two become one.
const UNCONFIRMED: usize = 1 << 18;
/// Messages that may be to come back; beyond that the oldest are shown at once.
const AWAITING: usize = 65_536;

/// What an `Arc` keeps beside what it holds.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// How many later ones may come back before an event that was shown early.
const OVERTAKEN: u64 = 1024;

/// A message whose event our clients have not been shown: it is to come back.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) seq: u64,
    pub(super) ticket: u64,
    pub(super) text: Arc<str>,
    /// `None` where `map_only` keeps it from being shown.
    pub(super) event: Option<Event>,
    /// The answer that waits for Redis to have it.
    pub(super) answer: Option<u64>,
    since: Mono,
}

/// An event that our clients were shown before it came back.
#[derive(Clone, Copy, Debug)]
struct Unconfirmed {
    of: Early,
    /// Where its frame lies in the log.
    start: u64,
    /// It was published before the canary that is under way: it comes back before that, or never.
    is_due: bool,
}

/// A publish request that waits for Redis.
#[derive(Debug)]
struct Answer {
    key: Key,
    accepted: usize,
    /// Messages that are neither acknowledged nor shown, those not yet sent added.
    open: usize,
    fallback: Option<Fallback>,
    /// Some of it went by Redis.
    by_redis: bool,
    deadline: Mono,
}

/// Something of a publish request was shown by fallback: the number and the fingerprint of the last frame, if
/// there was one.
type Fallback = Option<(u64, Fingerprint)>;

/// A publish request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) key: Key,
    pub(super) accepted: usize,
    /// It went by fallback.
    pub(super) fallback: Option<Fallback>,
}

/// A message that is shown before it came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Early {
    pub(super) seq: u64,
    pub(super) ticket: u64,
    /// Redis acknowledged it.
    pub(super) is_published: bool,
}

/// Messages of ours that are told from those of an earlier life of this instance.
const PRINTS: usize = 65_536;

/// Bytes of memory that is remembered of messages at most once they were shown, in queues that may be half empty.
pub(super) const REMEMBERED_BYTES: usize =
    2 * UNCONFIRMED * size_of::<Unconfirmed>() + Recent::<Fingerprint>::bytes_of(PRINTS);

impl Awaiting {
    fn memory_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, Event::memory_bytes);
        size_of::<Self>() + allocated(self.text.len() + ARC_BYTES) + event
    }
}

/// What was published here.
#[derive(Debug)]
pub(super) struct Own {
    /// Messages numbered so far.
    numbered: u64,
    /// The fingerprints of the last ones.
    prints: Recent<Fingerprint>,
    awaiting: VecDeque<Awaiting>,
    /// What those take.
    awaiting_bytes: usize,
    unconfirmed: VecDeque<Unconfirmed>,
    answers: VecDeque<Answer>,
    /// The number of `answers[0]`.
    first_answer: u64,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            numbered: 0,
            prints: Recent::new(PRINTS),
            awaiting: VecDeque::new(),
            awaiting_bytes: 0,
            unconfirmed: VecDeque::new(),
            answers: VecDeque::new(),
            first_answer: 0,
        }
    }
}

impl Own {
    /// The number of the next message.
    pub(super) const fn next_seq(&self) -> u64 {
        self.numbered + 1
    }

    /// Takes the numbers of so many messages; gives back the first.
    pub(super) const fn take_numbers(&mut self, count: usize) -> u64 {
        let first = self.next_seq();
        self.numbered += count as u64;
        first
    }

    /// Remembers the message of an event that was numbered.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint) {
        self.prints.insert(fingerprint);
    }

    /// Whether the message of this number is ours: an earlier life of this instance gave the same numbers, and
    /// its messages are news. Very late ones are taken for ours.
    pub(super) fn is_ours(&self, seq: u64, fingerprint: Fingerprint) -> bool {
        let is_late = seq >= 1 && self.numbered.saturating_sub(seq) >= PRINTS as u64;
        is_late || (seq <= self.numbered && self.prints.contains(&fingerprint))
    }

    /// A publish request of so many messages begins to wait; gives back what it is known by.
    pub(super) fn wait(&mut self, key: Key, messages: usize, deadline: Mono) -> u64 {
        let answer =
            Answer { key, accepted: messages, open: messages, fallback: None, by_redis: false, deadline };
        self.answers.push_back(answer);
        self.first_answer + self.answers.len() as u64 - 1
    }

    /// One message of a publish request is acknowledged, came back, or was shown by fallback.
    pub(super) fn resolve(&mut self, answer: u64, fallback: Option<Fallback>) {
        let Some(at) = answer.checked_sub(self.first_answer) else { return };
        let Some(answer) = self.answers.get_mut(at as usize) else { return };
        answer.open = answer.open.saturating_sub(1);
        match fallback {
            Some(last) => answer.fallback = Some(last.or(answer.fallback.flatten())),
            None => answer.by_redis = true,
        }
    }

    /// The next publish request that can be answered: in their order.
    pub(super) fn poll_answered(&mut self) -> Option<Answered> {
        if self.answers.front()?.open > 0 {
            return None;
        }
        let Answer { key, accepted, fallback, by_redis, .. } = self.answers.pop_front()?;
        // Where only a part of it was shown here, nobody knows yet which frame is its last.
        let fallback = if by_redis { fallback.map(|_| None) } else { fallback };
        self.first_answer += 1;
        Some(Answered { key, accepted, fallback })
    }

    /// Whether `poll_answered` has one.
    pub(super) fn has_answered(&self) -> bool {
        self.answers.front().is_some_and(|answer| answer.open == 0)
    }

    /// Whether a publish request waits.
    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Adds a message that is to come back.
    pub(super) fn push(
        &mut self,
        seq: u64,
        ticket: u64,
        text: Arc<str>,
        event: Option<Event>,
        answer: u64,
        since: Mono,
    ) {
        let message = Awaiting { seq, ticket, text, event, answer: Some(answer), since };
        self.awaiting_bytes += message.memory_bytes();
        self.awaiting.push_back(message);
    }

    /// Bytes of memory that messages take which are to come back, and publish requests that wait.
    pub(super) fn memory_bytes(&self) -> usize {
        self.awaiting_bytes + self.answers.len() * size_of::<Answer>()
    }

    /// Up to which number messages are to be shown, as too many are to come back.
    pub(super) fn overfull(&self) -> Option<u64> {
        let over = self.awaiting.len().checked_sub(AWAITING + 1)?;
        self.awaiting.get(over).map(|message| message.seq)
    }

    /// Redis has the message of this ticket; whether it `comes_back`.
    pub(super) fn handle_published(&mut self, ticket: u64, comes_back: bool) {
        if let Ok(at) = self.unconfirmed.binary_search_by_key(&ticket, |shown| shown.of.ticket) {
            self.unconfirmed[at].of.is_published = true;
            if !comes_back {
                self.unconfirmed.remove(at);
            }
        }
        let Ok(at) = self.awaiting.binary_search_by_key(&ticket, |message| message.ticket) else { return };
        if let Some(answer) = self.awaiting[at].answer.take() {
            self.resolve(answer, None);
        }
    }

    /// The number of the message of this ticket, while it is to come back.
    pub(super) fn awaited_seq(&self, ticket: u64) -> Option<u64> {
        let at = self.awaiting.binary_search_by_key(&ticket, |message| message.ticket).ok()?;
        Some(self.awaiting[at].seq)
    }

    /// Whether this message is to come back and was not shown.
    pub(super) fn is_awaited(&self, seq: u64) -> bool {
        self.awaiting.binary_search_by_key(&seq, |message| message.seq).is_ok()
    }

    /// Takes out the first message that is to be shown, of those up to `seq`.
    pub(super) fn pop_through(&mut self, seq: u64) -> Option<Awaiting> {
        let message = self.awaiting.pop_front_if(|message| message.seq <= seq)?;
        self.awaiting_bytes -= message.memory_bytes();
        Some(message)
    }

    /// Notes that an event was shown, at this place of the log, before it came back.
    pub(super) fn note_shown(&mut self, of: Early, start: u64) {
        if self.unconfirmed.len() == UNCONFIRMED {
            self.merge_oldest();
        }
        self.unconfirmed.push_back(Unconfirmed { of, start, is_due: false });
    }

    /// Has the second one stand for the first one, too: whoever goes back that far rather repeats than misses.
    fn merge_oldest(&mut self) {
        let first = self.unconfirmed.pop_front();
        if let Some((first, second)) = first.zip(self.unconfirmed.front_mut()) {
            second.start = first.start;
        }
    }

    /// The message of this number came back. Gives back where the first event before it lies that was shown and
    /// did not come back: Redis has the two in another order.
    pub(super) fn confirm(&mut self, seq: u64) -> Option<u64> {
        // One that is so late that it was dropped, or lost, is not waited for.
        while self.unconfirmed.front().is_some_and(|shown| shown.of.seq + OVERTAKEN < seq) {
            self.unconfirmed.pop_front();
        }
        if let Ok(at) = self.unconfirmed.binary_search_by_key(&seq, |shown| shown.of.seq) {
            self.unconfirmed.remove(at);
        }
        self.unconfirmed.front().filter(|shown| shown.of.seq < seq).map(|shown| shown.start)
    }

    /// A canary is sent.
    pub(super) fn handle_canary_sent(&mut self) {
        for shown in &mut self.unconfirmed {
            shown.is_due = shown.of.is_published;
        }
    }

    /// The canary came back: what was published before it and did not come back was lost.
    pub(super) fn handle_canary_back(&mut self) {
        self.unconfirmed.retain(|shown| !shown.is_due);
    }

    /// Where the first event lies that was shown and did not come back.
    pub(super) fn first_unconfirmed(&self) -> Option<u64> {
        self.unconfirmed.front().map(|shown| shown.start)
    }

    /// Up to which number messages waited too long: for an acknowledgement, those of the first publish request
    /// whose deadline has come; or, `patience` long, to come back.
    pub(super) fn overdue(&self, now: Mono, patience: Duration) -> Option<Overdue> {
        if let Some(first) = self.awaiting.front()
            && first.since.after(patience) <= now
        {
            return Some(Overdue::Return { seq: first.seq });
        }
        let late = self.answers.iter().position(|answer| answer.open > 0 && answer.deadline <= now)?;
        let answer = self.first_answer + late as u64;
        // What of it is not sent yet is not awaited.
        let last = self.awaiting.iter().rfind(|message| message.answer == Some(answer));
        last.map(|message| Overdue::Answer { seq: message.seq, ticket: message.ticket })
    }

    /// When `overdue` may have something.
    pub(super) fn poll_deadline(&self, patience: Duration) -> Option<Mono> {
        let back = self.awaiting.front().map(|message| message.since.after(patience));
        let is_waiting = |answer: &&Answer| answer.open > 0 && !self.awaiting.is_empty();
        let answer = self.answers.iter().find(is_waiting).map(|answer| answer.deadline);
        [back, answer].into_iter().flatten().min()
    }
}

/// What waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// An acknowledgement: the last message of its publish request.
    Answer { seq: u64, ticket: u64 },
    /// A message that Redis has, to come back.
    Return { seq: u64 },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Redis may be gone for hours, and every event is shown at once.
    #[test]
    fn events_shown_early_take_bounded_memory_and_the_first_is_not_forgotten() {
        let mut own = Own::default();
        let most = UNCONFIRMED as u64;
        for seq in 1..=2 * most {
            own.note_shown(Early { seq, ticket: seq, is_published: false }, 100 * seq);
        }
        assert_eq!(own.unconfirmed.len(), UNCONFIRMED);
        assert_eq!(own.first_unconfirmed(), Some(100), "others may lack it");
        assert_eq!(own.confirm(most + 1), None, "the last of those that became one came back");
        assert_eq!(own.first_unconfirmed(), Some(100 * (most + 2)));
        assert_eq!(own.confirm(most + 3), Some(100 * (most + 2)), "Redis has them in another order");
    }
}
