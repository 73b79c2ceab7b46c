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
