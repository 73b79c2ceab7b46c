//! The last events that were broadcast here, for people who look for theirs: what a stream does not say of them.

use std::collections::VecDeque;

use crate::clock::Wall;
use crate::event::{Event, Subject};
use crate::id::Fingerprint;

/// Events that are remembered: what a page shows that asks once a second, as long as it can be read.
const EVENTS: usize = 256;

/// An event that was broadcast here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownEvent {
    /// The number of its frame.
    pub seq: u64,
    /// The fingerprint in the id of its frame.
    pub fingerprint: Fingerprint,
    /// Its SSE event name.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
    /// When it was published, if its envelope says so.
    pub ts: Option<Wall>,
    /// Whether everybody may see it.
    pub is_public: bool,
}

/// The last events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Shown {
    events: VecDeque<ShownEvent>,
}

impl Shown {
    /// Remembers an event whose frame got this number.
    pub(super) fn push(&mut self, event: Event, seq: u64) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(ShownEvent {
            seq,
            fingerprint: event.fingerprint,
            name: event.name().to_owned(),
            is_public: event.audience.tenant.is_none(),
            ts: event.ts,
            subject: event.subject,
        });
    }

    pub(super) fn last(&self) -> Option<&ShownEvent> {
        self.events.back()
    }

    /// Those after this number, oldest first.
    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = &ShownEvent> {
        let from = self.events.partition_point(|event| event.seq <= seq);
        self.events.range(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let mut shown = Shown::default();
        assert_eq!((shown.last(), shown.after(0).count()), (None, 0));
        for seq in 1..=1000 {
            // Heartbeats take numbers, too.
            shown.push(Event::default(), 2 * seq);
        }
        let after = |seq| shown.after(seq).map(|event| event.seq).collect::<Vec<_>>();
        assert_eq!(after(0).len(), EVENTS);
        assert_eq!(after(1995), [1996, 1998, 2000]);
        assert_eq!(after(1996), [1998, 2000]);
        assert!(after(2000).is_empty());
        assert_eq!(shown.last().map(|event| event.seq), Some(2000));
    }
}
