//! What was delivered in a batch of sends, counted per range of the log, not per event and client.
//!
//! In a sweep most clients are sent the same range: it is looked up once, and each of its events is
//! recorded once with the number of clients. The time is that of the end of the batch.

use std::ops::Range;

use super::log::Log;
use crate::clock::{self, Now};
use crate::metrics::Metrics;

/// Deliveries that are not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    range: Range<u64>,
    /// Frames that end in the range.
    frames: u64,
    clients: u64,
}

impl Deliveries {
    /// Notes that `range` was sent to one client; gives back how many events that delivered.
    pub(super) fn add(&mut self, range: Range<u64>, log: &Log) -> u64 {
        if let Some(last) = self.groups.last_mut()
            && last.range == range
        {
            last.clients += 1;
            return last.frames;
        }
        let frames = log.frames_ended_in(&range).len() as u64;
        self.groups.push(Group { range, frames, clients: 1 });
        frames
    }

    /// Records all of it as delivered at `now`.
    pub(super) fn settle(&mut self, log: &Log, metrics: &mut Metrics, now: Now) {
        for group in self.groups.drain(..) {
            metrics.events_sent += group.frames * group.clients;
            for frame in log.frames_ended_in(&group.range) {
                metrics.delivery.record(clock::micros(now.mono.since(frame.appended)), group.clients);
                if let Some(ts) = frame.ts {
                    let latency = now.wall.as_micros().saturating_sub(ts.as_micros());
                    metrics.broadcast.record(u64::try_from(latency).unwrap_or(0), group.clients);
                }
            }
        }
    }
}
