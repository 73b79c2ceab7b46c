//! Accepting connections, also when descriptors run out.
//!
//! Socket options are set once on the listener: Linux hands them on to what it accepts. A listener that was opened
//! before this process began may have connections in its queue that have none of them yet.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::inherited::{self, Handed};
use super::socket_file::SocketFile;
use super::transport::Transport;
use crate::api::Peer;
use crate::config::Endpoint;

/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Silence after which the system asks whether the peer is still there (tcp(7), TCP_KEEPIDLE)...
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
/// ...and how often it asks again; TCP_USER_TIMEOUT says when it gives up.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Listener {
    /// Until it is closed.
    socket: Option<Listening>,
    /// Where it is; a port that the system chose, too.
    endpoint: Endpoint,
    /// Given up for a moment to accept and close a connection when no other descriptor is left: the
    /// client sees an end at once instead of waiting for ever.
    spare: Option<File>,
}

/// The socket that listens.
enum Listening {
    Tcp(TcpListener),
    /// Opened by another program, which keeps it open. `older` is what connections lack that were in the queue
    /// before the listener had it; until the queue was empty once.
    Inherited {
        socket: TcpListener,
        older: Option<Options>,
    },
    /// As before; the file stays with the other program.
    InheritedFile(UnixListener),
    /// The file goes with it.
    Unix(UnixListener, #[expect(dead_code, reason = "it is there to be dropped")] SocketFile),
}

/// What came of accepting.
pub(super) enum Accepted {
    Connection(Transport, Peer),
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Other processes of the same user may listen there, too (socket(7), SO_REUSEPORT).
    pub(super) reuse_port: bool,
    /// TCP_NOTSENT_LOWAT of each connection.
    pub(super) notsent_bytes: usize,
    /// SO_SNDBUF of each connection; 0 leaves it to the kernel.
    pub(super) sndbuf_bytes: usize,
    /// TCP_USER_TIMEOUT of each connection.
    pub(super) user_timeout: Duration,
    /// The mode of a socket file.
    pub(super) file_mode: u32,
}

impl Listener {
    pub(super) fn bind(endpoint: &Endpoint, options: &Options) -> io::Result<Self> {
        match endpoint {
            Endpoint::Ip(address) => Self::bind_tcp(*address, options),
            Endpoint::Unix(path) => Self::bind_unix(path, options),
        }
    }

    fn bind_tcp(address: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(options.reuse_port)?;
        socket.set_nonblocking(true)?;
        tune(&SockRef::from(&socket), options)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into());
        let endpoint = Endpoint::Ip(socket.local_addr()?);
        Ok(Self::of(Listening::Tcp(socket), endpoint))
    }

