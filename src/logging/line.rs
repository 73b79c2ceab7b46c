//! One record as one line, in text or JSON. Pure: the time is an argument.
//!
//! Invariant: a line has exactly one line break, its last byte, and no other control character; so what a
//! peer sends can neither forge a line nor steer a terminal.

use std::fmt::{self, Write as _};

use log::Record;
use log::kv::{self, Key, Value, VisitSource, VisitValue};

use super::LogFormat;
use crate::clock::Wall;
use crate::timestamp;

/// Bytes of a message before escaping; what is beyond is cut.
const MESSAGE_BYTES: usize = 4096;
/// Bytes of one key's value before escaping.
const VALUE_BYTES: usize = 1024;
/// Stands for what was cut.
const CUT: char = '…';
/// Keys of a JSON line that key-values must not take.
const RESERVED: [&str; 4] = ["ts", "level", "target", "message"];

/// `record` as a line with its line end.
#[must_use]
pub fn format_line(format: LogFormat, now: Wall, record: &Record<'_>) -> String {
    let mut line = String::with_capacity(128);
    match format {
        LogFormat::Text => text(&mut line, now, record),
        LogFormat::Json => json(&mut line, now, record),
    }
    line.push('\n');
    line
}

fn text(line: &mut String, now: Wall, record: &Record<'_>) {
    line.push_str(&timestamp::format(now));
    // Writing to a String never fails, here and below.
    let _ = write!(line, " {:<5} ", record.level().as_str());
    escape(line, record.target());
    line.push(' ');
    escape(line, &cut(record.args(), MESSAGE_BYTES));
    let _ = record.key_values().visit(&mut TextValues(line));
}

fn json(line: &mut String, now: Wall, record: &Record<'_>) {
    line.push_str("{\"ts\":\"");
    line.push_str(&timestamp::format(now));
    let _ = write!(line, "\",\"level\":\"{}\",\"target\":", record.level().as_str().to_ascii_lowercase());
    json_string(line, record.target());
    line.push_str(",\"message\":");
    json_string(line, &cut(record.args(), MESSAGE_BYTES));
    let _ = record.key_values().visit(&mut JsonValues(line));
    line.push('}');
}

/// The start of what `value` displays, never more than `bytes` and the sign that it was cut.
fn cut(value: &dyn fmt::Display, bytes: usize) -> String {
    let mut start = Start { text: String::new(), bytes };
    // The error only means that no more was wanted.
    if write!(start, "{value}").is_err() {
        start.text.push(CUT);
    }
    start.text
}

/// A writer that takes its first bytes and refuses the rest, so that a long value is not even made.
struct Start {
    text: String,
    bytes: usize,
}

impl fmt::Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes - self.text.len();
        let fits = &text[..text.floor_char_boundary(room)];
        self.text.push_str(fits);
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Control characters, C1 ones included, line breaks of Unicode, and marks that turn the direction of
/// writing: a terminal or a viewer would act on them.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with every dangerous character as an escape of Rust.
fn escape(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_dangerous(c) => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

/// `text` as a JSON string; of what JSON lets pass, the dangerous is escaped too.
fn json_string(line: &mut String, text: &str) {
    let quoted = serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned());
    for c in quoted.chars() {
        // All of them are below U+10000, so one escape each.
        if is_dangerous(c) {
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
}

/// Appends ` key=value` for each pair.
struct TextValues<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for TextValues<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push(' ');
        escape(self.0, key.as_str());
        self.0.push('=');
        let value = cut(&value, VALUE_BYTES);
        let bare = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=' | '\\') && !is_dangerous(c);
        if !value.is_empty() && value.chars().all(bare) {
            self.0.push_str(&value);
        } else {
            self.0.push('"');
            escape(self.0, &value.replace('\\', "\\\\").replace('"', "\\\""));
            self.0.push('"');
        }
        Ok(())
    }
}

/// Appends `,"key":value` for each pair.
struct JsonValues<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for JsonValues<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push(',');
        if RESERVED.contains(&key.as_str()) {
            json_string(self.0, &format!("{}_", key.as_str()));
        } else {
            json_string(self.0, key.as_str());
        }
        self.0.push(':');
        value.visit(JsonValue(self.0))
    }
}

