//! The open connections: sockets and what each is in the middle of.
//!
//! Invariants: a key names one connection for ever; those that are within the caps are counted as admitted, each
//! on the side that it came in by; a connection that carries requests has exactly one deadline unless it waits for our own answer, and a
//! stream has none here (the hub has those of blocked ones).

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};

use slab::Slab;

use super::transport::{Received, Scratch, Transport};
use crate::api::{Incoming, Peer, Side};
use crate::clock::Mono;
use crate::http;
use crate::hub::Wire;
use crate::key::Key;

/// One open connection; small, as most are idle streams.
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// The peer's address, if it has one...
    ip: Option<IpAddr>,
    /// ...and its port.
    port: u16,
    pub(super) side: Side,
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
    /// Bytes of the output that the transport took and has not sent yet.
    taken: usize,
}

impl Exchange {
    /// What is answered and was not taken by the transport.
    pub(super) fn output(&self) -> &[u8] {
        &self.http.output()[self.taken..]
    }
}

impl Connection {
    pub(super) fn peer(&self) -> Peer {
        self.ip.map_or(Peer::Unix, |ip| Peer::Ip(SocketAddr::new(ip, self.port)))
    }
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caps {
    /// By the public listener, or the only one.
    pub(super) public: usize,
    /// By the admin listener.
    pub(super) admin: usize,
}

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    slab: Slab<Connection>,
    next_generation: u32,
    /// Connections within the caps: by the public listener or the only one...
    public: usize,
    /// ...and by the admin one.
    admin: usize,
    /// The former, by address.
    by_ip: HashMap<IpAddr, usize>,
    scratch: Scratch,
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

    /// Whether one more of this peer is within the caps. A cap per address of 0 is none, and there is none on the
    /// admin side.
    pub(super) fn has_room(&self, peer: Peer, side: Side, caps: Caps, cap_per_ip: usize) -> bool {
        if side == Side::Admin {
            return self.admin < caps.admin;
        }
        let of_ip = || peer.ip().and_then(|ip| self.by_ip.get(&ip).copied()).unwrap_or(0);
        self.public < caps.public && (cap_per_ip == 0 || of_ip() < cap_per_ip)
    }

    /// Connections that are not within the caps.
    pub(super) fn over_cap(&self) -> usize {
        self.slab.len() - self.public - self.admin
    }

    pub(super) fn insert(
        &mut self,
        transport: Transport,
        peer: Peer,
        side: Side,
        is_over_cap: bool,
        http: http::Connection,
    ) -> Key {
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        match side {
            _ if is_over_cap => {}
            Side::Admin => self.admin += 1,
            Side::Only | Side::Public => {
                self.public += 1;
                if let Some(ip) = peer.ip() {
                    *self.by_ip.entry(ip).or_default() += 1;
                }
            }
        }
        let port = match peer {
            Peer::Ip(address) => address.port(),
            Peer::Unix => 0,
        };
        let exchange = Exchange { http, incoming: None, deadline: None, taken: 0 };
        let index = self.slab.insert(Connection {
            transport,
            ip: peer.ip(),
            port,
            side,
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
        match connection.side {
            _ if connection.is_over_cap => {}
            Side::Admin => self.admin -= 1,
            Side::Only | Side::Public => {
                self.public -= 1;
                self.forget_address(connection.ip);
            }
        }
        Some(connection)
    }

    fn forget_address(&mut self, ip: Option<IpAddr>) {
        let Some(ip) = ip else { return };
        let Some(count) = self.by_ip.get_mut(&ip) else { return };
        *count -= 1;
        if *count == 0 {
            self.by_ip.remove(&ip);
        }
    }

    /// A connection, and what all of them share.
    fn parts(&mut self, key: Key) -> Option<(&mut Connection, &mut Scratch)> {
        let connection = self.slab.get_mut(key.index as usize)?;
        (connection.generation == key.generation).then_some((connection, &mut self.scratch))
    }

    /// Reads once from a connection.
    pub(super) fn receive(&mut self, key: Key, buffer: &mut [u8]) -> io::Result<Received> {
        let (connection, scratch) = self.parts(key).ok_or(io::ErrorKind::NotConnected)?;
        connection.transport.receive(buffer, scratch)
    }

    /// Sends what is answered; gives back how much of it has left since the last time.
    pub(super) fn send_answer(&mut self, key: Key) -> io::Result<usize> {
        let (connection, scratch) = self.parts(key).ok_or(io::ErrorKind::NotConnected)?;
        let (transport, State::Http(exchange)) = (&mut connection.transport, &mut connection.state) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if !transport.flush()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let output = exchange.output();
        if !output.is_empty() {
            exchange.taken += transport.send(&[IoSlice::new(output)], scratch)?;
        }
        // What was taken counts as sent when all of it has left.
        if transport.has_backlog() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(std::mem::take(&mut exchange.taken))
    }

    /// Says that nothing more is sent on a connection, after all that was taken.
    pub(super) fn end_writing(&mut self, key: Key) {
        if let Some((connection, scratch)) = self.parts(key) {
            connection.transport.end_writing(scratch);
        }
    }

    /// Ends a connection in good order.
    pub(super) fn part_with(&mut self, key: Key) -> Option<Connection> {
        let mut connection = self.remove(key)?;
        connection.transport.say_goodbye(&mut self.scratch);
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
        let (connection, scratch) = self.parts(key).ok_or(io::ErrorKind::NotConnected)?;
        connection.transport.send(slices, scratch)
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
