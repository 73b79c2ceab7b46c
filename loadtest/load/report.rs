//! Medians and ratios of many runs, as a Markdown table: the figures that ssecast has to show.
//!
//! A ratio is that of two runs of the same repetition; the table has the median of the ratios. Runs in
//! which frames were lost or streams closed do not count.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::record::Record;

const FLOOR: &str = "floor";
const SSECAST: &str = "ssecast";

/// Which runs, and what of them.
#[derive(Clone, Copy)]
struct Series {
    label: &'static str,
    scenario: &'static str,
    /// Which of the scenario's variants.
    variant: fn(&Record) -> bool,
    metric: &'static str,
}

/// What a figure has to keep to.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Shown, without a bound.
    Shown,
}

/// A line of the table.
struct Figure {
    title: &'static str,
    measured: Series,
    /// What it is divided by; without it the bound is that of the measured median.
    compared: Option<Series>,
    bound: Bound,
}

fn any(_: &Record) -> bool {
    true
}

fn with_stalled(record: &Record) -> bool {
    record.stalled > 0
}

fn without_stalled(record: &Record) -> bool {
    record.stalled == 0
}

fn one_stream(record: &Record) -> bool {
    record.streams == 1
}

fn many_streams(record: &Record) -> bool {
    record.streams > 1
}

fn figures() -> Vec<Figure> {
    let series = |label, scenario, variant, metric| Series { label, scenario, variant, metric };
    let against_floor = |title, scenario, metric, bound| Figure {
        title,
        measured: series(SSECAST, scenario, any, metric),
        compared: Some(series(FLOOR, scenario, any, metric)),
        bound,
    };
    let alone = |title, scenario, metric, bound| Figure {
        title,
        measured: series(SSECAST, scenario, any, metric),
        compared: None,
        bound,
    };
    let slow = |title, metric, bound| Figure {
        title,
        measured: series(SSECAST, "slow", with_stalled, metric),
        compared: Some(series(SSECAST, "slow", without_stalled, metric)),
        bound,
    };
    vec![
        against_floor(
            "1. one at a time: CPU µs per delivery, to the floor",
            "fanout",
            "cpu_us_per_delivery",
            Bound::AtMost(1.15),
        ),
        against_floor(
            "one at a time: latency p99 µs, to the floor",
            "fanout",
            "latency_p99_us",
            Bound::Shown,
        ),
        against_floor(
            "2. burst: deliveries/s, to the floor",
            "burst",
            "deliveries_per_s",
            Bound::AtLeast(12.0),
        ),
        against_floor(
            "burst: CPU µs per delivery, to the floor",
            "burst",
            "cpu_us_per_delivery",
            Bound::Shown,
        ),
        alone("burst: busy share of the server's core, %", "burst", "server_busy_pct", Bound::Shown),
        alone("burst: busy share of the generator's core, %", "burst", "generator_busy_pct", Bound::Shown),
        alone("3. idle: resident bytes per stream", "idle", "rss_per_stream_bytes", Bound::Shown),
        slow("4. stalled beside live: latency p99 µs, to none stalled", "latency_p99_us", Bound::AtMost(1.2)),
        slow("stalled beside live: resident bytes, to none stalled", "rss_measured_bytes", Bound::Shown),
        slow("stalled past the bound: resident bytes, to none stalled", "rss_overrun_bytes", Bound::Shown),
        slow(
            "stalled past the bound: latency p99 µs, to none stalled",
            "overrun_latency_p99_us",
            Bound::Shown,
        ),
        alone("5. /healthz during a broadcast: p99 µs", "health", "health_p99_us", Bound::AtMost(10_000.0)),
        Figure {
            title: "6. one topic of many: CPU µs per event, to a single stream",
            measured: series(SSECAST, "topics", many_streams, "cpu_us_per_event"),
            compared: Some(series(SSECAST, "topics", one_stream, "cpu_us_per_event")),
            bound: Bound::AtMost(2.0),
        },
    ]
}

/// Prints the table for the results in `path`.
pub(crate) fn print(path: &Path) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    let records: Vec<Record> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| figure | runs | measured (median) | compared with | ratio (min to max) | bound | kept |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for figure in figures() {
        writeln!(out, "{}", line(&figure, &records))?;
    }
    Ok(())
}

