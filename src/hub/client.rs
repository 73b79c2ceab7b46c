//! One client: what it asked for, what it still has to be sent, and whether its socket takes it.
//!
//! Invariant: its bytes leave in one order: what is left of a frame or of the greeting (`unsent`), then
//! the outbox, with a heartbeat at its place. So only whole frames follow each other.

use std::io::{self, IoSlice};
use std::ops::Range;

use super::close::CloseReason;
use super::gather::Gather;
use super::heartbeat::{Heartbeat, Owed, Pulse};
use super::log::Log;
use super::outbox::Outbox;
use crate::clock::Mono;
use crate::filter::Filter;

/// Whether a client is to be sent anything, and whether it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It has everything; its place in the hub's idle list. A client in the idle list whose list was moved
    /// to the ready queue keeps this until it is flushed.
    Idle { at: u32 },
    /// It stands in the ready queue.
    Ready {
        /// It was blocked before and took nothing since then.
        blocked_since: Option<Mono>,
    },
    /// Its socket takes no more; readiness wakes it.
    Blocked {
        /// When it took its last byte, or was first found blocked.
        since: Mono,
        /// The public position of the head from which on it is overrun; not used with a filter.
        overrun_at: u64,
    },
}

/// What becomes of a client when it has been sent everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It stays.
    Open,
    /// It is closed.
    WhenSent(CloseReason),
    /// It is told this first.
    Farewell(Vec<u8>),
}

/// Bytes for one client alone, or the rest of a heartbeat.
#[derive(Clone, Debug)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    from: usize,
}

/// What a client with a filter or a limit asked for.
#[derive(Clone, Debug)]
pub(super) struct Narrow {
    pub(super) filter: Filter,
    /// Events that it may still get.
    pub(super) left: Option<u64>,
    /// The offset up to which it has gone over the log; `None` once it is live.
    pub(super) replay_from: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) generation: u32,
    pub(super) outbox: Outbox,
    unsent: Option<Box<Unsent>>,
    pub(super) narrow: Option<Box<Narrow>>,
    pub(super) flow: Flow,
    pub(super) ending: Ending,
    pub(super) pulse: Pulse,
    pub(super) joined: Mono,
    /// Events delivered.
    pub(super) sent: u64,
    /// Bytes that it may lag beyond its bound, as they are replayed to it.
    pub(super) replay: u64,
}

/// How a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// There was nothing to send.
    Nothing,
    /// Everything was taken.
    All,
    /// All that was offered was taken, and there is more.
    More,
    /// The socket took so many bytes and takes no more.
    Blocked(usize),
    /// The socket is broken.
    Failed(io::ErrorKind),
}

impl Client {
    pub(super) fn new(
        generation: u32,
        outbox: Outbox,
        greeting: Vec<u8>,
        pulse: Pulse,
        joined: Mono,
    ) -> Self {
        Self {
            generation,
            outbox,
            unsent: Some(Box::new(Unsent { bytes: greeting, from: 0 })),
            narrow: None,
            flow: Flow::Ready { blocked_since: None },
            ending: Ending::Open,
            pulse,
            joined,
            sent: 0,
            replay: 0,
        }
    }

    /// Whether it sees everything public, by a cursor.
    pub(super) fn is_bare(&self) -> bool {
        self.narrow.is_none()
    }

    /// The offset up to which a client with a filter has gone over the log, while it is not live.
    pub(super) fn replay_from(&self) -> Option<u64> {
        self.narrow.as_ref()?.replay_from
    }

    /// Whether it is sent what it missed: what it gets is old, and no measure of latency.
    pub(super) fn is_replaying(&self) -> bool {
        self.replay > 0 || self.replay_from().is_some()
    }

    /// Unsent bytes of the log; at most, while a replay goes on.
    pub(super) fn pending_bytes(&self, log: &Log) -> u64 {
        let ahead = self.replay_from().map_or(0, |from| log.head() - from);
        self.outbox.pending_bytes(log) + ahead
    }

    /// Unsent events of the log; at most, while a replay goes on.
    pub(super) fn pending_events(&self, log: &Log) -> u64 {
        let count = |run| log.count_ended_in(&run).events;
        if self.is_lost(log) {
            return count(log.tail()..log.head());
        }
        let ahead = self.replay_from().map_or(0, |from| count(from..log.head()));
        self.outbox.runs(log).map(count).sum::<u64>() + ahead
    }

    /// Whether the log has let go of what it still needs.
    pub(super) fn is_lost(&self, log: &Log) -> bool {
        self.outbox.is_lost(log) || self.replay_from().is_some_and(|from| from < log.tail())
    }

    /// The bytes that may be pending: the bound, what is replayed, and always the frame that is being sent.
    pub(super) fn bound(&self, log: &Log, buffer_bytes: u64) -> u64 {
        if self.replay_from().is_some() {
            return u64::MAX;
        }
        let position = self.outbox.position(log);
        let frame = log.frame_end((position + 1).min(log.head())) - position;
        (buffer_bytes + self.replay).max(frame)
    }

