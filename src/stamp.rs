//! What our own publisher adds to an envelope on its way to Redis, at its end: the stamp, who published it and
//! as how-many-eth, and, where it needs one, a mark: that its own clients have been shown it already.
//!
//! Never decides what is shown. The fingerprint is that of the envelope without the mark, so that it does not
//! depend on when the publisher's clients were shown it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::envelope::{Field, Text};
use crate::id::{Fingerprint, INSTANCE_BYTES};

/// The field of the mark. Its value is the fingerprint of the last event that the publisher's clients had been
/// shown from Redis, empty for none, `?` where that is not known, and then `~` where the message may have been
/// in Redis before.
const MARK: &str = r#","originShownAfter":""#;
/// What follows the value.
const END: &str = r#""}"#;
/// Hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;
const UNKNOWN: &str = "?";
const AGAIN: &str = "~";

/// Bytes of a mark, at most.
pub const MARK_BYTES: usize = MARK.len() + DIGITS + AGAIN.len() + END.len();
/// Bytes by which a stamped envelope may be longer than what was published: `ts`, `origin`, `originSeq`.
pub const STAMP_BYTES: usize =
    r#","ts":"2026-01-31T12:00:00.000Z","origin":"","originSeq":"#.len() + INSTANCE_BYTES + 20;

/// What the publisher's own clients had been shown from Redis when they were shown an event of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// All up to this event.
    Event(Fingerprint),
    /// Nothing, as nothing had come yet.
    Nothing,
    /// Nobody knows what they lacked.
    Unknown,
}

/// That the publisher's own clients were shown an event before it came through Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What they had been shown from Redis before.
    pub after: After,
    /// The message may have been in Redis before: others may have had it earlier.
    pub is_again: bool,
}

/// The envelope `text`, one line without these fields, as the `seq`-th of `origin`.
#[must_use]
pub fn stamp(text: &str, origin: &str, seq: u64) -> String {
    let object = text.strip_suffix('}').unwrap_or(text);
    format!(r#"{object},"origin":"{origin}","originSeq":{seq}}}"#)
}

/// The valid envelope `text` on one line and without the fields of a stamp: somebody else's are of no use.
#[must_use]
pub fn prepare(text: &str) -> Cow<'_, str> {
    // A name may be written with escapes, and a value may look like one: then it is looked at closer.
    let may_be_stamped = text.contains(Field::Origin.name()) || text.contains(r"\u");
    let text = match may_be_stamped {
        true => Cow::Owned(without_stamp(text)),
        false => Cow::Borrowed(text),
    };
    // JSON has line ends between its tokens only (RFC 8259 section 7): there a space is as good.
    match memchr::memchr2(b'\r', b'\n', text.as_bytes()) {
        Some(_) => Cow::Owned(text.replace(['\r', '\n'], " ")),
        None => text,
    }
}

/// The object `text` without the fields of a stamp, everything else as it stands.
fn without_stamp(text: &str) -> String {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
            let mut out = String::from("{");
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let name = serde_json::from_str(key.get()).ok().map(|Text(name)| name);
                let is_stamp =
                    [Field::Origin, Field::OriginSeq].map(Field::name).map(Some).contains(&name.as_deref());
                if !is_stamp {
                    out += if out.len() > 1 { "," } else { "" };
                    out += &format!("{}:{}", key.get(), value.get());
                }
            }
            out.push('}');
            Ok(out)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Fields).unwrap_or_else(|_| text.to_owned())
}

/// The stamped envelope `text` with a mark.
#[must_use]
pub fn mark(text: &str, mark: Mark) -> String {
    let object = text.strip_suffix('}').unwrap_or(text);
    let after = match mark.after {
        After::Event(fingerprint) => fingerprint.to_string(),
        After::Nothing => String::new(),
        After::Unknown => UNKNOWN.to_owned(),
    };
    format!("{object}{MARK}{after}{}{END}", if mark.is_again { AGAIN } else { "" })
}

/// The same message, marked or not, as one that may have been in Redis before.
#[must_use]
pub fn mark_again(text: &str) -> String {
    let (text, old) = unmark(text);
    mark(&text, Mark { after: old.map_or(After::Unknown, |old| old.after), is_again: true })
}

