//! What a person sees while a run goes on: a line on standard error, over and over on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::process::Processes;
use crate::tally::Tally;

/// Between two lines on a terminal...
const TERMINAL_EVERY: Duration = Duration::from_secs(1);
/// ...and where they are kept.
const FILE_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Progress {
    scenario: &'static str,
    server: Option<Processes>,
    is_terminal: bool,
    every: Duration,
    start: Instant,
    last: Instant,
    opened: u64,
    events: u64,
}

impl Progress {
    pub(crate) fn new(scenario: &'static str, server: Option<Processes>) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let every = if is_terminal { TERMINAL_EVERY } else { FILE_EVERY };
        let now = Instant::now();
        Self { scenario, server, is_terminal, every, start: now, last: now, opened: 0, events: 0 }
    }

    /// Shows how far the run is, if it is time to.
    pub(crate) fn tick(&mut self, streams: usize, tally: &Tally) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.last);
        if elapsed < self.every {
            return;
        }
        let rate = |count: u64| count as f64 / elapsed.as_secs_f64();
        let mut line = format!(
            "{} {} s: {streams} streams, {:.0} opened/s, {} deliveries, {:.0}/s, p99 {:.1} ms",
            self.scenario,
            now.duration_since(self.start).as_secs(),
            rate(tally.opened - self.opened),
            tally.events,
            rate(tally.events - self.events),
            tally.p99_ns() as f64 / 1e6,
        );
        if let Some(bytes) = self.server.as_ref().and_then(|server| server.quick_rss_bytes().ok()) {
            line.push_str(&format!(", server {:.1} MB", bytes as f64 / 1e6));
        }
        self.show(&line);
        (self.last, self.opened, self.events) = (now, tally.opened, tally.events);
    }

    /// A closed standard error is no reason to stop measuring.
    fn show(&self, line: &str) {
        let mut out = io::stderr().lock();
        // ECMA-48 8.3.41: erases the line from the cursor on.
        let _ = if self.is_terminal { write!(out, "\r{line}\x1b[K") } else { writeln!(out, "{line}") };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.last > self.start {
            let _ = writeln!(io::stderr().lock());
        }
    }
}
