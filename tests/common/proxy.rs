//! A TCP proxy on loopback that does to connections what a network does, changed while it runs.
//!
//! It never looks at the bytes, and loses or reorders none but by cutting and resetting. A change holds for
//! every byte that is forwarded after the call has returned.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{DEADLINE, wait_until};

/// How long a thread waits for anything before it looks at the rules again.
const TICK: Duration = Duration::from_millis(20);

/// The pause between slices: the receiver wakes up and reads what there is before more comes.
const SLICE_PAUSE: Duration = Duration::from_micros(200);

/// How much may wait in one direction for its latency to pass; above that the sender is held up.
const QUEUE_BYTES: usize = 1024 * 1024;

/// Which way bytes flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From those who connect to the target.
    ToServer,
    /// From the target to those who connect.
    ToClient,
    /// Both ways.
    Both,
}

/// What is done to bytes and connections.
struct Rules {
    latency: Duration,
    slice: usize,
    frozen: Option<Direction>,
    refuse: bool,
    /// How many bytes may still flow to clients before all connections are cut.
    allowance: Mutex<Option<usize>>,
}

impl Rules {
    fn freezes(&self, way: Direction) -> bool {
        self.frozen.is_some_and(|frozen| frozen == way || frozen == Direction::Both)
    }
}

/// See the top of this file.
pub(crate) struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    rules: RwLock<Rules>,
    links: Mutex<Vec<Arc<Link>>>,
    stopped: AtomicBool,
}

/// A connection through the proxy. Its sockets close when the last of its owners drops it: its two threads
/// and the list.
struct Link {
    client: TcpStream,
    server: TcpStream,
    ended: AtomicBool,
}

impl FaultProxy {
    /// A proxy that only forwards yet. While nobody listens at the target it closes what it accepts.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        SockRef::from(&listener).set_read_timeout(Some(TICK)).expect("SO_RCVTIMEO is for accept as well");
        let shared = Arc::new(Shared {
            target,
            rules: RwLock::new(Rules {
                latency: Duration::ZERO,
                slice: usize::MAX,
                frozen: None,
                refuse: false,
                allowance: Mutex::default(),
            }),
            links: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        let thread = std::thread::spawn(move || accepting.accept(&listener));
        Self { addr, shared, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Delays all bytes by that time, each way; their rate stays what it is.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.change(|rules| rules.latency = latency);
    }

    /// Forwards at most so many bytes by one write, each in a packet of its own; `usize::MAX` ends that.
    pub(crate) fn slice(&self, bytes: usize) {
        self.change(|rules| rules.slice = bytes.max(1));
    }

    /// Forwards nothing that way, neither bytes nor the end of a connection, and keeps all sockets open.
    pub(crate) fn freeze(&self, direction: Direction) {
        self.change(|rules| rules.frozen = Some(direction));
    }

    /// Forwards again, first what has come in the meantime.
    pub(crate) fn thaw(&self) {
        self.change(|rules| rules.frozen = None);
    }

    /// Accepts new connections only to close them at once, or forwards them again.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.change(|rules| rules.refuse = refuse);
    }

    /// Lets that many more bytes flow to clients, all together, then closes all connections there are, by FIN.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.change(|rules| rules.allowance = Mutex::new(Some(bytes)));
    }

    /// Ends all connections there are by RST, both ways; done when it returns.
    pub(crate) fn reset(&self) {
        let links = std::mem::take(&mut *lock(&self.shared.links));
        links.iter().for_each(|link| link.reset());
        let left = || links.iter().all(|link| Arc::strong_count(link) == 1);
        wait_until("the proxy's threads have left their connections", DEADLINE, left);
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared.links).len()
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn rules(&self) -> RwLockReadGuard<'_, Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that accepts; it ends after those of all connections.
    fn accept(&self, listener: &TcpListener) {
        std::thread::scope(|threads| {
            while !self.stopped.load(Ordering::Acquire) {
                let client = match listener.accept() {
                    Ok((client, _)) => client,
                    Err(error) => {
                        if error.kind() != ErrorKind::WouldBlock {
                            std::thread::sleep(TICK);
                        }
                        continue;
                    }
                };
                if self.rules().refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect_timeout(&self.target, DEADLINE) else { continue };
                let link = Arc::new(Link { client, server, ended: AtomicBool::new(false) });
                lock(&self.links).push(link.clone());
                threads.spawn(move || self.serve(link));
            }
            lock(&self.links).iter().for_each(|link| link.close());
        });
    }

