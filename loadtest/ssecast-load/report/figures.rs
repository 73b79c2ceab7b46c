//! The figures that ssecast has to show, as Markdown tables: beside the other servers, and against itself.
//!
//! A ratio is that of two runs of the same repetition; a table has the median of the ratios. Runs in which
//! events were lost or streams closed do not count.

use std::io::{self, Write};

use super::results;
use super::spread::Spread;
use crate::args::ReportOptions;
use crate::record::Record;

pub(super) const FLOOR: &str = "floor";
pub(super) const NCHAN: &str = "nchan";
pub(super) const SSECAST: &str = "ssecast";
const REDIS_FLOOR: &str = "redis_floor";
/// ssecast whose Redis was killed before the run.
const REDIS_KILLED: &str = "redis-killed";

/// A value for each repetition that has one.
type Values = Vec<(u64, f64)>;

/// What is taken of the runs with a label.
type Take = Box<dyn Fn(&[Record], &str) -> Values>;

/// What a value or a ratio has to keep to.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A line of the table of all servers.
struct Beside {
    title: &'static str,
    take: Take,
    /// Of the value itself, of its ratio to the floor's, of its ratio to Nchan's.
    own: Option<Bound>,
    to_floor: Option<Bound>,
    to_nchan: Option<Bound>,
}

/// A line of the table in which ssecast is compared with one other run.
struct Against {
    title: &'static str,
    measured: Values,
    compared: Option<Values>,
    /// Of the ratio, where there is one; else of the value.
    bound: Option<Bound>,
}

/// Those beside the floor and Nchan.
fn beside() -> Vec<Beside> {
    let fanout = |streams, name| metric("fanout", move |record| is_single(record, streams), name);
    let burst = |name| metric("burst", |record| !record.via_redis && small_burst(record), name);
    let idle = |name| metric("idle", |record| record.streams == 15_000, name);
    let storm = |name| metric("storm", |record| record.streams == 15_000, name);
    let line = |title, take| Beside { title, take, own: None, to_floor: None, to_nchan: None };
    vec![
        Beside {
            to_floor: Some(Bound::AtMost(1.08)),
            ..line("CPU µs per delivery, 5 000 streams, single events", fanout(5_000, "cpu_us_per_delivery"))
        },
        line("CPU µs per delivery, 1 000 streams", fanout(1_000, "cpu_us_per_delivery")),
        line("CPU µs per delivery, 15 000 streams", fanout(15_000, "cpu_us_per_delivery")),
        Beside {
            to_floor: Some(Bound::AtMost(1.0)),
            ..line("CPU per delivery, 15 000 streams by 1 000 streams", Box::new(growth))
        },
        Beside {
            to_floor: Some(Bound::AtLeast(15.0)),
            to_nchan: Some(Bound::AtLeast(20.0)),
            ..line("deliveries/s, 64 events at once to 2 000 streams", burst("deliveries_per_s"))
        },
        line("CPU µs per delivery in it", burst("cpu_us_per_delivery")),
        line("latency p50 µs, 15 000 streams, single events", fanout(15_000, "latency_p50_us")),
        Beside {
            to_floor: Some(Bound::AtMost(1.1)),
            ..line("latency p99 µs, 15 000 streams, single events", fanout(15_000, "latency_p99_us"))
        },
        Beside {
            own: Some(Bound::AtMost(250.0)),
            ..line("resident bytes per idle stream, 15 000 streams", idle("rss_per_stream_bytes"))
        },
        Beside {
            to_floor: Some(Bound::AtLeast(0.9)),
            ..line("streams opened per second, 15 000 streams", idle("opened_per_s"))
        },
        line("CPU µs per opened stream", idle("cpu_us_per_open")),
        line("CPU µs per event for one of 10 000 topics", topics(10_000)),
        Beside {
            own: Some(Bound::AtMost(5.0)),
            ..line(
                "15 000 streams reconnect at once: latency p99 of 1 000 others, by that in calm",
                storm("storm_latency_ratio"),
            )
        },
        line("until all of them are live and complete, s", storm("storm_complete_s")),
    ]
}

