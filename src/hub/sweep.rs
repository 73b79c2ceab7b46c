//! The sweep: each client that is behind is written, in one call, all that it lacks.
//!
//! First come, first served; a client that took all that one call may hold goes to the end of the queue.
//! While a sweep runs, new events pile up and later clients take several at once. Clients that are sent what they
//! missed have a queue of their own: when many come back at once, those that stayed do not wait for them.

use std::io::{self, IoSlice};

use super::client::{Client, Ending, Flow, Flushed};
use super::{CloseReason, Hub};
use crate::clock::{self, Mono, Now};
use crate::key::Key;

/// Where bytes leave.
pub trait Wire {
    /// Writes what the connection takes at once, as `Write::write_vectored` does.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; after that the hub is told by `handle_writable`.
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// Keys taken out of the queue per send that a sweep may make: those of clients that are gone cost little.
const VISITS_PER_SEND: usize = 8;
/// While both queues hold clients, one of so many turns is that of a returning one.
const RETURNING_EVERY: u64 = 4;

/// Events on their way from the first client to the last.
#[derive(Debug)]
pub(super) struct Pass {
    events: u64,
    /// It ends when so many keys were taken out of the ready queue.
    until: u64,
    started: Option<Mono>,
}

impl Hub {
    /// Whether a sweep has anything to do.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.returning.is_empty()
    }

    /// Makes up to `sends` sends to clients that are behind; gives back how many it made.
    ///
    /// `now` is the time before; `settle` records what was delivered, with the time after.
    pub fn sweep(&mut self, sends: usize, wire: &mut impl Wire, now: Mono) -> usize {
        for pass in self.passes.iter_mut().rev().take_while(|pass| pass.started.is_none()) {
            pass.started = Some(now);
        }
        let (mut sent, mut visits) = (0, 0);
        while sent < sends && visits < sends * VISITS_PER_SEND {
            let Some(key) = self.next_ready() else { break };
            visits += 1;
            sent += usize::from(self.flush(key, wire, now));
        }
        sent
    }

    /// Takes the next client out of the queues.
    fn next_ready(&mut self) -> Option<Key> {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(RETURNING_EVERY)
            && let Some(key) = self.returning.pop_front()
        {
            return Some(key);
        }
        match self.ready.pop_front() {
            Some(key) => {
                self.popped += 1;
                Some(key)
            }
            None => self.returning.pop_front(),
        }
    }

    /// Records what was delivered since the last time as taken at `now`.
    pub fn settle(&mut self, now: Now) {
        self.deliveries.settle(&self.log, &mut self.metrics, now);
        while let Some(pass) = self.passes.front()
            && pass.until <= self.popped
        {
            let took = now.mono.since(pass.started.unwrap_or(now.mono));
            self.metrics.duration.record(clock::micros(took), pass.events);
            self.passes.pop_front();
        }
    }

    /// Notes that an event was appended, for all that now stand in the ready queue.
    pub(super) fn note_pass(&mut self) {
        let until = self.popped + self.ready.len() as u64;
        if self.ready.is_empty() {
            return;
        }
        match self.passes.back_mut() {
            Some(last) if last.until == until && last.started.is_none() => last.events += 1,
            _ => self.passes.push_back(Pass { events: 1, until, started: None }),
        }
    }

    /// The connection takes bytes again.
    pub fn handle_writable(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else { return };
        let Flow::Blocked { since, .. } = client.flow else { return };
        self.leave_lists(key);
        self.queue(key, Some(since));
    }

    /// Sends to one client at once; gives back whether a send was made.
    fn flush(&mut self, key: Key, wire: &mut impl Wire, now: Mono) -> bool {
        let Some(client) = self.clients.get(key) else { return false };
        let blocked_since = match client.flow {
            Flow::Ready { blocked_since } => blocked_since,
            Flow::Idle { .. } if self.is_idle(key) => return false,
            Flow::Idle { .. } => None,
            Flow::Blocked { .. } => return false,
        };
        if client.is_lost(&self.log) {
            self.close(key, CloseReason::Overrun);
            return false;
        }
        let was_replaying = client.replay_from().is_some();
        self.replay(key);
        let Some(client) = self.clients.get_mut(key) else { return false };
        let (log, deliveries, is_live) = (&self.log, &mut self.deliveries, !client.is_replaying());
        let mut delivered = 0;
        let flushed = client.flush(
            log,
            &self.heartbeat,
            |slices| wire.send(key, slices),
            |range| delivered += deliveries.add(range, is_live, log),
        );
        client.sent += delivered;
        match flushed {
            Flushed::Nothing | Flushed::All if client.replay_from().is_some() => self.queue(key, None),
            Flushed::Nothing | Flushed::All => self.rest(key),
            Flushed::More => self.queue(key, None),
            Flushed::Blocked(0) => self.block(key, blocked_since.unwrap_or(now)),
            Flushed::Blocked(_) => self.block(key, now),
            Flushed::Failed(kind) => {
                self.metrics.transmission_errors += 1;
                self.close(key, CloseReason::of(kind));
            }
        }
        // Going over a piece of the log takes about as long as a send.
        flushed != Flushed::Nothing || was_replaying
    }