/// Appends one value: numbers and booleans as such, all else as a string.
struct JsonValue<'a>(&'a mut String);

impl<'v> VisitValue<'v> for JsonValue<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        json_string(self.0, &cut(&value, VALUE_BYTES));
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        // JSON has no word for what is not finite.
        let _ = if value.is_finite() { write!(self.0, "{value}") } else { write!(self.0, "\"{value}\"") };
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    /// 2026-11-23T10:00:00.123Z.
    const NOW: Wall = Wall::from_micros(1_795_428_000_123_456);

    fn line(format: LogFormat, message: &str, values: &[(&str, Value<'_>)]) -> String {
        let mut builder = Record::builder();
        builder.level(Level::Info).target("ssecast::net").key_values(&values);
        format_line(format, NOW, &builder.args(format_args!("{message}")).build())
    }

    fn json_of(message: &str, values: &[(&str, Value<'_>)]) -> serde_json::Value {
        serde_json::from_str(&line(LogFormat::Json, message, values)).unwrap()
    }

    #[test]
    fn a_line_of_text() {
        let values = [("peer", Value::from("[::1]:9")), ("lag", Value::from(7)), ("why", Value::from("a b"))];
        assert_eq!(
            line(LogFormat::Text, "client closed", &values),
            "2026-11-23T10:00:00.123Z INFO  ssecast::net client closed peer=[::1]:9 lag=7 why=\"a b\"\n"
        );
    }

    #[test]
    fn a_line_of_json() {
        let values = [("lag", Value::from(7)), ("ok", Value::from(true)), ("rate", Value::from(0.5))];
        assert_eq!(
            line(LogFormat::Json, "client \"closed\"", &values),
            "{\"ts\":\"2026-11-23T10:00:00.123Z\",\"level\":\"info\",\"target\":\"ssecast::net\",\
             \"message\":\"client \\\"closed\\\"\",\"lag\":7,\"ok\":true,\"rate\":0.5}\n"
        );
    }

    #[test]
    fn nothing_forges_a_line_or_steers_a_terminal() {
        let forged =
            "a\r\n2026-11-23T10:00:00.000Z ERROR x\u{1b}[2J\u{9b}2J\u{2028}\u{85}\u{202e}\0\u{7f}\tb";
        for format in [LogFormat::Text, LogFormat::Json] {
            for line in [
                line(format, forged, &[]),
                line(format, "m", &[("k", Value::from(forged))]),
                line(format, "m", &[(forged, Value::from(1))]),
            ] {
                assert_eq!(line.matches('\n').count(), 1, "{line:?}");
                assert!(!line.trim_end_matches('\n').chars().any(is_dangerous), "{line:?}");
            }
        }
        assert_eq!(json_of(forged, &[])["message"], forged);
        assert_eq!(json_of("m", &[("k", Value::from(forged))])["k"], forged);
    }

    #[test]
    fn a_value_cannot_pretend_to_be_another_pair() {
        let text = line(LogFormat::Text, "m", &[("peer", Value::from("x\" user=\"admin\\"))]);
        assert!(text.ends_with(" m peer=\"x\\\" user=\\\"admin\\\\\"\n"), "{text}");
        assert!(line(LogFormat::Text, "m", &[("k", Value::from(""))]).ends_with(" k=\"\"\n"));
    }

    #[test]
    fn reserved_keys_and_odd_numbers_keep_the_json_valid() {
        let values =
            [("level", Value::from("x")), ("nan", Value::from(f64::NAN)), ("big", Value::from(u64::MAX))];
        let json = json_of("m", &values);
        assert_eq!((&json["level"], &json["level_"]), (&"info".into(), &"x".into()));
        assert_eq!((&json["nan"], &json["big"]), (&"NaN".into(), &u64::MAX.into()));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ü".repeat(MESSAGE_BYTES);
        let json = json_of(&long, &[("k", Value::from(long.as_str()))]);
        assert_eq!(json["message"].as_str().map(str::len), Some(MESSAGE_BYTES + CUT.len_utf8()));
        assert_eq!(json["k"].as_str().map(str::len), Some(VALUE_BYTES + CUT.len_utf8()));
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        let record = Record::builder().args(format_args!("m")).build();
        assert!(format_line(LogFormat::Text, Wall::from_micros(i64::MIN), &record).starts_with("1970-"));
    }
}
