//! The last so many of something, to see whether one comes again.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// A set that forgets its oldest when it is full.
#[derive(Clone, Debug)]
pub(super) struct Recent<T> {
    capacity: usize,
    order: VecDeque<T>,
    known: HashSet<T>,
}

impl<T: Copy + Eq + Hash> Recent<T> {
    /// Bytes of memory that a set of this capacity takes at most: a queue and a hash table, each half empty.
    #[must_use]
    pub(super) const fn bytes_of(capacity: usize) -> usize {
        capacity.saturating_mul(4 * size_of::<T>() + 2)
    }

    /// A set of at most `capacity`; 0 knows nothing. It allocates nothing before something comes.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, order: VecDeque::new(), known: HashSet::new() }
    }

    /// Whether this is one of the last so many that were inserted.
    #[must_use]
    pub(super) fn contains(&self, value: &T) -> bool {
        self.known.contains(value)
    }

    /// Remembers `value`; gives back whether it is new. One that comes again is as old as before.
    pub(super) fn insert(&mut self, value: T) -> bool {
        if self.capacity == 0 || !self.known.insert(value) {
            return self.capacity == 0;
        }
        self.order.push_back(value);
        self.forget();
        true
    }

    /// Takes another capacity over.
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.forget();
    }

    fn forget(&mut self) {
        while self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is a list that is searched.
        #[test]
        fn it_knows_the_last_so_many(capacity in 0_usize..8, later in 0_usize..8, values in prop::collection::vec(0_u8..12, 0..100)) {
            let mut recent = Recent::new(capacity);
            let mut oracle: Vec<u8> = Vec::new();
            for (at, value) in values.iter().enumerate() {
                let capacity = if at < 50 { capacity } else { later };
                recent.set_capacity(capacity);
                oracle.drain(..oracle.len().saturating_sub(capacity));
                prop_assert_eq!(recent.insert(*value), !oracle.contains(value));
                if !oracle.contains(value) {
                    oracle.push(*value);
                    oracle.drain(..oracle.len().saturating_sub(capacity));
                }
                prop_assert_eq!(recent.known.len(), recent.order.len());
                for value in 0..12 {
                    prop_assert_eq!(recent.contains(&value), oracle.contains(&value));
                }
            }
        }
    }
}
