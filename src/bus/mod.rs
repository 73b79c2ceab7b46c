//! The bus between those who publish and the log: which way an event goes.
//!
//! The loop hands it every published batch (`submit`), does not ask which mode is in force, and answers
//! whoever published when the receipt comes (`poll`). A large batch goes into the log over several turns.

mod mode;

pub use mode::Mode;

use std::collections::VecDeque;

use crate::clock::Now;
use crate::event::{Event, Subject};
use crate::hub::Hub;
use crate::intake::Batch;
use crate::key::Key;

/// The way that a published batch took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The local log.
    Local,
}

impl Via {
    /// The name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
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

/// The last event that was published here, for people who look for theirs.
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
    last: Option<LastEvent>,
    /// Batches on their way into the log.
    queue: VecDeque<Submission>,
}

/// A batch on its way into the log.
#[derive(Debug)]
struct Submission {
    /// Whose it is.
    key: Key,
    events: std::vec::IntoIter<Event>,
    appended: usize,
    dropped: usize,
}

impl Bus {
    /// A bus in this mode.
    #[must_use]
    pub const fn new(mode: Mode) -> Self {
        Self { mode, last: None, queue: VecDeque::new() }
    }

    /// The mode in force.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The last event that was published here.
    #[must_use]
    pub const fn last(&self) -> Option<&LastEvent> {
        self.last.as_ref()
    }

    /// Takes a batch that the connection `key` published; `poll` gives its receipt.
    pub fn submit(&mut self, key: Key, batch: Batch) {
        self.queue.push_back(Submission {
            key,
            events: batch.events.into_iter(),
            dropped: batch.dropped,
            appended: 0,
        });
    }

    /// Whether a batch waits.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Appends up to `most` events, of the batches in their order; gives back the receipt of the one that
    /// this completed, and whose it is: all of its events are in the local log.
    pub fn poll(&mut self, most: usize, hub: &mut Hub, now: Now) -> Option<(Key, Receipt)> {
        let first = self.queue.front_mut()?;
        let mut last = None;
        for event in first.events.by_ref().take(most) {
            hub.append(&event, now);
            first.appended += 1;
            let (id, trace) = (&*event.subject.id, event.subject.trace_id.as_deref().unwrap_or_default());
            log::debug!(event = event.name(), id, trace; "published");
            last = Some(event);
        }
        if let Some(event) = last {
            self.last = Some(LastEvent { name: event.name().to_owned(), subject: event.subject });
        }
        if first.events.len() > 0 {
            return None;
        }
        let Submission { key, dropped, appended, .. } = self.queue.pop_front()?;
        let (via, accepted) = (Via::Local, appended + dropped);
        let metrics = hub.metrics_mut();
        *metrics.published.entry(via.name()).or_default() += accepted as u64;
        metrics.map_dropped += dropped as u64;
        let last_id = (appended > 0).then(|| hub.log().last_id().to_string());
        Some((key, Receipt { accepted, via, last_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Audience, Event};
    use crate::hub::Options;
    use crate::id::{Fingerprint, Instance};
    use crate::metrics::Metrics;

    fn batch(events: usize, dropped: usize) -> Batch {
        let event = Event {
            body: b"event: e\ndata: 1\n\n".to_vec(),
            fingerprint: Fingerprint(7),
            ts: None,
            audience: Audience::default(),
            subject: Subject::default(),
        };
        Batch { events: vec![event; events], dropped }
    }

    #[test]
    fn batches_are_appended_in_order_piece_by_piece_and_each_has_one_receipt() {
        let now = Now::default();
        let instance = Instance::new("i").unwrap();
        let mut hub = Hub::new(Options::default(), instance, Metrics::new(now.mono, []), 1, now.mono);
        let mut bus = Bus::new(Mode::Local);
        let key = |index| Key { index, generation: 0 };
        bus.submit(key(1), batch(5, 1));
        bus.submit(key(2), batch(0, 2));
        bus.submit(key(3), batch(2, 0));
        assert_eq!(bus.poll(3, &mut hub, now), None);
        assert_eq!(hub.log().appended(), 3);
        let receipt = |accepted, seq: Option<u64>| Receipt {
            accepted,
            via: Via::Local,
            last_id: seq.map(|seq| format!("i-{seq}-0000000000000007")),
        };
        assert_eq!(bus.poll(3, &mut hub, now), Some((key(1), receipt(6, Some(5)))));
        assert_eq!(bus.poll(3, &mut hub, now), Some((key(2), receipt(2, None))));
        assert_eq!(bus.poll(2, &mut hub, now), Some((key(3), receipt(2, Some(7)))));
        assert!(!bus.has_work() && bus.poll(3, &mut hub, now).is_none());
        assert_eq!((hub.metrics().published["local"], hub.metrics().map_dropped), (10, 3));
    }
}
