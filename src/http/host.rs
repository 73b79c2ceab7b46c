//! Which hosts the server answers for: `server.hosts`, against a page that reaches it under a name of its own
//! (DNS rebinding).
//!
//! Never resolves a name. Hosts are compared without case and without the dot of the root at the end; a port
//! counts only where the entry has one.

use std::net::Ipv6Addr;

use super::authority::is_authority;

/// The ports of a request that names none (RFC 9110 section 4.2): which of the two it was sent to is known to
/// the proxy in front alone.
const OWN_PORTS: [u16; 2] = [80, 443];

/// The hosts; none are all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    entries: Vec<Authority>,
}

/// A host with a port, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case, without a dot at the end.
    Name(String),
    Address(Ipv6Addr),
}

impl Hosts {
    /// These entries; those that `check_entry` refuses are left out.
    #[must_use]
    pub fn new<T: AsRef<str>>(entries: &[T]) -> Self {
        Self { entries: entries.iter().filter_map(|entry| Authority::parse(entry.as_ref())).collect() }
    }

    /// Whether `entry` is a host with or without a port, as it may stand in a request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_entry(entry: &str) -> Result<(), &'static str> {
        if entry.parse::<Ipv6Addr>().is_ok() {
            return Err("is an IPv6 address without its [ ]");
        }
        let authority = Authority::parse(entry).ok_or("is no host[:port]")?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        match &authority.host {
            _ if entry.ends_with(':') => Err("has no port after its colon"),
            Host::Name(name) if !name.bytes().all(is_plain) => Err(
                "has no host of letters, digits, - . and _ (write an international name in its xn-- form)",
            ),
            _ => Ok(()),
        }
    }

    /// Whether a request for this authority is answered; `None` is one that names no host.
    #[must_use]
    pub fn allow(&self, authority: Option<&str>) -> bool {
        if self.entries.is_empty() {
            return true;
        }
        let asked = authority.and_then(Authority::parse);
        asked.is_some_and(|asked| self.entries.iter().any(|entry| entry.covers(&asked)))
    }
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        if !is_authority(text) {
            return None;
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Host::Address(address.parse().ok()?), port.strip_prefix(':'))
            }
            None => {
                let (name, port) =
                    text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
                let name = name.strip_suffix('.').unwrap_or(name);
                (Host::Name(name.to_ascii_lowercase()), port)
            }
        };
        let port = port.filter(|port| !port.is_empty()).map(str::parse).transpose().ok()?;
        Some(Self { host, port })
    }

    fn covers(&self, asked: &Self) -> bool {
        let is_port = |port| asked.port.map_or(OWN_PORTS.contains(&port), |asked| asked == port);
        self.host == asked.host && self.port.is_none_or(is_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_names_and_as_addresses() {
        let hosts =
            Hosts::new(&["Shop.example", "a.example:8443", "b.example:443", "127.0.0.1", "[0:0::1]:80"]);
        for good in [
            "shop.example",
            "SHOP.EXAMPLE",
            "shop.example.",
            "shop.example:1",
            "shop.example.:8080",
            "shop.example:",
            "a.example:8443",
            "A.example.:8443",
            "b.example",
            "b.example:443",
            "127.0.0.1:9",
            "[::1]",
            "[::1]:80",
            "[0000::0001]",
        ] {
            assert!(hosts.allow(Some(good)), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "shop.example.evil.example",
            "xshop.example",
            "example",
            "shop.example..",
            ".shop.example",
            "shop%2eexample",
            "shop.example,evil.example",
            "a.example",
            "a.example:443",
            "a.example:80",
            "b.example:80",
            "127.0.0.2",
            "127.1",
            "2130706433",
            "[::1]:81",
            "::1",
            "[::ffff:127.0.0.1]",
            "localhost",
            "shop.example:x",
        ] {
            assert!(!hosts.allow(Some(bad)), "{bad}");
        }
        assert!(!hosts.allow(None));
    }

    #[test]
    fn no_list_allows_everything() {
        assert!(Hosts::default().allow(None) && Hosts::default().allow(Some("anything")));
    }

    #[test]
    fn entries_are_checked() {
        for good in
            ["localhost", "a.example", "a_b.example:8080", "127.0.0.1", "[::1]", "[2001:db8::1]:80", "a."]
        {
            assert_eq!(Hosts::check_entry(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.example",
            "::1",
            "a.example:",
            "a:65536",
            "http://a",
            "a/",
            "ä.example",
            "[::1",
            "a b",
            "a,b",
            "%41",
        ] {
            assert!(Hosts::check_entry(bad).is_err(), "{bad:?}");
        }
    }
}
