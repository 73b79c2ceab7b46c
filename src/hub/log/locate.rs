//! From the id that a client was sent last to the place where it goes on.
//!
//! The id of another server is found by its fingerprint. The other server need not have had everything before
//! that event that we have: `note_race` says where a client from there goes back further, so that it rather
//! gets an event twice than never.

use super::Log;
use crate::event::Origin;
use crate::id::{EventId, Fingerprint};
use crate::stamp::After;

/// Where a client that sent an id goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Right after the frame it named: nothing is missing.
    After(u64),
    /// The id is ours, but frames after it are gone.
    Expired,
    /// The id says nothing to us.
    Unknown,
}

/// Which of the other servers' clients a race concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of every other server.
    AnyOther,
    /// Those of the event's publisher.
    Of(Origin),
}

impl Log {
    /// Where the client that was sent `id` last goes on.
    #[must_use]
    pub fn locate(&self, id: &str) -> Place {
        let Some(id) = EventId::parse(id) else { return Place::Unknown };
        let ours = id.instance == self.instance.as_str() && id.seq < self.next_seq;
        let (before, after) = self.around(id.seq);
        // Heartbeats have numbers too, with the fingerprint of the frame before them. An instance of this
        // name may have had an earlier life, whose numbers mean other frames.
        if ours && before.0 <= id.seq && before.1 == id.fingerprint {
            return Place::After(after);
        }
        if let Some(&seq) = self.by_fingerprint.get(&id.fingerprint) {
            let after = self.around(seq).1;
            return match self.races.of(seq, Origin::of(id.instance)) {
                None => Place::After(after),
                Some(Some(from)) if from >= self.history_start() => Place::After(from.min(after)),
                // It would have to go back further than the history goes.
                Some(_) => Place::Unknown,
            };
        }
        if ours && id.seq < self.expired.0 { Place::Expired } else { Place::Unknown }
    }

    /// The last frame with a number up to `seq`, as far as the history knows, and where the next begins.
    fn around(&self, seq: u64) -> ((u64, Fingerprint), u64) {
        let kept = self.history_index();
        let after = self.frames.partition_point(|frame| frame.seq <= seq).max(kept);
        let before = match self.frames.get(after.wrapping_sub(1)) {
            Some(frame) if after > kept => (frame.seq, frame.fingerprint),
            _ => self.expired,
        };
        (before, self.frames.get(after).map_or(self.head(), |frame| frame.start))
    }

    /// Says that clients of `whose` servers that were sent the event `fingerprint` last may lack frames before
    /// it: they go on at the offset `from`, or, where that is `None`, as if we did not know the event.
    pub fn note_race(&mut self, fingerprint: Fingerprint, whose: Whose, from: Option<u64>) {
        if let Some(&seq) = self.by_fingerprint.get(&fingerprint) {
            self.races.add(seq, whose, from);
        }
    }

    /// Where clients of the publisher `origin` go on that it is about to have been sent an event of its own, after
    /// what `after` says: to be asked right before that event is appended here. The frame after that one, if
    /// frames of others follow it here, or where the clients at that one go back to, if there was a race. `None`
    /// where nothing is missing, `Some(None)` where anything may be.
    #[must_use]
    pub fn goes_on_after(&self, after: After, origin: Origin) -> Option<Option<u64>> {
        let other = self.latest.iter().flatten().find(|latest| latest.origin != Some(origin));
        let after = match after {
            After::Event(after) => after,
            After::Nothing => return other.is_some().then_some(None),
            After::Unknown => return Some(None),
        };
        let Some(&known) = self.by_fingerprint.get(&after) else {
            // It is no longer kept, and all the same the last one of others.
            return other.is_none_or(|other| other.fingerprint != after).then_some(None);
        };
        let has_others = other.is_some_and(|other| other.seq > known);
        let from = has_others.then(|| self.around(known).1);
        match self.races.of(known, origin) {
            Some(None) => Some(None),
            Some(Some(back)) => Some(Some(from.map_or(back, |from| from.min(back)))),
            None => from.map(Some),
        }
    }
}
