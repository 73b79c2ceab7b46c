//! A long run over time: memory and descriptors, which should not grow, and deliveries, which should not falter.

use super::Section;
use crate::record::{Record, Sample};
use crate::report::case::Case;
use crate::report::chart::{Axis, Chart, Line, Lines, Point};
use crate::report::figure::{Figure, Labelled, labelled, remark};
use crate::report::markup::Element;
use crate::report::runs::Runs;
use crate::report::scale::Scale;
use crate::report::spread::Spread;
use crate::report::table::Table;
use crate::report::units::{SPACE, Unit, change_pct, number};

/// A run that is shorter says nothing about hours.
const LONG_S: f64 = 600.0;

/// What of a sample is drawn; deliveries need the one before it.
type Reading = fn(&Sample, Option<&Sample>) -> Option<f64>;

/// A chart of a soak.
struct Course {
    title: &'static str,
    unit: Unit,
    axis: &'static str,
    /// From the value to what the axis says.
    factor: f64,
    of: Reading,
}

const MEMORY: Course = Course {
    title: "Resident memory",
    unit: Unit::Bytes,
    axis: "MB",
    factor: 1e-6,
    of: |sample, _| Some(sample.rss_bytes? as f64),
};

const DELIVERIES: Course = Course {
    title: "Deliveries per second",
    unit: Unit::PerSecond,
    axis: "deliveries/s",
    factor: 1.0,
    // The first sample is taken when the window opens: what it counts came before.
    of: |sample, before| {
        let seconds = sample.seconds - before?.seconds;
        (seconds > 0.0).then(|| sample.deliveries as f64 / seconds)
    },
};

const DESCRIPTORS: Course = Course {
    title: "Descriptors",
    unit: Unit::Count,
    axis: "open descriptors",
    factor: 1.0,
    of: |sample, _| Some(sample.descriptors? as f64),
};

pub(super) fn section(runs: &Runs) -> Section {
    let soaks = runs.cases.iter().map(|case| (case, of_case(runs, case)));
    let soaks: Vec<_> = soaks.filter(|(_, records)| !records.is_empty()).collect();
    let figures = soaks.iter().flat_map(|(case, records)| figures(runs, case, records)).collect();
    Section {
        id: "soak",
        title: "Soak",
        intro: "Events, streams that leave and resume, and streams that never read, for a long time. Memory \
                should level off, descriptors should come back, and deliveries should go on.",
        figures,
        missing: "The scenario soak was not run.",
    }
}

/// The charts of a case; each names it, and the first one says how memory grew.
fn figures(runs: &Runs, case: &Case, records: &[&Record]) -> Vec<Figure> {
    let seconds = records.iter().map(|record| seconds(record)).fold(0.0, f64::max);
    let (time, factor) = time_unit(seconds);
    let duration = seconds * factor;
    // 29.9 minutes are 30: the last sample is taken a little before the end.
    let digits = if duration < 10.0 { 10.0 } else { 1.0 };
    let duration = number((duration * digits).round() / digits);
    let variant = format!("{} · {duration}{SPACE}{time}", case.variant(&runs.cases));
    let mut figures: Vec<_> =
        [MEMORY, DELIVERIES, DESCRIPTORS].iter().filter_map(|course| course.figure(runs, records)).collect();
    figures.iter_mut().for_each(|figure| figure.about.push(remark(variant.clone())));
    if let Some(first) = figures.first_mut() {
        first.about.extend(growth(runs, records));
    }
    figures
}

/// Runs with samples.
fn of_case<'a>(runs: &'a Runs, case: &Case) -> Vec<&'a Record> {
    let labels = runs.palette.labels().iter();
    labels.flat_map(|label| runs.of(case, label)).filter(|record| !record.samples.is_empty()).collect()
}

/// How long the run was.
fn seconds(record: &Record) -> f64 {
    record.samples.last().map_or(0.0, |sample| sample.seconds)
}

/// Whether a growth by the hour says something about it.
pub(super) fn is_long(record: &Record) -> bool {
    seconds(record) >= LONG_S
}

/// How memory grew, in words; `None` where it is not known.
fn growth(runs: &Runs, records: &[&Record]) -> Option<Element> {
    let mut values = Vec::new();
    for record in records {
        let Some(slope) = record.get("rss_slope_pct_per_hour") else { continue };
        let doubt = if is_long(record) { "" } else { " (it was too short to tell)" };
        values.push(Labelled {
            name: record.label.clone(),
            color: runs.palette.color(&record.label),
            text: format!("{} an hour{doubt}", change_pct(slope)),
        });
    }
    (!values.is_empty()).then(|| labelled("growth, by the last two thirds", values))
}

