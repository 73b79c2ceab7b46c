//! The page: what was measured, the sections with their figures, and how to read them.
//!
//! It is one file that needs nothing else: no script, no font, no picture from elsewhere, and its policy has the
//! browser refuse any.

use std::fmt::Write;

use super::markup::{Element, element};
use super::runs::Runs;
use super::section;
use super::table::Table;
use super::units::{number, plural};

/// Nothing but the style sheet inside; the icon is empty, so that none is asked for.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What stands above the figures.
pub(super) struct Heading<'a> {
    pub(super) title: &'a str,
    /// Lines on where and when it was measured.
    pub(super) notes: &'a [String],
    /// Names of the files that the runs are from.
    pub(super) sources: &'a [String],
}

/// The whole page.
pub(super) fn page(heading: &Heading<'_>, runs: &Runs) -> String {
    let meta = |name: &str, content: &str| element("meta").with("name", name).with("content", content);
    let policy = element("meta").with("http-equiv", "Content-Security-Policy").with("content", POLICY);
    let head = element("head")
        .child(element("meta").with("charset", "utf-8"))
        .child(policy)
        .child(meta("viewport", "width=device-width, initial-scale=1"))
        .child(meta("color-scheme", "light dark"))
        .child(element("link").with("rel", "icon").with("href", "data:,"))
        .child(element("title").text(heading.title))
        .child(element("style").style(include_str!("page.css")));
    let mut main = element("main");
    main = match runs.cases.is_empty() {
        true => main.child(element("p").class("missing").text("No run is left to draw.")),
        false => main.children(section::all(runs)),
    };
    let body = element("body").child(header(heading, runs)).child(main).child(footer(heading));
    let mut page = "<!DOCTYPE html>\n".to_owned();
    // Writing to a String does not fail.
    let _ = write!(page, "{}", element("html").with("lang", "en").child(head).child(body));
    page
}

fn header(heading: &Heading<'_>, runs: &Runs) -> Element {
    let notes = heading.notes.iter().map(|note| element("p").class("note").text(note));
    element("header")
        .child(element("h1").text(heading.title))
        .children(notes)
        .child(facts(runs))
        .children(lossy(runs))
        .children(section::tiles(runs))
        .children(all_runs(runs))
}

/// Which runs, of what.
fn facts(runs: &Runs) -> Element {
    let mut line = element("p").class("facts").text(plural(runs.len() as u64, "run", "runs"));
    for (i, (label, count)) in runs.labels().enumerate() {
        let class = format!("label {}", runs.palette.color(label).class());
        line = line.text(if i == 0 { ": " } else { ", " });
        line = line.text(format!("{} of ", number(count as f64)));
        line = line.child(element("b").class(class).text(label));
    }
    match runs.repetitions() {
        Some((1, 1)) => line.text(". Each case ran once."),
        Some((least, most)) if least == most => {
            line.text(format!(". Each case ran {} times.", number(most as f64)))
        }
        Some((least, most)) => {
            line.text(format!(". Cases ran {} to {} times.", number(least as f64), number(most as f64)))
        }
        None => line.text("."),
    }
}

/// The runs that do not count, and why.
fn lossy(runs: &Runs) -> Option<Element> {
    if runs.lossy.is_empty() {
        return None;
    }
    let items = runs.lossy.iter().map(|(case, record)| {
        let faults = record.faults().map(|(name, value)| format!("{name} {}", number(value)));
        let given_up = record.error.as_ref().map(|error| format!("given up: {error}"));
        let why: Vec<_> = faults.chain(given_up).collect();
        element("li").text(format!(
            "{}, {}, repetition {}: {}",
            record.label,
            case.name(&runs.cases),
            record.repetition,
            why.join(", ")
        ))
    });
    let count = plural(runs.lossy.len() as u64, "run is", "runs are");
    let text = format!(
        "{count} not drawn: events were lost, doubled or out of order, streams were closed, or the run was given up."
    );
    Some(element("div").class("lossy").child(element("p").text(text)).child(element("ul").children(items)))
}

/// Every case with the number of runs of each label; `None` where there is none.
fn all_runs(runs: &Runs) -> Option<Element> {
    if runs.cases.is_empty() {
        return None;
    }
    let labels = runs.palette.labels();
    let words = ["scenario", "variant", "what it does"];
    let head: Vec<_> = words.into_iter().chain(labels.iter().map(String::as_str)).collect();
    let mut table = Table::new(words.len(), &head);
    for case in &runs.cases {
        let mut row = vec![case.scenario.clone(), case.variant(&runs.cases), case.about().to_owned()];
        row.extend(labels.iter().map(|label| match runs.of(case, label).len() {
            0 => String::new(),
            count => number(count as f64),
        }));
        table.push(row);
    }
    Some(table.folded("All runs"))
}

