//! A server under attack, seen from outside: its descriptors, its memory, its time on the CPU, and how promptly it
//! serves the others. And who may attack at the same time as somebody measures: nobody.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::common::api::assert_alive_at;
use crate::common::http::{Conn, compose};
use crate::common::server::Server;
use crate::common::{DEADLINE, wait_until};

static TURN: RwLock<()> = RwLock::new(());

/// Held by a test that measures, or that needs thousands of descriptors.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Held by every other test.
pub(crate) fn among_others() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// What the server held before an attack.
pub(crate) struct Watch {
    /// Where it is asked, in the clear.
    asked: SocketAddr,
    descriptors: usize,
    resident: usize,
}

impl Watch {
    /// Looks at a server that has no clients.
    pub(crate) fn begin(server: &Server) -> Self {
        Self::begin_at(server, server.addr())
    }

    /// The same, where it is asked at this address, which takes no TLS.
    pub(crate) fn begin_at(server: &Server, asked: SocketAddr) -> Self {
        let descriptors = descriptors(server);
        // What it needs for any request at all is no cost of the attack.
        assert_alive_at(asked);
        wait_until("the first request is over", DEADLINE, || self::descriptors(server) <= descriptors);
        Self { asked, descriptors, resident: resident(server) }
    }

    /// The server is healthy, has its descriptors back, and holds at most so many bytes more.
    pub(crate) fn end(&self, server: &Server, bytes: usize) {
        // First: at its cap it may turn this away as well until it has seen that the others are gone.
        self.settle(server);
        assert_alive_at(self.asked);
        self.settle(server);
        self.holds_at_most(server, bytes);
    }

    /// Waits until every connection is gone.
    pub(crate) fn settle(&self, server: &Server) {
        wait_until("all descriptors are free again", DEADLINE, || descriptors(server) <= self.descriptors);
    }

    /// In the middle of the attack: it holds at most so many bytes more.
    pub(crate) fn holds_at_most(&self, server: &Server, bytes: usize) {
        let more = resident(server).saturating_sub(self.resident);
        assert!(more <= bytes, "{more} bytes of memory more, and at most {bytes} expected");
    }
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server runs").count()
}

fn resident(server: &Server) -> usize {
    let statm = fs::read_to_string(format!("/proc/{}/statm", server.pid())).expect("the server runs");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("the kernel tells the resident pages") * page_size()
}

/// The time that all threads of the server have spent on the CPU, in user space and in the kernel.
pub(crate) fn server_cpu(server: &Server) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("the server runs");
    tasks.map(|task| time_on_cpu(&task.expect("a thread").path())).sum()
}

/// The time that this thread has spent on the CPU.
pub(crate) fn own_cpu() -> Duration {
    time_on_cpu(Path::new("/proc/thread-self"))
}

/// By the scheduler's own books, which are exact to the nanosecond, where `stat` counts ticks of 10 ms.
fn time_on_cpu(task: &Path) -> Duration {
    let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Whether this process may have so many descriptors; says so where it cannot be overlooked if it may not.
pub(crate) fn may_open(descriptors: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let is_enough = limit.maximum.is_none_or(|maximum| maximum >= descriptors);
    if is_enough {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
    } else {
        eprintln!(
            "SKIPPED: {descriptors} descriptors are needed, and at most {:?} may be had",
            limit.maximum
        );
    }
    is_enough
}

/// A client that behaves.
pub(crate) trait Polite {
    /// Asks, waits, and says whether it was answered as it should be.
    fn ask(&mut self) -> bool;
}

impl Polite for Conn {
    fn ask(&mut self) -> bool {
        self.send(&compose("GET", "/healthz", &[], b""));
        self.read_response("GET").status == 200
    }
}

/// Clients that behave, on connections that they keep.
pub(crate) struct Others<C = Conn> {
    conns: Vec<C>,
}

/// How promptly they were served.
#[derive(Clone, Copy)]
pub(crate) struct Prompt {
    /// Of all requests.
    median: Duration,
    /// The slowest of a hundred.
    slow: Duration,
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at the median, {:?} at the 99th percentile", self.median, self.slow)
    }
}

impl Others {
    /// Connects them.
    pub(crate) fn connect(server: &Server, count: usize) -> Self {
        Self::connect_to(server.addr(), count)
    }

    /// Connects them to this address.
    pub(crate) fn connect_to(addr: SocketAddr, count: usize) -> Self {
        Self::of((0..count).map(|_| Conn::open(addr)).collect())
    }
}

impl<C: Polite> Others<C> {
    /// Those that are connected.
    pub(crate) const fn of(conns: Vec<C>) -> Self {
        Self { conns }
    }

    /// Each of them asks so many times, one after another, and is answered.
    pub(crate) fn ask(&mut self, times: usize) -> Prompt {
        let mut took = Vec::with_capacity(times * self.conns.len());
        for _ in 0..times {
            for conn in &mut self.conns {
                let start = Instant::now();
                assert!(conn.ask());
                took.push(start.elapsed());
            }
        }
        took.sort_unstable();
        Prompt { median: took[took.len() / 2], slow: took[took.len() * 99 / 100] }
    }
}

impl Prompt {
    /// Below this, times say more about the machine than about the server.
    const NOISE: Duration = Duration::from_micros(250);

    /// How many times as long they waited as in a calm time.
    pub(crate) fn over(self, calm: Self) -> f64 {
        self.median.as_secs_f64() / calm.median.max(Self::NOISE).as_secs_f64()
    }
}
