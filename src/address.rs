//! Addresses of clients: what counts as one client, which are on this machine, and whom a trusted proxy speaks for.
//!
//! Never resolves a name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Entries of X-Forwarded-For that are looked at, from the right.
const HOPS: usize = 32;
/// What an entry of `server.trusted_proxies` is for whoever comes by a socket file.
const UNIX: &str = "unix";

/// The address that limits count a client by: who has one IPv6 address has all of its /64 (RFC 6177), and an
/// IPv4 address within IPv6 is what it is.
#[must_use]
pub fn counted(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

/// Whether nobody but this machine has it; an IPv4 address within IPv6 is what it is.
#[must_use]
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Proxies whose word about their clients is taken: `server.trusted_proxies`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    networks: Vec<Network>,
    unix: bool,
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    ip: IpAddr,
    /// Bits of `ip` that count.
    prefix: u32,
}

impl Trusted {
    /// These entries; those that `check_entry` refuses are left out.
    #[must_use]
    pub fn new<T: AsRef<str>>(entries: &[T]) -> Self {
        let networks = entries.iter().filter_map(|entry| Network::parse(entry.as_ref()).ok()).collect();
        Self { networks, unix: entries.iter().any(|entry| entry.as_ref() == UNIX) }
    }

    /// Whether `entry` is an address, a network or `unix`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_entry(entry: &str) -> Result<(), &'static str> {
        if entry == UNIX { Ok(()) } else { Network::parse(entry).map(drop) }
    }

    /// Whether the word of this peer is taken; `None` is one at a socket file.
    #[must_use]
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |ip| self.networks.iter().any(|network| network.contains(ip)))
    }

    /// Whom a trusted peer speaks for: the last address in `forwarded`, the elements of X-Forwarded-For in order,
    /// that is no trusted proxy's itself. An element that is no address ends the search, and the one after it
    /// counts, as does the first one when all are trusted; without any it is `None`.
    #[must_use]
    pub fn client<'a>(&self, forwarded: impl DoubleEndedIterator<Item = &'a [u8]>) -> Option<IpAddr> {
        let mut client = None;
        for element in forwarded.rev().take(HOPS) {
            let Some(ip) = parse_element(element) else { break };
            client = Some(ip);
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
        let ip: IpAddr =
            ip.parse().map_err(|_| "is no address, no network such as 10.0.0.0/8 and not unix")?;
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let prefix = match prefix {
            None => bits,
            Some(prefix) => Some(prefix)
                .filter(is_number)
                .and_then(|prefix| prefix.parse().ok())
                .filter(|&prefix| prefix <= bits)
                .ok_or("has a wrong number of bits after its slash")?,
        };
        if ip != ip.to_canonical() {
            return Err("is IPv4 within IPv6: write it as IPv4");
        }
        let network = Self { ip, prefix };
        let kept = network.bits_of(ip).checked_shl(bits - prefix).unwrap_or(0);
        if kept == to_bits(ip) { Ok(network) } else { Err("has bits beyond those of the network") }
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && self.bits_of(ip) == self.bits_of(self.ip)
    }

    /// The bits of `ip` that count.
    fn bits_of(&self, ip: IpAddr) -> u128 {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        to_bits(ip).checked_shr(bits - self.prefix).unwrap_or(0)
    }
}

fn to_bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// An address as proxies write it: alone, or with a port; IPv6 also in brackets.
fn parse_element(element: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(element).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = match bare {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok()?,
    };
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ipv6_counts_by_its_network_and_mapped_ipv4_as_ipv4() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            ("::1", "::"),
        ] {
            assert_eq!(counted(ip(text)), ip(expected), "{text}");
        }
    }

    #[test]
    fn loopback_is_a_network_in_both_versions() {
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(ip(local)), "{local}");
        }
        for other in ["0.0.0.0", "192.0.2.1", "::", "::2", "::ffff:192.0.2.1", "::127.0.0.1"] {
            assert!(!is_loopback(ip(other)), "{other}");
        }
    }

    #[test]
    fn entries_are_addresses_networks_and_unix() {
        for good in
            ["unix", "127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "::1", "fd00::/8", "192.0.2.1/32"]
        {
            assert_eq!(Trusted::check_entry(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "fd00::1/8",
            "::/129",
            "10.0.0",
            "10.0.0.0/8/8",
            "[::1]",
            "127.0.0.1:80",
            "Unix",
            " unix",
            "1.0.0.0/0",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(Trusted::check_entry(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn who_is_trusted() {
        let trusted = Trusted::new(&["10.0.0.0/8", "192.0.2.1", "fd00::/8", "unix"]);
        for one in ["10.255.0.1", "192.0.2.1", "::ffff:10.0.0.1", "fd12::1"] {
            assert!(trusted.trusts(Some(ip(one))), "{one}");
        }
        for one in ["11.0.0.1", "192.0.2.2", "::1", "fe00::1", "::10.0.0.1"] {
            assert!(!trusted.trusts(Some(ip(one))), "{one}");
        }
        assert!(trusted.trusts(None));
        assert!(!Trusted::default().trusts(None) && !Trusted::default().trusts(Some(ip("127.0.0.1"))));
        assert!(Trusted::new(&["0.0.0.0/0"]).trusts(Some(ip("8.8.8.8"))));
        assert!(!Trusted::new(&["0.0.0.0/0"]).trusts(Some(ip("2001:db8::1"))));
    }

    #[test]
    fn the_client_is_the_last_one_that_is_not_trusted() {
        let trusted = Trusted::new(&["10.0.0.0/8", "fd00::/8"]);
        for (header, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.9, 192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1, 10.0.0.1, fd00::1", Some("192.0.2.1")),
            ("10.0.0.2, 10.0.0.1", Some("10.0.0.2")),
            ("192.0.2.1:4711, 10.0.0.1:80", Some("192.0.2.1")),
            ("[2001:db8::1]:80, [fd00::1]", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1, unknown, 10.0.0.1", Some("10.0.0.1")),
            ("192.0.2.1, 10.0.0.1, x", None),
            ("192.0.2.1, 10.0.0.256", None),
            ("\"192.0.2.1\"", None),
            ("[192.0.2.1]", None),
            ("fe80::1%eth0", None),
            ("127.0.0.1\u{a0}", None),
        ] {
            let elements: Vec<&[u8]> = header.split(", ").map(str::as_bytes).collect();
            assert_eq!(trusted.client(elements.into_iter()), expected.map(ip), "{header}");
        }
        assert_eq!(trusted.client([].into_iter()), None);
        assert_eq!(trusted.client([&b"\xff"[..]].into_iter()), None);
    }

    #[test]
    fn the_search_is_bounded() {
        let trusted = Trusted::new(&["10.0.0.0/8"]);
        let mut elements = vec![&b"192.0.2.1"[..]];
        elements.extend(vec![&b"10.0.0.1"[..]; HOPS]);
        assert_eq!(trusted.client(elements.clone().into_iter()), Some(ip("10.0.0.1")));
        elements.pop();
        assert_eq!(trusted.client(elements.into_iter()), Some(ip("192.0.2.1")));
    }
}
