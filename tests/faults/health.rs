//! A thread that asks both servers all the time whether their loops turn.

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

/// See the top of this file.
pub(crate) struct Health(JoinHandle<Vec<Duration>>);

impl Health {
    /// Asks until it is stopped.
    pub(crate) fn watch(nodes: Vec<SocketAddr>, stop: Arc<AtomicBool>) -> Self {
        Self(spawn(move || {
            let mut conns: Vec<Conn> = nodes.into_iter().map(Conn::open).collect();
            let question = compose("GET", "/healthz", &[], b"");
            let mut times = Vec::new();
            while !stop.load(Ordering::Acquire) {
                for conn in &mut conns {
                    let start = Instant::now();
                    conn.send(&question);
                    let answer = conn.read_response("GET");
                    times.push(start.elapsed());
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
