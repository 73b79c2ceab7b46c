//! Where a client begins, and how one with a filter goes over what it missed.
//!
//! A cursor needs nothing but its place. A client with a filter goes over the log piece by piece
//! (`Hub::replay`), a bounded number of frames each time that it has been sent what it had: until it is at
//! the head it stands in no index, so that what is live never comes before what is replayed.

use super::client::{Ending, Narrow};
use super::log::{Log, Place};
use super::{CloseReason, Hub, Subscription};
use crate::key::Key;
use crate::limits::{KIB, RESUME_ID_BYTES};
use crate::sse::{self, GapReason};

/// The resume id that asks for everything kept.
const EARLIEST: &str = "earliest";
/// Frames that one piece of a replay goes over...
const PIECE_FRAMES: usize = 256;
/// ...and bytes of those that match, but for the last one.
const PIECE_BYTES: u64 = 64 * KIB as u64;

/// How a client begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The offset of the first frame that it may see.
    pub(super) from: u64,
    pub(super) gap: Option<Gap>,
}

/// What a client must be told before it is sent anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) reason: GapReason,
    /// The id that it sent, shortened.
    pub(super) requested: Option<String>,
}

/// Plans the start of a client: it goes back `replay_bytes` of the log at most.
pub(super) fn plan(log: &Log, subscription: &Subscription, replay_bytes: u64) -> Start {
    let requested = subscription.resume.as_deref().filter(|id| !id.is_empty());
    let (wanted, reason) = match requested {
        None => (log.head(), None),
        Some(EARLIEST) => (log.history_start(), None),
        Some(id) => match place(log, id) {
            Place::After(offset) => (offset, None),
            Place::Expired => (log.history_start(), Some(GapReason::Expired)),
            Place::Unknown => (log.history_start(), Some(GapReason::UnknownId)),
        },
    };
    let from = wanted.max(log.kept_within(replay_bytes));
    let reason = reason.or((from > wanted).then_some(GapReason::Overrun));
    Start { from, gap: reason.map(|reason| Gap { reason, requested: requested.map(shorten) }) }
}

fn place(log: &Log, id: &str) -> Place {
    if id.len() > RESUME_ID_BYTES { Place::Unknown } else { log.locate(id) }
}

fn shorten(id: &str) -> String {
    let mut end = id.len().min(RESUME_ID_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    id[..end].to_owned()
}

impl Hub {
    /// Puts the next piece of its replay into the outbox of a client with a filter, when that is empty.
    /// At the head of the log the client goes live.
    pub(super) fn replay(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(narrow) = &mut client.narrow else { return };
        let Some(from) = narrow.replay_from else { return };
        if client.outbox.is_behind(&self.log) {
            return;
        }
        let mut next = from;
        for (frame, range) in self.log.frames_from(from).take(PIECE_FRAMES) {
            next = range.end;
            if frame.is_gap() {
                client.outbox.push(range);
                continue;
            }
            let name = sse::event_name(sse::body_of(self.log.frame_bytes(&range)));
            if !narrow.filter.matches(name, frame.tenant(), frame.topics()) {
                continue;
            }
            client.outbox.push(range);
            if narrow.count_down() {
                client.ending = Ending::WhenSent(CloseReason::Limit);
                narrow.replay_from = None;
                return;
            }
            if client.outbox.pending_bytes(&self.log) >= PIECE_BYTES {
                break;
            }
        }
        narrow.replay_from = Some(next);
        if next == self.log.head() {
            self.go_live(key);
        }
    }

    /// A client with a filter has gone over all that there is: from now on the index finds it.
    pub(super) fn go_live(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        // What is left of the replay may be more than its bound, and the heartbeats of the time before
        // would come too late.
        client.replay = client.outbox.pending_bytes(&self.log);
        self.heartbeat.paid(&mut client.pulse);
        if let Some(narrow) = &mut client.narrow {
            narrow.replay_from = None;
            self.index.insert(key, &narrow.filter);
        }
    }
}

impl Narrow {
    /// Counts an event against the limit; whether that was the last one.
    pub(super) fn count_down(&mut self) -> bool {
        let Some(left) = &mut self.left else { return false };
        *left -= 1;
        *left == 0
    }

    /// Whether the index finds it.
    pub(super) fn is_indexed(&self) -> bool {
        self.replay_from.is_none() && self.left != Some(0)
    }
}