    fn serve(&self, link: Arc<Link>) {
        std::thread::scope(|threads| {
            for way in [Direction::ToServer, Direction::ToClient] {
                let (shared, link) = (self, &link);
                threads.spawn(move || {
                    if shared.pump(link, way).is_err() && !link.ended.load(Ordering::Acquire) {
                        link.reset();
                    }
                });
            }
        });
        lock(&self.links).retain(|other| !Arc::ptr_eq(other, &link));
    }

    /// Forwards one way until the end. An error is a reset by one of the sides, which the other is to see.
    fn pump(&self, link: &Link, way: Direction) -> io::Result<()> {
        let (mut source, sink) = match way {
            Direction::ToServer => (&link.client, &link.server),
            _ => (&link.server, &link.client),
        };
        sink.set_nodelay(true)?;
        sink.set_write_timeout(Some(TICK))?;
        let mut queue = VecDeque::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut waiting = 0;
        let mut source_ended = false;
        while !link.ended.load(Ordering::Acquire) {
            let due = queue.front().map(|piece: &Piece| piece.due.saturating_duration_since(Instant::now()));
            if due == Some(Duration::ZERO) {
                waiting -= self.forward(&mut queue, sink, way)?;
                continue;
            }
            let wait = due.unwrap_or(TICK).min(TICK);
            let rules = self.rules();
            let frozen = rules.freezes(way);
            if source_ended && queue.is_empty() && !frozen {
                return sink.shutdown(Shutdown::Write);
            }
            drop(rules);
            if source_ended || frozen || waiting >= QUEUE_BYTES {
                std::thread::sleep(wait);
                continue;
            }
            source.set_read_timeout(Some(wait))?;
            match none_on_timeout(source.read(&mut buffer))? {
                None => {}
                Some(0) => source_ended = true,
                Some(read) => {
                    waiting += read;
                    let due = Instant::now() + self.rules().latency;
                    queue.push_back(Piece { due, bytes: buffer[..read].to_vec(), sent: 0 });
                }
            }
        }
        Ok(())
    }

    /// Writes what the rules allow of the first piece, and waits as they say; how many bytes went.
    fn forward(&self, queue: &mut VecDeque<Piece>, sink: &TcpStream, way: Direction) -> io::Result<usize> {
        let Some(piece) = queue.front_mut() else { return Ok(0) };
        let rules = self.rules();
        let pause = match (rules.freezes(way), rules.slice) {
            (true, _) => TICK,
            (false, usize::MAX) => Duration::ZERO,
            (false, _) => SLICE_PAUSE,
        };
        let left = &piece.bytes[piece.sent..];
        let slice = &left[..left.len().min(rules.slice)];
        let written = match way {
            _ if rules.freezes(way) => 0,
            Direction::ToServer => write(sink, slice)?,
            _ => self.write_to_client(&rules, sink, slice)?,
        };
        drop(rules);
        piece.sent += written;
        if piece.sent == piece.bytes.len() {
            queue.pop_front();
        }
        std::thread::sleep(pause);
        Ok(written)
    }

    fn write_to_client(&self, rules: &Rules, sink: &TcpStream, slice: &[u8]) -> io::Result<usize> {
        let mut allowance = lock(&rules.allowance);
        let Some(left) = *allowance else {
            drop(allowance);
            return write(sink, slice);
        };
        let written = write(sink, &slice[..slice.len().min(left)])?;
        *allowance = Some(left - written);
        if left == written {
            *allowance = None;
            lock(&self.links).iter().for_each(|link| link.close());
        }
        Ok(written)
    }
}

/// Bytes that were read, and when they may go on.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    sent: usize,
}

impl Link {
    /// Ends it by FIN, which is sent at once.
    fn close(&self) {
        self.ended.store(true, Ordering::Release);
        for socket in [&self.client, &self.server] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Lets closing the sockets be a reset; it comes when the last owner drops them.
    fn reset(&self) {
        for socket in [&self.client, &self.server] {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
        self.ended.store(true, Ordering::Release);
        for socket in [&self.client, &self.server] {
            // Wakes its reader, and sends nothing.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}

/// As many bytes as go within a tick; none is no error.
fn write(mut sink: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(none_on_timeout(sink.write(bytes))?.unwrap_or(0))
}

fn none_on_timeout(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
