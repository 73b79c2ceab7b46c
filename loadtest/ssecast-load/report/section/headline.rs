//! The few numbers that a reader should see first: those of one label, beside the floor.

use super::soak;
use crate::report::case::Case;
use crate::report::figures::FLOOR;
use crate::report::markup::{Element, element};
use crate::report::runs::Runs;
use crate::report::spread::Spread;
use crate::report::units::{Unit, change_pct, times};
use crate::scenario::Scenario;

/// A number of the head.
struct Tile {
    metric: &'static str,
    scenario: Scenario,
    title: &'static str,
    text: fn(f64) -> String,
    /// Whether a ratio to the floor says anything: not of what may be 0.
    has_ratio: bool,
}

const TILES: [Tile; 5] = [
    Tile {
        metric: "cpu_us_per_delivery",
        scenario: Scenario::Fanout,
        title: "CPU per delivery",
        text: |us| Unit::Microseconds.text(us),
        has_ratio: true,
    },
    Tile {
        metric: "latency_p99_us",
        scenario: Scenario::Fanout,
        title: "latency p99",
        text: |us| Unit::Milliseconds.text(us / 1e3),
        has_ratio: true,
    },
    Tile {
        metric: "deliveries_per_s",
        scenario: Scenario::Burst,
        title: "deliveries in a burst",
        text: |rate| Unit::PerSecond.text(rate),
        has_ratio: true,
    },
    Tile {
        metric: "rss_per_stream_bytes",
        scenario: Scenario::Idle,
        title: "memory per idle stream",
        text: |bytes| Unit::Bytes.text(bytes),
        has_ratio: true,
    },
    Tile {
        metric: "rss_slope_pct_per_hour",
        scenario: Scenario::Soak,
        title: "memory growth per hour",
        text: change_pct,
        has_ratio: false,
    },
];

/// Of the first label of the page; `None` where it has none of the numbers.
pub(in crate::report) fn tiles(runs: &Runs) -> Option<Element> {
    let label = runs.palette.labels().first()?;
    let tiles: Vec<_> = TILES.iter().filter_map(|tile| tile.element(runs, label)).collect();
    if tiles.is_empty() {
        return None;
    }
    let color = runs.palette.color(label).class();
    Some(
        element("div")
            .class(format!("headline {color}"))
            .child(element("p").child(element("b").class("label").text(label)).text(" in numbers"))
            .child(element("ul").class("tiles").children(tiles)),
    )
}

impl Tile {
    fn element(&self, runs: &Runs, label: &str) -> Option<Element> {
        let (case, spread) = self.pick(runs, label)?;
        let ratio = runs.to_floor(case, label, self.metric).filter(|_| self.has_ratio);
        let ratio = ratio.map(|ratio| times(ratio, FLOOR));
        let tile = element("li")
            .child(element("span").class("title").text(self.title))
            .child(element("b").class("value").text((self.text)(spread.median)))
            .children(ratio.map(|ratio| element("span").class("ratio").text(ratio)));
        Some(tile.child(element("span").class("case").text(case.name(&runs.cases))))
    }

    /// The largest case of the scenario, preferably one that the floor has, too.
    fn pick<'a>(&self, runs: &'a Runs, label: &str) -> Option<(&'a Case, Spread)> {
        let of_label = |case: &'a Case| Some((case, runs.spread(case, label, self.metric)?));
        let cases = runs.cases.iter().filter(|case| case.scenario == self.scenario.name() && !case.via_redis);
        let is_long = |case: &Case| runs.of(case, label).into_iter().all(soak::is_long);
        let tells = |case: &&Case| self.scenario != Scenario::Soak || is_long(case);
        cases
            .filter(tells)
            .filter_map(of_label)
            .max_by_key(|(case, _)| (runs.to_floor(case, label, self.metric).is_some(), case.streams))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn record(label: &str, streams: usize) -> Record {
        let (label, scenario) = (label.to_owned(), "fanout".to_owned());
        let mut record = Record { label, scenario, streams, ..Record::default() };
        record.set("cpu_us_per_delivery", streams as f64);
        record
    }

    #[test]
    fn a_tile_shows_the_largest_case_that_the_floor_has_too() {
        let runs = Runs::new(vec![record("ssecast", 10), record("ssecast", 20), record("ssecast", 30)]);
        let written = |runs| tiles(runs).map(|tiles| tiles.to_string()).unwrap_or_default();
        assert!(written(&runs).contains(">30.0\u{a0}µs<"), "{}", written(&runs));
        let runs = Runs::new(vec![record("ssecast", 20), record("ssecast", 30), record("floor", 20)]);
        assert!(written(&runs).contains(">1.00\u{a0}×\u{a0}floor<"), "{}", written(&runs));
    }

    #[test]
    fn there_are_no_tiles_without_their_numbers() {
        assert!(tiles(&Runs::new(Vec::new())).is_none());
        assert!(tiles(&Runs::new(vec![Record::default()])).is_none());
    }
}