    fn bind_unix(path: &Path, options: &Options) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let file = SocketFile::bind(&socket, path, options.file_mode)?;
        socket.listen(BACKLOG)?;
        let socket = UnixListener::from_std(socket.into());
        Ok(Self::of(Listening::Unix(socket, file), Endpoint::Unix(path.to_owned())))
    }

    /// Takes a listener that another program opened and keeps open; its port is what it is, shared or not.
    pub(super) fn adopt(socket: Handed, options: &Options) -> io::Result<Self> {
        match socket {
            Handed::Tcp(socket) => Self::adopt_tcp(socket, options),
            Handed::Unix(socket) => Self::adopt_unix(socket),
        }
    }

    fn adopt_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let endpoint = inherited::path_of(&socket).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self::of(Listening::InheritedFile(UnixListener::from_std(socket)), endpoint))
    }

    fn adopt_tcp(socket: std::net::TcpListener, options: &Options) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let endpoint = Endpoint::Ip(socket.local_addr()?);
        let tuned = SockRef::from(&socket);
        tune(&tuned, options)?;
        tuned.listen(BACKLOG)?;
        let (socket, older) = (TcpListener::from_std(socket), Some(*options));
        Ok(Self::of(Listening::Inherited { socket, older }, endpoint))
    }

    fn of(socket: Listening, endpoint: Endpoint) -> Self {
        Self { socket: Some(socket), endpoint, spare: File::open("/dev/null").ok() }
    }

    /// Whether another program keeps the listener open, and with it the queue of who waits.
    pub(super) const fn is_inherited(&self) -> bool {
        matches!(self.socket, Some(Listening::Inherited { .. }))
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Some(Listening::Tcp(socket) | Listening::Inherited { socket, .. }) => {
                registry.register(socket, token, Interest::READABLE)
            }
            Some(Listening::Unix(socket, _) | Listening::InheritedFile(socket)) => {
                registry.register(socket, token, Interest::READABLE)
            }
            None => Ok(()),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Keeps nothing here for who is about to connect, but for one of them: with a queue of no length the system
    /// answers by SYN cookies (or, without `net.ipv4.tcp_syncookies`, not at all, and who hears nothing asks again
    /// a second later). What these begin is finished at any socket on the port, also when this one is closed.
    pub(super) fn begin_no_more(&self) -> io::Result<()> {
        match &self.socket {
            Some(Listening::Tcp(socket)) => SockRef::from(socket).listen(0),
            _ => Ok(()),
        }
    }

    /// Listens no more. What waits to be accepted is reset, unless `net.ipv4.tcp_migrate_req` lets another socket
    /// on the port have it, or another program has the listener, too.
    pub(super) fn close(&mut self, registry: &Registry) {
        if let Some(Listening::Inherited { mut socket, .. }) = self.socket.take() {
            // The poller would go on telling of it as long as anybody has it open (epoll(7), question 6).
            if let Err(error) = registry.deregister(&mut socket) {
                log::warn!(error:% = error; "the poller keeps a listener that is closed");
            }
        }
    }

    pub(super) fn accept(&mut self) -> Accepted {
        let Some(socket) = &mut self.socket else { return Accepted::Nobody };
        match socket.accept() {
            Ok((transport, peer)) => Accepted::Connection(transport, peer),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Accepted::Nobody,
                // Nothing is wrong with us (accept(2), "Error handling").
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Accepted::Gone,
                _ => self.accept_with_spare(error),
            },
        }
    }

    fn accept_with_spare(&mut self, error: io::Error) -> Accepted {
        // Without a free descriptor the system does not even look whether somebody waits.
        let had_spare = self.spare.take().is_some();
        // Closed at once: its descriptor is the spare one again.
        let second = self.socket.as_mut().filter(|_| had_spare).map(|socket| socket.accept().map(drop));
        self.spare = File::open("/dev/null").ok();
        match second {
            Some(Ok(())) => Accepted::TurnedAway,
            Some(Err(second)) if second.kind() == io::ErrorKind::WouldBlock => Accepted::Nobody,
            Some(Err(_)) | None => Accepted::Later(error),
        }
    }
}

impl Listening {
    fn accept(&mut self) -> io::Result<(Transport, Peer)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept()?;
                Ok((Transport::new(stream), Peer::Ip(peer)))
            }
            Self::Inherited { socket, older } => {
                let accepted = socket.accept();
                let (stream, peer) = match accepted {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // Who comes from now on has what the listener has.
                        *older = None;
                        return Err(error);
                    }
                    accepted => accepted?,
                };
                if let Some(options) = older {
                    // It fails where the client is gone again, which is noticed soon.
                    let _ = tune(&SockRef::from(&stream), options);
                }
                Ok((Transport::new(stream), Peer::Ip(peer)))
            }
            Self::Unix(socket, _) | Self::InheritedFile(socket) => {
                let (stream, _) = socket.accept()?;
                Ok((Transport::new(stream), Peer::Unix))
            }
        }
    }
}

