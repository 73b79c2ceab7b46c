//! Who asks, and by which listener.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::address::is_loopback;
use crate::http::Request;

/// Headers by which those on the way say that a request is another's (RFC 7239; RFC 9110 section 7.6.3).
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether a request says that a proxy passed it on.
pub(super) fn is_forwarded(request: &Request) -> bool {
    FORWARDED.iter().any(|name| request.has_header(name))
}

/// The listener that a connection came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The only one: everything is there.
    Only,
    /// The public one, beside an admin one: what is for everybody is there.
    Public,
    /// The admin one: everything is there.
    Admin,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody with an address.
    Ip(SocketAddr),
    /// A process on this machine that may write to the socket file.
    Unix,
}

impl Peer {
    /// Its address, if it has one.
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_local(self) -> bool {
        self.ip().is_none_or(is_loopback)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A client as logs and `/clients` show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The other end of its connection.
    Direct(Peer),
    /// Whom a trusted proxy speaks for.
    Forwarded(IpAddr),
}

impl Client {
    /// Its address, if it has one.
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Direct(peer) => peer.ip(),
            Self::Forwarded(ip) => Some(ip),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(peer) => peer.fmt(f),
            Self::Forwarded(ip) => ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_socket_files_are_local() {
        let ip = |text: &str| Peer::Ip(text.parse().unwrap());
        for local in [ip("127.0.0.2:1"), ip("[::1]:1"), ip("[::ffff:127.0.0.1]:1"), Peer::Unix] {
            assert!(local.is_local(), "{local}");
        }
        for other in [ip("192.0.2.1:1"), ip("[2001:db8::1]:1")] {
            assert!(!other.is_local(), "{other}");
        }
    }
}
