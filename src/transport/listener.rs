//! The listener: who is let in, for how long a connection may keep us waiting, and how it is served.
//!
//! One stranger must not take what all need. So connections are counted ([`Doors`]), each has deadlines of the
//! process's clock for whatever it owes ([`Peer`]), and what a peer sends or takes has to go on at some pace
//! ([`Pace`]). What is refused or ended by that is counted by why.

mod accept;
mod attend;
mod body;
mod connection;
mod doors;
mod pace;
mod peer;
mod spares;

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

pub use self::accept::{Accepting, Reserve};
pub use self::body::TooSlow;
pub use self::connection::Connection;
pub use self::doors::{Doors, Full, Place};
pub use self::pace::{GRACE, Pace};
pub use self::peer::{House, Peer};

/// Connections that wait to be accepted: thousands come back at once after a restart.
const BACKLOG: u32 = 4096;
/// What the system keeps for a peer that does not read; it takes twice as much.
pub const SEND_BUFFER: usize = 64 * 1024;

/// Listens on an address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // So that a server can be started again at once where one has just stopped.
    socket.set_reuseaddr(true)?;
    // What is accepted has the same.
    SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
