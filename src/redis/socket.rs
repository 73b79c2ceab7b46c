//! A socket that waits until a deadline, however the bytes trickle in, and connecting it.
//!
//! Knows nothing of TLS or of Redis; TLS runs on top of it, so that a deadline holds for both.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, TcpKeepalive, Type};

use super::address::Address;
use super::error::LinkError;

/// Silence after which the system asks whether the server's machine is still there (tcp(7)),
const KEEPALIVE_TIME: Duration = Duration::from_secs(10);
/// how often it asks again,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
/// and how often in all before it gives up.
const KEEPALIVE_RETRIES: u32 = 3;
/// How far from the deadline one wait may end; saves telling the system each time.
const SLACK: Duration = Duration::from_millis(1);

/// A connected socket. Reads and writes fail with `WouldBlock` once the deadline has passed.
pub(super) struct Socket {
    socket: socket2::Socket,
    deadline: Instant,
    /// What the system was last told to wait for a read, and for a write.
    read_timeout: Duration,
    write_timeout: Duration,
}

impl Socket {
    /// Connects until `deadline`, resolving the name included.
    pub(super) fn connect(address: &Address, deadline: Instant) -> Result<Self, LinkError> {
        let socket = match address {
            Address::Tcp { host, port } => connect_tcp(host, *port, deadline)?,
            Address::Unix(path) => connect_unix(path, deadline)?,
        };
        Ok(Self { socket, deadline, read_timeout: Duration::MAX, write_timeout: Duration::MAX })
    }

    /// The end of all waiting from now on.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The system's socket.
    #[cfg(test)]
    pub(super) fn system(&self) -> &socket2::Socket {
        &self.socket
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = left(self.deadline)?;
            if !fits(self.read_timeout, left) {
                self.socket.set_read_timeout(Some(left))?;
                self.read_timeout = left;
            }
            match self.socket.read(buffer) {
                Err(error) if is_passing(&error) => {}
                result => return result,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let left = left(self.deadline)?;
            if !fits(self.write_timeout, left) {
                self.socket.set_write_timeout(Some(left))?;
                self.write_timeout = left;
            }
            match self.socket.write(bytes) {
                Err(error) if is_passing(&error) => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is left until `deadline`; never zero, which would mean for ever.
fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::WouldBlock.into()),
        left => Ok(left),
    }
}

/// Whether a call that waits for `timeout` ends about when `left` is over; ending early is no harm, since
/// the rest is waited for then.
fn fits(timeout: Duration, left: Duration) -> bool {
    timeout.abs_diff(left) <= SLACK
}

/// Whether the deadline decides, not the error.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Tries each address of the name; each gets an equal share of the time that is left then.
fn connect_tcp(host: &str, port: u16, deadline: Instant) -> Result<socket2::Socket, LinkError> {
    let addresses = resolve(host, port, deadline)?;
    let mut last = LinkError::Connect(ErrorKind::NotFound.into());
    for (index, address) in addresses.iter().enumerate() {
        let waiting = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let Ok(left) = left(deadline) else { return Err(LinkError::TimedOut("connect")) };
        match connect_to(*address, left / waiting) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == ErrorKind::TimedOut => last = LinkError::TimedOut("connect"),
            Err(error) => last = LinkError::Connect(error),
        }
    }
    Err(last)
}

fn connect_to(address: SocketAddr, timeout: Duration) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES),
    )?;
    // A timeout of zero is an error.
    socket.connect_timeout(&address.into(), timeout.max(SLACK))?;
    // Where nobody listens on a port that the system also gives out, it may have given us that very one,
    // and we are talking to ourselves.
    if socket.local_addr()?.as_socket() == Some(address) {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(socket)
}

/// A socket file whose server is stopped lets nobody in once its backlog is full; the system knows of no
/// timeout for connecting to it but that of writing.
fn connect_unix(path: &Path, deadline: Instant) -> Result<socket2::Socket, LinkError> {
    let connect = || {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_write_timeout(Some(left(deadline)?))?;
        socket.connect(&SockAddr::unix(path)?)?;
        Ok(socket)
    };
    connect().map_err(|error: io::Error| match error.kind() {
        ErrorKind::WouldBlock => LinkError::TimedOut("connect"),
        _ => LinkError::Connect(error),
    })
}

/// The addresses of a name. The system's resolver knows of no deadline, so a thread of its own waits for
/// it, and ends by itself when the resolver gives up.
fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, LinkError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (answer, answered) = sync_channel(1);
    let name = host.to_owned();
    let look_up = move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more when it took too long.
        let _ = answer.try_send(found);
    };
    thread::Builder::new().name("resolve".to_owned()).spawn(look_up).map_err(LinkError::Connect)?;
    match answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(found) => found.map_err(LinkError::Connect),
        Err(RecvTimeoutError::Timeout) => Err(LinkError::TimedOut("name look-up")),
        Err(RecvTimeoutError::Disconnected) => Err(LinkError::Connect(ErrorKind::Other.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use socket2::SockRef;

    use super::*;

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    fn address_of(listener: &TcpListener) -> Address {
        Address::parse(&listener.local_addr().unwrap().to_string(), 0).unwrap()
    }

    #[test]
    fn a_connection_has_its_options() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::connect(&address_of(&listener), soon(5000)).unwrap();
        let options = SockRef::from(&socket.socket);
        assert!(options.tcp_nodelay().unwrap());
        assert!(options.keepalive().unwrap());
        assert_eq!(options.tcp_keepalive_time().unwrap(), KEEPALIVE_TIME);
        assert_eq!(options.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(options.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
        assert!(!options.nonblocking().unwrap());
    }

    #[test]
    fn a_name_is_resolved_and_all_its_addresses_are_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Address::tcp("localhost", port).unwrap();
        assert!(Socket::connect(&address, soon(5000)).is_ok());
        drop(listener);
        assert!(matches!(Socket::connect(&address, soon(5000)), Err(LinkError::Connect(_))));
    }

    #[test]
    fn bytes_that_trickle_in_do_not_move_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        let mut socket = Socket::connect(&address_of(&listener), soon(150)).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let dribble = thread::spawn(move || {
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut bytes = [0; 10_000];
        let error = socket.read_exact(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let took = start.elapsed();
        assert!((150..1000).contains(&took.as_millis()), "{took:?}");
        drop(socket);
        dribble.join().unwrap();
    }

    #[test]
    fn a_peer_that_does_not_read_ends_a_write_at_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        let mut socket = Socket::connect(&address_of(&listener), soon(150)).unwrap();
        let bytes = vec![0; 64 * 1024 * 1024];
        assert_eq!(socket.write_all(&bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        let took = start.elapsed();
        assert!((150..2000).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn a_socket_file_that_is_full_ends_at_the_deadline() {
        let directory = std::env::temp_dir().join(format!("ssecast-socket-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("full.sock");
        let listener = UnixListener::bind(&path).unwrap();
        SockRef::from(&listener).listen(0).unwrap();
        let address = Address::unix(&path).unwrap();
        let first = Socket::connect(&address, soon(5000));
        let start = Instant::now();
        let second = Socket::connect(&address, soon(150));
        let took = start.elapsed();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(first.is_ok());
        assert!(matches!(second, Err(LinkError::TimedOut("connect"))));
        assert!((150..2000).contains(&took.as_millis()), "{took:?}");
        assert!(matches!(Socket::connect(&address, soon(5000)), Err(LinkError::Connect(_))));
    }
}
