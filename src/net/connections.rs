//! The open connections: sockets and what each is in the middle of.
//!
//! Invariants: a key names one connection for ever; those that are within the caps are counted as admitted, each
//! on the side that it came in by; a connection that carries requests has exactly one deadline unless it waits for our
//! own answer, one that carries a diagnosis has that of its next probe, and a stream has none here (the hub has those of
//! blocked ones).

use std::io::{self, IoSlice};
use std::net::IpAddr;

use slab::Slab;

use super::caps::Caps;
use super::held::{Held, Share};
use super::per_address::PerAddress;
use super::transport::{Received, Scratch, Transport};
use crate::api::{Peer, Side};
use crate::auth::Pass;
use crate::http;
use crate::hub::Wire;
use crate::key::Key;

mod connection;
mod whence;

pub(super) use connection::{Connection, Diagnosing, Exchange, Linger, State};
pub(super) use whence::Whence;

/// Bytes of memory that a stream's connection takes.
pub const CONNECTION_BYTES: usize = size_of::<Connection>() + size_of::<Whence>();
/// Bytes of memory that a connection takes that carries requests, but for those.
pub const EXCHANGE_BYTES: usize = CONNECTION_BYTES + size_of::<Exchange>();
/// Connections up to which debug builds add up in every turn what they hold.
const ASSERTED: usize = 128;

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    slab: Slab<Connection>,
    /// Of each place in it.
    whence: Vec<Whence>,
    next_generation: u32,
    /// Connections within the caps: by the public listener or the only one...
    public: usize,
    /// ...and by the admin one.
    admin: usize,
    /// The former, by address.
    per_address: PerAddress,
    held: Held,
    scratch: Scratch,
}

impl Connections {
    /// No connections yet, and room for `capacity`: memory that is not touched costs nothing, moving what
    /// is touched would.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { slab: Slab::with_capacity(capacity), whence: Vec::with_capacity(capacity), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether one more on this side is within the caps.
    pub(super) const fn has_room(&self, side: Side, caps: Caps) -> bool {
        match side {
            Side::Admin => self.admin < caps.admin,
            Side::Only | Side::Public => self.public < caps.public,
        }
    }

    /// How many there are of each address.
    pub(super) const fn per_address(&self) -> &PerAddress {
        &self.per_address
    }

    /// What requests and answers take.
    pub(super) const fn held(&self) -> &Held {
        &self.held
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
        is_proxied: bool,
        http: http::Connection,
    ) -> Key {
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        match side {
            _ if is_over_cap => {}
            Side::Admin => self.admin += 1,
            Side::Only | Side::Public => {
                self.public += 1;
                if let Some(ip) = peer.ip().filter(|_| !is_proxied) {
                    self.per_address.add(ip);
                }
            }
        }
        let port = match peer {
            Peer::Ip(address) => address.port(),
            Peer::Unix => 0,
        };
        let exchange = Exchange { http, incoming: None, deadline: None, share: Share::default(), taken: 0 };
        let index = self.slab.insert(Connection {
            transport,
            generation,
            is_readable: false,
            is_peer_closed: false,
            is_queued: false,
            state: State::Http(Box::new(exchange)),
        });
        let via = is_proxied.then(Box::default);
        let whence = Whence { ip: peer.ip(), port, side, is_over_cap, pass: Pass::OPEN, via };
        match self.whence.get_mut(index) {
            Some(place) => *place = whence,
            None => self.whence.push(whence),
        }
        Key { index: index as u32, generation }
    }

    /// Where a connection came from.
    pub(super) fn whence(&self, key: Key) -> Option<&Whence> {
        self.get(key)?;
        self.whence.get(key.index as usize)
    }

    /// Takes note of what lets a stream in.
    pub(super) fn let_in_by(&mut self, key: Key, pass: Pass) {
        if self.get(key).is_some()
            && let Some(whence) = self.whence.get_mut(key.index as usize)
        {
            whence.pass = pass;
        }
    }

