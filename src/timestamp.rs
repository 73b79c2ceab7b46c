//! RFC 3339 time stamps, read and written.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Wall;

/// Reads an RFC 3339 date-time (section 5.6): UTC or offset, any fraction. `None` if it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Wall> {
    // The parser takes any separator; the grammar knows `T`.
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return None;
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1000).ok().map(Wall::from_micros)
}

/// Writes UTC with milliseconds, as browsers do: `2026-01-31T12:00:00.000Z`.
#[must_use]
pub fn format(at: Wall) -> String {
    let micros = at.as_micros();
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (at.date(), at.time());
    let mut text = String::with_capacity("2026-01-31T12:00:00.000Z".len());
    push_padded(&mut text, u16::try_from(date.year()).unwrap_or(0), 4);
    let fields = [
        ('-', u8::from(date.month())),
        ('-', date.day()),
        ('T', clock.hour()),
        (':', clock.minute()),
        (':', clock.second()),
    ];
    for (separator, value) in fields {
        text.push(separator);
        push_padded(&mut text, value.into(), 2);
    }
    text.push('.');
    push_padded(&mut text, clock.millisecond(), 3);
    text.push('Z');
    text
}

/// A number with zeros before it, `width` digits in all: `fmt` takes twenty times as long.
fn push_padded(text: &mut String, value: u16, width: u32) {
    for place in (0..width).rev() {
        text.push(char::from(b'0' + (value / 10_u16.pow(place) % 10) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions_are_read() {
        let at = |text| parse(text).map(Wall::as_micros);
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(at("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        assert_eq!(at("1970-01-01t00:00:00.123456789z"), Some(123_456));
        assert_eq!(at("1969-12-31T23:59:59.999Z"), Some(-1_000));
    }

    #[test]
    fn what_is_no_rfc_3339_time_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-02-30T00:00:00Z",
            "1970-01-01T25:00:00Z",
            "1970-01-01T00:00Z",
            "1970-01-01T00:00:00Z ",
            "1970-01-01T00:00:00.Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = format(Wall::from_micros(1_769_860_800_123_456));
        assert_eq!(text, "2026-01-31T12:00:00.123Z");
        assert_eq!(parse(&text).map(Wall::as_micros), Some(1_769_860_800_123_000));
        for micros in [0, 1_769_860_800_000_000, 4_102_444_799_999_999] {
            let text = format(Wall::from_micros(micros));
            assert_eq!(parse(&text).map(Wall::as_micros), Some(micros / 1_000 * 1_000), "{text}");
        }
    }
}