impl Course {
    fn figure(&self, runs: &Runs, records: &[&Record]) -> Option<Figure> {
        let mut lines: Vec<_> = records.iter().map(|record| self.line(runs, record)).collect();
        lines.retain(|line| !line.points.is_empty());
        if lines.is_empty() {
            return None;
        }
        let points = || lines.iter().flat_map(|line| &line.points);
        let seconds = points().map(|point| point.x).fold(0.0, f64::max);
        let most = points().map(|point| point.y.max).fold(0.0, f64::max);
        let (time, factor) = time_unit(seconds);
        let mut table = Table::new(1, &["label", "run", time, self.title]);
        let mut description = String::new();
        for record in records {
            let values = self.values(record);
            let (Some((_, first)), Some((_, last))) = (values.first(), values.last()) else { continue };
            description.push_str(&format!(
                "{}: {} at first, {} at the end. ",
                record.label,
                self.unit.text(*first),
                self.unit.text(*last)
            ));
            for (seconds, value) in values {
                table.push(vec![
                    record.label.clone(),
                    number(record.repetition as f64),
                    number(seconds * factor),
                    self.unit.text(value),
                ]);
            }
        }
        for point in lines.iter_mut().flat_map(|line| &mut line.points) {
            point.x *= factor;
            point.y = point.y.scaled(self.factor);
        }
        name_once(&mut lines);
        Some(Figure {
            title: self.title.to_owned(),
            about: Vec::new(),
            chart: Chart::Lines(Lines {
                x: Axis::new(Scale::within(seconds * factor), time, number),
                y: Axis::new(Scale::from_zero(most * self.factor), self.axis, number),
                lines,
            }),
            description,
            table,
        })
    }

    fn values(&self, record: &Record) -> Vec<(f64, f64)> {
        let samples = &record.samples;
        let before = std::iter::once(None).chain(samples.iter().map(Some));
        samples
            .iter()
            .zip(before)
            .filter_map(|(sample, before)| Some((sample.seconds, (self.of)(sample, before)?)))
            .collect()
    }

    fn line(&self, runs: &Runs, record: &Record) -> Line {
        let point = |(x, y)| Point { x, y: Spread::once(y), mark: None };
        Line {
            name: Some(record.label.clone()),
            detail: None,
            color: runs.palette.color(&record.label),
            is_dashed: false,
            points: self.values(record).into_iter().map(point).collect(),
        }
    }
}

/// Leaves the name to the first of several runs of a label.
fn name_once(lines: &mut [Line]) {
    for i in (1..lines.len()).rev() {
        if lines[..i].iter().any(|line| line.name == lines[i].name) {
            lines[i].name = None;
        }
    }
}

/// The unit in which so many seconds are read best, and its part of a second.
fn time_unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        seconds if seconds >= 2.0 * 3_600.0 => ("hours", 1.0 / 3_600.0),
        seconds if seconds >= 2.0 * 60.0 => ("minutes", 1.0 / 60.0),
        _ => ("seconds", 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(label: &str, every_s: f64) -> Record {
        let sample = |i: u32| Sample {
            seconds: f64::from(i) * every_s,
            rss_bytes: Some(3_000_000),
            descriptors: None,
            deliveries: if i == 0 { 77_777 } else { 500 },
        };
        let (label, scenario) = (label.to_owned(), "soak".to_owned());
        let mut record =
            Record { label, scenario, samples: (0..10).map(sample).collect(), ..Record::default() };
        record.set("rss_slope_pct_per_hour", 0.4);
        record
    }

    #[test]
    fn deliveries_are_those_of_an_interval_by_its_length() {
        let figures = section(&Runs::new(vec![record("ssecast", 10.0)])).figures;
        // Without descriptors there is no chart of them.
        assert_eq!(figures.len(), 2);
        let Chart::Lines(deliveries) = &figures[1].chart else { panic!("{:?}", figures[1].chart) };
        let rates: Vec<_> = deliveries.lines[0].points.iter().map(|point| point.y.median).collect();
        assert_eq!(rates, [50.0; 9]);
    }

    #[test]
    fn a_short_run_does_not_claim_to_know_an_hour() {
        let about = |every_s| {
            let figures = section(&Runs::new(vec![record("ssecast", every_s)])).figures;
            figures[0].about.iter().map(ToString::to_string).collect::<String>()
        };
        assert!(about(1.0).contains("too short"), "{}", about(1.0));
        assert!(!about(1_000.0).contains("too short") && about(1_000.0).contains("2.5\u{a0}hours"));
    }

    #[test]
    fn several_runs_of_a_label_are_named_once() {
        let figures = section(&Runs::new(vec![record("ssecast", 1.0), record("ssecast", 1.0)])).figures;
        let Chart::Lines(memory) = &figures[0].chart else { panic!("{:?}", figures[0].chart) };
        let names: Vec<_> = memory.lines.iter().map(|line| line.name.is_some()).collect();
        assert_eq!(names, [true, false]);
    }
}
