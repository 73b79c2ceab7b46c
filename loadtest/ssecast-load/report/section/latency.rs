//! How long an event takes to its streams: the whole distribution, case by case.

use super::Section;
use super::comparison::Comparison;
use crate::report::case::Case;
use crate::report::chart::{Axis, Chart, Line, Lines, Point};
use crate::report::figure::{Figure, Labelled, labelled, remark};
use crate::report::figures::FLOOR;
use crate::report::markup::Element;
use crate::report::runs::Runs;
use crate::report::scale::Scale;
use crate::report::spread::{self, Spread};
use crate::report::table::Table;
use crate::report::units::{Unit, number, percentile, times};
use crate::scenario::Scenario;

const P99_US: &str = "latency_p99_us";
/// What the table of numbers has.
const COLUMNS: [&str; 5] = ["latency_p50_us", "latency_p90_us", P99_US, "latency_p999_us", "latency_max_us"];
/// Shares of which a point of the curve is shown as a dot.
const MARKED: [f64; 4] = [0.9, 0.99, 0.999, 0.9999];
/// Below this share a curve does not decide what the axis has to show.
const SHARE_THAT_MATTERS: f64 = 0.4;

const HEALTH: Comparison = Comparison {
    title: "/healthz during a broadcast, p99",
    about: "Asked without a pause; requests count that overlap with a broadcast. Less is better.",
    metric: "health_p99_us",
    unit: Unit::Milliseconds,
    factor: 1e-3,
    is_log: false,
};

const STORM: Comparison = Comparison {
    title: "Storm: until all streams have everything",
    about: "From the first stream that comes back to the last event that it had missed. Less is better.",
    metric: "storm_complete_s",
    unit: Unit::Milliseconds,
    factor: 1e3,
    is_log: false,
};

/// What a reader of a scenario's curve has to know.
const NOTES: [(Scenario, &str); 9] = [
    (Scenario::Burst, "All events of a burst are published at once: the later ones wait."),
    (Scenario::Topics, "An event is for one stream of all."),
    (Scenario::Tenants, "An event is for one stream of all."),
    (Scenario::Slow, "Streams that read, beside streams that never do."),
    (Scenario::Churn, "Streams that leave and resume all the time."),
    (Scenario::Storm, "Streams that stay, while all others come back at once."),
    (Scenario::Soak, "Over the whole time, with streams that leave and resume."),
    (Scenario::Health, "Deliveries, while /healthz is asked without a pause."),
    (Scenario::Ingest, "As fast as it goes: what waits its turn counts, too."),
];

/// A curve with whose it is.
struct Series<'a> {
    case: &'a Case,
    label: &'a str,
    /// How many streams are stalled, where the chart has cases that differ in that.
    stalled: Option<String>,
    /// At each quantile, in milliseconds.
    curve: Vec<(f64, Spread)>,
}

pub(super) fn section(runs: &Runs) -> Section {
    // Stalled streams come last in the order of cases, so those that differ in nothing else are neighbours.
    let alike = runs.cases.chunk_by(|a, b| a.without_stalled() == b.without_stalled());
    let mut figures: Vec<_> = alike.filter_map(|cases| figure(runs, cases)).collect();
    for comparison in [HEALTH, STORM] {
        let cases: Vec<_> = runs.cases_with(comparison.metric).collect();
        figures.extend(comparison.figure(runs, &cases));
    }
    Section {
        id: "latency",
        title: "Latency",
        intro: "From just before an event is published to when a stream has read it, by the share of deliveries \
                that took at most so long. Each step to the right leaves out a tenth of what the one before \
                left out. Lines are medians over the repetitions, bands go from the least to the most; a ratio \
                is the median of ratios within a repetition.",
        figures,
        missing: "No run has a latency curve.",
    }
}

/// Cases that differ in stalled streams at most; `None` where none has a curve.
fn figure(runs: &Runs, cases: &[Case]) -> Option<Figure> {
    let labels = runs.palette.labels().iter();
    let mut series: Vec<_> = labels
        .flat_map(|label| cases.iter().filter_map(|case| Series::new(runs, cases, case, label)))
        .collect();
    let first = series.first()?;
    let shared = if cases.len() > 1 { first.case.without_stalled() } else { first.case.clone() };
    let note = NOTES.iter().find(|(scenario, _)| scenario.name() == shared.scenario);
    let mut about: Vec<_> = note.map(|(_, note)| remark(*note)).into_iter().collect();
    about.push(p99s(runs, &series));
    let mut table = Table::new(1, &["label", "p50", "p90", "p99", "p99.9", "max"]);
    series.iter().for_each(|series| table.push(series.row(runs)));
    let scale = scale(&series);
    // A logarithm has no room for the few that were fastest.
    series.iter_mut().for_each(|series| series.curve.retain(|(_, spread)| scale.reaches(spread.median)));
    let unit = if scale.is_log() { "ms, logarithmic" } else { "ms" };
    Some(Figure {
        title: shared.name(&runs.cases),
        about,
        description: series.iter().map(Series::description).collect(),
        chart: Chart::Lines(Lines {
            x: Axis::new(Scale::nines(), "% of deliveries", percentile),
            y: Axis::new(scale, unit, number),
            lines: series.iter().map(|series| series.line(runs)).collect(),
        }),
        table,
    })
}

