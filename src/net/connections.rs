//! The open connections: sockets and what each is in the middle of.
//!
//! Invariants: a key names one connection for ever; `admitted` counts those that are within the caps;
//! a connection that carries requests has exactly one deadline unless it waits for our own answer, and a
//! stream has none here (the hub has those of blocked ones).

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use slab::Slab;

use super::socket;
use crate::api::Incoming;
use crate::clock::Mono;
use crate::http;
use crate::hub::Wire;
use crate::key::Key;

/// One open connection; small, as most are idle streams.
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    ip: IpAddr,
    port: u16,
    generation: u32,
    /// Input may wait that no further event will tell of.
    pub(super) is_readable: bool,
    /// Its client shut down writing, or all of it.
    pub(super) is_peer_closed: bool,
    /// It stands in the queue of those to be driven.
    pub(super) is_queued: bool,
    /// It came when there were too many.
    pub(super) is_over_cap: bool,
    pub(super) state: State,
}

/// What a connection is in the middle of.
pub(super) enum State {
    /// Requests and answers.
    Http(Box<Exchange>),
    /// An event stream.
    Stream {
        /// What its client sent after the request.
        input_bytes: u32,
    },
    /// A stream that was ended: what its client still sends is thrown away for a while, as a reset would
    /// destroy the last bytes on their way (RFC 9112 section 9.6).
    Lingering(Box<Linger>),
}

/// How long input is still thrown away.
pub(super) struct Linger {
    /// What the client may send yet.
    pub(super) left_bytes: usize,
    /// The deadline that is armed.
    pub(super) deadline: Mono,
}

/// Requests and answers.
pub(super) struct Exchange {
    pub(super) http: http::Connection,
    /// The publish request that is not answered yet.
    pub(super) incoming: Option<Incoming>,
    /// The deadline that is armed.
    pub(super) deadline: Option<Mono>,
}

impl Connection {
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    slab: Slab<Connection>,
    next_generation: u32,
    admitted: usize,
    by_ip: HashMap<IpAddr, usize>,
}

impl Connections {
    /// No connections yet, and room for `capacity`: memory that is not touched costs nothing, moving what
    /// is touched would.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { slab: Slab::with_capacity(capacity), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether one more of this address is within the caps; a cap per address of 0 is none.
    pub(super) fn has_room(&self, ip: IpAddr, cap: usize, cap_per_ip: usize) -> bool {
        let of_ip = || self.by_ip.get(&ip).copied().unwrap_or(0);
        self.admitted < cap && (cap_per_ip == 0 || of_ip() < cap_per_ip)
    }

    /// Connections that are not within the caps.
    pub(super) fn over_cap(&self) -> usize {
        self.slab.len() - self.admitted
    }

    pub(super) fn insert(
        &mut self,
        socket: TcpStream,
        peer: SocketAddr,
        is_over_cap: bool,
        http: http::Connection,
    ) -> Key {
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        if !is_over_cap {
            self.admitted += 1;
            *self.by_ip.entry(peer.ip()).or_default() += 1;
        }
        let exchange = Exchange { http, incoming: None, deadline: None };
        let index = self.slab.insert(Connection {
            socket,
            ip: peer.ip(),
            port: peer.port(),
            generation,
            is_readable: false,
            is_peer_closed: false,
            is_queued: false,
            is_over_cap,
            state: State::Http(Box::new(exchange)),
        });
        Key { index: index as u32, generation }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Connection> {
        self.slab.get(key.index as usize).filter(|connection| connection.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        self.slab.get_mut(key.index as usize).filter(|connection| connection.generation == key.generation)
    }

    /// The requests and answers of a connection that is no stream.
    pub(super) fn exchange_mut(&mut self, key: Key) -> Option<&mut Exchange> {
        match &mut self.get_mut(key)?.state {
            State::Http(exchange) => Some(exchange),
            State::Stream { .. } | State::Lingering(_) => None,
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Connection> {
        self.get(key)?;
        let connection = self.slab.remove(key.index as usize);
        if !connection.is_over_cap {
            self.admitted -= 1;
            if let Some(count) = self.by_ip.get_mut(&connection.ip) {
                *count -= 1;
                if *count == 0 {
                    self.by_ip.remove(&connection.ip);
                }
            }
        }
        Some(connection)
    }

    /// The connections that carry requests.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.slab.iter().filter_map(|(_, connection)| match &connection.state {
            State::Http(exchange) => Some(&**exchange),
            State::Stream { .. } | State::Lingering(_) => None,
        })
    }
}

impl Wire for Connections {
    fn send(&mut self, key: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let connection = self.get(key).ok_or(io::ErrorKind::NotConnected)?;
        socket::send(&connection.socket, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most connections are idle streams: one is this, and a client of the hub.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 64, "{}", size_of::<Connection>());
    }
}