    /// The streams, with what let each in.
    pub(super) fn passes_mut(&mut self) -> impl Iterator<Item = (Key, &mut Pass)> {
        let slab = &self.slab;
        self.whence.iter_mut().zip(0..).filter_map(|(whence, index)| {
            let connection = slab.get(index as usize)?;
            let key = Key { index, generation: connection.generation };
            matches!(connection.state, State::Stream { .. }).then_some((key, &mut whence.pass))
        })
    }

    /// Counts a trusted proxy's connection for this client from now on; false when that one has too many.
    pub(super) fn attribute(&mut self, key: Key, client: Option<IpAddr>, cap_per_ip: usize) -> bool {
        if self.get(key).is_none() {
            return true;
        }
        let Some(whence) = self.whence.get_mut(key.index as usize) else { return true };
        match &mut whence.via {
            None => true,
            // Those beyond the caps are not counted, and addresses are not on the admin side.
            Some(via) if whence.is_over_cap || whence.side == Side::Admin => {
                via.client = client;
                true
            }
            Some(via) => self.per_address.move_to(via, client, cap_per_ip),
        }
    }

    /// Takes note of what the connection holds now.
    pub(super) fn account(&mut self, key: Key) {
        let Some(connection) = self.get_mut(key) else { return };
        let State::Http(exchange) = &mut connection.state else { return };
        let new = Share::of(&exchange.http, &connection.transport);
        let old = std::mem::replace(&mut exchange.share, new);
        self.held.change(key, old, new);
    }

    /// The connection is no more, or carries no requests any more: it holds nothing.
    pub(super) fn release(&mut self, key: Key) {
        let Some(exchange) = self.exchange_mut(key) else { return };
        let old = std::mem::take(&mut exchange.share);
        self.held.change(key, old, Share::default());
    }

    /// Says whose connection it is that becomes something else.
    pub(super) fn log_begun(&self, key: Key, what: &str) {
        if let Some(whence) = self.whence(key) {
            log::debug!(address:% = whence.client(); "{what}");
        }
    }

    /// Whether the connection would give up what it holds.
    pub(super) fn would_shed(&self, key: Key) -> bool {
        let connection = self.get(key);
        connection.is_some_and(
            |connection| matches!(&connection.state, State::Http(exchange) if exchange.share.is_spare()),
        )
    }

