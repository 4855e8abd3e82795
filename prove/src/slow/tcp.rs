//! The server's end of a connection, as the kernel tells it: a peer that does not read cannot see the close itself.

use std::fs;
use std::net::SocketAddr;

use crate::failure::Result;

/// Open, with nothing closed on either side.
pub(super) const ESTABLISHED: u8 = 1;

/// The state of the connection between a server and its peer, as the server has it, and the bytes that wait to be
/// sent; `None` when it is gone.
pub(super) fn state(server: SocketAddr, peer: SocketAddr) -> Result<Option<(u8, u64)>> {
    let table = fs::read_to_string("/proc/net/tcp")?;
    Ok(find(&table, server.port(), peer.port()))
}

fn find(table: &str, server: u16, peer: u16) -> Option<(u8, u64)> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, queues, ..] = fields[..] else {
            return None;
        };
        let port = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
        if port(local)? != server || port(remote)? != peer {
            return None;
        }
        let waiting = u64::from_str_radix(queues.split_once(':')?.0, 16).ok()?;
        Some((u8::from_str_radix(state, 16).ok()?, waiting))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_by_its_ports() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
            0: 0100007F:1F90 0100007F:9C40 01 0000A000:00000000 01:00000014 00000000\n   \
            1: 0100007F:9C40 0100007F:1F90 04 00000000:00000005 00:00000000 00000000\n";
        assert_eq!(find(table, 8080, 40000), Some((ESTABLISHED, 0xA000)));
        assert_eq!(find(table, 40000, 8080), Some((4, 0)));
        assert_eq!(find(table, 8080, 1), None);
    }
}
