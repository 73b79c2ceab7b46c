//! Broadcasting: each event once, and what is said about those of ours that are shown before they came back.

use std::sync::Arc;

use super::Bus;
use super::own::{Awaiting, Early};
use crate::clock::Now;
use crate::event::Event;
use crate::hub::Hub;
use crate::id::Fingerprint;
use crate::sse::GapReason;
use crate::stamp::{self, After, Mark};

impl Bus {
    /// Broadcasts an event, unless one of its idempotency key was; whether it did.
    pub(super) fn show(&mut self, event: Option<Event>, hub: &mut Hub, now: Now) -> bool {
        let Some(event) = event else { return false };
        if !self.upstream.is_news(&event) {
            hub.metrics_mut().redis.duplicates += 1;
            return false;
        }
        hub.append(&event, now);
        let (id, trace) = (&*event.subject.id, event.subject.trace_id.as_deref().unwrap_or_default());
        log::debug!(event = event.name(), id, trace; "broadcast");
        self.shown.push(event, hub.log().last_id().seq);
        true
    }

    /// Broadcasts an event of ours before it came back; whether it did.
    pub(super) fn show_early(&mut self, of: Early, event: Option<Event>, hub: &mut Hub, now: Now) -> bool {
        let start = hub.log().head();
        let is_shown = self.show(event, hub, now);
        if is_shown {
            self.own.note_shown(of, start);
        }
        is_shown
    }

    /// A message as it goes to Redis when its event is shown now.
    pub(super) fn marked(&self, text: &str) -> Arc<str> {
        let after = if self.mode.forwards() { self.upstream.shown() } else { After::Unknown };
        stamp::mark(text, Mark { after, is_again: false }).into()
    }

    /// Shows what is to come back, up to the number `seq`: `back` is the one that did come back.
    pub(super) fn show_through(&mut self, seq: u64, back: Option<u64>, hub: &mut Hub, now: Now) {
        while let Some(Awaiting { seq, ticket, text, event, answer, .. }) = self.own.pop_through(seq) {
            let is_back = back == Some(seq);
            let mut is_shown = false;
            if is_back {
                self.upstream.last_shown =
                    event.as_ref().map(|event| event.fingerprint).or(self.upstream.last_shown);
                self.show(event, hub, now);
            } else if event.is_some() {
                let marked = self.marked(&text);
                if !self.outbound.spool.replace(ticket, &marked) {
                    // It may be in Redis without the mark: the others are told by a copy.
                    self.outbound.spool.push(marked, true);
                }
                is_shown =
                    self.show_early(Early { seq, ticket, is_published: answer.is_none() }, event, hub, now);
            }
            if let Some(answer) = answer {
                self.own.resolve(answer, (!is_back).then(|| last_shown(is_shown, hub)));
            }
        }
    }

    /// Tells everybody that messages may be missing, if they may.
    pub(super) fn tell_missed(&mut self, hub: &mut Hub, now: Now) {
        if std::mem::take(&mut self.upstream.has_missed) {
            hub.append_gap(GapReason::UpstreamLost, now);
        }
    }
}

/// The number and the fingerprint of the frame that was shown, if one was.
pub(super) fn last_shown(is_shown: bool, hub: &Hub) -> Option<(u64, Fingerprint)> {
    let last = hub.log().last_id();
    is_shown.then_some((last.seq, last.fingerprint))
}
