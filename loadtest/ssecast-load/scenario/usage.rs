//! A measured window: CPU time of both sides, and what disturbed them.

use std::io;
use std::time::{Duration, Instant};

use crate::process::{self, Cpu, Process, Processes};
use crate::record::Record;

/// Busier than this, a side is what limits the pair.
const BUSY_PCT: f64 = 90.0;

/// An open window: the counters at its start.
pub(super) struct Window {
    pub(super) start: Instant,
    server: Option<Processes>,
    own: Process,
    server_cpu: Option<Cpu>,
    own_cpu: Cpu,
    stolen_ticks: u64,
}

/// CPU time and wall time of a window.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) wall: Duration,
    /// Of the server, where its process is known.
    pub(super) server_ns: Option<u64>,
    own_ns: u64,
    /// The server had work, and another process its core.
    waited_ns: Option<u64>,
    /// The hypervisor took the cores away; all of them together.
    stolen_ns: u64,
}

impl Window {
    /// Begins a window; both sides should be idle.
    pub(super) fn open(server: Option<Processes>) -> io::Result<Self> {
        let own = Process::new(std::process::id());
        Ok(Self {
            server_cpu: server.as_ref().map(Processes::cpu).transpose()?,
            server,
            own,
            own_cpu: own.cpu()?,
            stolen_ticks: process::stolen_ticks()?,
            start: Instant::now(),
        })
    }

    /// Ends it at `end`; `settle` waits until both sides are idle again.
    pub(super) fn close(&self, end: Instant, settle: impl FnOnce() -> io::Result<()>) -> io::Result<Usage> {
        let stolen_ticks = process::stolen_ticks()? - self.stolen_ticks;
        settle()?;
        let server = self.server.as_ref().map(Processes::cpu).transpose()?.zip(self.server_cpu);
        Ok(Usage {
            wall: end.duration_since(self.start),
            server_ns: server.map(|(now, before)| now.run_ns - before.run_ns),
            own_ns: self.own.cpu()?.run_ns - self.own_cpu.run_ns,
            waited_ns: server.map(|(now, before)| now.wait_ns - before.wait_ns),
            stolen_ns: stolen_ticks * process::TICK_NS,
        })
    }
}

impl Usage {
    pub(super) fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        let sum = |a: Option<u64>, b: Option<u64>| Some(a.unwrap_or(0) + b?);
        self.server_ns = sum(self.server_ns, other.server_ns);
        self.own_ns += other.own_ns;
        self.waited_ns = sum(self.waited_ns, other.waited_ns);
        self.stolen_ns += other.stolen_ns;
    }

    /// A time as a share of the window, in percent of one core.
    pub(super) fn busy_pct(&self, ns: u64) -> f64 {
        ns as f64 / self.wall.as_nanos().max(1) as f64 * 100.0
    }

    /// Share of the window that this process ran, in percent.
    pub(super) fn own_busy_pct(&self) -> f64 {
        self.busy_pct(self.own_ns)
    }

    /// Records who was busy, and says so where the server was not what limited the pair. What Redis did is
    /// the generator's, where it was recorded: both have one core.
    pub(super) fn record(&self, record: &mut Record) {
        let own_pct = self.own_busy_pct();
        let server_pct = self.server_ns.map(|ns| self.busy_pct(ns));
        record.set_some("server_busy_pct", server_pct);
        record.set("generator_busy_pct", own_pct);
        record.set_some("server_waited_pct", self.waited_ns.map(|ns| self.busy_pct(ns)));
        record.set("stolen_pct", self.busy_pct(self.stolen_ns));
        if own_pct + record.get("redis_busy_pct").unwrap_or(0.0) > BUSY_PCT.max(server_pct.unwrap_or(0.0)) {
            eprintln!("note: the generator's core is what limits this run");
        }
    }

    /// Records what each of `events` events took.
    pub(super) fn record_per_event(&self, record: &mut Record, events: u64) {
        record.set("events_per_s", events as f64 / self.wall.as_secs_f64());
        record.set_some("cpu_us_per_event", self.server_ns.map(|ns| ns as f64 / 1e3 / events as f64));
    }
}
