//! The messages on their way to Redis, in order: those that wait, and those that are with the publisher.
//!
//! Bounded by number and bytes. What is over the bound goes at the front, oldest first, and is counted: a
//! hole in the numbers tells the other instances. Never knows how a message is published.
//!
//! Invariants: tickets grow from front to back, and before `first_waiting` nothing waits; a message that is
//! with the publisher is neither dropped nor changed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::stamp;

/// Messages that may be with the publisher at once...
const WITH_PUBLISHER: usize = 1024;
/// ...and bytes of them, but for the last one.
const WITH_PUBLISHER_BYTES: usize = 1 << 20;

/// A message for the publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What `handle_published` and `handle_failed` know it by.
    pub ticket: u64,
    /// How many failures the bus knew of when it was given away.
    pub epoch: u64,
    /// The envelope, on one line.
    pub text: Arc<str>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    WithPublisher,
    /// Published, and behind one that is not.
    Done,
}

#[derive(Debug)]
struct Entry {
    ticket: u64,
    text: Arc<str>,
    place: Place,
    /// It may be in Redis already.
    is_again: bool,
    /// What the text is to be, while the publisher has it.
    later: Option<Arc<str>>,
}

/// The spool.
#[derive(Debug)]
pub(super) struct Spool {
    entries: VecDeque<Entry>,
    /// The place in `entries` before which none waits.
    first_waiting: usize,
    next_ticket: u64,
    /// Those that are not done.
    len: usize,
    bytes: usize,
    with_publisher: usize,
    with_publisher_bytes: usize,
    most_events: usize,
    most_bytes: usize,
    dropped: u64,
}

impl Spool {
    /// An empty spool of at most so many messages and bytes.
    #[must_use]
    pub(super) const fn new(most_events: usize, most_bytes: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first_waiting: 0,
            next_ticket: 0,
            len: 0,
            bytes: 0,
            with_publisher: 0,
            with_publisher_bytes: 0,
            most_events,
            most_bytes,
            dropped: 0,
        }
    }

    /// Takes other bounds over.
    pub(super) fn set_bounds(&mut self, most_events: usize, most_bytes: usize) {
        (self.most_events, self.most_bytes) = (most_events, most_bytes);
        self.drop_oldest();
    }

    /// Messages that are not published.
    #[must_use]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether everything is published.
    #[must_use]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether more than half of what may wait does.
    #[must_use]
    pub(super) const fn is_half_full(&self) -> bool {
        self.len > self.most_events / 2 || self.bytes > self.most_bytes / 2
    }

    /// Whether a message is with the publisher.
    #[must_use]
    pub(super) fn is_with_publisher(&self, ticket: u64) -> bool {
        self.find(ticket).is_some_and(|at| self.entries[at].place == Place::WithPublisher)
    }

    /// Messages that are with the publisher.
    #[must_use]
    pub(super) const fn with_publisher(&self) -> usize {
        self.with_publisher
    }

    /// Messages that were dropped as there were too many.
    #[must_use]
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Adds a message; gives back its ticket. With `is_again` it may be in Redis already.
    pub(super) fn push(&mut self, text: Arc<str>, is_again: bool) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.len += 1;
        self.bytes += text.len();
        self.entries.push_back(Entry { ticket, text, place: Place::Waiting, is_again, later: None });
        self.drop_oldest();
        ticket
    }

    /// Changes the text of a message; whether it is still there. While the publisher has it, the new text goes out
    /// once it is known what became of the old one: instead of it, or after it.
    pub(super) fn replace(&mut self, ticket: u64, text: &Arc<str>) -> bool {
        let Some(at) = self.find(ticket) else { return false };
        let entry = &mut self.entries[at];
        match entry.place {
            Place::Done => return false,
            Place::WithPublisher => entry.later = Some(Arc::clone(text)),
            Place::Waiting => {
                self.bytes = self.bytes - entry.text.len() + text.len();
                entry.text = Arc::clone(text);
                self.drop_oldest();
            }
        }
        true
    }

    fn drop_oldest(&mut self) {
        while self.len > self.most_events || self.bytes > self.most_bytes {
            // What stands before it is with the publisher: there is little to move.
            let Some(entry) = self.seek_waiting().and_then(|at| self.entries.remove(at)) else { return };
            self.len -= 1;
            self.bytes -= entry.text.len();
            self.dropped += 1;
        }
    }

    /// The place of the first message that waits.
    fn seek_waiting(&mut self) -> Option<usize> {
        while self.entries.get(self.first_waiting)?.place != Place::Waiting {
            self.first_waiting += 1;
        }
        Some(self.first_waiting)
    }

    /// The next message for the publisher, if it may have one more.
    pub(super) fn poll(&mut self, epoch: u64) -> Option<Outgoing> {
        if self.with_publisher >= WITH_PUBLISHER || self.with_publisher_bytes >= WITH_PUBLISHER_BYTES {
            return None;
        }
        let at = self.seek_waiting()?;
        let entry = self.entries.get_mut(at)?;
        entry.place = Place::WithPublisher;
        self.with_publisher += 1;
        self.with_publisher_bytes += entry.text.len();
        let text =
            if entry.is_again { stamp::mark_again(&entry.text).into() } else { Arc::clone(&entry.text) };
        Some(Outgoing { ticket: entry.ticket, epoch, text })
    }

    /// Redis has the message; whether it was with the publisher.
    pub(super) fn handle_published(&mut self, ticket: u64) -> bool {
        let Some(entry) = self.take_back(ticket) else { return false };
        entry.place = Place::Done;
        let (bytes, later) = (entry.text.len(), entry.later.take());
        self.len -= 1;
        self.bytes -= bytes;
        if let Some(later) = later {
            self.push(later, true);
        }
        while self.entries.front().is_some_and(|entry| entry.place == Place::Done) {
            self.entries.pop_front();
            self.first_waiting = self.first_waiting.saturating_sub(1);
        }
        true
    }

    /// Redis does not have the message, or `may` have it: it waits again, at its place; whether it was with the
    /// publisher.
    pub(super) fn handle_failed(&mut self, ticket: u64, may: bool) -> bool {
        let Some(entry) = self.take_back(ticket) else { return false };
        entry.place = Place::Waiting;
        entry.is_again |= may;
        if let Some(later) = entry.later.take() {
            let before = std::mem::replace(&mut entry.text, later).len();
            let after = entry.text.len();
            self.bytes = self.bytes - before + after;
        }
        let at = self.find(ticket).unwrap_or(0);
        self.first_waiting = self.first_waiting.min(at);
        self.drop_oldest();
        true
    }

    /// The publisher is gone, and what was with it waits again.
    pub(super) fn handle_publisher_gone(&mut self) {
        let with_publisher = |entry: &&Entry| entry.place == Place::WithPublisher;
        let tickets: Vec<u64> =
            self.entries.iter().filter(with_publisher).map(|entry| entry.ticket).collect();
        for ticket in tickets {
            self.handle_failed(ticket, true);
        }
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()
    }

    fn take_back(&mut self, ticket: u64) -> Option<&mut Entry> {
        let at = self.find(ticket)?;
        let entry = self.entries.get_mut(at).filter(|entry| entry.place == Place::WithPublisher)?;
        self.with_publisher -= 1;
        self.with_publisher_bytes -= entry.text.len();
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
