//! `GET /metrics`: the text, the names, and what is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::common::api::{metric, publish, publish_lines};
use super::common::events::{tick, ticks};
use super::common::http::get;
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

/// The metrics of the contract that have a meaning without Redis.
const METRICS: &[(&str, &str)] = &[
    ("broadcast_latency_ms", "histogram"),
    ("ssecast_active_connections", "gauge"),
    ("ssecast_events_sent_total", "counter"),
    ("ssecast_events_published_total", "counter"),
    ("ssecast_transmission_errors_total", "counter"),
    ("ssecast_connections_closed_total", "counter"),
    ("ssecast_broadcast_duration_ms", "histogram"),
    ("ssecast_gaps_total", "counter"),
    ("ssecast_shed_total", "counter"),
    ("ssecast_clock_skew_events_total", "counter"),
    ("ssecast_loop_stalls_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_start_time_seconds", "gauge"),
    ("ssecast_build_info", "gauge"),
    ("ssecast_instance_info", "gauge"),
];

/// One sample line: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Parses the text format 0.0.4, strictly; the type of each metric and its samples.
fn parse_metrics(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    let (mut types, mut samples, mut seen) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    assert!(text.ends_with('\n'), "the last line has an end");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("name and type");
            assert!(["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some_and(|(_, help)| !help.is_empty()), "{line}");
        } else if !line.is_empty() {
            let sample = parse_sample(line);
            let series = line.rsplit_once(' ').expect("a value").0.to_owned();
            assert!(seen.insert(series), "the series comes twice: {line}");
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| sample.0.strip_suffix(suffix))
                .find(|base| types.get(*base).is_some_and(|kind| kind == "histogram"));
            assert!(base.is_some() || types.contains_key(&sample.0), "no type before {line}");
            samples.push(sample);
        }
    }
    (types, samples)
}

fn parse_sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    assert!(named(name), "{line}");
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no closing brace: {line}"));
    let labels = labels
        .split(',')
        .filter(|label| !label.is_empty())
        .map(|label| {
            let (key, quoted) = label.split_once('=').unwrap_or_else(|| panic!("{line}"));
            let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
            assert!(named(key), "{line}");
            (key.to_owned(), inner.unwrap_or_else(|| panic!("no quotes: {line}")).to_owned())
        })
        .collect();
    (name.to_owned(), labels, value)
}

#[test]
fn metrics_are_prometheus_text_with_all_the_names() {
    let server = Server::start();
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(&server)).collect();
    publish_lines(&server, &ticks(0..5));
    for stream in &mut streams {
        assert_eq!(stream.take(5).len(), 5);
    }
    wait_until("all deliveries are counted", DEADLINE, || {
        metric(&server, "ssecast_events_sent_total") == Some(15.0)
    });
    let response = get(server.addr(), "/metrics");
    let kind = response.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain") && kind.contains("version=0.0.4"), "{kind}");
    let (types, samples) = parse_metrics(&response.text());
    for (name, kind) in METRICS {
        assert_eq!(types.get(*name).map(String::as_str), Some(*kind), "{name}");
    }
    let value = |name: &str, label: Option<(&str, &str)>| {
        let mut found = samples.iter().filter(|(n, labels, _)| {
            n == name && label.is_none_or(|(key, value)| labels.get(key).is_some_and(|v| v == value))
        });
        found.next().map(|(_, _, value)| *value)
    };
    assert_eq!(value("ssecast_events_published_total", Some(("via", "local"))), Some(5.0));
    assert!(value("ssecast_active_connections", None).is_some_and(|n| (3.0..=4.0).contains(&n)));
    assert!(value("process_open_fds", None).is_some_and(|n| n >= 5.0));
    assert!(value("process_resident_memory_bytes", None).is_some_and(|n| n > 100_000.0));
    let started = value("process_start_time_seconds", None).expect("a start time");
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    assert!((now - 3600.0..=now + 2.0).contains(&started), "{started} is not just before {now}");
    assert_eq!(value("ssecast_build_info", Some(("version", env!("CARGO_PKG_VERSION")))), Some(1.0));
    let instance = get(server.addr(), "/stats").json()["instance"].as_str().expect("a name").to_owned();
    assert_eq!(value("ssecast_instance_info", Some(("name", &instance))), Some(1.0));
    for name in ["broadcast_latency_ms", "ssecast_broadcast_duration_ms"] {
        check_histogram(name, &samples);
    }
    assert!(value("broadcast_latency_ms_count", None).is_some_and(|n| n > 0.0));
}

/// Buckets go up, the last is `+Inf` and is the count.
fn check_histogram(name: &str, samples: &[Sample]) {
    let of = |suffix: &str| {
        let full = format!("{name}{suffix}");
        samples.iter().filter(move |(n, _, _)| *n == full)
    };
    let buckets: Vec<(f64, f64)> = of("_bucket")
        .map(|(_, labels, count)| {
            let bound = labels.get("le").expect("a bucket has a bound");
            (bound.parse().unwrap_or_else(|_| panic!("{name}: le={bound}")), *count)
        })
        .collect();
    assert!(buckets.len() > 1, "{name}: {buckets:?}");
    for pair in buckets.windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{name}: {pair:?}");
    }
    let last = buckets.last().expect("checked above");
    assert!(last.0.is_infinite(), "{name}: the last bucket is {last:?}");
    assert_eq!(of("_count").map(|s| s.2).collect::<Vec<_>>(), [last.1], "{name}");
    assert_eq!(of("_sum").count(), 1, "{name}");
}

#[test]
fn a_time_in_the_future_is_counted_as_skew_not_as_latency() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    publish(&server, &tick(1).replace("2024", "2999"));
    stream.next();
    wait_until("the skew is counted", DEADLINE, || {
        metric(&server, "ssecast_clock_skew_events_total") == Some(1.0)
    });
    let sum = metric(&server, "broadcast_latency_ms_sum").expect("a sum");
    assert!((0.0..60_000.0).contains(&sum), "{sum}");
}

#[test]
fn closes_gaps_and_sheds_are_counted() {
    let server = Setup::new().flag("--limits-connections-per-ip", "2").start();
    let mut stream = Stream::resume(&server, "unknown");
    stream.expect_gap("unknown-id");
    let other = Stream::open(&server);
    Stream::open(&server).expect_end();
    drop(other);
    drop(stream);
    wait_until("everything is counted", DEADLINE, || {
        // At the cap an answer may be a 503, which has none of the names.
        let closed = metric(&server, "ssecast_connections_closed_total").unwrap_or_default();
        closed >= 2.0
            && metric(&server, "ssecast_gaps_total") == Some(1.0)
            && metric(&server, "ssecast_shed_total") >= Some(1.0)
    });
}