/// Those of ssecast alone.
fn against(records: &[Record]) -> Vec<Against> {
    let own = |scenario, is_variant: fn(&Record) -> bool, name| {
        metric(scenario, is_variant, name)(records, SSECAST)
    };
    let line = |title, measured, compared| Against { title, measured, compared, bound: None };
    let slow = |title, name| {
        let stalled = own("slow", |record| record.stalled > 0, name);
        line(title, stalled, Some(own("slow", |record| record.stalled == 0, name)))
    };
    let mut lines = vec![
        Against {
            bound: Some(Bound::AtMost(1.5)),
            ..line(
                "one of 10 000 topics: CPU µs per event, to a single stream",
                topics(10_000)(records, SSECAST),
                Some(topics(1)(records, SSECAST)),
            )
        },
        Against {
            bound: Some(Bound::AtMost(1.5)),
            ..line(
                "one of 10 000 tenants: CPU µs per event, to a single tenant",
                tenants(10_000)(records, SSECAST),
                Some(tenants(1)(records, SSECAST)),
            )
        },
        Against {
            bound: Some(Bound::AtMost(1.2)),
            ..slow("1 000 stalled beside 4 000 live: latency p99 µs, to none stalled", "latency_p99_us")
        },
        slow("the same: resident bytes", "rss_measured_bytes"),
        slow("stalled past the bound: resident bytes", "rss_overrun_bytes"),
        Against {
            bound: Some(Bound::AtMost(10_000.0)),
            ..line(
                "`/healthz` during broadcasts to 15 000 streams: p99 µs",
                own("health", |record| record.rate == 0, "health_p99_us"),
                None,
            )
        },
        Against {
            bound: Some(Bound::AtMost(0.1)),
            ..line(
                "soak: growth of resident memory, % an hour",
                own("soak", |_| true, "rss_slope_pct_per_hour"),
                None,
            )
        },
        Against {
            bound: Some(Bound::AtMost(1.0)),
            ..line(
                "soak: open descriptors at the end, to those at the start",
                own("soak", |_| true, "descriptors_after"),
                Some(own("soak", |_| true, "descriptors_before")),
            )
        },
    ];
    lines.extend(against_redis(records));
    lines
}

/// Those of the ways through Redis.
fn against_redis(records: &[Record]) -> Vec<Against> {
    let ingest = |is_variant: fn(&Record) -> bool, name| metric("ingest", is_variant, name)(records, SSECAST);
    // Segments as on Ethernet, or those of 64 KiB that loopback has.
    let ethernet: fn(&Record) -> bool = |record| record.mss_bytes > 0;
    let loopback: fn(&Record) -> bool = |record| record.mss_bytes == 0;
    let feed = |name| Some(metric("feed", |_| true, name)(records, REDIS_FLOOR));
    let health = |label, name| metric("health", |record| record.rate > 0, name)(records, label);
    let line = |title, measured, compared| Against { title, measured, compared, bound: None };
    vec![
        Against {
            bound: Some(Bound::AtLeast(150_000.0)),
            ..line("from Redis to one stream: events/s", ingest(ethernet, "events_per_s"), None)
        },
        line("the same, to the `redis` crate's loop", ingest(ethernet, "events_per_s"), feed("events_per_s")),
        line(
            "its CPU µs per event, to the crate's loop",
            ingest(ethernet, "cpu_us_per_event"),
            feed("cpu_us_per_event"),
        ),
        line(
            "from Redis to one stream with segments of 64 KiB: events/s",
            ingest(loopback, "events_per_s"),
            None,
        ),
        Against {
            bound: Some(Bound::AtLeast(10.0)),
            ..line(
                "1 000 events at once from Redis to 2 000 streams: deliveries/s, to the floor by HTTP",
                metric("burst", |record| record.via_redis, "deliveries_per_s")(records, SSECAST),
                Some(metric("burst", |record| !small_burst(record), "deliveries_per_s")(records, FLOOR)),
            )
        },
        Against {
            bound: Some(Bound::AtMost(1.2)),
            ..line(
                "Redis killed: `/healthz` p99 µs, to Redis up",
                health(REDIS_KILLED, "health_p99_us"),
                Some(health(SSECAST, "health_p99_us")),
            )
        },
    ]
}

/// A metric of the runs of a scenario that are of this kind.
fn metric(
    scenario: &'static str,
    is_variant: impl Fn(&Record) -> bool + 'static,
    name: &'static str,
) -> Take {
    Box::new(move |records, label| {
        let counts = |record: &&Record| {
            record.label == label && record.scenario == scenario && is_variant(record) && record.is_clean()
        };
        let value = |record: &Record| Some((record.repetition, record.get(name)?));
        records.iter().filter(counts).filter_map(value).collect()
    })
}

fn tenants(streams: usize) -> Take {
    metric("tenants", move |record| record.streams == streams, "cpu_us_per_event")
}

