//! What a client got, and whether that is what it was promised.
//!
//! - Every accepted event that began to be published after its last gap (or after it came without an id) is there.
//!   Excepted is what a server took by fallback and had not yet given to Redis when it was killed.
//! - Also earlier, between two gaps: what went through Redis after one event that it got, and before another one,
//!   is there.
//! - Twice comes an event only after a change of servers: never twice in one connection, and in two of the same
//!   server only where the client was at another one in between.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::ledger::{Accepted, By};
use super::nodes::{Kill, Life};

/// What a client saw, in order.
pub(crate) type History = Vec<Entry>;

/// One thing that a client saw.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The head of an answer.
    Connected { life: Life, is_fresh: bool, at: Instant },
    /// An event.
    Event { number: usize },
    /// A gap.
    Gap { reason: String, at: Instant },
}

/// What all of it was, so that a run in which nothing happened is seen.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) events: usize,
    pub(crate) resumes: usize,
    pub(crate) gaps: usize,
    pub(crate) twice: usize,
    pub(crate) reasons: HashMap<String, usize>,
    /// Events that had to be there at the end, and between gaps.
    pub(crate) due_at_end: usize,
    pub(crate) due_between: usize,
}

/// Checks one history against all that was accepted, in the order of its answers; what is wrong.
pub(crate) fn verify(
    history: &[Entry],
    accepted: &[Accepted],
    kills: &[Kill],
    totals: &mut Totals,
) -> Result<(), String> {
    verify_repetitions(history, totals)?;
    let by_number: HashMap<usize, &Accepted> = accepted.iter().map(|one| (one.number, one)).collect();
    let seen: HashSet<usize> = history.iter().filter_map(number_of).collect();

    let mut base = None;
    let mut piece: Vec<usize> = Vec::new();
    for entry in history {
        match entry {
            Entry::Event { number } => {
                totals.events += 1;
                piece.push(*number);
            }
            Entry::Gap { reason, at } => {
                totals.gaps += 1;
                *totals.reasons.entry(reason.clone()).or_default() += 1;
                verify_piece(&piece, &by_number, accepted, &seen, totals)
                    .map_err(|wrong| format!("{wrong}\n{}", tail(history, *at)))?;
                piece.clear();
                base = Some(*at);
            }
            Entry::Connected { is_fresh, at, .. } => {
                totals.resumes += usize::from(!is_fresh);
                if *is_fresh {
                    base = Some(*at);
                }
            }
        }
    }
    verify_piece(&piece, &by_number, accepted, &seen, totals)?;

    let base = base.ok_or("it never connected")?;
    for one in accepted.iter().filter(|one| one.began > base && !may_be_lost(one, kills)) {
        totals.due_at_end += 1;
        if !seen.contains(&one.number) {
            return Err(format!("misses {one:?} after its last gap at {base:?}:\n{}", tail(history, base)));
        }
    }
    Ok(())
}

fn number_of(entry: &Entry) -> Option<usize> {
    match entry {
        Entry::Event { number } => Some(*number),
        _ => None,
    }
}

/// Whether it was kept for Redis by a server that was killed.
fn may_be_lost(one: &Accepted, kills: &[Kill]) -> bool {
    let By::Fallback(life) = one.by else { return false };
    let is_recent = |kill: &Kill| kill.at < one.ended + Duration::from_secs(1);
    kills.iter().any(|kill| kill.life == life && (kill.had_spool || is_recent(kill)))
}

/// What lies between two gaps has no hole, as far as the order of Redis tells.
fn verify_piece(
    piece: &[usize],
    by_number: &HashMap<usize, &Accepted>,
    accepted: &[Accepted],
    seen: &HashSet<usize>,
    totals: &mut Totals,
) -> Result<(), String> {
    let firm = |number: &usize| by_number.get(number).copied().filter(|one| one.by == By::Redis);
    let Some(first) = piece.iter().find_map(firm) else { return Ok(()) };
    let Some(last) = piece.iter().rev().find_map(firm) else { return Ok(()) };
    let between = accepted
        .iter()
        .filter(|one| one.by == By::Redis && one.began > first.ended && one.ended < last.began);
    for one in between {
        totals.due_between += 1;
        if !seen.contains(&one.number) {
            return Err(format!("misses {one:?} between {first:?} and {last:?}, and no gap between them"));
        }
    }
    Ok(())
}

