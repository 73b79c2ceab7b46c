//! How an event looks: a line for people, or a JSON object for programs.
//!
//! Never writes: it makes text, each line with its end.

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::paint::{Paint, Tint, harmless};
use crate::client::parser::Event;
use crate::clock::Wall;
use crate::timestamp;

/// The column of names grows to the longest one so far, up to this.
const WIDEST_NAME: usize = 32;
/// And begins with this: the longer one of the two built-in events.
const NARROWEST_NAME: usize = "order-status-changed".len();

/// One of the two ways.
#[derive(Clone, Copy, Debug)]
pub(super) enum Show {
    /// A line for people.
    Lines {
        /// The colours.
        paint: Paint,
        /// Columns of the names.
        width: usize,
    },
    /// A JSON object.
    Json,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    event: &'a str,
    data: Data<'a>,
    received: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

impl Show {
    /// For people.
    pub(super) const fn lines(paint: Paint) -> Self {
        Self::Lines { paint, width: NARROWEST_NAME }
    }

    /// For programs.
    pub(super) const fn json() -> Self {
        Self::Json
    }

    /// The event, with its line end.
    pub(super) fn line(&mut self, event: &Event, received: Wall) -> String {
        match self {
            Self::Json => json(event, received),
            Self::Lines { paint, width } => {
                let name = harmless(&event.name);
                *width = name.chars().count().clamp(*width, WIDEST_NAME.max(*width));
                text(event, &name, received, *paint, *width)
            }
        }
    }
}

fn json(event: &Event, received: Wall) -> String {
    // In JSON a line end is white space between tokens: a string cannot hold it as it is.
    let data = event.data.replace('\n', " ");
    let data = match serde_json::from_str::<&RawValue>(&data) {
        Ok(json) => Data::Json(json),
        Err(_) => Data::Text(&event.data),
    };
    let line = Line { id: &event.id, event: &event.name, data, received: timestamp::format(received) };
    let mut text = serde_json::to_string(&line).expect("strings and JSON can be written");
    text.push('\n');
    text
}

fn text(event: &Event, name: &str, received: Wall, paint: Paint, width: usize) -> String {
    let stamp = timestamp::format(received);
    // The time of the day is enough; the date is with --json.
    let time = stamp.get("2026-01-31T".len()..).unwrap_or(&stamp);
    let padding = " ".repeat(width.saturating_sub(name.chars().count()));
    let tint = match name {
        "ping" => Tint::Dim,
        "gap" => Tint::Warning,
        _ => Tint::of_name(name),
    };
    let data = match gap(event) {
        Some(meaning) => paint.paint(Tint::Warning, &meaning),
        None => harmless(&event.data),
    };
    // Further lines of the data begin below its first.
    let indent = format!("\n{}", " ".repeat(time.len() + 2 + width + 2));
    format!(
        "{}  {}{padding}  {}\n",
        paint.paint(Tint::Dim, time),
        paint.paint(tint, name),
        data.replace('\n', &indent)
    )
}

/// What a gap means; `None` for other events.
fn gap(event: &Event) -> Option<String> {
    if event.name != "gap" {
        return None;
    }
    let data: serde_json::Value = serde_json::from_str(&event.data).ok()?;
    let reason = data.get("reason")?.as_str()?;
    let meaning = match reason {
        "expired" => "what followed the id is no longer kept",
        "unknown-id" => "the server does not know the id",
        "upstream-lost" => "the server had lost its connection to Redis",
        "overrun" => "more was missed than the server sends again",
        _ => "the server says no more about it",
    };
    Some(format!("EVENTS MAY BE MISSING here: {meaning} ({})", harmless(reason)))
}

#[cfg(test)]
mod tests {
    use super::super::super::paint::When;
    use super::*;

    const AT: Wall = Wall::from_micros(1_769_860_800_123_456);

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into(), id: "i-1-00".into() }
    }

    fn lines(events: &[(&str, &str)]) -> String {
        let mut show = Show::lines(Paint::new(When::Never, &std::io::stdout()));
        events.iter().map(|(name, data)| show.line(&event(name, data), AT)).collect()
    }

    #[test]
    fn lines_are_aligned_and_plain() {
        assert_eq!(
            lines(&[("order-created", "{\"a\":1}"), ("a-name-of-twenty-six-chars", "1\n2"), ("x", "3")]),
            "12:00:00.123Z  order-created         {\"a\":1}\n\
             12:00:00.123Z  a-name-of-twenty-six-chars  1\n                                           2\n\
             12:00:00.123Z  x                           3\n"
        );
    }

    #[test]
    fn a_gap_is_said_plainly() {
        let text = lines(&[("gap", "{\"reason\":\"expired\",\"requested\":\"x\"}"), ("gap", "?")]);
        assert!(
            text.contains("EVENTS MAY BE MISSING here: what followed the id is no longer kept (expired)\n")
        );
        assert!(text.ends_with("gap                   ?\n"), "{text}");
    }

    #[test]
    fn what_a_publisher_sends_cannot_move_the_cursor() {
        let text = lines(&[("\u{1b}[1m", "\u{1b}]0;title\u{7}\u{9b}2J")]);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{text:?}");
    }

    #[test]
    fn json_is_one_line_with_the_data_as_it_was() {
        let line = |data| Show::json().line(&event("e", data), AT);
        let around = |data: &str| {
            format!(
                "{{\"id\":\"i-1-00\",\"event\":\"e\",\"data\":{data},\"received\":\"2026-01-31T12:00:00.123Z\"}}\n"
            )
        };
        assert_eq!(line("{\"b\":1.50,\n\"a\":1e999}"), around("{\"b\":1.50, \"a\":1e999}"));
        assert_eq!(line("plain\ntext"), around("\"plain\\ntext\""));
        assert_eq!(line(""), around("\"\""));
        assert_eq!(line("null"), around("null"));
    }
}
