//! What a run found: printed as a table, appended to a file as one line of JSON.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::args::Options;

/// A result of a run; the unit is the end of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) value: f64,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) label: String,
    pub(crate) repetition: u64,
    pub(crate) scenario: String,
    pub(crate) streams: usize,
    pub(crate) stalled: usize,
    pub(crate) payload_bytes: usize,
    /// Largest TCP segment of a stream; 0 for that of the kernel.
    #[serde(default)]
    pub(crate) mss_bytes: u32,
    pub(crate) metrics: Vec<Metric>,
    /// The server's own `/stats` at the end, where it has one.
    #[serde(default)]
    pub(crate) stats: Option<serde_json::Value>,
}

/// Metrics that have to be 0 for a run to count.
const FAULTS: [&str; 5] = ["missing", "wrong_streams", "unordered", "gaps", "closed"];

impl Record {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            label: options.label.clone(),
            repetition: options.repetition,
            scenario: options.scenario.name().to_owned(),
            streams: options.streams,
            stalled: options.stalled,
            payload_bytes: options.payload_bytes,
            mss_bytes: options.mss_bytes,
            metrics: Vec::new(),
            stats: None,
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.metrics.push(Metric { name: name.to_owned(), value });
    }

    pub(crate) fn count(&mut self, name: &str, value: u64) {
        self.set(name, value as f64);
    }

    /// Percentiles of a latency in nanoseconds, as `<prefix>_p50_us` and so on.
    pub(crate) fn set_latency(&mut self, prefix: &str, latency: &Histogram<u64>) {
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            self.set(&format!("{prefix}_{name}_us"), latency.value_at_quantile(quantile) as f64 / 1e3);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    /// Whether every stream got every event once, in order.
    pub(crate) fn is_clean(&self) -> bool {
        FAULTS.iter().all(|name| self.get(name).is_none_or(|value| value == 0.0))
    }

    pub(crate) fn print(&self) {
        let Self { label, scenario, streams, stalled, payload_bytes, mss_bytes, .. } = self;
        println!("{label} {scenario}: {streams} streams, {stalled} stalled, payload {payload_bytes} bytes");
        if *mss_bytes > 0 {
            println!("  TCP segments of {mss_bytes} bytes at most");
        }
        for Metric { name, value } in &self.metrics {
            let digits = if value.fract() == 0.0 { 0 } else { 3 };
            println!("  {name:<32} {value:>16.digits$}");
        }
        if let Some(stats) = &self.stats {
            println!("  /stats {stats}");
        }
    }

    pub(crate) fn append_to(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::to_string(self)?)
    }
}
