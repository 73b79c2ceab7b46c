//! Where a connection came from: its peer, its side, and the client that a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use crate::api::{Client, Peer, Side};
use crate::auth::Pass;
use crate::net::per_address::Via;

/// Where a connection came from.
pub(in crate::net) struct Whence {
    /// The peer's address, if it has one...
    pub(super) ip: Option<IpAddr>,
    /// ...and its port.
    pub(super) port: u16,
    pub(in crate::net) side: Side,
    /// It came when there were too many.
    pub(in crate::net) is_over_cap: bool,
    /// What let it in, where it is a stream.
    pub(super) pass: Pass,
    /// Whom it speaks for, where it is a trusted proxy's.
    pub(super) via: Option<Box<Via>>,
}

impl Whence {
    pub(in crate::net) fn peer(&self) -> Peer {
        self.ip.map_or(Peer::Unix, |ip| Peer::Ip(SocketAddr::new(ip, self.port)))
    }

    /// Whether it is a trusted proxy's.
    pub(in crate::net) const fn is_proxied(&self) -> bool {
        self.via.is_some()
    }

    /// Whose it is, for people.
    pub(in crate::net) fn client(&self) -> Client {
        let forwarded = self.via.as_ref().and_then(|via| via.client);
        forwarded.map_or(Client::Direct(self.peer()), Client::Forwarded)
    }

    /// Whose limits count; those of nobody, where a trusted proxy speaks for itself.
    pub(in crate::net) fn limited_as(&self) -> Option<IpAddr> {
        self.via.as_ref().map_or(self.ip, |via| via.client)
    }
}