fn footer(heading: &Heading<'_>) -> Element {
    let text = format!("Drawn by ssecast-load report from {}.", heading.sources.join(", "));
    element("footer").child(element("p").text(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Point, Record, Sample};
    use crate::report::markup::assert_balanced;

    const HOSTILE: &str = "</title></svg><script>alert(\"1\")</script>'&amp;";

    fn record(label: &str, scenario: &str, repetition: u64) -> Record {
        let mut record = Record {
            label: label.to_owned(),
            scenario: scenario.to_owned(),
            repetition,
            streams: 1_000,
            latency: [0.0, 0.5, 0.9, 0.99]
                .map(|quantile| Point { quantile, us: 1_000.0 * (1.0 + quantile) * repetition as f64 })
                .to_vec(),
            ..Record::default()
        };
        record.set("latency_p99_us", 2_000.0);
        record.set("cpu_us_per_delivery", 4.65);
        record
    }

    fn soak(label: &str) -> Record {
        let mut record = record(label, "soak", 1);
        record.set("rss_slope_pct_per_hour", 0.4);
        record.samples = (0..5)
            .map(|i| Sample {
                seconds: f64::from(i),
                rss_bytes: Some(3_000_000),
                descriptors: None,
                deliveries: 10,
            })
            .collect();
        record
    }

    fn idle(label: &str, bytes: f64) -> Record {
        let mut record = record(label, "idle", 1);
        record.latency.clear();
        record.set("rss_per_stream_bytes", bytes);
        record
    }

    fn written(records: Vec<Record>) -> String {
        let (notes, sources) = (["2 cores".to_owned(), HOSTILE.to_owned()], ["a.json".to_owned()]);
        let heading = Heading { title: HOSTILE, notes: &notes, sources: &sources };
        let page = page(&heading, &Runs::new(records));
        assert_balanced(&page);
        assert!(!page.contains("<script"), "{page}");
        // Nothing from elsewhere.
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("url("), "{page}");
        page
    }

    #[test]
    fn a_page_is_balanced_whatever_the_files_hold() {
        let mut lossy = record(HOSTILE, "fanout", 3);
        lossy.set("missing", 7.0);
        lossy.error = Some(format!("nobody answered {HOSTILE}"));
        let page = written(vec![
            record(HOSTILE, "fanout", 1),
            record("ssecast", "fanout", 1),
            record("ssecast", "fanout", 2),
            record("ssecast", HOSTILE, 2),
            soak(HOSTILE),
            idle("ssecast", 182.0),
            lossy,
        ]);
        assert!(page.contains("missing 7, given up: nobody"), "{page}");
        assert!(page.contains("id=\"latency-1-wide-d\""), "{page}");
    }

    #[test]
    fn absurd_numbers_are_drawn_somewhere() {
        let mut absurd = record("ssecast", "fanout", 1);
        absurd.latency.iter_mut().for_each(|point| point.us = 1e300);
        absurd.latency[0] = Point { quantile: 1e300, us: -1e300 };
        absurd.set("cpu_us_per_delivery", -1e300);
        absurd.streams = usize::MAX;
        let mut samples = soak("ssecast");
        samples.samples[1].seconds = -1e300;
        samples.samples[2].seconds = 1e300;
        let page = written(vec![absurd, samples, idle("ssecast", -5.0), idle("floor", 0.0)]);
        assert!(!page.contains("NaN") && !page.contains("inf "), "{page}");
    }

    #[test]
    fn runs_that_all_lost_frames_leave_an_empty_page_that_says_so() {
        let mut lossy = record("ssecast", "fanout", 1);
        lossy.set("closed", 1.0);
        let page = written(vec![lossy]);
        assert!(page.contains("No run is left to draw.") && page.contains("closed 1"), "{page}");
        assert!(!page.contains("<svg"), "{page}");
    }

    #[test]
    fn what_was_not_measured_is_said() {
        let page = written(vec![record("ssecast", "fanout", 1)]);
        assert!(
            page.contains("The scenario soak was not run.")
                && page.contains("The scenario idle was not run.")
        );
    }
}
