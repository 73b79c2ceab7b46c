//! Accepting connections, also when descriptors run out.
//!
//! Socket options are set once on the listener: Linux hands them on to what it accepts.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Silence after which the system asks whether the peer is still there (tcp(7), TCP_KEEPIDLE)...
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
/// ...and how often it asks again; TCP_USER_TIMEOUT says when it gives up.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    /// Given up for a moment to accept and close a connection when no other descriptor is left: the
    /// client sees an end at once instead of waiting for ever.
    spare: Option<File>,
}

/// What came of accepting.
pub(super) enum Accepted {
    Connection(TcpStream, SocketAddr),
    /// One was accepted and closed again, as descriptors ran out.
    TurnedAway,
    /// One was gone before it was accepted.
    Gone,
    /// Nobody waits.
    Nobody,
    /// The system cannot accept now; to be tried again later.
    Later(io::Error),
}

/// How to listen.
pub(super) struct Options {
    /// Other processes of the same user may listen there, too (socket(7), SO_REUSEPORT).
    pub(super) reuse_port: bool,
    /// SO_SNDBUF of each connection.
    pub(super) sndbuf_bytes: usize,
    /// TCP_USER_TIMEOUT of each connection.
    pub(super) user_timeout: Duration,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(options.reuse_port)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_send_buffer_size(options.sndbuf_bytes)?;
        socket.set_tcp_user_timeout(Some(options.user_timeout))?;
        // A stream without heartbeats sends nothing that could stay unacknowledged.
        socket.set_tcp_keepalive(
            &TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL),
        )?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into());
        let address = socket.local_addr()?;
        Ok(Self { socket, address, spare: File::open("/dev/null").ok() })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, peer)) => Accepted::Connection(stream, peer),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Accepted::Nobody,
                // Nothing is wrong with us (accept(2), "Error handling").
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Accepted::Gone,
                _ => self.accept_with_spare(error),
            },
        }
    }

    fn accept_with_spare(&mut self, error: io::Error) -> Accepted {
        let had_spare = self.spare.take().is_some();
        let turned_away = had_spare && self.socket.accept().is_ok();
        self.spare = File::open("/dev/null").ok();
        if turned_away { Accepted::TurnedAway } else { Accepted::Later(error) }
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[test]
    fn options_of_the_listener_reach_what_it_accepts() {
        let timeout = Duration::from_secs(7);
        let options = Options { reuse_port: false, sndbuf_bytes: 16 * 1024, user_timeout: timeout };
        let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        let client = std::net::TcpStream::connect(listener.address()).unwrap();
        let (stream, peer) = loop {
            match listener.accept() {
                Accepted::Connection(stream, peer) => break (stream, peer),
                Accepted::Nobody => std::thread::yield_now(),
                _ => panic!("the connection was not accepted"),
            }
        };
        assert_eq!(peer, client.local_addr().unwrap());
        let socket = SockRef::from(&stream);
        // Linux doubles what was asked for (socket(7), SO_SNDBUF).
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * 16 * 1024);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(timeout));
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_TIME);
    }
}