fn topics(streams: usize) -> Take {
    metric("topics", move |record| record.streams == streams, "cpu_us_per_event")
}

/// Whether it is of events that each waited for the one before, by HTTP.
fn is_single(record: &Record, streams: usize) -> bool {
    record.streams == streams && record.rate == 0 && !record.via_redis
}

fn small_burst(record: &Record) -> bool {
    record.get("events_per_burst").is_some_and(|events| events < 1_000.0)
}

/// CPU per delivery with many streams by that with few.
fn growth(records: &[Record], label: &str) -> Values {
    let with = |streams| {
        metric("fanout", move |record| is_single(record, streams), "cpu_us_per_delivery")(records, label)
    };
    ratios(&with(15_000), &with(1_000))
}

/// Prints the tables for the results in the files.
pub(crate) fn write(options: &ReportOptions) -> io::Result<()> {
    let records = results::read(&options.results)?;
    io::stdout().lock().write_all(tables(&records).as_bytes())
}

fn tables(records: &[Record]) -> String {
    let mut text = String::from(
        "| figure | ssecast | floor | Nchan | ÷ floor (min to max) | ÷ Nchan (min to max) | to reach | reached |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    text.extend(beside().iter().map(|line| line.row(records)));
    text.push_str(
        "\n| figure | runs | ssecast | compared with | ratio (min to max) | to reach | reached |\n\
         |---|---|---|---|---|---|---|\n",
    );
    text.extend(against(records).iter().map(Against::row));
    text
}

impl Beside {
    fn row(&self, records: &[Record]) -> String {
        let [own, floor, nchan] = [SSECAST, FLOOR, NCHAN].map(|label| (self.take)(records, label));
        let (to_floor, to_nchan) = (ratios(&own, &floor), ratios(&own, &nchan));
        let judged = [
            (self.own, median(&own), ""),
            (self.to_floor, median(&to_floor), " × floor"),
            (self.to_nchan, median(&to_nchan), " × Nchan"),
        ];
        let bounds = judged.iter().filter_map(|(bound, value, of)| Some((bound.as_ref()?, *value, of)));
        let (to_reach, reached): (Vec<_>, Vec<_>) =
            bounds.map(|(bound, value, of)| (format!("{}{of}", bound.text()), bound.verdict(value))).unzip();
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.title,
            number(median(&own)),
            number(median(&floor)),
            number(median(&nchan)),
            range(&to_floor),
            range(&to_nchan),
            to_reach.join(", "),
            reached.join(", "),
        )
    }
}

impl Against {
    fn row(&self) -> String {
        let ratios = self.compared.as_deref().map(|compared| ratios(&self.measured, compared));
        let judged = median(ratios.as_deref().unwrap_or(&self.measured));
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            self.title,
            self.measured.len(),
            number(median(&self.measured)),
            self.compared.as_deref().map_or_else(String::new, |values| number(median(values))),
            ratios.as_deref().map_or_else(String::new, range),
            self.bound.map_or_else(String::new, |bound| bound.text()),
            self.bound.map_or("", |bound| bound.verdict(judged)),
        )
    }
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", number(Some(most))),
            Self::AtLeast(least) => format!("≥ {}", number(Some(least))),
        }
    }

    fn verdict(self, value: Option<f64>) -> &'static str {
        let is_kept = value.map(|value| match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        });
        match is_kept {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        }
    }
}

/// `measured` by `compared`, for each repetition that has both.
pub(super) fn ratios(measured: &[(u64, f64)], compared: &[(u64, f64)]) -> Values {
    let of = |repetition: u64| compared.iter().find(|(other, _)| *other == repetition);
    let ratio = |(repetition, value): &(u64, f64)| Some((*repetition, value / of(*repetition)?.1));
    measured.iter().filter_map(ratio).collect()
}

/// The middle value; of an even number, the mean of the two in the middle.
fn median(values: &[(u64, f64)]) -> Option<f64> {
    Some(Spread::of(values.iter().map(|(_, value)| *value))?.median)
}

/// The median of values with their range; a dash for none.
fn range(values: &[(u64, f64)]) -> String {
    let bounds = values.iter().map(|(_, value)| (*value, *value));
    match bounds.reduce(|(min, max), (value, _)| (min.min(value), max.max(value))) {
        Some((min, max)) => {
            format!("{} ({} to {})", number(median(values)), number(Some(min)), number(Some(max)))
        }
        None => "–".to_owned(),
    }
}

