//! A loopback port for a process that cannot be told to take any, such as Redis.
//!
//! Invariants:
//! - No other test on this machine, of this process or another, gets a port that is claimed, not even while
//!   nothing listens there: a process that was killed can come back on it.
//! - It lies outside of the range that the kernel takes for outgoing connections. So none of those occupies it,
//!   and a client that tries again and again while nobody listens cannot end up connected to itself.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// The lowest port that is claimed; the well-known services are below, also the Redis of the system (6379).
const LOWEST: u16 = 10_000;

/// Where the Sentinel of the system is.
const SENTINEL_OF_THE_SYSTEM: u16 = 26_379;

/// A port, ours until it is dropped.
pub(crate) struct Port {
    number: u16,
    /// An abstract name: it belongs to the same network namespace as the port, and goes with the process.
    _claim: UnixListener,
}

impl Port {
    /// Claims any port on which nobody listens.
    pub(crate) fn any() -> Self {
        let candidates = candidates();
        let start = fastrand::usize(..candidates.len());
        candidates[start..]
            .iter()
            .chain(&candidates[..start])
            .find_map(|number| Self::claim(*number))
            .expect("one of thousands of ports is free")
    }

    /// Claims this port; `None` when another test has it, or somebody listens there.
    pub(crate) fn claim(number: u16) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("ssecast-test-port-{number}"));
        let claim = UnixListener::bind_addr(&name.expect("a short name is a name")).ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self { number, _claim: claim })
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// The ports that may be claimed.
fn candidates() -> Vec<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("the kernel tells");
    let range: Vec<u16> = text.split_whitespace().map(|port| port.parse().expect("a port")).collect();
    let [first, last] = range[..] else { panic!("no range: {text:?}") };
    let outgoing = first..=last;
    (LOWEST..=u16::MAX).filter(|port| !outgoing.contains(port) && *port != SENTINEL_OF_THE_SYSTEM).collect()
}