    /// A client has been sent everything: it rests, or ends.
    fn rest(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.replay = 0;
        match std::mem::replace(&mut client.ending, Ending::Open) {
            Ending::WhenSent(reason) => self.close(key, reason),
            Ending::Farewell(bytes) => {
                client.tell(bytes);
                client.ending = Ending::WhenSent(CloseReason::Drained);
                self.queue(key, None);
            }
            Ending::Open => {
                let list = if client.is_bare() { &mut self.idle_bare } else { &mut self.idle_narrow };
                client.flow = Flow::Idle { at: list.len() as u32 };
                list.push(key);
            }
        }
    }

    /// A client's socket takes no more: it waits for readiness, within its bounds.
    pub(super) fn block(&mut self, key: Key, since: Mono) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let (pending, bound) =
            (client.pending_bytes(&self.log), client.bound(&self.log, self.options.buffer_bytes as u64));
        // A cursor is counted in public bytes ever appended, and so is what it is overrun at.
        let overrun_at = self.log.public_head().saturating_add(bound - pending.min(bound));
        client.flow = Flow::Blocked { since, overrun_at };
        self.stalls.set(key, None, Some(since.after(self.options.stall_timeout)));
        if client.is_bare() {
            self.overdue.insert((overrun_at, key));
        }
        if pending > bound {
            self.close(key, CloseReason::Overrun);
        }
    }

    /// Has all idle clients with a cursor swept; their own state is brought up when they are.
    pub(super) fn wake_bare(&mut self) {
        if self.ready.is_empty() {
            let idle = std::mem::take(&mut self.idle_bare);
            self.idle_bare = std::mem::replace(&mut self.ready, idle.into()).into();
        } else {
            self.ready.extend(self.idle_bare.drain(..));
        }
    }

    /// A newcomer is greeted before others are swept, unless it has missed something.
    pub(super) fn queue_newcomer(&mut self, key: Key) {
        if self.clients.get(key).is_some_and(Client::is_replaying) {
            return self.returning.push_back(key);
        }
        self.ready.push_front(key);
        for pass in &mut self.passes {
            pass.until += 1;
        }
    }

    pub(super) fn queue(&mut self, key: Key, blocked_since: Option<Mono>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.flow = Flow::Ready { blocked_since };
        let queue = if client.is_replaying() { &mut self.returning } else { &mut self.ready };
        queue.push_back(key);
    }

    /// An idle client has something to be sent again.
    pub(super) fn make_ready(&mut self, key: Key) {
        if self.is_idle(key) {
            self.leave_lists(key);
            self.queue(key, None);
        }
    }

    /// Whether a client stands in its idle list: the list may have been moved to the ready queue, and then
    /// the client does not know of it yet.
    fn is_idle(&self, key: Key) -> bool {
        let Some(client) = self.clients.get(key) else { return false };
        let Flow::Idle { at } = client.flow else { return false };
        let list = if client.is_bare() { &self.idle_bare } else { &self.idle_narrow };
        list.get(at as usize) == Some(&key)
    }

    /// Takes a client out of the idle list or the blocked ones; in the ready queue its key stays.
    pub(super) fn leave_lists(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else { return };
        match client.flow {
            Flow::Ready { .. } => {}
            Flow::Idle { at } if self.is_idle(key) => {
                let list = if client.is_bare() { &mut self.idle_bare } else { &mut self.idle_narrow };
                list.swap_remove(at as usize);
                if let Some(moved) = list.get(at as usize).copied() {
                    self.set_idle_place(moved, at);
                }
            }
            Flow::Idle { .. } => {}
            Flow::Blocked { since, overrun_at } => {
                self.overdue.remove(&(overrun_at, key));
                self.stalls.set(key, Some(since.after(self.options.stall_timeout)), None);
            }
        }
    }

    fn set_idle_place(&mut self, key: Key, at: u32) {
        if let Some(Client { flow, .. }) = self.clients.get_mut(key) {
            *flow = Flow::Idle { at };
        }
    }
}
