//! When clients have to go because the token that let them in expires.
//!
//! Costs nothing for a client without one.
//!
//! Invariant: both parts know the same clients.

use std::collections::HashMap;

use crate::clock::Mono;
use crate::deadlines::Deadlines;
use crate::key::Key;

/// Deadlines of the clients whose token expires.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    due: Deadlines,
    of: HashMap<Key, Mono>,
}

impl Expiries {
    /// The client has to go then.
    pub(super) fn add(&mut self, key: Key, at: Mono) {
        let old = self.of.insert(key, at);
        self.due.set(key, old, Some(at));
    }

    /// The client is gone.
    pub(super) fn forget(&mut self, key: Key) {
        let old = self.of.remove(&key);
        self.due.set(key, old, None);
    }

    /// When the next one has to go.
    pub(super) fn next(&self) -> Option<Mono> {
        self.due.next()
    }

    /// One that has to go by now; to be forgotten when it is gone.
    pub(super) fn due(&self, now: Mono) -> Option<Key> {
        self.due.next().filter(|&at| at <= now)?;
        self.due.keys().next()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.due.len(), self.of.len());
        self.due.len()
    }
}
