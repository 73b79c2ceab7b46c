//! The server's ends of the stalled streams, as the kernel has them: which are open, which are full.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::generator::STALLED_SOURCE;

const ESTABLISHED: &str = "01";

/// The server's sockets whose peer is a stalled stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalled {
    /// The streams that the server has not closed. They would not see it: the end comes after what they do not
    /// read.
    pub(crate) open: HashSet<SocketAddrV4>,
    /// Those of them with bytes that the client does not take.
    pub(crate) blocked: HashSet<SocketAddrV4>,
}

/// Counts the stalled streams of the server on `port`.
pub(crate) fn stalled(port: u16) -> io::Result<Stalled> {
    Ok(count(&fs::read_to_string("/proc/net/tcp")?, port))
}

fn count(table: &str, port: u16) -> Stalled {
    let local_end = format!(":{port:04X}");
    let mut counted = Stalled::default();
    for row in table.lines().skip(1) {
        let mut fields = row.split_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state), Some(queues)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if state != ESTABLISHED || !local.ends_with(&local_end) {
            continue;
        }
        if let Some(peer) = address(remote).filter(is_stalled) {
            // Sets: while sockets come and go the table may show one twice.
            counted.open.insert(peer);
            if !queues.starts_with("00000000:") {
                counted.blocked.insert(peer);
            }
        }
    }
    counted
}

/// Reads `0100007F:1F90`: the address is printed as a number of this machine's byte order.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn is_stalled(peer: &SocketAddrV4) -> bool {
    let [_, second, third, _] = peer.ip().octets();
    (second, third) == STALLED_SOURCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n\
            1: 0100007F:1F90 01C8007F:8001 01 00000000:00000000 00:00000000 00000000\n\
            2: 0100007F:1F90 02C8007F:8001 01 00004000:00000000 01:00000000 00000000\n\
            3: 0100007F:1F90 0164007F:8001 01 00004000:00000000 01:00000000 00000000\n\
            4: 0100007F:1F90 01C8007F:8002 04 00004000:00000000 01:00000000 00000000\n\
            5: 01C8007F:8001 0100007F:1F90 01 00000000:00000010 01:00000000 00000000\n\
            6: 0100007F:1F90 02C8007F:8001 01 00004000:00000000 01:00000000 00000000\n";
        let [idle, full] = ["127.0.200.1:32769", "127.0.200.2:32769"].map(|peer| peer.parse().unwrap());
        assert_eq!(count(table, 8080), Stalled { open: [idle, full].into(), blocked: [full].into() });
    }
}
