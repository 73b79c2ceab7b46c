//! The limits that take more than one connection to reach: who comes too fast, who publishes too fast, and who
//! holds the most memory when all together hold too much.
//!
//! Which limits there are is said in `limits`; what a client is told, in `api`.

use std::net::IpAddr;

use super::connections::Whence;
use super::pacing::Pacing;
use super::server::Server;
use crate::address::{Trusted, counted};
use crate::api::{Peer, Side, Standing};
use crate::clock::Mono;
use crate::config::Config;
use crate::http::{BodyKind, Event, Request};
use crate::key::Key;
use crate::limits::{Limit, Limits};
use crate::rate::{Gate, Names, Rates};

const ACCEPTS: Names = Names { all: Limit::AcceptRate, each: Limit::AcceptRatePerIp };

/// See the top of this file.
pub(super) struct Guard {
    trusted: Trusted,
    accepts: Gate<IpAddr>,
    pub(super) pacing: Pacing,
}

impl Guard {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            trusted: Trusted::new(&config.server.trusted_proxies),
            accepts: Gate::new(accepts(&config.limits), ACCEPTS),
            pacing: Pacing::new(&config.limits),
        }
    }

    /// Takes another configuration over. Connections that are open stay trusted or not.
    pub(super) fn set_options(&mut self, config: &Config) {
        self.trusted = Trusted::new(&config.server.trusted_proxies);
        self.accepts.set_rates(accepts(&config.limits));
        self.pacing.set_limits(&config.limits);
    }

    /// Whether this peer's word about its clients is taken.
    pub(super) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.trusts(peer)
    }

    /// Lets a connection in, unless connections come too fast; those of a trusted proxy are of many clients.
    pub(super) fn accept(&mut self, ip: Option<IpAddr>, now: Mono) -> Result<(), Limit> {
        self.accepts.take(ip.map(counted), 1, now).map_err(|over| over.limit)
    }
}

fn accepts(limits: &Limits) -> Rates {
    let (all, each) = (limits.accept.rate(), limits.accept_per_ip.rate());
    Rates { all, each, keys: limits.rate_addresses }
}

impl Server {
    /// The limit that a connection is beyond, if any.
    pub(super) fn limit_on(&mut self, peer: Peer, side: Side, is_proxied: bool) -> Option<Limit> {
        let (has_room, is_admin) = (self.connections.has_room(side, self.caps), side == Side::Admin);
        match (has_room, is_admin) {
            (false, false) => return Some(Limit::Connections),
            (false, true) => return Some(Limit::AdminConnections),
            // Operators are not to be kept out by the limits on strangers.
            (true, true) => return None,
            (true, false) => {}
        }
        let (ip, cap) = (peer.ip().filter(|_| !is_proxied), self.config.limits.connections_per_ip);
        if ip.is_some_and(|ip| !self.connections.per_address().has_room(ip, cap)) {
            return Some(Limit::ConnectionsPerIp);
        }
        self.guard.accept(ip, self.now.mono).err()
    }

    /// Finds out whom a request is from, where a trusted proxy passes it on, and counts the connection for that
    /// client; false when that one has too many.
    pub(super) fn attribute(&mut self, key: Key, request: &Request) -> bool {
        if !self.connections.whence(key).is_some_and(Whence::is_proxied) {
            return true;
        }
        let forwarded = request.elements("x-forwarded-for");
        let client = self.guard.trusted.client(forwarded.into_iter());
        let has_room = self.connections.attribute(key, client, self.config.limits.connections_per_ip);
        if !has_room {
            self.hub.metrics_mut().count_limited(Limit::ConnectionsPerIp);
        }
        has_room
    }

    /// What limits would say to a request now.
    pub(super) fn standing(&mut self, key: Key) -> Standing {
        // Its own head is a request that is being decided on now, and no longer to be spared.
        self.connections.account(key);
        let held = self.connections.held();
        let taken = held.total() - held.spare();
        Standing {
            room_bytes: self.config.limits.parser_bytes.saturating_sub(taken),
            body_bytes: self.config.limits.body_bytes,
        }
    }

    /// Makes room for a body that `standing` had room for: unfinished heads and answers that nobody takes go first.
    pub(super) fn make_room(&mut self, body: BodyKind) {
        let bytes = body.bytes_to_expect(self.config.limits.body_bytes);
        while self.connections.held().total() + bytes > self.config.limits.parser_bytes {
            let Some(key) = self.connections.held().largest_but_bodies() else { return };
            self.shed(key);
        }
    }

    /// Takes note of what a connection holds now. Where all together hold too much, whoever holds the most is closed.
    pub(super) fn account(&mut self, key: Key) {
        self.connections.account(key);
        while self.connections.held().total() > self.config.limits.parser_bytes {
            let largest = self.connections.held().largest();
            let Some(key) = largest.or_else(|| self.connections.would_shed(key).then_some(key)) else {
                return;
            };
            self.shed(key);
        }
    }

    fn shed(&mut self, key: Key) {
        self.hub.metrics_mut().count_limited(Limit::ParserBytes);
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        exchange.http.shed(self.now.mono);
        if let Some(Event::Rejected { status, .. }) =
            exchange.http.poll_event(self.now.mono, &self.config.limits)
        {
            self.count_request(status);
        }
        self.send_answers(key);
        self.poll_closes(key);
        self.arm(key);
        self.connections.account(key);
    }
}
