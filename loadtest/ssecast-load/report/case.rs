//! A case: what runs have to agree in to be repetitions of each other, or comparable between servers.

use super::units::{number, plural};
use crate::record::Record;
use crate::scenario::Scenario;

/// A scenario with what varies in it. Its order is that of the page: scenarios as the catalogue has them, then
/// from small to large.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    /// Place in the catalogue; scenarios that it does not know come last.
    place: usize,
    pub(super) scenario: String,
    pub(super) via_redis: bool,
    /// Of a burst; 0 elsewhere.
    events_at_once: u64,
    rate: u32,
    payload_bytes: usize,
    mss_bytes: u32,
    pub(super) streams: usize,
    pub(super) stalled: usize,
}

impl Case {
    pub(super) fn of(record: &Record) -> Self {
        let place = Scenario::ALL.iter().position(|scenario| scenario.name() == record.scenario);
        Self {
            place: place.unwrap_or(usize::MAX),
            scenario: record.scenario.clone(),
            via_redis: record.via_redis,
            events_at_once: record.get("events_per_burst").unwrap_or(0.0) as u64,
            rate: record.rate,
            payload_bytes: record.payload_bytes,
            mss_bytes: record.mss_bytes,
            streams: record.streams,
            stalled: record.stalled,
        }
    }

    /// The same with any number of stalled streams.
    pub(super) fn without_stalled(&self) -> Self {
        Self { stalled: 0, ..self.clone() }
    }

    /// The same with any number of streams.
    pub(super) fn without_streams(&self) -> Self {
        Self { streams: 0, ..self.clone() }
    }

    /// What varies, as in `5 000 streams · 100 stalled · through Redis`: what most cases have alike, payload and
    /// segments, only where another of `all` cases differs from it in that.
    pub(super) fn variant(&self, all: &[Self]) -> String {
        let differs = |of: fn(&Self) -> usize| {
            all.iter().any(|other| other.scenario == self.scenario && of(other) != of(self))
        };
        let mut parts = Vec::new();
        if self.streams > 0 {
            parts.push(plural(self.streams as u64, "stream", "streams"));
        }
        if self.stalled > 0 {
            parts.push(format!("{} stalled", number(self.stalled as f64)));
        }
        if self.events_at_once > 0 {
            parts.push(format!("{} events at once", number(self.events_at_once as f64)));
        }
        if self.rate > 0 {
            parts.push(format!("{} events/s", number(f64::from(self.rate))));
        }
        if self.via_redis {
            parts.push("through Redis".to_owned());
        }
        if differs(|case| case.payload_bytes) {
            parts.push(format!("payload {} bytes", number(self.payload_bytes as f64)));
        }
        if differs(|case| case.mss_bytes as usize) {
            parts.push(match self.mss_bytes {
                0 => "segments of loopback".to_owned(),
                bytes => format!("segments of {} bytes", number(f64::from(bytes))),
            });
        }
        parts.join(" · ")
    }

    /// Scenario and variant.
    pub(super) fn name(&self, all: &[Self]) -> String {
        match self.variant(all) {
            variant if variant.is_empty() => self.scenario.clone(),
            variant => format!("{}: {variant}", self.scenario),
        }
    }

    /// What the scenario does, where the catalogue knows it.
    pub(super) fn about(&self) -> &'static str {
        Scenario::ALL.get(self.place).map_or("", |scenario| scenario.about())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(scenario: &str, streams: usize, change: impl FnOnce(&mut Record)) -> Case {
        let mut record =
            Record { scenario: scenario.to_owned(), streams, payload_bytes: 200, ..Record::default() };
        change(&mut record);
        Case::of(&record)
    }

    #[test]
    fn the_catalogue_orders_them_and_then_their_size() {
        let mut cases = [
            case("redis-burst", 1, |_| {}),
            case("idle", 1, |_| {}),
            case("fanout", 15_000, |_| {}),
            case("fanout", 1_000, |_| {}),
        ];
        cases.sort();
        let names: Vec<_> = cases.iter().map(|case| (case.scenario.as_str(), case.streams)).collect();
        assert_eq!(names, [("fanout", 1_000), ("fanout", 15_000), ("idle", 1), ("redis-burst", 1)]);
    }

    #[test]
    fn a_variant_says_what_varies() {
        let plain = case("fanout", 1, |_| {});
        let redis = case("fanout", 5_000, |record| record.via_redis = true);
        let large = case("fanout", 1, |record| record.payload_bytes = 1_000);
        let burst = case("burst", 2_000, |record| record.set("events_per_burst", 64.0));
        let spaces = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
        assert_eq!(spaces(plain.variant(&[plain.clone(), redis.clone()])), "1 stream");
        assert_eq!(
            spaces(redis.name(&[plain.clone(), redis.clone()])),
            "fanout: 5 000 streams · through Redis"
        );
        assert_eq!(spaces(plain.variant(&[plain.clone(), large])), "1 stream · payload 200 bytes");
        assert_eq!(spaces(burst.variant(&[])), "2 000 streams · 64 events at once");
    }
}
