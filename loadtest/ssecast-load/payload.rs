//! The payload of a measured event: its number and when it was sent, at fixed places.
//!
//! Fixed places make reading it back a few nanoseconds, which counts at millions of frames a second.

/// The SSE event name of measured events; no map entry has it, so it passes unchanged.
pub(crate) const EVENT_TYPE: &str = "order-measured";

/// How every payload begins.
pub(crate) const START: &[u8] = br#"{"n":""#;
const NUMBER_AT: usize = START.len();
const NUMBER_DIGITS: usize = 8;
const SENT_AT: usize = NUMBER_AT + NUMBER_DIGITS + r#"","t":""#.len();
const SENT_DIGITS: usize = 16;
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

/// Whom an event is for, if not everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concerned<'a> {
    /// Those who asked for a topic.
    Topic(&'a str),
    /// Those of a tenant.
    Tenant(&'a str),
}

/// The envelope of an event, with a payload of `payload_bytes` (at least `BYTES_MIN`).
pub(crate) fn envelope(stamp: Stamp, payload_bytes: usize, concerned: Option<Concerned<'_>>) -> String {
    let payload = payload(stamp, payload_bytes);
    let concerned = match concerned {
        None => String::new(),
        Some(Concerned::Topic(topic)) => format!(r#","topics":["{topic}"]"#),
        Some(Concerned::Tenant(tenant)) => format!(r#","tenant":"{tenant}""#),
    };
    format!(r#"{{"eventType":"{EVENT_TYPE}","id":"load-{}","payload":{payload}{concerned}}}"#, stamp.number)
}

/// A payload of `payload_bytes` (at least `BYTES_MIN`).
pub(crate) fn payload(stamp: Stamp, payload_bytes: usize) -> String {
    let Stamp { number, sent_ns } = stamp;
    let pad = "x".repeat(payload_bytes.saturating_sub(BYTES_MIN));
    format!(r#"{{"n":"{number:0NUMBER_DIGITS$}","t":"{sent_ns:0SENT_DIGITS$}","pad":"{pad}"}}"#)
}

/// Reads a payload back; `None` for anything that `envelope` did not make.
pub(crate) fn parse(payload: &[u8]) -> Option<Stamp> {
    payload.starts_with(START).then_some(())?;
    let digits = |at: usize| eight_digits(payload.get(at..)?.first_chunk()?);
    let (high, low) = (digits(SENT_AT)?, digits(SENT_AT + 8)?);
    Some(Stamp { number: digits(NUMBER_AT)?, sent_ns: high * 100_000_000 + low })
}

/// Eight decimal digits at once: neighbours are joined to pairs, pairs to fours, fours to the number.
fn eight_digits(digits: &[u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_ne_bytes(*b"00000000");
    const HIGH_HALVES: u64 = ZEROS << 2 | ZEROS;
    let text = u64::from_le_bytes(*digits);
    let is_decimal =
        text & HIGH_HALVES == ZEROS && text.wrapping_add(0x0606_0606_0606_0606) & HIGH_HALVES == ZEROS;
    is_decimal.then_some(())?;
    let ones = text - ZEROS;
    let pairs = ones * 10 + (ones >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
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
            let value = |concerned| -> serde_json::Value {
                serde_json::from_str(&envelope(stamp, bytes, Some(concerned))).unwrap()
            };
            assert_eq!(value(Concerned::Topic("t5"))["topics"][0], "t5");
            assert_eq!(value(Concerned::Tenant("t5"))["tenant"], "t5");
            let envelope = envelope(stamp, bytes, None);
            let from = envelope.find(r#"{"n""#).unwrap();
            let payload = &envelope[from..from + bytes];
            assert!(serde_json::from_str::<serde_json::Value>(payload).is_ok(), "{payload}");
            assert_eq!(parse(payload.as_bytes()), Some(stamp));
        }
    }

    #[test]
    fn eight_digits_are_the_same_number_as_one_by_one() {
        let mut random = 1_u64;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let text = format!("{:08}", (random >> 33) % 100_000_000);
            assert_eq!(eight_digits(text.as_bytes().first_chunk().unwrap()), decimal(text.as_bytes()));
        }
        for place in 0..8 {
            for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                let mut digits = *b"12345678";
                digits[place] = byte;
                assert_eq!(eight_digits(&digits), None, "{digits:?}");
            }
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
