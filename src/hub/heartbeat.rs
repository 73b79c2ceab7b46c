//! The heartbeat: a frame that lies in no log, at a place of the log.
//!
//! It goes out after every event appended before it and before every later one, so that ids grow. It is
//! not kept: who resumes gets no old heartbeats, and a client that missed one gets only the next.

use super::HeartbeatStyle;
use super::log::Log;
use crate::clock::Wall;
use crate::sse;
use crate::timestamp;

/// The last heartbeat.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    number: u32,
    at: u64,
    event: Vec<u8>,
}

/// A client's part: how it wants heartbeats, and the last one that it got or missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    style: HeartbeatStyle,
    number: u32,
}

/// A heartbeat that a client is owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed<'h> {
    /// The offset in the log that it comes at.
    pub(super) at: u64,
    pub(super) bytes: &'h [u8],
}

impl Pulse {
    /// Whether its heartbeats carry ids.
    pub(super) const fn has_id(self) -> bool {
        matches!(self.style, HeartbeatStyle::Event)
    }
}

impl Heartbeat {
    /// The next heartbeat, at the head of the log. Where nobody would see its id it takes no number, so
    /// that no client sees a hole.
    pub(super) fn beat(&mut self, log: &mut Log, now: Wall, takes_number: bool) {
        self.number = self.number.wrapping_add(1);
        self.at = log.head();
        self.event.clear();
        if takes_number {
            sse::encode_ping(&log.take_heartbeat_id(), &timestamp::format(now), &mut self.event);
        }
    }

    /// The pulse of a client that joins now: it is owed the next one.
    pub(super) fn pulse(&self, style: HeartbeatStyle) -> Pulse {
        Pulse { style, number: self.number }
    }

    /// The heartbeat that a client has not got yet.
    pub(super) fn owed(&self, pulse: Pulse) -> Option<Owed<'_>> {
        let bytes = match pulse.style {
            _ if pulse.number == self.number => return None,
            HeartbeatStyle::Off => return None,
            HeartbeatStyle::Comment => sse::COMMENT_PING,
            HeartbeatStyle::Event => &self.event,
        };
        Some(Owed { at: self.at, bytes })
    }

    /// Notes that the client got it.
    pub(super) fn paid(&self, pulse: &mut Pulse) {
        pulse.number = self.number;
    }
}
