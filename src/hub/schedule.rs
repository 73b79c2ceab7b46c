//! What the hub does because time passed: heartbeats, stalls, expired tokens, age, draining.

use std::time::Duration;

use super::client::Ending;
use super::{CloseReason, Hub, Options};
use crate::clock::{Mono, Now};
use crate::key::Key;
use crate::sse;

/// The share of the drain time over which clients are told to go; the rest is for the last ones to be
/// sent what they lack.
const DRAIN_SPREAD: f64 = 0.9;

/// Clients that are told to go, one after another, evenly over the time there is.
#[derive(Debug)]
pub(super) struct Drain {
    clients: Vec<Key>,
    told: usize,
    start: Mono,
    time: Duration,
    /// When who comes back reaches another process.
    gone: Mono,
}

impl Drain {
    /// When the next one is told, if any is left: a single one in the middle of the time.
    fn next(&self) -> Option<Mono> {
        let share = (self.told as f64 + 0.5) / self.clients.len() as f64;
        (self.told < self.clients.len()).then(|| self.start.after(self.time.mul_f64(share * DRAIN_SPREAD)))
    }
}

impl Hub {
    /// When `handle_deadline` is to be called next.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Mono> {
        let drain = self.drain.as_ref().and_then(Drain::next);
        [self.next_heartbeat, self.stalls.next(), self.expiries.next(), drain].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Now) {
        self.trim(now.mono);
        if self.next_heartbeat.is_some_and(|at| at <= now.mono) {
            self.next_heartbeat = Some(now.mono.after(self.options.heartbeat));
            self.beat(now);
        }
        while let Some(key) = self.stalls.pop_due(now.mono) {
            self.close(key, CloseReason::Stalled);
        }
        while let Some(key) = self.expiries.due(now.mono) {
            self.close(key, CloseReason::Expired);
        }
        while self.drain.as_ref().and_then(Drain::next).is_some_and(|at| at <= now.mono) {
            self.tell_next(now.mono);
        }
        self.metrics.age(now.mono);
    }

    fn beat(&mut self, now: Now) {
        if self.is_empty() {
            return;
        }
        let takes_number = self.clients.iter().any(|(_, client)| client.pulse.has_id());
        self.heartbeat.beat(&mut self.log, now.wall, takes_number);
        self.wake_bare();
        for key in std::mem::take(&mut self.idle_narrow) {
            self.queue(key, None);
        }
    }

    /// Takes new options over; what is open keeps going.
    pub fn set_options(&mut self, options: Options, now: Mono) {
        // Bounds and deadlines of the blocked ones are those of the old options: they are swept anew.
        let blocked: Vec<Key> = self.stalls.keys().collect();
        blocked.into_iter().for_each(|key| self.handle_writable(key));
        let old = std::mem::replace(&mut self.options, options);
        let off = self.options.heartbeat.is_zero();
        if off || self.next_heartbeat.is_none() || self.options.heartbeat != old.heartbeat {
            self.next_heartbeat = (!off).then(|| now.after(self.options.heartbeat));
        }
        self.trim(now);
    }

    /// Tells every client, spread over `time`, to come back, when this process is `gone` for whoever connects,
    /// and closes it.
    pub fn begin_drain(&mut self, time: Duration, gone: Mono, now: Mono) {
        let clients = self.clients.iter().map(|(key, _)| key).collect();
        self.drain = Some(Drain { clients, told: 0, start: now, time, gone });
    }

    /// Tells the next client to come back when this process is gone for it.
    fn tell_next(&mut self, now: Mono) {
        let Some(drain) = &mut self.drain else { return };
        let Some(&key) = drain.clients.get(drain.told) else { return };
        drain.told += 1;
        let left = drain.gone.since(now);
        let mut farewell = Vec::new();
        sse::encode_retry((self.retry() + left).as_millis(), &mut farewell);
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.ending == Ending::Open {
            client.ending = Ending::Farewell(farewell);
        }
        self.make_ready(key);
    }
}
