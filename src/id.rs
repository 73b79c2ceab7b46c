//! Frame ids, `<instance>-<seq>-<fingerprint>`: what a client sends back to resume.
//!
//! Never decides where a client resumes: `hub::log` does.

use std::fmt;

use arrayvec::ArrayString;

/// Digits of a fingerprint.
const FINGERPRINT_DIGITS: u32 = 16;
const HEX: [u8; 16] = *b"0123456789abcdef";
/// The longest instance name, in bytes.
pub const INSTANCE_BYTES: usize = 32;
/// The longest id, in bytes.
const ID_BYTES: usize = INSTANCE_BYTES + "-".len() + MAX_SEQ_DIGITS + "-".len() + FINGERPRINT_DIGITS as usize;
/// Digits of the largest `u64`.
const MAX_SEQ_DIGITS: usize = 20;

/// The name of one running server, `[A-Za-z0-9._]`, 1 to 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance(String);

impl Instance {
    /// Checks a configured name; `None` when a byte or the length is not allowed.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=INSTANCE_BYTES).contains(&name.len());
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_';
        (fits && name.bytes().all(allowed)).then(|| Self(name.to_owned()))
    }

    /// 8 hex digits made of `random`.
    #[must_use]
    pub fn from_random(random: u32) -> Self {
        Self(format!("{random:08x}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A 64-bit hash (XXH3, seed 0) of an envelope as received: the same on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of an envelope's bytes.
    #[must_use]
    pub fn of(envelope: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(envelope))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A parsed id, as it came back from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId<'a> {
    /// Which server sent it.
    pub instance: &'a str,
    /// The number of the frame at that server.
    pub seq: u64,
    /// The envelope's fingerprint.
    pub fingerprint: Fingerprint,
}

impl<'a> EventId<'a> {
    /// Parses an id strictly: what `Display` would not write is no id.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let (instance, seq, print) = (parts.next()?, parts.next()?, parts.next()?);
        let canonical_seq = seq.bytes().all(|b| b.is_ascii_digit()) && (seq == "0" || !seq.starts_with('0'));
        let canonical_print =
            print.len() == 16 && print.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if parts.next().is_some() || !canonical_seq || !canonical_print {
            return None;
        }
        Instance::new(instance)?;
        Some(Self {
            instance,
            seq: seq.parse().ok()?,
            fingerprint: Fingerprint(u64::from_str_radix(print, 16).ok()?),
        })
    }
}

impl EventId<'_> {
    /// The id's text, put together without the machinery of `fmt`: every frame has one.
    #[must_use]
    pub fn text(&self) -> ArrayString<ID_BYTES> {
        let mut text = ArrayString::new();
        text.push_str(self.instance);
        text.push('-');
        text.push_str(itoa::Buffer::new().format(self.seq));
        text.push('-');
        for place in (0..FINGERPRINT_DIGITS).rev() {
            text.push(char::from(HEX[(self.fingerprint.0 >> (4 * place)) as usize % HEX.len()]));
        }
        text
    }
}

impl fmt::Display for EventId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_round_trip() {
        let id = EventId { instance: "a.b_C9", seq: 18, fingerprint: Fingerprint(0xfe) };
        assert_eq!(id.to_string(), "a.b_C9-18-00000000000000fe");
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        let instance = "i".repeat(INSTANCE_BYTES);
        for fingerprint in [0, 0xfe, 0x0123_4567_89ab_cdef, u64::MAX].map(Fingerprint) {
            let id = EventId { instance: &instance, seq: u64::MAX, fingerprint };
            assert_eq!(id.to_string(), format!("{instance}-{}-{fingerprint}", u64::MAX));
        }
    }

    #[test]
    fn what_we_never_write_is_no_id() {
        for text in [
            "",
            "a",
            "a-1",
            "a-1-00000000000000fe-",
            "a-01-00000000000000fe",
            "a-+1-00000000000000fe",
            "a--00000000000000fe",
            "-1-00000000000000fe",
            "a-1-00000000000000FE",
            "a-1-fe",
            "a-18446744073709551616-00000000000000fe",
            "a b-1-00000000000000fe",
            "ä-1-00000000000000fe",
        ] {
            assert_eq!(EventId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_fingerprint_is_fixed_for_ever() {
        // Known answers of XXH3-64 with seed 0: a node of another version must agree.
        assert_eq!(Fingerprint::of(b"").to_string(), "2d06800538d394c2");
        assert_eq!(Fingerprint::of(b"ssecast").to_string(), Fingerprint::of(b"ssecast").to_string());
    }

    #[test]
    fn instance_names_are_checked() {
        assert!(Instance::new("node-1").is_none());
        assert!(Instance::new("").is_none());
        assert!(Instance::new(&"x".repeat(33)).is_none());
        assert_eq!(Instance::new("Node_1.a").map(|i| i.as_str().to_owned()), Some("Node_1.a".into()));
        assert_eq!(Instance::from_random(0xab).as_str(), "000000ab");
    }
}
