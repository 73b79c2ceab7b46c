//! The runs of a report, found by case and label.

use super::case::Case;
use super::figures::{FLOOR, ratios};
use super::palette::Palette;
use super::spread::Spread;
use crate::record::Record;

/// Runs, those that count apart from those that do not.
pub(super) struct Runs {
    /// Every stream got every event once, in order.
    clean: Vec<(Case, Record)>,
    /// The others, which are named and not drawn.
    pub(super) lossy: Vec<(Case, Record)>,
    pub(super) palette: Palette,
    /// Cases of clean runs, in the order of the page.
    pub(super) cases: Vec<Case>,
}

impl Runs {
    pub(super) fn new(records: Vec<Record>) -> Self {
        let records = records.into_iter().map(|record| (Case::of(&record), record));
        let (clean, lossy): (Vec<_>, Vec<_>) = records.partition(|(_, record)| record.is_clean());
        let palette = Palette::new(clean.iter().map(|(_, record)| record.label.as_str()));
        let mut cases: Vec<_> = clean.iter().map(|(case, _)| case.clone()).collect();
        cases.sort();
        cases.dedup();
        Self { clean, lossy, palette, cases }
    }

    pub(super) fn len(&self) -> usize {
        self.clean.len()
    }

    /// The runs of a label in a case, in the order of the files.
    pub(super) fn of(&self, case: &Case, label: &str) -> Vec<&Record> {
        self.of_case(case).filter(|record| record.label == label).collect()
    }

    /// The least and the most runs that a label has in a case.
    pub(super) fn repetitions(&self) -> Option<(usize, usize)> {
        let labels = self.palette.labels();
        let counts = self.cases.iter().flat_map(|case| labels.iter().map(|label| self.of(case, label).len()));
        let counts: Vec<_> = counts.filter(|count| *count > 0).collect();
        Some((*counts.iter().min()?, *counts.iter().max()?))
    }

    /// How many runs each label has.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, usize)> {
        self.palette.labels().iter().map(|label| {
            (label.as_str(), self.clean.iter().filter(|(_, record)| record.label == *label).count())
        })
    }

    /// Cases for which some run has the metric.
    pub(super) fn cases_with<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = &'a Case> {
        self.cases.iter().filter(move |case| self.has(case, metric))
    }

    /// Whether some run of the case has the metric.
    pub(super) fn has(&self, case: &Case, metric: &str) -> bool {
        self.of_case(case).any(|record| record.get(metric).is_some())
    }

    fn of_case<'a>(&'a self, case: &Case) -> impl Iterator<Item = &'a Record> {
        self.clean.iter().filter(move |(other, _)| other == case).map(|(_, record)| record)
    }

    /// A metric over the runs of a label in a case.
    pub(super) fn spread(&self, case: &Case, label: &str, metric: &str) -> Option<Spread> {
        Spread::of(self.of(case, label).into_iter().filter_map(|record| record.get(metric)))
    }

    /// Median of the ratios to the floor, each of two runs of the same repetition.
    pub(super) fn to_floor(&self, case: &Case, label: &str, metric: &str) -> Option<f64> {
        if label == FLOOR {
            return None;
        }
        let values = |label| -> Vec<(u64, f64)> {
            let value = |record: &Record| Some((record.repetition, record.get(metric)?));
            self.of(case, label).into_iter().filter_map(value).collect()
        };
        let ratios = ratios(&values(label), &values(FLOOR));
        Some(Spread::of(ratios.into_iter().map(|(_, ratio)| ratio))?.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(label: &str, repetition: u64, streams: usize, value: f64) -> Record {
        let mut record = Record {
            label: label.to_owned(),
            repetition,
            scenario: "fanout".to_owned(),
            streams,
            ..Record::default()
        };
        record.set("cpu", value);
        record
    }

    #[test]
    fn repetitions_are_those_of_a_case_and_label() {
        let mut lossy = record("ssecast", 4, 10, 100.0);
        lossy.set("missing", 1.0);
        let runs = Runs::new(vec![
            record("ssecast", 1, 10, 5.0),
            record("floor", 1, 10, 4.0),
            record("ssecast", 2, 10, 6.0),
            record("floor", 2, 10, 4.0),
            record("ssecast", 1, 20, 50.0),
            lossy,
        ]);
        assert_eq!((runs.len(), runs.lossy.len(), runs.cases.len()), (5, 1, 2));
        assert_eq!(runs.repetitions(), Some((1, 2)));
        let spread = Spread { median: 5.5, min: 5.0, max: 6.0, runs: 2 };
        assert_eq!(runs.spread(&runs.cases[0], "ssecast", "cpu"), Some(spread));
        assert_eq!(runs.spread(&runs.cases[1], "floor", "cpu"), None);
        assert_eq!(runs.to_floor(&runs.cases[0], "ssecast", "cpu"), Some(1.375));
        assert_eq!(runs.to_floor(&runs.cases[0], "floor", "cpu"), None);
        assert_eq!(runs.to_floor(&runs.cases[1], "ssecast", "cpu"), None);
    }
}
