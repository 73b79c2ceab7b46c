//! Where a server listens: a host and a port, or a socket file.
//!
//! Never resolves a name. Errors never quote the text: part of it may be a password that went astray.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

/// Redis' own port.
pub(super) const PORT: u16 = 6379;
/// The sentinels' own port.
pub const SENTINEL_PORT: u16 = 26379;
/// Bytes of a host name (RFC 1035 section 2.3.4).
const HOST_BYTES: usize = 253;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host name or IP address, without brackets, and a port that is not 0.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket file.
    Unix(PathBuf),
}

impl Address {
    /// Parses `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address.
    ///
    /// # Errors
    ///
    /// What is wrong, without the text.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, &'static str> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or("has a [ without its ]")?;
                if host.parse::<Ipv6Addr>().is_err() {
                    return Err("has no IPv6 address in its brackets");
                }
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err("has something between ] and the port"),
                }
            }
            None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Ok(default_port), parse_port)?;
        Self::tcp(host, port)
    }

    /// Of a host without brackets and a port.
    pub(super) fn tcp(host: &str, port: u16) -> Result<Self, &'static str> {
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.is_empty() {
            return Err("has no host");
        }
        if host.len() > HOST_BYTES || !(host.bytes().all(named) || host.parse::<Ipv6Addr>().is_ok()) {
            return Err("has a host that is neither a name (as in DNS, in ASCII) nor an IP address");
        }
        if matches!(host, "0.0.0.0" | "::") {
            return Err("has a host that one listens on; a server to connect to is needed");
        }
        if port == 0 {
            return Err("has port 0; 1 to 65535 are there");
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }

    /// Of the absolute path of a socket file.
    pub(super) fn unix(path: &Path) -> Result<Self, &'static str> {
        if !path.is_absolute() {
            return Err("has a socket file whose path does not begin with a slash");
        }
        if path.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_control) {
            return Err("has control characters in the path of its socket file");
        }
        Ok(Self::Unix(path.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Digits only: no sign, no space.
fn parse_port(text: &str) -> Result<u16, &'static str> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or("has a port that is no number from 1 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_one() {
        for (text, shown) in [
            ("a", "a:7"),
            ("redis-1.example.com:6379", "redis-1.example.com:6379"),
            ("my_redis:1", "my_redis:1"),
            ("127.0.0.1:65535", "127.0.0.1:65535"),
            ("[::1]", "[::1]:7"),
            ("[2001:db8::7]:8", "[2001:db8::7]:8"),
            ("::1", "[::1]:7"),
        ] {
            assert_eq!(Address::parse(text, 7).map(|address| address.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn addresses_that_are_none() {
        let long = "a".repeat(254);
        for text in [
            "",
            ":1",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:-1",
            "a: 1",
            "a:1:2",
            "a b",
            "a/b",
            "a@b",
            "u:p@b",
            "a%41",
            "a\r\nb",
            "ä",
            "[::1",
            "[::1]1",
            "[a]:1",
            "[]:1",
            "[fe80::1%eth0]:1",
            "0.0.0.0",
            "[::]:1",
            "!/a",
            &long,
        ] {
            assert!(Address::parse(text, 7).is_err(), "{text:?}");
        }
    }

    #[test]
    fn socket_files() {
        assert_eq!(Address::unix(Path::new("/run/r.sock")).unwrap().to_string(), "/run/r.sock");
        for path in ["", "r.sock", "/run/\0", "/run/\n"] {
            assert!(Address::unix(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