/// A number with the digits that mean something, thousands apart; a dash for none.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(repetition: u64, label: &str, scenario: &str, metrics: &[(&str, f64)]) -> Record {
        let mut record = Record {
            label: label.to_owned(),
            repetition,
            scenario: scenario.to_owned(),
            streams: 5_000,
            ..Record::default()
        };
        for (name, value) in metrics {
            record.set(name, *value);
        }
        record
    }

    fn row(records: &[Record], title: &str) -> String {
        let tables = tables(records);
        tables.lines().find(|line| line.starts_with(&format!("| {title}"))).unwrap().to_owned()
    }

    #[test]
    fn medians_of_odd_and_even_numbers_and_of_none() {
        let numbered = |values: &[f64]| values.iter().map(|value| (0, *value)).collect::<Vec<_>>();
        assert_eq!(median(&numbered(&[3.0, 1.0, 2.0])), Some(2.0));
        assert_eq!(median(&numbered(&[4.0, 1.0, 2.0, 3.0])), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        for (value, text) in
            [(1.054, "1.05"), (999.6, "1 000"), (1_234_567.0, "1 234 567"), (-4_000.0, "-4 000")]
        {
            assert_eq!(number(Some(value)), text);
        }
    }

    #[test]
    fn ratios_are_those_of_one_repetition() {
        let cpu =
            |repetition, label, value| record(repetition, label, "fanout", &[("cpu_us_per_delivery", value)]);
        let records = [
            cpu(1, FLOOR, 5.0),
            cpu(2, SSECAST, 10.6),
            cpu(1, SSECAST, 5.3),
            cpu(2, FLOOR, 10.0),
            cpu(2, NCHAN, 21.2),
        ];
        assert_eq!(
            row(&records, "CPU µs per delivery, 5 000"),
            "| CPU µs per delivery, 5 000 streams, single events | 7.95 | 7.50 | 21.20 | 1.06 (1.06 to 1.06) \
             | 0.50 (0.50 to 0.50) | ≤ 1.08 × floor | yes |"
        );
    }

    #[test]
    fn a_run_that_lost_events_does_not_count() {
        let lossy = [("cpu_us_per_delivery", 5.0), ("missing", 1.0)];
        let records = [
            record(1, FLOOR, "fanout", &[("cpu_us_per_delivery", 5.0)]),
            record(1, SSECAST, "fanout", &lossy),
        ];
        assert!(
            row(&records, "CPU µs per delivery, 5 000")
                .ends_with("| – | 5.00 | – | – | – | ≤ 1.08 × floor | not measured |")
        );
    }

    #[test]
    fn growth_is_that_of_each_server_by_itself() {
        let run = |label, streams, value| {
            let record = record(1, label, "fanout", &[("cpu_us_per_delivery", value)]);
            Record { streams, ..record }
        };
        let records = [
            run(FLOOR, 1_000, 4.0),
            run(FLOOR, 15_000, 6.0),
            run(SSECAST, 1_000, 4.0),
            run(SSECAST, 15_000, 6.6),
        ];
        let row = row(&records, "CPU per delivery, 15 000 streams by");
        assert!(row.contains("| 1.65 | 1.50 |") && row.ends_with("| **no** |"), "{row}");
    }

    #[test]
    fn a_burst_is_compared_with_one_of_its_size() {
        let burst = |label, events, value| {
            record(1, label, "burst", &[("events_per_burst", events), ("deliveries_per_s", value)])
        };
        let redis = Record { via_redis: true, ..burst(SSECAST, 1_000.0, 60.0) };
        let records =
            [burst(FLOOR, 64.0, 3.0), burst(FLOOR, 1_000.0, 4.0), burst(SSECAST, 64.0, 60.0), redis];
        assert!(row(&records, "deliveries/s, 64").contains("| 20.00 (20.00 to 20.00) |"));
        assert!(row(&records, "1 000 events at once from Redis").contains("| 15.00 (15.00 to 15.00) |"));
    }

    #[test]
    fn segments_of_loopback_are_shown_apart() {
        let ingest = |mss_bytes, value| {
            let record = record(1, SSECAST, "ingest", &[("events_per_s", value)]);
            Record { mss_bytes, ..record }
        };
        let records = [ingest(1_460, 200_000.0), ingest(0, 6_000.0)];
        assert!(row(&records, "from Redis to one stream: events/s").ends_with("| ≥ 150 000 | yes |"));
        assert!(row(&records, "from Redis to one stream with segments").contains("| 6 000 |"));
    }
}
