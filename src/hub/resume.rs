//! Where a client begins: live, or with what it missed.

use std::collections::VecDeque;
use std::ops::Range;

use super::Subscription;
use super::log::{Log, Place};
use super::outbox::Outbox;
use crate::limits::RESUME_ID_BYTES;
use crate::sse::{self, GapReason};

/// The resume id that asks for everything kept.
const EARLIEST: &str = "earliest";

/// How a client begins.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) outbox: Outbox,
    pub(super) gap: Option<Gap>,
    /// Events that it may still get after what is replayed, if it set a limit.
    pub(super) left: Option<u64>,
}

/// What a client must be told before it is replayed anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) reason: GapReason,
    /// The id that it sent, shortened.
    pub(super) requested: Option<String>,
}

/// Plans the start of a client; at most `replay_bytes` are replayed, the latest ones.
pub(super) fn plan(log: &Log, subscription: &Subscription, replay_bytes: u64) -> Start {
    let requested = subscription.resume.as_deref().filter(|id| !id.is_empty());
    let (from, reason) = match requested {
        None => (log.head(), None),
        Some(EARLIEST) => (log.history_start(), None),
        Some(id) => match place(log, id) {
            Place::After(offset) => (offset, None),
            Place::Expired => (log.history_start(), Some(GapReason::Expired)),
            Place::Unknown => (log.history_start(), Some(GapReason::UnknownId)),
        },
    };
    let (outbox, left, was_cut) =
        if subscription.filter.is_everything_public() && subscription.limit.is_none() {
            let (offset, was_cut) = cut_cursor(log, from, replay_bytes);
            (Outbox::Cursor(log.public_position(offset)), None, was_cut)
        } else {
            let (frames, was_cut) = matching(log, subscription, from, replay_bytes);
            let left = subscription.limit.map(|limit| limit - frames.len() as u64);
            let mut outbox = Outbox::Ranges(Box::default());
            frames.into_iter().for_each(|frame| outbox.push(frame));
            (outbox, left, was_cut)
        };
    let reason = reason.or(was_cut.then_some(GapReason::Overrun));
    let gap = reason.map(|reason| Gap { reason, requested: requested.map(shorten) });
    Start { outbox, gap, left }
}

fn place(log: &Log, id: &str) -> Place {
    if id.len() > RESUME_ID_BYTES { Place::Unknown } else { log.locate(id) }
}

/// The offset at which a bare cursor begins so that at most `replay_bytes` are replayed.
fn cut_cursor(log: &Log, from: u64, replay_bytes: u64) -> (u64, bool) {
    let head = log.public_head();
    if head - log.public_position(from) <= replay_bytes {
        return (from, false);
    }
    let frames = log.kept_from(from).map(|(_, range)| range);
    let fits = |range: &Range<u64>| head - log.public_position(range.start) <= replay_bytes;
    let first = frames.rev().take_while(fits).last();
    (first.map_or(log.head(), |range| range.start), true)
}

/// The frames that match, up to the limit, the oldest ones cut off beyond `replay_bytes`.
fn matching(
    log: &Log,
    subscription: &Subscription,
    from: u64,
    replay_bytes: u64,
) -> (VecDeque<Range<u64>>, bool) {
    let limit = subscription.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let filter = &subscription.filter;
    let matches = log.kept_from(from).filter(|(frame, range)| {
        let name = sse::event_name(sse::body_of(log.frame_bytes(range.start)));
        filter.matches(name, frame.tenant(), frame.topics())
    });
    let mut frames: VecDeque<Range<u64>> = matches.map(|(_, range)| range).take(limit).collect();
    let mut bytes: u64 = frames.iter().map(|range| range.end - range.start).sum();
    let was_cut = bytes > replay_bytes;
    while bytes > replay_bytes {
        let Some(oldest) = frames.pop_front() else { break };
        bytes -= oldest.end - oldest.start;
    }
    (frames, was_cut)
}

fn shorten(id: &str) -> String {
    let mut end = id.len().min(RESUME_ID_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    id[..end].to_owned()
}