fn line(figure: &Figure, records: &[Record]) -> String {
    let measured = figure.measured.values(records);
    let compared = figure.compared.map(|series| series.values(records));
    let ratios = compared.as_deref().map(|compared| ratios(&measured, compared)).unwrap_or_default();
    let (measured, compared) = (values(&measured), compared.as_deref().map(values));
    let judged = if compared.is_some() { median(&ratios) } else { median(&measured) };
    let range = match (ratios.iter().copied().reduce(f64::min), ratios.iter().copied().reduce(f64::max)) {
        (Some(min), Some(max)) => {
            format!("{} ({} to {})", number(median(&ratios)), number(Some(min)), number(Some(max)))
        }
        _ => String::new(),
    };
    let (bound, kept) = figure.bound.judge(judged);
    format!(
        "| {} | {} | {} | {} | {range} | {bound} | {kept} |",
        figure.title,
        measured.len(),
        number(median(&measured)),
        compared.map(|values| number(median(&values))).unwrap_or_default(),
    )
}

impl Series {
    /// Its values, each with the number of its repetition.
    fn values(&self, records: &[Record]) -> Vec<(u64, f64)> {
        let counts = |record: &&Record| {
            record.label == self.label
                && record.scenario == self.scenario
                && (self.variant)(record)
                && record.is_clean()
        };
        let value = |record: &Record| Some((record.repetition, record.get(self.metric)?));
        records.iter().filter(counts).filter_map(value).collect()
    }
}

impl Bound {
    fn judge(self, value: Option<f64>) -> (String, &'static str) {
        let word = |kept: Option<bool>| match kept {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        match self {
            Self::AtMost(most) => (format!("≤ {}", number(Some(most))), word(value.map(|v| v <= most))),
            Self::AtLeast(least) => (format!("≥ {}", number(Some(least))), word(value.map(|v| v >= least))),
            Self::Shown => (String::new(), ""),
        }
    }
}

fn values(numbered: &[(u64, f64)]) -> Vec<f64> {
    numbered.iter().map(|(_, value)| *value).collect()
}

/// `measured` by `compared`, for each repetition that has both.
fn ratios(measured: &[(u64, f64)], compared: &[(u64, f64)]) -> Vec<f64> {
    let of = |repetition: u64| compared.iter().find(|(other, _)| *other == repetition);
    measured.iter().filter_map(|(repetition, value)| Some(value / of(*repetition)?.1)).collect()
}

/// The middle value; of an even number, the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[middle - 1] + upper) / 2.0 })
}

/// A number with the digits that mean something; a dash for none.
fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() >= 1_000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metric;

    fn record(repetition: u64, label: &str, value: f64) -> Record {
        Record {
            label: label.to_owned(),
            repetition,
            scenario: "fanout".to_owned(),
            streams: 10,
            stalled: 0,
            payload_bytes: 200,
            mss_bytes: 0,
            metrics: vec![Metric { name: "cpu_us_per_delivery".to_owned(), value }],
            stats: None,
        }
    }

    #[test]
    fn medians_of_odd_and_even_numbers_and_of_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ratios_are_those_of_one_repetition() {
        let records = [
            record(1, FLOOR, 5.0),
            record(2, SSECAST, 12.0),
            record(1, SSECAST, 5.5),
            record(2, FLOOR, 10.0),
        ];
        let line = line(&figures()[0], &records);
        assert!(line.ends_with("| 2 | 8.75 | 7.50 | 1.15 (1.10 to 1.20) | ≤ 1.15 | yes |"), "{line}");
    }

    #[test]
    fn a_run_that_lost_frames_does_not_count() {
        let mut lossy = record(1, SSECAST, 5.0);
        lossy.set("missing", 1.0);
        assert!(line(&figures()[0], &[record(1, FLOOR, 5.0), lossy]).contains("| 0 | – | 5.00 |  |"));
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        assert!(line(&figures()[0], &[]).ends_with("| ≤ 1.15 | not measured |"));
    }
}