fn verify_repetitions(history: &[Entry], totals: &mut Totals) -> Result<(), String> {
    let mut came: HashMap<usize, Vec<(Life, usize)>> = HashMap::new();
    let mut connection = 0;
    let mut life = None;
    // The last connection to another server or life.
    let mut changed = 0;
    for entry in history {
        match entry {
            Entry::Connected { life: new, .. } => {
                connection += 1;
                if life != Some(*new) {
                    changed = connection;
                }
                life = Some(*new);
            }
            Entry::Gap { .. } => {}
            Entry::Event { number } => {
                let life = life.ok_or("an event without a connection")?;
                let before = came.entry(*number).or_default();
                totals.twice += usize::from(!before.is_empty());
                if let Some((_, at)) = before.iter().find(|(old, at)| *old == life && *at >= changed) {
                    return Err(format!(
                        "event {number} came twice from {life:?}, in connections {at} and {connection}"
                    ));
                }
                before.push((life, connection));
            }
        }
    }
    Ok(())
}

/// The entries around a moment, for people.
fn tail(history: &[Entry], around: Instant) -> String {
    let at = history.iter().position(|entry| match entry {
        Entry::Connected { at, .. } | Entry::Gap { at, .. } => *at >= around,
        Entry::Event { .. } => false,
    });
    let at = at.unwrap_or(history.len());
    let part = &history[at.saturating_sub(30)..history.len().min(at + 60)];
    part.iter().map(|entry| format!("{entry:?}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Life = Life { node: 0, number: 1 };
    const THERE: Life = Life { node: 1, number: 1 };

    /// A story in which the events 0 to 9 were accepted, one after the other, after the first connect.
    struct Story {
        start: Instant,
        accepted: Vec<Accepted>,
    }

    impl Story {
        fn new() -> Self {
            let start = Instant::now();
            let at = |number: usize| start + Duration::from_secs(u64::try_from(number).expect("small") + 1);
            let accepted = (0..10).map(|number| {
                let began = at(number);
                Accepted { number, began, ended: began + Duration::from_millis(1), by: By::Redis }
            });
            Self { start, accepted: accepted.collect() }
        }

        fn connected(&self, life: Life, is_fresh: bool) -> Entry {
            Entry::Connected { life, is_fresh, at: self.start }
        }

        /// A gap after the event was accepted.
        fn gap(&self, after: usize) -> Entry {
            let at = self.accepted[after].ended + Duration::from_millis(1);
            Entry::Gap { reason: "upstream-lost".to_owned(), at }
        }

        fn is_fine(&self, parts: impl IntoIterator<Item = Vec<Entry>>) -> bool {
            let history: History = parts.into_iter().flatten().collect();
            verify(&history, &self.accepted, &[], &mut Totals::default()).is_ok()
        }
    }

    fn events(numbers: impl IntoIterator<Item = usize>) -> Vec<Entry> {
        numbers.into_iter().map(|number| Entry::Event { number }).collect()
    }

    #[test]
    fn a_missing_event_is_found_unless_a_gap_was_told_there() {
        let story = Story::new();
        let begin = || vec![story.connected(HERE, true)];
        assert!(story.is_fine([begin(), events(0..10)]));
        assert!(!story.is_fine([begin(), events(0..9)]), "the last one");
        assert!(!story.is_fine([begin(), events(0..4), events(5..10)]));
        assert!(story.is_fine([begin(), events(0..4), vec![story.gap(4)], events(5..10)]));
        let late = [begin(), events(0..4), events(5..8), vec![story.gap(7)], events(8..10)];
        assert!(!story.is_fine(late), "a gap elsewhere is no excuse");
        assert!(!story.is_fine([begin(), events(0..4), vec![story.gap(4)], events(6..10)]), "after the gap");
    }

    #[test]
    fn what_a_killed_server_kept_may_be_missing_only_if_it_was_that_one() {
        let mut story = Story::new();
        story.accepted[4].by = By::Fallback(THERE);
        let at = story.accepted[9].ended;
        let history: History =
            [vec![story.connected(HERE, true)], events(0..4), events(5..10)].into_iter().flatten().collect();
        let is_fine = |life, had_spool| {
            let kill = Kill { life, at, had_spool };
            verify(&history, &story.accepted, &[kill], &mut Totals::default()).is_ok()
        };
        assert!(is_fine(THERE, true));
        assert!(!is_fine(THERE, false), "it had given everything away");
        assert!(!is_fine(HERE, true));
        assert!(!is_fine(Life { number: 2, ..THERE }, true));
    }

    #[test]
    fn what_comes_twice_without_a_change_of_servers_is_found() {
        let story = Story::new();
        let begin = || vec![story.connected(HERE, true)];
        let again = |life| vec![story.connected(life, false)];
        assert!(!story.is_fine([begin(), events(0..10), events([9])]));
        assert!(!story.is_fine([begin(), events(0..5), again(HERE), events(4..10)]));
        assert!(story.is_fine([begin(), events(0..5), again(THERE), events(3..10)]));
        assert!(!story.is_fine([begin(), events(0..5), again(THERE), events(3..10), events([9])]));
    }
}