    /// Whether more is pending than its bound allows.
    pub(super) fn is_overrun(&self, log: &Log, buffer_bytes: u64) -> bool {
        self.pending_bytes(log) > self.bound(log, buffer_bytes)
    }

    /// Appends bytes that only this client gets, after all that it was sent.
    pub(super) fn tell(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.unsent.is_none(), "the rest of a frame would be lost");
        self.unsent = Some(Box::new(Unsent { bytes, from: 0 }));
    }

    /// Offers all that is unsent to `send`, once; `sent` is told which runs of the log were taken.
    pub(super) fn flush(
        &mut self,
        log: &Log,
        heartbeat: &Heartbeat,
        send: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        sent: impl FnMut(Range<u64>),
    ) -> Flushed {
        let mut gather = Gather::new();
        self.gather(log, heartbeat, &mut gather);
        let offered = gather.bytes();
        if offered == 0 {
            return Flushed::Nothing;
        }
        let result = send(gather.slices());
        drop(gather);
        match result {
            Ok(0) => Flushed::Failed(io::ErrorKind::WriteZero),
            Ok(taken) => {
                self.take(taken, log, heartbeat, sent);
                if taken < offered {
                    Flushed::Blocked(taken)
                } else if self.has_unsent(log, heartbeat) {
                    Flushed::More
                } else {
                    Flushed::All
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Flushed::Blocked(0),
                io::ErrorKind::Interrupted => Flushed::More,
                kind => Flushed::Failed(kind),
            },
        }
    }

    /// Whether a flush would offer anything.
    pub(super) fn has_unsent(&self, log: &Log, heartbeat: &Heartbeat) -> bool {
        self.unsent.is_some() || self.outbox.is_behind(log) || self.owed(heartbeat).is_some()
    }

    /// The heartbeat that is due. There is none in a replay: its number would come before that of events
    /// that are still to be found. And none for who has all that it asked for: it would resume after events that it
    /// was not sent.
    fn owed<'h>(&self, heartbeat: &'h Heartbeat) -> Option<Owed<'h>> {
        let is_done = self.narrow.as_ref().is_some_and(|narrow| narrow.left == Some(0));
        if self.replay_from().is_some() || is_done { None } else { heartbeat.owed(self.pulse) }
    }

    fn gather<'a>(&'a self, log: &'a Log, heartbeat: &'a Heartbeat, gather: &mut Gather<'a>) {
        if let Some(unsent) = &self.unsent {
            gather.push(&unsent.bytes[unsent.from..]);
        }
        match self.owed(heartbeat) {
            None => self.outbox.gather(0..u64::MAX, log, gather),
            Some(owed) => {
                self.outbox.gather(0..owed.at, log, gather);
                gather.push(owed.bytes);
                self.outbox.gather(owed.at..u64::MAX, log, gather);
            }
        }
    }

    /// Takes `taken` bytes off, in the order of `gather`.
    fn take(&mut self, taken: usize, log: &Log, heartbeat: &Heartbeat, mut sent: impl FnMut(Range<u64>)) {
        let mut taken = taken;
        if let Some(unsent) = &mut self.unsent {
            let of_it = taken.min(unsent.bytes.len() - unsent.from);
            unsent.from += of_it;
            taken -= of_it;
            if unsent.from == unsent.bytes.len() {
                self.unsent = None;
            }
        }
        if let Some(owed) = self.owed(heartbeat) {
            let before = self.outbox.pending_before(owed.at, log).min(taken as u64);
            self.outbox.advance(before, log, &mut sent);
            taken -= before as usize;
            if taken > 0 {
                heartbeat.paid(&mut self.pulse);
                let of_it = taken.min(owed.bytes.len());
                taken -= of_it;
                if of_it < owed.bytes.len() {
                    self.tell(owed.bytes[of_it..].to_vec());
                }
            }
        }
        self.outbox.advance(taken as u64, log, sent);
    }
}

/// The clients, in the places of their connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    places: Vec<Option<Client>>,
    len: usize,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: super::Key) -> Option<&Client> {
        let client = self.places.get(key.index as usize)?.as_ref();
        client.filter(|client| client.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: super::Key) -> Option<&mut Client> {
        let client = self.places.get_mut(key.index as usize)?.as_mut();
        client.filter(|client| client.generation == key.generation)
    }

    pub(super) fn insert(&mut self, index: u32, client: Client) {
        let index = index as usize;
        if index >= self.places.len() {
            self.places.resize_with(index + 1, || None);
        }
        debug_assert!(self.places[index].is_none(), "the place was given twice");
        self.places[index] = Some(client);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, key: super::Key) -> Option<Client> {
        self.get(key)?;
        self.len -= 1;
        self.places.get_mut(key.index as usize)?.take()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (super::Key, &Client)> {
        self.places.iter().zip(0..).filter_map(|(place, index)| {
            let client = place.as_ref()?;
            Some((super::Key { index, generation: client.generation }, client))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle stream costs this, its connection, and a key in an idle list.
    #[test]
    fn an_idle_client_is_small() {
        assert!(size_of::<Option<Client>>() <= 136, "{}", size_of::<Option<Client>>());
    }
}
