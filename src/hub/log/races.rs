//! Events that other servers' clients may have been shown earlier than events that come before them here.
//!
//! Adjacent events with one answer are kept as one. Bounded: where there are too many, the oldest two become
//! one that goes back as far as either.

use std::collections::VecDeque;

use super::locate::Whose;
use crate::event::Origin;

/// Races that are told apart.
const RACES: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Race {
    first_seq: u64,
    last_seq: u64,
    whose: Whose,
    from: Option<u64>,
}

/// The races, by the last of their events.
#[derive(Clone, Debug, Default)]
pub(super) struct Races {
    races: VecDeque<Race>,
}

impl Races {
    /// Clients of `whose` servers at the event `seq` go back to the offset `from`, or are told that they may
    /// lack anything.
    pub(super) fn add(&mut self, seq: u64, whose: Whose, from: Option<u64>) {
        match self.races.back_mut() {
            // Between them may lie events without a race: to go back from there repeats, and loses nothing.
            Some(last)
                if last.whose == whose
                    && last.from == from
                    && (last.last_seq + 1 == seq || (from.is_some() && last.last_seq <= seq)) =>
            {
                last.last_seq = seq;
            }
            _ => self.races.push_back(Race { first_seq: seq, last_seq: seq, whose, from }),
        }
        if self.races.len() > RACES {
            self.merge_oldest();
        }
    }

    fn merge_oldest(&mut self) {
        let Some(first) = self.races.pop_front() else { return };
        let Some(second) = self.races.front_mut() else { return };
        second.first_seq = second.first_seq.min(first.first_seq);
        second.last_seq = second.last_seq.max(first.last_seq);
        if second.whose != first.whose {
            second.whose = Whose::AnyOther;
        }
        second.from = second.from.zip(first.from).map(|(a, b)| a.min(b));
    }

    /// How far a client of `instance` goes back that was sent the event `seq` last: `None` where there was no
    /// race, `Some(None)` where it may lack anything.
    pub(super) fn of(&self, seq: u64, instance: Origin) -> Option<Option<u64>> {
        let concerns = |race: &&Race| {
            (race.first_seq..=race.last_seq).contains(&seq)
                && (race.whose == Whose::AnyOther || race.whose == Whose::Of(instance))
        };
        let mut found = self.races.iter().filter(concerns).map(|race| race.from);
        let first = found.next()?;
        Some(found.fold(first, |a, b| a.zip(b).map(|(a, b)| a.min(b))))
    }

    /// Forgets those of events up to `seq`, which nobody resumes at any more.
    pub(super) fn forget_before(&mut self, seq: u64) {
        while self.races.front().is_some_and(|race| race.last_seq <= seq) {
            self.races.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Origin = Origin::NONE;

    #[test]
    fn a_client_goes_back_as_far_as_any_race_says() {
        let (a, b) = (Origin::of("a"), Origin::of("b"));
        let mut races = Races::default();
        races.add(5, Whose::Of(a), Some(100));
        races.add(6, Whose::Of(a), Some(100));
        races.add(6, Whose::AnyOther, Some(70));
        races.add(9, Whose::Of(b), None);
        assert_eq!((races.of(4, a), races.of(7, a), races.of(5, b)), (None, None, None));
        assert_eq!(
            (races.of(5, a), races.of(6, a), races.of(6, b)),
            (Some(Some(100)), Some(Some(70)), Some(Some(70)))
        );
        assert_eq!((races.of(9, b), races.of(9, a)), (Some(None), None));
        races.forget_before(6);
        assert_eq!((races.of(6, a), races.of(9, b)), (None, Some(None)));
    }

    #[test]
    fn too_many_races_become_coarser_but_never_forget() {
        let mut races = Races::default();
        for seq in 0..3 * RACES as u64 {
            races.add(seq, Whose::AnyOther, Some(seq * 10));
        }
        assert!(races.races.len() <= RACES);
        for seq in 0..3 * RACES as u64 {
            let from = races.of(seq, A).unwrap().unwrap();
            assert!(from <= seq * 10, "{seq}");
        }
        assert_eq!(races.of(3 * RACES as u64 - 1, A), Some(Some((3 * RACES as u64 - 1) * 10)));
    }
}
