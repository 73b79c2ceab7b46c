//! Medians and ratios of many runs, as a Markdown table: the figures that ssecast has to show.
//!
//! A ratio is that of two runs of the same repetition; the table has the median of the ratios. Runs in
//! which frames were lost or streams closed do not count.

use std::fs;
use std::io::{self, Write};

use crate::args::ReportOptions;
use crate::record::Record;

const FLOOR: &str = "floor";
const SSECAST: &str = "ssecast";
const REDIS_FLOOR: &str = "redis_floor";
/// ssecast whose Redis was killed before the run.
const REDIS_KILLED: &str = "redis-killed";

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

/// A burst as large as the one that goes through Redis.
fn large_burst(record: &Record) -> bool {
    record.get("events_per_burst") == Some(1_000.0)
}

fn small_burst(record: &Record) -> bool {
    !large_burst(record)
}

/// Streams take segments as on Ethernet.
fn ethernet(record: &Record) -> bool {
    record.mss_bytes > 0
}

/// Streams take segments of 64 KiB.
fn loopback(record: &Record) -> bool {
    record.mss_bytes == 0
}

/// Those of the ways through Redis.
fn redis_figures() -> Vec<Figure> {
    let series = |label, scenario, metric| Series { label, scenario, variant: any, metric };
    let ingest = |title, metric, bound| Figure {
        title,
        measured: Series { variant: ethernet, ..series(SSECAST, "ingest", metric) },
        compared: Some(series(REDIS_FLOOR, "feed", metric)),
        bound,
    };
    let burst = |title, metric, bound| Figure {
        title,
        measured: series(SSECAST, "redis-burst", metric),
        compared: Some(Series { variant: large_burst, ..series(FLOOR, "burst", metric) }),
        bound,
    };
    let killed = |title, metric, bound| Figure {
        title,
        measured: series(REDIS_KILLED, "redis-health", metric),
        compared: Some(series(SSECAST, "redis-health", metric)),
        bound,
    };
    let ingest_alone = |title, variant, metric, bound| Figure {
        title,
        measured: Series { variant, ..series(SSECAST, "ingest", metric) },
        compared: None,
        bound,
    };
    vec![
        ingest_alone(
            "7. from Redis to one stream: events/s",
            ethernet,
            "events_per_s",
            Bound::AtLeast(150_000.0),
        ),
        ingest(
            "or from Redis to one stream: events/s, to the crate's loop",
            "events_per_s",
            Bound::AtLeast(0.85),
        ),
        ingest(
            "from Redis to one stream: CPU µs per event, to the crate's loop",
            "cpu_us_per_event",
            Bound::Shown,
        ),
        ingest_alone(
            "from Redis: busy share of the server's core, %",
            ethernet,
            "server_busy_pct",
            Bound::Shown,
        ),
        ingest_alone(
            "from Redis to one stream with segments of 64 KiB: events/s",
            loopback,
            "events_per_s",
            Bound::Shown,
        ),
        burst("8. burst from Redis: deliveries/s, to the floor", "deliveries_per_s", Bound::AtLeast(10.0)),
        burst("burst from Redis: CPU µs per delivery, to the floor", "cpu_us_per_delivery", Bound::Shown),
        killed("9. Redis killed: `/healthz` p99 µs, to Redis up", "health_p99_us", Bound::AtMost(1.2)),
        killed("Redis killed: answer to a publish, p99 µs, to Redis up", "publish_p99_us", Bound::Shown),
    ]
}

fn figures() -> Vec<Figure> {
    let series = |label, scenario, variant, metric| Series { label, scenario, variant, metric };
    let against_floor = |title, scenario, metric, bound| Figure {
        title,
        measured: series(SSECAST, scenario, small_burst, metric),
        compared: Some(series(FLOOR, scenario, small_burst, metric)),
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

/// Prints the table for the results in the files.
pub(crate) fn write(options: &ReportOptions) -> io::Result<()> {
    let mut records: Vec<Record> = Vec::new();
    for path in &options.results {
        let text = fs::read_to_string(path)?;
        for line in text.lines() {
            records.push(serde_json::from_str(line).map_err(io::Error::other)?);
        }
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| figure | runs | measured (median) | compared with | ratio (min to max) | bound | kept |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for figure in figures().into_iter().chain(redis_figures()) {
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
            metrics: vec![Metric { name: "cpu_us_per_delivery".to_owned(), value }],
            ..Record::default()
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
    fn a_burst_is_compared_with_one_of_its_size() {
        let burst = |label, scenario: &str, events, value| {
            let mut record = record(1, label, 1.0);
            record.scenario = scenario.to_owned();
            record.metrics.clear();
            record.set("events_per_burst", events);
            record.set("deliveries_per_s", value);
            record
        };
        let records = [
            burst(FLOOR, "burst", 64.0, 3.0),
            burst(FLOOR, "burst", 1_000.0, 4.0),
            burst(SSECAST, "burst", 64.0, 60.0),
            burst(SSECAST, "redis-burst", 1_000.0, 60.0),
        ];
        let lines: Vec<_> =
            figures().iter().chain(&redis_figures()).map(|figure| line(figure, &records)).collect();
        let of = |title: &str| lines.iter().find(|line| line.starts_with(title)).unwrap();
        assert!(of("| 2. burst").contains("| 20.00 (20.00 to 20.00) |"));
        assert!(of("| 8. burst").contains("| 15.00 (15.00 to 15.00) |"));
    }

    #[test]
    fn segments_of_loopback_are_shown_apart() {
        let ingest = |mss_bytes, value| {
            let mut record = record(1, SSECAST, 1.0);
            record.scenario = "ingest".to_owned();
            record.mss_bytes = mss_bytes;
            record.set("events_per_s", value);
            record
        };
        let records = [ingest(1_460, 200_000.0), ingest(0, 6_000.0)];
        let lines: Vec<_> = redis_figures().iter().map(|figure| line(figure, &records)).collect();
        assert!(lines[0].ends_with("| 1 | 200000 |  |  | ≥ 150000 | yes |"), "{}", lines[0]);
        assert!(lines.iter().any(|line| line.contains("64 KiB: events/s | 1 | 6000 |")), "{lines:?}");
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        assert!(line(&figures()[0], &[]).ends_with("| ≤ 1.15 | not measured |"));
    }
}