/// Takes off what `mark` added.
#[must_use]
pub fn unmark(text: &str) -> (Cow<'_, str>, Option<Mark>) {
    for value_bytes in [DIGITS + 1, DIGITS, 2, 1, 0] {
        let Some(at) = text.len().checked_sub(MARK.len() + value_bytes + END.len()) else { continue };
        let Some((object, added)) = text.split_at_checked(at) else { continue };
        let value = added.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(END));
        if let Some(mark) = value.and_then(parse_mark) {
            return (Cow::Owned(format!("{object}}}")), Some(mark));
        }
    }
    (Cow::Borrowed(text), None)
}

fn parse_mark(value: &str) -> Option<Mark> {
    let (after, is_again) = value.strip_suffix(AGAIN).map_or((value, false), |after| (after, true));
    let after = match after {
        "" => After::Nothing,
        UNKNOWN => After::Unknown,
        digits if digits.len() == DIGITS => After::Event(Fingerprint(u64::from_str_radix(digits, 16).ok()?)),
        _ => return None,
    };
    Some(Mark { after, is_again })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_stamped_envelope_is_one_line_and_says_who_and_as_how_many_eth() {
        let text = "{\"a\" : \"x\\n\",\r\n \"payload\": [1,\n2.50] }";
        let stamped = stamp(&prepare(text), "node.1", 17);
        assert_eq!(stamped, r#"{"a" : "x\n",   "payload": [1, 2.50] ,"origin":"node.1","originSeq":17}"#);
        let (before, after) = (value(text), value(&stamped));
        assert_eq!((&before["a"], &before["payload"]), (&after["a"], &after["payload"]));
        assert_eq!((after["origin"].as_str(), after["originSeq"].as_u64()), (Some("node.1"), Some(17)));
    }

    #[test]
    fn somebody_else_s_stamp_is_taken_off() {
        let text = r#"{"\u006frigin":"x", "a":{"origin":1.0},"originSeq" : 3,"originShownAfter":""}"#;
        assert_eq!(prepare(text), r#"{"a":{"origin":1.0},"originShownAfter":""}"#);
        let text = r#"{"a":"origin"}"#;
        assert_eq!(prepare(text), text);
        let text = r#"{"a":"x"}"#;
        assert!(matches!(prepare(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn the_longest_stamp_fits_the_allowance() {
        let text = r#"{"a":1}"#;
        let stamped = stamp(text, &"i".repeat(INSTANCE_BYTES), u64::MAX);
        let ts = r#","ts":"2026-01-31T12:00:00.000Z""#.len();
        assert_eq!(stamped.len() + ts, text.len() + STAMP_BYTES);
    }

    #[test]
    fn a_mark_comes_off_as_it_went_on() {
        let text = stamp(r#"{"a":1}"#, "i", 1);
        let prints = [0xfe, u64::MAX].map(|print| After::Event(Fingerprint(print)));
        for after in prints.into_iter().chain([After::Nothing, After::Unknown]) {
            for is_again in [false, true] {
                let with = Mark { after, is_again };
                let marked = mark(&text, with);
                assert!(serde_json::from_str::<serde_json::Value>(&marked).is_ok(), "{marked}");
                assert_eq!(unmark(&marked), (Cow::Borrowed(text.as_str()), Some(with)));
                assert_eq!(mark_again(&marked), mark(&text, Mark { after, is_again: true }));
            }
        }
        assert_eq!(mark_again(&text), mark(&text, Mark { after: After::Unknown, is_again: true }));
    }

    #[test]
    fn what_is_no_mark_stays() {
        for text in [
            "",
            "{}",
            r#""}"#,
            r#"{"a":1,"originShownAfter":"00000000000000zz"}"#,
            r#"{"a":1,"originShownAfter":"00"}"#,
            r#"{"a":1,"originShownAfter":"","b":1}"#,
            "{\"ä\":\"äääääääääääääääääääääääääää\"}",
        ] {
            assert_eq!(unmark(text), (Cow::Borrowed(text), None), "{text}");
        }
    }
}
