//! Open connections by the address that limits count them by.
//!
//! Invariant: no address without connections is kept.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::address;

/// See the top of this file.
#[derive(Debug, Default)]
pub(super) struct PerAddress {
    connections: HashMap<IpAddr, u32>,
}

/// Whom the connection of a trusted proxy speaks for at the moment, and whom it is counted for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Via {
    pub(super) client: Option<IpAddr>,
    counted: Option<IpAddr>,
}

impl PerAddress {
    /// Whether one more of this address is within a cap; a cap of 0 is none.
    pub(super) fn has_room(&self, ip: IpAddr, cap: usize) -> bool {
        let count = || self.connections.get(&address::counted(ip)).copied().unwrap_or(0);
        cap == 0 || (count() as usize) < cap
    }

    pub(super) fn add(&mut self, ip: IpAddr) {
        *self.connections.entry(address::counted(ip)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, ip: IpAddr) {
        let ip = address::counted(ip);
        if let Some(count) = self.connections.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.connections.remove(&ip);
            }
        }
    }

    /// Counts a proxy's connection for another client than before; false when that one has too many, and then it is
    /// counted for nobody.
    pub(super) fn move_to(&mut self, via: &mut Via, client: Option<IpAddr>, cap: usize) -> bool {
        self.leave(via);
        via.client = client;
        let Some(ip) = client else { return true };
        if !self.has_room(ip, cap) {
            return false;
        }
        self.add(ip);
        via.counted = Some(ip);
        true
    }

    /// A proxy's connection is counted for nobody any more.
    pub(super) fn leave(&mut self, via: &mut Via) {
        if let Some(counted) = via.counted.take() {
            self.remove(counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_one_network_share_a_cap() {
        let mut per = PerAddress::default();
        per.add(ip("2001:db8::1"));
        per.add(ip("2001:db8::2"));
        assert!(!per.has_room(ip("2001:db8::3"), 2) && per.has_room(ip("2001:db8:0:1::"), 2));
        assert!(per.has_room(ip("2001:db8::3"), 0) && per.has_room(ip("2001:db8::3"), 3));
        per.remove(ip("2001:db8::9"));
        per.remove(ip("2001:db8::9"));
        assert!(per.connections.is_empty());
    }

    #[test]
    fn a_proxy_is_counted_for_one_client_at_a_time() {
        let (mut per, mut via) = (PerAddress::default(), Via::default());
        assert!(per.move_to(&mut via, Some(ip("192.0.2.1")), 1));
        assert!(per.move_to(&mut via, Some(ip("192.0.2.1")), 1), "itself takes no second place");
        let mut other = Via::default();
        assert!(!per.move_to(&mut other, Some(ip("192.0.2.1")), 1));
        assert_eq!(other.client, Some(ip("192.0.2.1")));
        assert!(per.move_to(&mut other, Some(ip("192.0.2.2")), 1));
        assert!(per.move_to(&mut via, None, 1));
        per.leave(&mut other);
        per.leave(&mut other);
        assert!(per.connections.is_empty());
    }
}