    /// Asserts, where that is not too much work, that what all hold is the sum of what each does.
    pub(super) fn assert_held(&self) {
        if cfg!(debug_assertions) && self.slab.len() <= ASSERTED {
            let is_noted = |connection: &Connection| match &connection.state {
                State::Http(exchange) => exchange.share == Share::of(&exchange.http, &connection.transport),
                State::Stream { .. } | State::Diagnosing(_) | State::Lingering(_) => true,
            };
            assert!(self.slab.iter().all(|(_, connection)| is_noted(connection)));
            let sum: usize = self.exchanges().map(|exchange| exchange.share.bytes()).sum();
            assert_eq!(sum, self.held.total());
        }
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
            State::Stream { .. } | State::Diagnosing(_) | State::Lingering(_) => None,
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Connection> {
        self.get(key)?;
        self.release(key);
        let connection = self.slab.remove(key.index as usize);
        let Some(whence) = self.whence.get_mut(key.index as usize) else { return Some(connection) };
        let via = whence.via.take();
        match whence.side {
            _ if whence.is_over_cap => {}
            Side::Admin => self.admin -= 1,
            Side::Only | Side::Public => {
                self.public -= 1;
                match (via, whence.ip) {
                    (Some(mut via), _) => self.per_address.leave(&mut via),
                    (None, Some(ip)) => self.per_address.remove(ip),
                    (None, None) => {}
                }
            }
        }
        Some(connection)
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
        // What was taken counts as sent when all of it has left: said before more is taken, as it is progress.
        if exchange.taken == 0 {
            exchange.taken = transport.send(&[IoSlice::new(exchange.http.output())], scratch)?;
            if transport.has_backlog() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
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

    /// Whether last bytes of a stream that was ended are still here, not in the kernel.
    pub(super) fn has_last_bytes(&self) -> bool {
        let mut ended =
            self.slab.iter().filter(|(_, connection)| matches!(connection.state, State::Lingering(_)));
        ended.any(|(_, connection)| connection.transport.has_backlog())
    }

    /// The connections that carry requests.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.slab.iter().filter_map(|(_, connection)| match &connection.state {
            State::Http(exchange) => Some(&**exchange),
            State::Stream { .. } | State::Diagnosing(_) | State::Lingering(_) => None,
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
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, StreamOwned};

    use super::*;
    use crate::clock::Mono;
    use crate::http::{Event, Response};
    use crate::limits::{KIB, Limits};
    use crate::net::transport::tests::configs;

    /// A client of TLS that has agreed on keys, and its connection, which takes few bytes at once.
    fn with_tls(connections: &mut Connections) -> (Key, StreamOwned<ClientConnection, TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&accepted).set_send_buffer_size(16 * KIB).unwrap();
        let (server, client) = configs(&rustls::version::TLS13);
        let http = http::Connection::new(Mono::ZERO, &Limits::default());
        let transport = Transport::new(accepted).with_tls(server).unwrap();
        let key = connections.insert(transport, Peer::Ip(peer), Side::Only, false, false, http);
        let client = ClientConnection::new(client, ServerName::try_from("localhost").unwrap()).unwrap();
        let mut client = StreamOwned::new(client, socket);
        let mut buffer = vec![0; 64 * KIB];
        while client.conn.is_handshaking() || connections.get(key).unwrap().transport.is_handshaking() {
            while client.conn.wants_write() {
                client.conn.write_tls(&mut client.sock).unwrap();
            }
            connections.receive(key, &mut buffer).unwrap();
            if client.conn.is_handshaking() {
                client.conn.read_tls(&mut client.sock).unwrap();
                client.conn.process_new_packets().unwrap();
            }
        }
        // What the system has for it may wait for an acknowledgement.
        client.sock.set_read_timeout(Some(std::time::Duration::from_millis(5))).unwrap();
        (key, client)
    }

    /// Who takes a long answer slowly must not be taken for one who takes none of it.
    #[test]
    fn what_has_left_of_an_answer_is_told_before_all_of_it_has() {
        const ANSWER: usize = 1024 * KIB;
        let (mut connections, limits) = (Connections::default(), Limits::default());
        let (key, mut client) = with_tls(&mut connections);
        let exchange = connections.exchange_mut(key).unwrap();
        exchange.http.handle_input(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Mono::ZERO, &limits);
        assert!(matches!(exchange.http.poll_event(Mono::ZERO, &limits), Some(Event::Head(_))));
        exchange.http.respond(Response::new(200).text("text/plain", vec![b'x'; ANSWER]), Mono::ZERO, &limits);
        let (mut left, mut read, mut chunk) = (0, 0, vec![0; 16 * KIB]);
        while left < ANSWER / 2 {
            assert!(read < 3 * ANSWER / 4, "{left} bytes have left of {read} that came");
            match connections.send_answer(key) {
                Ok(bytes) => {
                    let exchange = connections.exchange_mut(key).unwrap();
                    exchange.http.handle_output_taken(bytes, Mono::ZERO);
                    left += bytes;
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    read += client.read(&mut chunk).unwrap_or(0);
                }
            }
        }
    }

    /// Most connections are idle streams: one is this, and a client of the hub. A sweep waits for the first of the
    /// two to come from memory.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 40, "{}", size_of::<Connection>());
        assert!(size_of::<Whence>() <= 32, "{}", size_of::<Whence>());
    }
}
