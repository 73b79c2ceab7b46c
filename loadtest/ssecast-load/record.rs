//! What a run gave: metrics by name, a curve of its latency, samples over time; as lines, and as JSON.

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

/// A moment of a long run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Since the start of the window.
    pub(crate) seconds: f64,
    /// Resident memory of the server.
    pub(crate) rss_bytes: Option<u64>,
    /// Its open descriptors.
    pub(crate) descriptors: Option<u64>,
    /// Deliveries since the sample before.
    pub(crate) deliveries: u64,
}

/// A point of a latency's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Share of the deliveries, from 0 to 1...
    pub(crate) quantile: f64,
    /// ...that took at most so long.
    pub(crate) us: f64,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) label: String,
    pub(crate) repetition: u64,
    pub(crate) scenario: String,
    pub(crate) streams: usize,
    pub(crate) stalled: usize,
    pub(crate) payload_bytes: usize,
    /// Events per second; 0 where each waited for the one before.
    pub(crate) rate: u32,
    /// Whether events were published to Redis.
    pub(crate) via_redis: bool,
    /// Largest TCP segment of a stream; 0 for that of the kernel.
    pub(crate) mss_bytes: u32,
    pub(crate) metrics: Vec<Metric>,
    /// The latency's distribution, from publish to receipt.
    pub(crate) latency: Vec<Point>,
    /// Of long runs only.
    pub(crate) samples: Vec<Sample>,
    /// Why the run was given up.
    pub(crate) error: Option<String>,
    /// The server's own `/stats` at the end, where it has one.
    pub(crate) stats: Option<serde_json::Value>,
}

/// Metrics that have to be 0 for a run to count.
const FAULTS: [&str; 6] = ["missing", "duplicate", "wrong_streams", "unordered", "gaps", "closed"];
/// Percentiles that every latency has, by the names of their metrics.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];
/// Points of a curve between one share of nines and the next: 0, 0.9, 0.99...
const POINTS_PER_NINE: u32 = 12;
/// ...up to 0.9999.
const NINES: u32 = 4;

impl Record {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            label: options.label.clone(),
            repetition: options.repetition,
            scenario: options.scenario.name().to_owned(),
            streams: options.streams,
            stalled: options.stalled,
            payload_bytes: options.payload_bytes,
            rate: options.rate,
            via_redis: options.redis.is_some(),
            mss_bytes: options.mss_bytes,
            ..Self::default()
        }
    }

    /// Records a value, in place of an earlier one of that name.
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        match self.metrics.iter_mut().find(|metric| metric.name == name) {
            Some(metric) => metric.value = value,
            None => self.metrics.push(Metric { name: name.to_owned(), value }),
        }
    }

    /// Records a value if there is one.
    pub(crate) fn set_some(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    pub(crate) fn count(&mut self, name: &str, value: u64) {
        self.set(name, value as f64);
    }

    /// Percentiles of a latency in nanoseconds, as `<prefix>_p50_us` and so on.
    pub(crate) fn set_percentiles(&mut self, prefix: &str, latency: &Histogram<u64>) {
        for (name, quantile) in PERCENTILES {
            self.set(&format!("{prefix}_{name}_us"), us_at(latency, quantile));
        }
    }

    /// The latency that the run is about: its percentiles and its curve.
    pub(crate) fn set_latency(&mut self, latency: &Histogram<u64>) {
        self.set_percentiles("latency", latency);
        let shares = (0..=POINTS_PER_NINE * NINES)
            .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(POINTS_PER_NINE)));
        self.latency = shares.map(|quantile| Point { quantile, us: us_at(latency, quantile) }).collect();
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    /// Whether every stream got every event once, in order.
    pub(crate) fn is_clean(&self) -> bool {
        self.error.is_none() && self.faults().next().is_none()
    }

    /// What went wrong, and how often.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&'static str, f64)> {
        FAULTS.into_iter().filter_map(|name| Some((name, self.get(name).filter(|value| *value != 0.0)?)))
    }

    pub(crate) fn print(&self) -> io::Result<()> {
        let Self { label, scenario, streams, stalled, payload_bytes, mss_bytes, .. } = self;
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{label} {scenario}: {streams} streams, {stalled} stalled, payload {payload_bytes} bytes"
        )?;
        if *mss_bytes > 0 {
            writeln!(out, "  TCP segments of {mss_bytes} bytes at most")?;
        }
        for Metric { name, value } in &self.metrics {
            let digits = if value.fract() == 0.0 { 0 } else { 3 };
            writeln!(out, "  {name:<32} {value:>16.digits$}")?;
        }
        if let Some(error) = &self.error {
            writeln!(out, "  given up: {error}")?;
        }
        Ok(())
    }

    pub(crate) fn append_to(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::to_string(self)?)
    }
}

fn us_at(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally;

    #[test]
    fn a_curve_rises_from_the_least_to_the_last_in_ten_thousand() {
        let mut latency = tally::latencies();
        (1..=10_000).for_each(|us| latency.saturating_record(us * 1_000));
        let mut record = Record::default();
        record.set_latency(&latency);
        let us: Vec<_> = record.latency.iter().map(|point| point.us).collect();
        assert!(us.is_sorted());
        assert!(us[0] < 2.0 && us[us.len() - 1] > 9_990.0, "{us:?}");
        assert!((record.get("latency_p999_us").unwrap() - 9_990.0).abs() < 20.0);
    }

    #[test]
    fn a_run_with_a_fault_is_not_clean() {
        let mut record = Record::default();
        assert!(record.is_clean());
        record.count("duplicate", 1);
        assert!(!record.is_clean());
    }
}
