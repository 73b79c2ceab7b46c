//! One value as it was given, and the writing of durations and sizes: humantime and bytesize with the
//! traps taken out.
//!
//! Knows no keys and no ranges: `kind` does.

use std::time::Duration;

use bytesize::ByteSize;

/// Bytes of a value that an error message repeats.
const SHOWN_BYTES: usize = 80;
/// Digits of one number in a duration: more would only overflow.
const DURATION_DIGITS: usize = 9;
/// Bytes of a duration's text.
const DURATION_BYTES: usize = 48;

/// A value before its key has read it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// From a flag or an environment variable: the key decides what it is.
    Word(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Self>),
    /// A TOML table, in the order of its keys.
    Table(Vec<(String, Self)>),
    /// A TOML value that no key takes: what it is.
    Other(&'static str),
}

impl Value {
    /// The text of a word or a string.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How an error message shows it: on one line, and short.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Text(text) => quote(cut(text, SHOWN_BYTES)),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::List(_) => "[...]".to_owned(),
            Self::Table(_) => "{...}".to_owned(),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// The start of `text`, at most `bytes` long.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// `text` as a TOML basic string (TOML 1.0, section String).
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Parses a duration; the error says what is wrong with it.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let bare = text.trim();
    if bare == "0" {
        return Ok(Duration::ZERO);
    }
    if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(needs_unit(bare));
    }
    // humantime panics on a sum of seconds and nanoseconds at the end of its range.
    if bare.len() > DURATION_BYTES || longest_number(bare) > DURATION_DIGITS {
        return Err("is too long".to_owned());
    }
    humantime::parse_duration(bare).map_err(|error| format!("is not a duration ({error})"))
}

/// What is wrong with a duration that is only a number.
pub(super) fn needs_unit(number: &str) -> String {
    format!(
        "needs a unit: add one, as in {} or {}",
        quote(&format!("{number}s")),
        quote(&format!("{number}ms"))
    )
}

/// Digits of the longest number in `text`; humantime reads over spaces within a number, so this does.
fn longest_number(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A duration as it is written in the file: "1m 30s", without quotes.
pub(super) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Parses a size in bytes; the error says what is wrong with it.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let bare = text.trim();
    let whole = bare.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 {
        return Err("is not a size".to_owned());
    }
    // bytesize takes "15 K" for 1000 and saturates; both would be silent surprises.
    if whole > 15 {
        return Err("is too large".to_owned());
    }
    let unit = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    if !unit.is_empty() && !unit.to_ascii_lowercase().ends_with('b') {
        return Err(format!(
            "has the unclear unit {}: write KiB (1024) or KB (1000), MiB or MB",
            quote(cut(unit, 16))
        ));
    }
    bare.parse::<ByteSize>().map(|size| size.as_u64()).map_err(|_| "is not a size".to_owned())
}

/// A size as it is written in the file: the largest unit that takes it without a fraction.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(bytesize::GIB, "GiB"), (bytesize::MIB, "MiB"), (bytesize::KIB, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_unless_zero() {
        assert_eq!(parse_duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(parse_duration(" 500 ms "), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        let bare = parse_duration("15").unwrap_err();
        assert!(bare.contains("add one, as in \"15s\" or \"15ms\""), "{bare}");
        for bad in ["", "s", "-1s", "1.5", "15 parsecs", "1s,2s", "99999999999999999999s"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_duration_at_the_end_of_the_range_is_an_error_and_no_panic() {
        assert!(parse_duration("18446744073709551615s 1000ms").is_err());
        assert!(parse_duration("1844674 4073709551615s 1000ms").is_err());
        assert!(parse_duration(&"999999999y ".repeat(4)).is_ok());
    }

    #[test]
    fn sizes_say_what_a_kilobyte_is() {
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("256 KiB"), Ok(256 * 1024));
        assert_eq!(parse_size("256kib"), Ok(256 * 1024));
        assert_eq!(parse_size("1.5 MiB"), Ok(1536 * 1024));
        assert_eq!(parse_size("1 KB"), Ok(1000));
        for bad in ["", "KiB", "-1", "15 K", "1 M", "1 potato", "99999999999999999999", "1..5 KiB", "0x10"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for millis in [0, 1, 999, 15_000, 90_000, 86_400_000, 3_600_001] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }
        for bytes in [0, 1, 1023, 1024, 1025, 65_536, 1 << 20, 3 << 30, (1 << 30) + 1] {
            assert_eq!(parse_size(&show_size(bytes)), Ok(bytes));
        }
    }

    #[test]
    fn quotes_survive_toml() {
        let odd = "a\"b\\c\n\r\t\u{1}\u{7f}ü";
        let table: toml::Table = toml::from_str(&format!("x = {}", quote(odd))).unwrap();
        assert_eq!(table["x"].as_str(), Some(odd));
    }
}
