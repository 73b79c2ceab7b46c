//! A measured window: CPU time of both sides, and what disturbed them.

use std::io;
use std::time::{Duration, Instant};

use crate::process::{self, Cpu, Process};
use crate::record::Record;

/// Busier than this, a side is what limits the pair.
const BUSY_PCT: f64 = 90.0;

/// An open window: the counters at its start.
pub(super) struct Window {
    pub(super) start: Instant,
    server: Process,
    own: Process,
    server_cpu: Cpu,
    own_cpu: Cpu,
    stolen_ticks: u64,
}

/// CPU time and wall time of a window.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) wall: Duration,
    pub(super) server_ns: u64,
    own_ns: u64,
    /// The server had work, and another process its core.
    waited_ns: u64,
    /// The hypervisor took the cores away; all of them together.
    stolen_ns: u64,
}

impl Window {
    /// Begins a window; both sides should be idle.
    pub(super) fn open(server: Process) -> io::Result<Self> {
        let own = Process::new(std::process::id());
        Ok(Self {
            server,
            own,
            server_cpu: server.cpu()?,
            own_cpu: own.cpu()?,
            stolen_ticks: process::stolen_ticks()?,
            start: Instant::now(),
        })
    }

    /// Ends it at `end`; `settle` waits until both sides are idle again.
    pub(super) fn close(&self, end: Instant, settle: impl FnOnce() -> io::Result<()>) -> io::Result<Usage> {
        let stolen_ticks = process::stolen_ticks()? - self.stolen_ticks;
        settle()?;
        let server = self.server.cpu()?;
        Ok(Usage {
            wall: end.duration_since(self.start),
            server_ns: server.run_ns - self.server_cpu.run_ns,
            own_ns: self.own.cpu()?.run_ns - self.own_cpu.run_ns,
            waited_ns: server.wait_ns - self.server_cpu.wait_ns,
            stolen_ns: stolen_ticks * process::TICK_NS,
        })
    }
}

impl Usage {
    pub(super) fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        self.server_ns += other.server_ns;
        self.own_ns += other.own_ns;
        self.waited_ns += other.waited_ns;
        self.stolen_ns += other.stolen_ns;
    }

    /// A time as a share of the window, in percent of one core.
    pub(super) fn busy_pct(&self, ns: u64) -> f64 {
        ns as f64 / self.wall.as_nanos().max(1) as f64 * 100.0
    }

    /// Records who was busy, and says so where the server was not what limited the pair. What Redis did is
    /// the generator's, where it was recorded: both have one core.
    pub(super) fn record(&self, record: &mut Record) {
        let own_pct = self.busy_pct(self.own_ns);
        let server_pct = self.busy_pct(self.server_ns);
        record.set("server_busy_pct", server_pct);
        record.set("generator_busy_pct", own_pct);
        record.set("server_waited_pct", self.busy_pct(self.waited_ns));
        record.set("stolen_pct", self.busy_pct(self.stolen_ns));
        if own_pct + record.get("redis_busy_pct").unwrap_or(0.0) > BUSY_PCT.max(server_pct) {
            println!("note: the generator's core is what limits this run");
        }
    }
}