/// Sets what a connection has, or a listener hands on to it.
fn tune(socket: &SockRef<'_>, options: &Options) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(u32::try_from(options.notsent_bytes).unwrap_or(u32::MAX))?;
    // It bounds what can be on its way. On loopback one segment of 64 KiB fills a small one until the
    // receiver's delayed acknowledgement, 40 ms later.
    if options.sndbuf_bytes > 0 {
        socket.set_send_buffer_size(options.sndbuf_bytes)?;
    }
    socket.set_tcp_user_timeout(Some(options.user_timeout))?;
    // A stream without heartbeats sends nothing that could stay unacknowledged.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_TIMEOUT: Duration = Duration::from_secs(7);

    fn options() -> Options {
        Options {
            reuse_port: true,
            notsent_bytes: 16 * 1024,
            sndbuf_bytes: 0,
            user_timeout: USER_TIMEOUT,
            file_mode: 0o600,
        }
    }

    fn listen(address: SocketAddr) -> io::Result<Listener> {
        Listener::bind(&Endpoint::Ip(address), &options())
    }

    fn address(listener: &Listener) -> SocketAddr {
        match listener.endpoint() {
            Endpoint::Ip(address) => *address,
            Endpoint::Unix(_) => panic!("no address"),
        }
    }

    /// A client whose request for a connection has been sent.
    fn knock(address: SocketAddr) -> Socket {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_nonblocking(true).unwrap();
        // It cannot be connected yet.
        let _ = socket.connect(&address.into());
        socket
    }

    /// Accepts so many, if they come within ten seconds. The clients say something as soon as they may: the system
    /// forgets who was connected as the queue was full, until it hears of him again.
    fn accept(listener: &mut Listener, count: usize, clients: &[Socket]) -> Vec<Transport> {
        let end = std::time::Instant::now() + Duration::from_secs(10);
        let mut accepted = Vec::new();
        while accepted.len() < count && std::time::Instant::now() < end {
            match listener.accept() {
                Accepted::Connection(stream, _) => accepted.push(stream),
                _ => {
                    clients.iter().for_each(|client| drop(client.send(b"x")));
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        accepted
    }

    #[test]
    fn who_connects_while_a_listener_is_left_is_accepted_there_or_at_another_one() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(mut leaving) = listen(loopback.parse().unwrap()) else {
                eprintln!("SKIPPED: there is no {loopback} here");
                continue;
            };
            let address = address(&leaving);
            let registry = mio::Poll::new().unwrap().registry().try_clone().unwrap();
            let mut clients: Vec<Socket> = (0..20).map(|_| knock(address)).collect();
            leaving.begin_no_more().unwrap();
            let mut other = listen(address).unwrap();
            clients.extend((0..20).map(|_| knock(address)));
            let mut accepted = accept(&mut leaving, 20, &clients);
            assert_eq!(accepted.len(), 20, "who had begun");
            clients.extend((0..20).map(|_| knock(address)));
            while let Accepted::Connection(stream, _) = leaving.accept() {
                accepted.push(stream);
            }
            leaving.close(&registry);
            assert!(matches!(leaving.accept(), Accepted::Nobody));
            let missing = clients.len() - accepted.len();
            accepted.extend(accept(&mut other, missing, &clients));
            assert_eq!(accepted.len(), clients.len());
            for client in &clients {
                assert!(client.take_error().unwrap().is_none() && client.peer_addr().is_ok());
            }
        }
    }

    /// What a connection accepted with these options is.
    fn accepted_with(options: &Options) -> Transport {
        let mut listener = Listener::bind(&Endpoint::Ip("127.0.0.1:0".parse().unwrap()), options).unwrap();
        let client = std::net::TcpStream::connect(address(&listener)).unwrap();
        loop {
            match listener.accept() {
                Accepted::Connection(stream, peer) => {
                    assert_eq!(peer, Peer::Ip(client.local_addr().unwrap()));
                    return stream;
                }
                Accepted::Nobody => std::thread::yield_now(),
                _ => panic!("the connection was not accepted"),
            }
        }
    }

    #[test]
    fn options_of_the_listener_reach_what_it_accepts() {
        let stream = accepted_with(&options());
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 16 * 1024);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_TIME);
    }

    #[test]
    fn the_send_buffer_is_the_kernels_unless_it_is_set() {
        let bytes = |options: &Options| SockRef::from(&accepted_with(options)).send_buffer_size().unwrap();
        // Linux doubles what was asked for (socket(7), SO_SNDBUF).
        assert_eq!(bytes(&Options { sndbuf_bytes: 16 * 1024, ..options() }), 2 * 16 * 1024);
        assert!(bytes(&options()) > 64 * 1024);
    }
    #[test]
    fn who_waited_before_a_listener_was_adopted_is_tuned_like_the_others() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let early = connect();
        let mut listener = Listener::adopt(Handed::Tcp(socket.try_clone().unwrap()), &options()).unwrap();
        assert!(listener.is_inherited());
        let accepted = accept(&mut listener, 1, &[]);
        // Only with an empty queue is nobody left who came early.
        assert!(matches!(listener.accept(), Accepted::Nobody));
        assert!(matches!(listener.socket, Some(Listening::Inherited { older: None, .. })));
        let late = connect();
        for stream in accepted.iter().chain(&accept(&mut listener, 1, &[])) {
            let stream = SockRef::from(stream);
            assert!(stream.tcp_nodelay().unwrap() && stream.keepalive().unwrap());
            assert_eq!(stream.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
            assert_eq!(stream.tcp_notsent_lowat().unwrap(), 16 * 1024);
        }
        drop((early, late));
    }
}
