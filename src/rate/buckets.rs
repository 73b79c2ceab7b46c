//! Token buckets by key, in a table of bounded size: a key without an entry has a full bucket.
//!
//! Entries that are full again are let go first. When none is, the one goes that would be full next: it is
//! forgiven the least. So whoever brings many keys cannot make the table grow, and to have a busy key forgotten
//! has to be as busy with each of the others.
//!
//! Invariant: `full` has each entry of `buckets` once, by when its bucket is full.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use super::bucket::{Bucket, Rate};
use crate::clock::Mono;

/// Entries that are let go at a time, where they are full: more than are added.
const FORGOTTEN: usize = 2;

/// Buckets of one rate.
#[derive(Clone, Debug)]
pub struct Buckets<K> {
    buckets: HashMap<K, Bucket>,
    full: BTreeSet<(Mono, K)>,
    most: usize,
}

impl<K: Clone + Ord + Hash> Buckets<K> {
    /// A table of at most so many entries, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { buckets: HashMap::new(), full: BTreeSet::new(), most: most.max(1) }
    }

    /// Bytes of memory that an entry takes at most, but for what its key has on the heap: hash tables and trees
    /// are half empty at worst.
    pub const ENTRY_BYTES: usize = 2 * (size_of::<(K, Bucket)>() + 1 + size_of::<(Mono, K)>() + 8);

    /// How long until `amount` tokens of this key may be taken.
    #[must_use]
    pub fn wait(&self, rate: Rate, key: &K, amount: u64, now: Mono) -> Duration {
        self.buckets.get(key).copied().unwrap_or_default().wait(rate, amount, now)
    }

    /// Takes `amount` tokens of this key, whether they are there or not. The rate has to be the same in all calls.
    pub fn take(&mut self, rate: Rate, key: K, amount: u64, now: Mono) {
        self.forget_full(now);
        let known = self.buckets.get(&key).copied();
        if let Some(bucket) = known {
            self.full.remove(&(bucket.full_at(rate), key.clone()));
        } else if self.buckets.len() >= self.most
            && let Some((_, next)) = self.full.pop_first()
        {
            self.buckets.remove(&next);
        }
        let mut bucket = known.unwrap_or_default();
        bucket.take(rate, amount, now);
        self.full.insert((bucket.full_at(rate), key.clone()));
        self.buckets.insert(key, bucket);
    }

    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn forget_full(&mut self, now: Mono) {
        for _ in 0..FORGOTTEN {
            if self.full.first().is_none_or(|(at, _)| *at > now) {
                return;
            }
            if let Some((_, key)) = self.full.pop_first() {
                self.buckets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(buckets: &Buckets<u8>, rate: Rate) {
        assert!(buckets.len() <= buckets.most);
        let expected: BTreeSet<(Mono, u8)> =
            buckets.buckets.iter().map(|(key, bucket)| (bucket.full_at(rate), *key)).collect();
        assert_eq!(buckets.full, expected);
    }

    proptest! {
        /// Against a table without a bound that never forgets: with room enough they agree.
        #[test]
        fn forgetting_is_not_noticed_while_there_is_room(
            steps in proptest::collection::vec((0_u64..900_000, 0_u8..6, 1_u64..4), 1..80),
            most in 1_usize..9,
        ) {
            let rate = Rate::new(3, 5).unwrap();
            let mut buckets = Buckets::new(most);
            let mut oracle: HashMap<u8, Bucket> = HashMap::new();
            let mut now = 0;
            for (later, key, amount) in steps {
                now += later;
                let at = Mono::from_micros(now);
                let wait = buckets.wait(rate, &key, amount, at);
                let expected = oracle.entry(key).or_default();
                if most >= 6 {
                    prop_assert_eq!(wait, expected.wait(rate, amount, at));
                } else {
                    prop_assert!(wait <= expected.wait(rate, amount, at), "nobody waits for what others did");
                }
                if wait.is_zero() {
                    buckets.take(rate, key, amount, at);
                    expected.take(rate, amount, at);
                }
                check(&buckets, rate);
            }
        }
    }

    #[test]
    fn a_busy_key_is_not_forgotten_for_many_idle_ones() {
        let (rate, now) = (Rate::new(1, 100).unwrap(), Mono::from_micros(1));
        let mut buckets = Buckets::new(10);
        buckets.take(rate, u32::MAX, 100, now);
        for key in 0..100_000 {
            buckets.take(rate, key, 1, now);
        }
        assert_eq!(buckets.len(), 10);
        assert!(!buckets.wait(rate, &u32::MAX, 1, now).is_zero(), "it still has to wait");
    }

    #[test]
    fn what_is_full_is_let_go() {
        let rate = Rate::new(10, 10).unwrap();
        let mut buckets = Buckets::new(1000);
        for key in 0..500_u32 {
            buckets.take(rate, key, 10, Mono::ZERO);
        }
        for turn in 0..300 {
            buckets.take(rate, 1000, 1, Mono::from_micros(2_000_000 + turn));
        }
        assert_eq!(buckets.len(), 1);
    }
}
