//! What was delivered in a batch of sends, counted per range of the log, not per event and client.
//!
//! In a sweep most clients are sent the same range: it is looked up once, and each of its events is
//! recorded once with the number of clients. The time is that of the end of the batch.

use std::ops::Range;

use super::log::{Counts, FrameKind, Log};
use crate::clock::{self, Now};
use crate::metrics::Metrics;
use crate::sse::GapReason;

/// Deliveries that are not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    groups: Vec<Group>,
    /// The group that comes next if this client is sent what the one before was.
    next: usize,
    /// What was replayed: events are counted, and their age is no latency.
    replayed: Counts,
}

#[derive(Debug)]
struct Group {
    range: Range<u64>,
    /// Frames that end in the range.
    counts: Counts,
    clients: u64,
}

impl Deliveries {
    /// Notes that `range` was sent to one client; gives back how many events that delivered.
    pub(super) fn add(&mut self, range: Range<u64>, is_live: bool, log: &Log) -> u64 {
        if !is_live {
            let counts = log.count_ended_in(&range);
            self.replayed.events += counts.events;
            self.replayed.gaps += counts.gaps;
            return counts.events;
        }
        // Clients alike are sent the same ranges one after another; the next one begins with the first.
        let is_same = |&at: &usize| self.groups.get(at).is_some_and(|group| group.range == range);
        if let Some(at) = [self.next, 0].into_iter().find(is_same) {
            self.next = at + 1;
            self.groups[at].clients += 1;
            return self.groups[at].counts.events;
        }
        let counts = log.count_ended_in(&range);
        self.groups.push(Group { range, counts, clients: 1 });
        self.next = self.groups.len();
        counts.events
    }

    /// Records all of it as delivered at `now`.
    pub(super) fn settle(&mut self, log: &Log, metrics: &mut Metrics, now: Now) {
        let replayed = std::mem::take(&mut self.replayed);
        metrics.events_sent += replayed.events;
        metrics.count_gaps(GapReason::UpstreamLost, replayed.gaps);
        self.next = 0;
        for group in self.groups.drain(..) {
            metrics.events_sent += group.counts.events * group.clients;
            metrics.count_gaps(GapReason::UpstreamLost, group.counts.gaps * group.clients);
            for frame in log.frames_ended_in(&group.range) {
                let FrameKind::Event { ts, .. } = frame.kind else { continue };
                metrics.delivery.record(clock::micros(now.mono.since(frame.appended)), group.clients);
                if let Some(ts) = ts {
                    let latency = now.wall.as_micros().saturating_sub(ts.as_micros());
                    metrics.broadcast.record(u64::try_from(latency).unwrap_or(0), group.clients);
                }
            }
        }
    }
}
