//! The memory that requests being read and answers waiting take, of all connections together, what is still or already
//! sealed included.
//!
//! Never frees any: `guard` has who holds the most give it up.
//!
//! Invariant: `total` is the sum of all shares; `bodies` and `others` have those of them that are worth giving up,
//! and `spare` is the sum of `others`.

use std::collections::BTreeSet;

use super::transport::Transport;
use crate::http::{self, Spare};
use crate::key::Key;
use crate::limits::SMALL_BYTES;

/// See the top of this file.
#[derive(Debug, Default)]
pub(super) struct Held {
    total: usize,
    spare: usize,
    bodies: BTreeSet<(usize, Key)>,
    others: BTreeSet<(usize, Key)>,
}

/// What one connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    bytes: usize,
    /// Whether there are any, and it would give them up.
    spare: Spare,
}

impl Share {
    pub(super) fn of(http: &http::Connection, transport: &Transport) -> Self {
        // What is over goes at the end of the turn, with all that it has.
        let is_over = http.spare() == Spare::No && !http.is_awaiting_response();
        let sealed = if is_over { 0 } else { transport.held_bytes() };
        let bytes = http.memory_bytes() + sealed;
        Self { bytes, spare: if bytes > 0 { http.spare() } else { Spare::No } }
    }

    /// Whether there is something to be had.
    pub(super) fn is_spare(self) -> bool {
        self.spare != Spare::No
    }

    pub(super) const fn bytes(self) -> usize {
        self.bytes
    }
}

impl Held {
    /// Bytes that all hold.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Bytes of them that are given up for a body.
    pub(super) const fn spare(&self) -> usize {
        self.spare
    }

    /// Moves the share of a connection from `old` to `new`.
    pub(super) fn change(&mut self, key: Key, old: Share, new: Share) {
        if old == new {
            return;
        }
        debug_assert!(self.total >= old.bytes, "the sum of all shares has each of them");
        self.total = self.total - old.bytes + new.bytes;
        match old.spare {
            _ if old.bytes < SMALL_BYTES => {}
            Spare::No => {}
            Spare::Body => drop(self.bodies.remove(&(old.bytes, key))),
            Spare::Yes => {
                self.spare -= old.bytes;
                self.others.remove(&(old.bytes, key));
            }
        }
        match new.spare {
            _ if new.bytes < SMALL_BYTES => {}
            Spare::No => {}
            Spare::Body => drop(self.bodies.insert((new.bytes, key))),
            Spare::Yes => {
                self.spare += new.bytes;
                self.others.insert((new.bytes, key));
            }
        }
    }

    /// Whoever holds the most and would give it up, if that is worth it; of two the newer one.
    pub(super) fn largest(&self) -> Option<Key> {
        self.bodies.last().max(self.others.last()).map(|&(_, key)| key)
    }

    /// The same, but for bodies that are on their way.
    pub(super) fn largest_but_bodies(&self) -> Option<Key> {
        self.others.last().map(|&(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(index: u32) -> Key {
        Key { index, generation: 0 }
    }

    const fn share(bytes: usize, spare: Spare) -> Share {
        Share { bytes, spare }
    }

    #[test]
    fn the_largest_that_would_give_up_is_found() {
        let (mut held, none) = (Held::default(), Share::default());
        assert_eq!(held.largest(), None);
        held.change(key(1), none, share(SMALL_BYTES - 1, Spare::Yes));
        held.change(key(2), none, share(1 << 20, Spare::No));
        assert_eq!(held.largest(), None, "one is too small, the other cannot");
        held.change(key(3), none, share(SMALL_BYTES, Spare::Yes));
        held.change(key(4), none, share(SMALL_BYTES + 1, Spare::Body));
        assert_eq!((held.largest(), held.largest_but_bodies()), (Some(key(4)), Some(key(3))));
        held.change(key(2), share(1 << 20, Spare::No), share(1 << 20, Spare::Yes));
        assert_eq!((held.largest(), held.largest_but_bodies()), (Some(key(2)), Some(key(2))));
        assert_eq!(held.total(), (1 << 20) + 3 * SMALL_BYTES);
        assert_eq!(held.spare(), (1 << 20) + SMALL_BYTES);
        for (index, share) in [
            (1, share(SMALL_BYTES - 1, Spare::Yes)),
            (2, share(1 << 20, Spare::Yes)),
            (3, share(SMALL_BYTES, Spare::Yes)),
            (4, share(SMALL_BYTES + 1, Spare::Body)),
        ] {
            held.change(key(index), share, none);
        }
        assert_eq!((held.total(), held.spare(), held.largest()), (0, 0, None));
    }
}
