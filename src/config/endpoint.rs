//! Where a listener is: an address with a port, or a socket file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::is_loopback;

/// What a socket file's name begins with.
const UNIX: &str = "unix:";
/// Bytes of a socket file's path (unix(7), `sun_path`, without the NUL at its end).
const PATH_BYTES: usize = 107;

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A socket file, by its absolute path.
    Unix(PathBuf),
}

impl Endpoint {
    /// Reads one; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(path) = text.strip_prefix(UNIX) else {
            let address = text.trim().parse().map(Self::Ip);
            return address.map_err(
                |_| "is neither an address with its port (host names are not looked up) nor unix:/PATH",
            );
        };
        // The program's working directory is not what anybody thinks of.
        if !path.starts_with('/') {
            return Err("has a socket file without an absolute path");
        }
        if path.len() > PATH_BYTES || path.contains('\0') {
            return Err("has a path that no socket file can have: at most 107 bytes, none of them 0");
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }

    /// Whether other machines reach it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Ip(address) => !is_loopback(address.ip()),
            Self::Unix(_) => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        for text in ["127.0.0.1:9090", "[::1]:0", "unix:/run/ssecast/0/admin.sock"] {
            assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.to_string()), Ok(text.to_owned()));
        }
        let long = format!("unix:/{}", "x".repeat(PATH_BYTES));
        for bad in ["", "localhost:1", "127.0.0.1", "unix:", "unix:a.sock", "unix:/a\0b", "/a.sock", &long] {
            assert!(Endpoint::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Endpoint::parse(&long[..long.len() - 1]).is_ok());
    }

    #[test]
    fn a_socket_file_and_loopback_are_reached_from_this_machine_only() {
        let is_open = |text| Endpoint::parse(text).unwrap().is_open();
        for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["127.8.9.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0", "unix:/a"] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