/// One that shows both the usual and the worst of all curves.
fn scale(series: &[Series<'_>]) -> Scale {
    let points = || series.iter().flat_map(|series| &series.curve);
    let usual = points().filter(|(quantile, _)| *quantile >= SHARE_THAT_MATTERS);
    let low = usual.map(|(_, spread)| spread.median).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, spread)| spread.max).fold(0.0, f64::max);
    Scale::fitting(low, high)
}

/// The 99th percentiles in words.
fn p99s(runs: &Runs, series: &[Series<'_>]) -> Element {
    let values = series.iter().filter_map(|one| {
        let value = Unit::Milliseconds.text(one.spread(runs, P99_US)?.median);
        let ratio = runs.to_floor(one.case, one.label, P99_US);
        let ratio = ratio.map(|ratio| format!(" ({})", times(ratio, FLOOR))).unwrap_or_default();
        let color = runs.palette.color(one.label);
        Some(Labelled { name: one.name(), color, text: format!("{value}{ratio}") })
    });
    labelled("p99", values)
}

impl<'a> Series<'a> {
    /// That of a label in one of the `cases` of a chart; `None` without a curve.
    fn new(runs: &Runs, cases: &[Case], case: &'a Case, label: &'a str) -> Option<Self> {
        let curve = spread::latency_ms(&runs.of(case, label));
        let stalled = (cases.len() > 1).then(|| match case.stalled {
            0 => "none stalled".to_owned(),
            count => format!("{} stalled", number(count as f64)),
        });
        (!curve.is_empty()).then_some(Self { case, label, stalled, curve })
    }

    fn name(&self) -> String {
        match &self.stalled {
            Some(stalled) => format!("{}, {stalled}", self.label),
            None => self.label.to_owned(),
        }
    }

    fn spread(&self, runs: &Runs, metric: &str) -> Option<Spread> {
        Some(runs.spread(self.case, self.label, metric)?.scaled(1e-3))
    }

    fn row(&self, runs: &Runs) -> Vec<String> {
        let cell = |metric| {
            self.spread(runs, metric).map(|spread| spread.text(Unit::Milliseconds)).unwrap_or_default()
        };
        let mut row = vec![self.name()];
        row.extend(COLUMNS.map(cell));
        row
    }

    fn line(&self, runs: &Runs) -> Line {
        let mark = |quantile, spread: &Spread| {
            format!("{}, {} %: {}", self.name(), percentile(quantile), spread.text(Unit::Milliseconds))
        };
        let point = |(quantile, spread): &(f64, Spread)| Point {
            x: *quantile,
            y: *spread,
            mark: is_marked(*quantile).then(|| mark(*quantile, spread)),
        };
        Line {
            name: Some(self.label.to_owned()),
            detail: self.stalled.clone(),
            color: runs.palette.color(self.label),
            is_dashed: self.stalled.is_some() && self.case.stalled > 0,
            points: self.curve.iter().map(point).collect(),
        }
    }

    fn description(&self) -> String {
        let marked = self.curve.iter().filter(|(quantile, _)| is_marked(*quantile));
        let text = |(quantile, spread): &(f64, Spread)| {
            format!("{} % within {}", percentile(*quantile), Unit::Milliseconds.text(spread.median))
        };
        let texts: Vec<_> = marked.map(text).collect();
        format!("{}: {}. ", self.name(), texts.join(", "))
    }
}

fn is_marked(quantile: f64) -> bool {
    MARKED.iter().any(|marked| (marked - quantile).abs() < 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{self, Record};

    fn record(label: &str, repetition: u64, stalled: usize, ms: f64) -> Record {
        let latency = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999]
            .map(|quantile| record::Point { quantile, us: ms * 1e3 * (1.0 + quantile) })
            .to_vec();
        let (label, scenario) = (label.to_owned(), "slow".to_owned());
        Record { label, scenario, repetition, streams: 10, stalled, latency, ..Record::default() }
    }

    fn lines(records: Vec<Record>) -> Lines {
        let section = section(&Runs::new(records));
        assert_eq!(section.figures.len(), 1);
        match section.figures.into_iter().next().map(|figure| figure.chart) {
            Some(Chart::Lines(lines)) => lines,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn runs_with_and_without_stalled_streams_share_a_chart() {
        let lines = lines(vec![record("ssecast", 1, 0, 10.0), record("ssecast", 1, 7, 11.0)]).lines;
        let details: Vec<_> = lines.iter().map(|line| (line.detail.as_deref(), line.is_dashed)).collect();
        assert_eq!(details, [(Some("none stalled"), false), (Some("7 stalled"), true)]);
    }

    #[test]
    fn a_line_is_the_median_of_the_repetitions() {
        let repetitions = [(1, 30.0), (2, 10.0), (3, 20.0)];
        let lines = lines(repetitions.map(|(i, ms)| record("ssecast", i, 0, ms)).to_vec()).lines;
        assert_eq!(lines.len(), 1);
        let first = &lines[0].points[0];
        assert_eq!((first.y.min, first.y.median, first.y.max), (10.0, 20.0, 30.0));
        assert_eq!(lines[0].points.iter().filter(|point| point.mark.is_some()).count(), MARKED.len());
    }

    #[test]
    fn a_label_that_is_far_slower_makes_the_axis_logarithmic() {
        let axis = |ms| lines(vec![record("ssecast", 1, 0, 10.0), record("floor", 1, 0, ms)]).y;
        assert!(!axis(20.0).scale.is_log());
        let far = axis(2_000.0);
        assert!(far.scale.is_log() && far.title == "ms, logarithmic");
    }
}
