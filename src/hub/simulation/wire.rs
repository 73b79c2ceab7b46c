//! Sockets that take a few bytes at a time.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};

use super::super::Wire;
use super::model;
use crate::key::Key;

struct Socket {
    received: Vec<u8>,
    /// Bytes that it takes before it blocks.
    room: usize,
    /// It said that it takes no more, and readiness is owed when there is room.
    is_blocked: bool,
}

/// All sockets.
pub(super) struct SimWire {
    random: fastrand::Rng,
    sockets: BTreeMap<Key, Socket>,
    /// The last ids of clients that went.
    last_ids: Vec<String>,
}

impl SimWire {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), sockets: BTreeMap::new(), last_ids: Vec::new() }
    }

    pub(super) fn open(&mut self, key: Key, room: usize) {
        self.sockets.insert(key, Socket { received: Vec::new(), room, is_blocked: false });
    }

    pub(super) fn close(&mut self, key: Key) -> Vec<u8> {
        let socket = self.sockets.remove(&key).expect("a connection is closed once");
        self.last_ids.extend(model::last_id(&socket.received));
        socket.received
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.sockets.keys().copied().collect()
    }

    pub(super) fn received(&self) -> impl Iterator<Item = (Key, &[u8])> {
        self.sockets.iter().map(|(&key, socket)| (key, socket.received.as_slice()))
    }

    pub(super) fn some_key(&mut self) -> Option<Key> {
        let keys = self.keys();
        (!keys.is_empty()).then(|| keys[self.random.usize(..keys.len())])
    }

    pub(super) fn some_keys(&mut self) -> Vec<Key> {
        let mut keys = self.keys();
        keys.retain(|_| self.random.u32(0..3) > 0);
        keys
    }

    pub(super) fn some_last_id(&self, random: &mut fastrand::Rng) -> Option<String> {
        (!self.last_ids.is_empty()).then(|| self.last_ids[random.usize(..self.last_ids.len())].clone())
    }

    /// Gives a socket room, and says whether that is an edge.
    pub(super) fn give_room(&mut self, key: Key) -> bool {
        let room = [1, 40, 400, 10_000][self.random.usize(0..4)];
        let Some(socket) = self.sockets.get_mut(&key) else { return false };
        socket.room = socket.room.saturating_add(room);
        std::mem::take(&mut socket.is_blocked)
    }

    pub(super) fn give_all_room(&mut self) {
        for socket in self.sockets.values_mut() {
            socket.room = usize::MAX;
            socket.is_blocked = false;
        }
    }
}

impl Wire for SimWire {
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(slices.iter().all(|slice| !slice.is_empty()), "an empty slice is sent");
        let socket = self.sockets.get_mut(&key).expect("only open sockets are written to");
        if self.random.u32(0..50) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut room = socket.room;
        for slice in slices {
            let taken = slice.len().min(room);
            socket.received.extend_from_slice(&slice[..taken]);
            room -= taken;
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = socket.room.min(offered);
        socket.is_blocked = taken < offered;
        if socket.room != usize::MAX {
            socket.room -= taken;
        }
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }
}
