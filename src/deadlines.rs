//! When something is due, for many connections: exact, ordered, one per connection and use.
//!
//! Never knows what is due: whoever set a deadline does. Arming and disarming cost O(log n), and nothing
//! is armed for an idle stream.

use std::collections::BTreeSet;

use crate::clock::Mono;
use crate::key::Key;

/// Deadlines of connections.
#[derive(Debug, Default)]
pub struct Deadlines {
    due: BTreeSet<(Mono, Key)>,
}

impl Deadlines {
    /// Moves a connection's deadline from `old` to `new`.
    pub fn set(&mut self, key: Key, old: Option<Mono>, new: Option<Mono>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, key));
        }
        if let Some(new) = new {
            self.due.insert((new, key));
        }
    }

    /// The first deadline.
    #[must_use]
    pub fn next(&self) -> Option<Mono> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes out one connection whose deadline is `now` or earlier.
    pub fn pop_due(&mut self, now: Mono) -> Option<Key> {
        let &(at, key) = self.due.first()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        Some(key)
    }

    /// How many are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether none is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_only_when_due() {
        let key = |index| Key { index, generation: 0 };
        let at = Mono::from_micros;
        let mut deadlines = Deadlines::default();
        deadlines.set(key(1), None, Some(at(30)));
        deadlines.set(key(2), None, Some(at(10)));
        deadlines.set(key(3), None, Some(at(20)));
        deadlines.set(key(3), Some(at(20)), Some(at(5)));
        deadlines.set(key(2), Some(at(10)), None);
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(40)), Some(key(3)));
        assert_eq!(deadlines.pop_due(at(40)), Some(key(1)));
        assert_eq!(deadlines.pop_due(at(40)), None);
        assert!(deadlines.is_empty());
    }
}
