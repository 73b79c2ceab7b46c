//! Bars that compare a metric between labels, case by case.

use crate::report::case::Case;
use crate::report::chart::{Axis, Bar, Bars, Chart, Group};
use crate::report::figure::{Figure, remark};
use crate::report::figures::FLOOR;
use crate::report::runs::Runs;
use crate::report::scale::Scale;
use crate::report::spread::Spread;
use crate::report::table::Table;
use crate::report::units::{Unit, number, times};

/// How a metric is shown.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) metric: &'static str,
    pub(super) unit: Unit,
    /// From the unit of the metric to the one that is shown.
    pub(super) factor: f64,
    pub(super) is_log: bool,
}

impl Comparison {
    /// `None` where no run of the cases has the metric.
    pub(super) fn figure(&self, runs: &Runs, cases: &[&Case]) -> Option<Figure> {
        let mut table = Table::new(2, &["case", "label", "median", "min", "max", "runs", "ratio"]);
        let mut groups = Vec::new();
        let mut spreads = Vec::new();
        let mut description = String::new();
        for case in cases {
            let name = case.name(&runs.cases);
            let mut bars = Vec::new();
            for label in runs.palette.labels() {
                let Some(spread) = runs.spread(case, label, self.metric) else { continue };
                let spread = spread.scaled(self.factor);
                let ratio = runs.to_floor(case, label, self.metric).map(|ratio| times(ratio, FLOOR));
                let bar = self.bar(runs, label, spread, ratio.unwrap_or_default(), &name);
                table.push(self.row(&name, label, &spread, &bar.note));
                description.push_str(&format!("{}. ", bar.hint));
                spreads.push(spread);
                bars.push(bar);
            }
            if !bars.is_empty() {
                groups.push(Group { name, bars });
            }
        }
        if groups.is_empty() {
            return None;
        }
        Some(Figure {
            title: self.title.to_owned(),
            about: vec![remark(self.about)],
            chart: Chart::Bars(Bars { axis: self.axis(&spreads), groups }),
            description: description.trim_end().to_owned(),
            table,
        })
    }

    fn bar(&self, runs: &Runs, label: &str, value: Spread, note: String, case: &str) -> Bar {
        let separator = if note.is_empty() { "" } else { ", " };
        Bar {
            name: label.to_owned(),
            color: runs.palette.color(label),
            value,
            text: self.unit.text(value.median),
            hint: format!("{label}, {case}: {}{separator}{note}", value.text(self.unit)),
            note,
        }
    }

    fn row(&self, case: &str, label: &str, spread: &Spread, ratio: &str) -> Vec<String> {
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|value| self.unit.text(value));
        vec![
            case.to_owned(),
            label.to_owned(),
            median,
            min,
            max,
            number(spread.runs as f64),
            ratio.to_owned(),
        ]
    }

    fn axis(&self, spreads: &[Spread]) -> Axis {
        let max = spreads.iter().map(|spread| spread.max).fold(0.0, f64::max);
        // The smallest median that a logarithm can show; what is below 0 is noise and gets no bar.
        let min = spreads.iter().map(|spread| spread.median).filter(|value| *value > 0.0).reduce(f64::min);
        let scale = match min {
            Some(min) if self.is_log => Scale::log(min / 2.0, max),
            _ => Scale::from_zero(max),
        };
        Axis::new(scale, "", |value| self.unit.tick(value))
    }
}
