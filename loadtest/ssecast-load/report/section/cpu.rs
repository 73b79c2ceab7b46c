//! What the server's processor spends on a delivery, and how that grows with the number of streams.

use super::Section;
use super::comparison::Comparison;
use crate::report::case::Case;
use crate::report::chart::{Axis, Chart, Line, Lines, Point};
use crate::report::figure::{Figure, remark};
use crate::report::runs::Runs;
use crate::report::scale::Scale;
use crate::report::spread::Spread;
use crate::report::table::Table;
use crate::report::units::{Unit, number};
use crate::scenario::Scenario;

const PER_DELIVERY: &str = "cpu_us_per_delivery";
const PER_EVENT: &str = "cpu_us_per_event";

pub(super) fn section(runs: &Runs) -> Section {
    let per_event: Vec<_> = runs.cases_with(PER_EVENT).collect();
    let per_delivery: Vec<_> =
        runs.cases_with(PER_DELIVERY).filter(|case| !runs.has(case, PER_EVENT)).collect();
    let deliveries = Comparison {
        title: "CPU per delivery",
        about: "Time that the server's threads ran, by what reached the streams. Less is better.",
        metric: PER_DELIVERY,
        unit: Unit::Microseconds,
        factor: 1.0,
        is_log: false,
    };
    let events = Comparison {
        title: "CPU per event",
        about: "Where an event is for one stream, or all go to one: what publishing costs is not shared out.",
        metric: PER_EVENT,
        ..deliveries
    };
    let mut figures = Vec::new();
    figures.extend(deliveries.figure(runs, &per_delivery));
    figures.extend(growths(runs, &per_delivery));
    figures.extend(events.figure(runs, &per_event));
    Section {
        id: "cpu",
        title: "CPU",
        intro: "Bars and lines are medians over the repetitions, whiskers and bands go from the least to the \
                most. A ratio is the median of ratios within a repetition.",
        figures,
        missing: "No run knew the server's process. With --pid, its CPU time is measured.",
    }
}

/// A chart for each `fanout` that was run with several numbers of streams.
fn growths(runs: &Runs, cases: &[&Case]) -> Vec<Figure> {
    let fanouts: Vec<_> =
        cases.iter().copied().filter(|case| case.scenario == Scenario::Fanout.name()).collect();
    // Streams come last in the order of cases, so those that differ in nothing else are neighbours.
    let alike = fanouts.chunk_by(|a, b| a.without_streams() == b.without_streams());
    alike.filter_map(|cases| growth(runs, cases)).collect()
}

/// `None` where no label was run with more than one number of streams.
fn growth(runs: &Runs, cases: &[&Case]) -> Option<Figure> {
    let labels = runs.palette.labels().iter();
    let lines: Vec<_> = labels.filter_map(|label| line(runs, cases, label)).collect();
    let mut table = Table::new(1, &["label", "streams", "median", "min", "max"]);
    for line in &lines {
        for Point { x: streams, y: Spread { median, min, max, .. }, .. } in &line.points {
            let mut row = vec![line.name.clone().unwrap_or_default(), number(*streams)];
            row.extend([median, min, max].map(|us| Unit::Microseconds.text(*us)));
            table.push(row);
        }
    }
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points().map(|point| point.y.max).reduce(f64::max)?;
    let description: Vec<_> = points().filter_map(|point| point.mark.as_deref()).collect();
    let streams: Vec<_> = cases.iter().map(|case| case.streams as f64).collect();
    let variant = match cases[0].without_streams().variant(&runs.cases) {
        variant if variant.is_empty() => variant,
        variant => format!(": {variant}"),
    };
    Some(Figure {
        title: format!("CPU per delivery by streams, fanout{variant}"),
        about: vec![remark("A flat line: a stream costs the same however many others there are.")],
        description: description.join(". "),
        chart: Chart::Lines(Lines {
            x: Axis::with_ticks(Scale::within(streams[streams.len() - 1]), "streams", streams, number),
            y: Axis::new(Scale::from_zero(most), "µs", number),
            lines,
        }),
        table,
    })
}

/// `None` for a single point, which says nothing about growth.
fn line(runs: &Runs, cases: &[&Case], label: &str) -> Option<Line> {
    let point = |case: &&Case| {
        let y = runs.spread(case, label, PER_DELIVERY)?;
        let streams = case.streams as f64;
        let mark = format!("{label}, {} streams: {}", number(streams), y.text(Unit::Microseconds));
        Some(Point { x: streams, y, mark: Some(mark) })
    };
    let points: Vec<_> = cases.iter().filter_map(point).collect();
    let color = runs.palette.color(label);
    let name = Some(label.to_owned());
    (points.len() > 1).then_some(Line { name, detail: None, color, is_dashed: false, points })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn record(label: &str, streams: usize, us: f64) -> Record {
        let (label, scenario) = (label.to_owned(), "fanout".to_owned());
        let mut record = Record { label, scenario, streams, ..Record::default() };
        record.set(PER_DELIVERY, us);
        record
    }

    #[test]
    fn several_numbers_of_streams_show_how_it_grows() {
        let runs = Runs::new(vec![
            record("ssecast", 15_000, 5.2),
            record("ssecast", 1_000, 4.2),
            record("floor", 1_000, 4.0),
        ]);
        let figures = section(&runs).figures;
        assert_eq!(figures.len(), 2);
        let Chart::Lines(growth) = &figures[1].chart else { panic!("{:?}", figures[1].chart) };
        // The floor has but one point.
        assert_eq!(growth.lines.len(), 1);
        let points: Vec<_> = growth.lines[0].points.iter().map(|point| (point.x, point.y.median)).collect();
        assert_eq!(points, [(1_000.0, 4.2), (15_000.0, 5.2)]);
    }

    #[test]
    fn what_publishing_costs_is_not_compared_with_a_delivery() {
        let mut topics = record("ssecast", 10, 45.0);
        "topics".clone_into(&mut topics.scenario);
        topics.set(PER_EVENT, 45.0);
        let figures = section(&Runs::new(vec![topics])).figures;
        let titles: Vec<_> = figures.iter().map(|figure| figure.title.as_str()).collect();
        assert_eq!(titles, ["CPU per event"]);
    }
}
