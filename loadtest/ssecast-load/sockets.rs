//! The server's ends of the stalled streams, as the kernel has them: which are open, which are full.

use std::fs;
use std::io;

use crate::generator::STALLED_SOURCE;

const ESTABLISHED: &str = "01";

/// The server's sockets whose peer is a stalled stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalled {
    /// Not closed by the server.
    pub(crate) open: u64,
    /// Those of them with bytes that the client does not take.
    pub(crate) blocked: u64,
}

/// Counts the stalled streams of the server on `port`.
pub(crate) fn stalled(port: u16) -> io::Result<Stalled> {
    Ok(count(&fs::read_to_string("/proc/net/tcp")?, port))
}

fn count(table: &str, port: u16) -> Stalled {
    let local_end = format!(":{port:04X}");
    // Addresses are printed as numbers of this machine's byte order, the last byte of the address first.
    let (second, third) = STALLED_SOURCE;
    let network = format!("{third:02X}{second:02X}7F:");
    let mut counted = Stalled::default();
    for row in table.lines().skip(1) {
        let mut fields = row.split_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state), Some(queues)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let peer = remote.get(2..2 + network.len());
        if state == ESTABLISHED && local.ends_with(&local_end) && peer == Some(network.as_str()) {
            counted.open += 1;
            counted.blocked += u64::from(!queues.starts_with("00000000:"));
        }
    }
    counted
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
            5: 01C8007F:8001 0100007F:1F90 01 00000000:00000010 01:00000000 00000000\n";
        assert_eq!(count(table, 8080), Stalled { open: 2, blocked: 1 });
    }
}
