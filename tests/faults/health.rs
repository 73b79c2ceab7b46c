//! A thread that asks both servers all the time whether their loops turn.
//!
//! What counts is the server's time: that in which it, or who asks, only waited for a core is the machine's.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::common::http::{Conn, compose};

/// How long an answer may take nearly always, and ever: generous for a debug build on a busy machine.
const NEARLY_ALWAYS: Duration = Duration::from_millis(100);
const EVER: Duration = Duration::from_secs(1);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// A server that is asked.
pub(crate) struct Patient {
    pub(crate) addr: SocketAddr,
    /// Its process; the loop is the first thread.
    pub(crate) pid: u32,
}

/// See the top of this file.
pub(crate) struct Health(JoinHandle<Vec<Duration>>);

impl Health {
    /// Asks until it is stopped.
    pub(crate) fn watch(nodes: Vec<Patient>, stop: Arc<AtomicBool>) -> Self {
        Self(spawn(move || {
            let mut conns: Vec<(u32, Conn)> =
                nodes.iter().map(|node| (node.pid, Conn::open(node.addr))).collect();
            let question = compose("GET", "/healthz", &[], b"");
            let mut times = Vec::new();
            while !stop.load(Ordering::Acquire) {
                for (pid, conn) in &mut conns {
                    let (queued, start) = (queued(*pid), Instant::now());
                    conn.send(&question);
                    let answer = conn.read_response("GET");
                    let took = start.elapsed();
                    times.push(took.saturating_sub(self::queued(*pid).saturating_sub(queued)));
                    assert_eq!(answer.status, 200, "/healthz: {}", answer.text());
                }
                sleep(PAUSE);
            }
            times
        }))
    }

    /// Every answer was fast; to be asked after it was told to stop.
    pub(crate) fn verify(self) {
        let mut times = self.0.join().expect("/healthz always answers 200");
        times.sort_unstable();
        // Of a few answers one is no percent.
        let slower = (times.len() / 100).max(5).min(times.len() - 1);
        let p99 = times[times.len() - 1 - slower];
        let slowest = times[times.len() - 1];
        assert!(
            p99 <= NEARLY_ALWAYS && slowest <= EVER,
            "/healthz took {p99:?} at p99 and {slowest:?} at most, of {} answers; allowed are {NEARLY_ALWAYS:?} and {EVER:?}",
            times.len()
        );
    }
}

/// How long the loop of that process, and this thread, were ready to run and waited for a core so far (the second number
/// of `schedstat`, in nanoseconds). Nothing where the kernel does not say.
fn queued(pid: u32) -> Duration {
    let of = |path: String| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let nanos = text.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
        Duration::from_nanos(nanos)
    };
    of(format!("/proc/{pid}/schedstat")) + of("/proc/thread-self/schedstat".to_owned())
}
