//! The payload of a measured event: its number and when it was sent, at fixed places.
//!
//! Fixed places make reading it back a few nanoseconds, which counts at millions of frames a second.

/// The SSE event name of measured events; no map entry has it, so it passes unchanged.
pub(crate) const EVENT_TYPE: &str = "order-measured";

const NUMBER_AT: usize = r#"{"n":""#.len();
const NUMBER_DIGITS: usize = 10;
const SENT_AT: usize = NUMBER_AT + NUMBER_DIGITS + r#"","t":""#.len();
const SENT_DIGITS: usize = 20;
const PAD_AT: usize = SENT_AT + SENT_DIGITS + r#"","pad":""#.len();
/// The shortest payload: no padding.
pub(crate) const BYTES_MIN: usize = PAD_AT + r#""}"#.len();

/// What a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which event it is, from 1.
    pub(crate) number: u64,
    /// When it was sent, in nanoseconds of the generator's monotonic clock.
    pub(crate) sent_ns: u64,
}

/// The envelope of an event, with a payload of `payload_bytes` (at least `BYTES_MIN`).
pub(crate) fn envelope(stamp: Stamp, payload_bytes: usize, topic: Option<&str>) -> String {
    let Stamp { number, sent_ns } = stamp;
    let pad = "x".repeat(payload_bytes.saturating_sub(BYTES_MIN));
    let payload =
        format!(r#"{{"n":"{number:0NUMBER_DIGITS$}","t":"{sent_ns:0SENT_DIGITS$}","pad":"{pad}"}}"#);
    let topics = topic.map(|topic| format!(r#","topics":["{topic}"]"#)).unwrap_or_default();
    format!(r#"{{"eventType":"{EVENT_TYPE}","id":"load-{number}","payload":{payload}{topics}}}"#)
}

/// Reads a payload back; `None` for anything that `envelope` did not make.
pub(crate) fn parse(payload: &[u8]) -> Option<Stamp> {
    let digits = |at: usize, count: usize| decimal(payload.get(at..at + count)?);
    payload.starts_with(br#"{"n":""#).then_some(())?;
    Some(Stamp { number: digits(NUMBER_AT, NUMBER_DIGITS)?, sent_ns: digits(SENT_AT, SENT_DIGITS)? })
}

/// A decimal number; `None` when empty, too large, or not only digits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then_some(())?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_the_round_trip() {
        let stamp = Stamp { number: 77, sent_ns: 1_234_567_890_123 };
        for bytes in [BYTES_MIN, 200, 4096] {
            let envelope = envelope(stamp, bytes, Some("t5"));
            let value: serde_json::Value = serde_json::from_str(&envelope).unwrap();
            assert_eq!(value["topics"][0], "t5");
            let from = envelope.find(r#"{"n""#).unwrap();
            let payload = &envelope[from..from + bytes];
            assert!(serde_json::from_str::<serde_json::Value>(payload).is_ok(), "{payload}");
            assert_eq!(parse(payload.as_bytes()), Some(stamp));
        }
    }

    #[test]
    fn other_payloads_are_refused() {
        for payload in
            [&b""[..], br#"{"n":"12"}"#, br#"{"ts":"2026-01-01T00:00:00Z","more":"0123456789012345"}"#]
        {
            assert_eq!(parse(payload), None);
        }
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"1a"), None);
    }
}
