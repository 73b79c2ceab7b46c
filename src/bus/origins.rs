//! What came from the publishers of other instances: each numbers what it publishes, so that a message that
//! comes twice is known, and one that never came leaves a hole.
//!
//! Never looks at messages without a number: services publish those. An instance that begins anew under its
//! old name begins at 1 again. What an instance published before its first message here is no hole: it may have
//! been long ago.

use std::collections::HashMap;

use super::recent::Recent;
use crate::envelope::NAME_BYTES;
use crate::event::allocated;
use crate::id::Fingerprint;

/// Numbered messages that are remembered, to know one that comes again.
const MESSAGES: usize = 65_536;
/// Instances whose numbers are remembered.
const INSTANCES: usize = 1024;

/// Bytes of memory that both take at most: a name of an envelope each, in a table that may be half empty.
pub(super) const REMEMBERED_BYTES: usize = Recent::<Fingerprint>::bytes_of(MESSAGES)
    + INSTANCES * (2 * size_of::<(Box<str>, u64)>() + allocated(NAME_BYTES));

/// The largest hole: what jumps further was never numbered by one of us, or begins anew.
const HOLE: u64 = 1 << 32;

/// What a numbered message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The next one, or one of an instance that was not known.
    Next,
    /// One that came before.
    Duplicate,
    /// One after so many that never came.
    AfterHole(u64),
}

/// The numbers of other instances.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    last: HashMap<Box<str>, u64>,
    messages: Recent<Fingerprint>,
}

impl Default for Origins {
    fn default() -> Self {
        Self { last: HashMap::new(), messages: Recent::new(MESSAGES) }
    }
}

impl Origins {
    /// Takes note of a message: the `seq`-th of this instance.
    pub(super) fn handle(&mut self, instance: &str, seq: u64, fingerprint: Fingerprint) -> Standing {
        if !self.messages.insert(fingerprint) {
            return Standing::Duplicate;
        }
        let Some(last) = self.last.get_mut(instance) else {
            self.begin(instance, seq);
            return Standing::Next;
        };
        let before = *last;
        // A lower number came late, after others of its instance, unless the instance began anew.
        if seq > before || seq == 1 || before - seq > HOLE {
            *last = seq;
        }
        match seq.checked_sub(before.saturating_add(1)) {
            Some(missing) if missing > 0 && seq != 1 && missing <= HOLE => Standing::AfterHole(missing),
            _ => Standing::Next,
        }
    }

    fn begin(&mut self, instance: &str, seq: u64) {
        // Who fills this with invented names makes us forget, and holes of the others go unseen: their
        // connections tell of most losses anyway.
        if self.last.len() >= INSTANCES {
            self.last.clear();
        }
        self.last.insert(instance.into(), seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Story {
        origins: Origins,
        messages: u64,
    }

    impl Story {
        fn new() -> Self {
            Self { origins: Origins::default(), messages: 0 }
        }

        fn message(&mut self, instance: &str, seq: u64) -> Standing {
            self.messages += 1;
            self.origins.handle(instance, seq, Fingerprint(self.messages))
        }
    }

    #[test]
    fn numbers_that_follow_each_other_are_fine_and_holes_are_counted() {
        let mut story = Story::new();
        assert_eq!(story.message("a", 7), Standing::Next);
        assert_eq!(story.message("a", 8), Standing::Next);
        assert_eq!(story.message("b", 1), Standing::Next);
        assert_eq!(story.message("a", 12), Standing::AfterHole(3));
        assert_eq!(story.message("a", 13), Standing::Next);
        assert_eq!(story.message("b", 3), Standing::AfterHole(1));
        assert_eq!(story.message("b", 2), Standing::Next, "it came late");
        assert_eq!(story.message("b", 4), Standing::Next);
    }

    #[test]
    fn an_instance_that_begins_anew_is_no_hole() {
        let mut story = Story::new();
        story.message("a", 500);
        assert_eq!(story.message("a", 1), Standing::Next);
        assert_eq!(story.message("a", 2), Standing::Next);
        assert_eq!(story.message("a", 5), Standing::AfterHole(2));
    }

    #[test]
    fn the_same_bytes_are_the_same_message() {
        let mut origins = Origins::default();
        assert_eq!(origins.handle("a", 1, Fingerprint(1)), Standing::Next);
        assert_eq!(origins.handle("a", 1, Fingerprint(1)), Standing::Duplicate);
        assert_eq!(origins.handle("a", 2, Fingerprint(2)), Standing::Next);
        assert_eq!(origins.handle("a", 1, Fingerprint(1)), Standing::Duplicate);
        assert_eq!(origins.handle("a", 3, Fingerprint(3)), Standing::Next);
    }

    #[test]
    fn invented_names_take_no_memory_without_end() {
        let mut story = Story::new();
        for number in 0..3 * INSTANCES {
            assert_eq!(story.message(&number.to_string(), 9), Standing::Next);
        }
        assert!(story.origins.last.len() <= INSTANCES);
    }
}
