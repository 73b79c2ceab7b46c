//! What the hub does because time passed: heartbeats, stalls, age, draining.

use std::time::Duration;

use super::client::{Ending, Flow};
use super::{CloseReason, Hub, Options};
use crate::clock::{Mono, Now};
use crate::key::Key;
use crate::sse;

/// How often some clients are told to go while draining.
const DRAIN_STEP: Duration = Duration::from_millis(50);

/// Clients that are told to go, spread over the time there is.
#[derive(Debug)]
pub(super) struct Drain {
    left: Vec<Key>,
    per_step: usize,
    next: Mono,
    until: Mono,
}

impl Hub {
    /// When `handle_deadline` is to be called next.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Mono> {
        let drain = self.drain.as_ref().map(|drain| drain.next);
        [self.next_heartbeat, self.stalls.next(), drain].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Now) {
        if self.next_heartbeat.is_some_and(|at| at <= now.mono) {
            self.next_heartbeat = Some(now.mono.after(self.options.heartbeat));
            self.beat(now);
        }
        while let Some(key) = self.stalls.pop_due(now.mono) {
            self.close(key, CloseReason::Stalled);
        }
        if self.drain.as_ref().is_some_and(|drain| drain.next <= now.mono) {
            self.drain_step(now.mono);
        }
        self.metrics.broadcast.age(now.mono);
        self.metrics.delivery.age(now.mono);
        self.metrics.duration.age(now.mono);
    }

    fn beat(&mut self, now: Now) {
        self.log.trim(&self.options, now.mono);
        if self.is_empty() {
            return;
        }
        self.heartbeat.beat(&mut self.log, now.wall);
        self.ready.extend(self.idle_bare.drain(..));
        for key in std::mem::take(&mut self.idle_narrow) {
            self.queue(key, None);
        }
    }

    /// Takes new options over; what is open keeps going.
    pub fn set_options(&mut self, options: Options, now: Mono) {
        let old = std::mem::replace(&mut self.options, options);
        let off = self.options.heartbeat.is_zero();
        if off || self.next_heartbeat.is_none() || self.options.heartbeat != old.heartbeat {
            self.next_heartbeat = (!off).then(|| now.after(self.options.heartbeat));
        }
        let blocked: Vec<(Key, Mono, u64)> = self
            .clients
            .iter()
            .filter_map(|(key, client)| match client.flow {
                Flow::Blocked { since, overrun_at } => Some((key, since, overrun_at)),
                _ => None,
            })
            .collect();
        for (key, since, overrun_at) in blocked {
            self.stalls.set(key, Some(since.after(old.stall_timeout)), None);
            self.overdue.remove(&(overrun_at, key));
            self.queue(key, Some(since));
        }
        self.log.trim(&self.options, now);
    }

    /// Tells every client, spread over `time`, to come back later, and closes it.
    pub fn begin_drain(&mut self, time: Duration, now: Mono) {
        let left: Vec<Key> = self.clients.iter().map(|(key, _)| key).collect();
        let steps = (time.as_millis() / DRAIN_STEP.as_millis()).max(1) as usize;
        self.drain =
            Some(Drain { per_step: left.len().div_ceil(steps), left, next: now, until: now.after(time) });
    }

    fn drain_step(&mut self, now: Mono) {
        let Some(mut drain) = self.drain.take() else { return };
        for _ in 0..drain.per_step {
            let Some(key) = drain.left.pop() else { break };
            // It is to come back when this process is gone.
            let retry = self.retry() + drain.until.since(now);
            let mut farewell = Vec::new();
            sse::encode_retry(retry.as_millis(), &mut farewell);
            let Some(client) = self.clients.get_mut(key) else { continue };
            if client.ending == Ending::Open {
                client.ending = Ending::Farewell(farewell);
            }
            self.make_ready(key);
        }
        drain.next = now.after(DRAIN_STEP);
        self.drain = (!drain.left.is_empty()).then_some(drain);
    }
}
