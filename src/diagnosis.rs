//! A stream of timed probes: what it says, and when each probe is due.
//!
//! Whoever reads it sees what lies between: probes that arrive together were held back, other bytes than were sent
//! were rewritten, and without the last frame the stream was cut. A person can read it with `curl -N`, the live page
//! does it for its user.
//!
//! Never touches a socket. All of it, with the head of the answer, is less than a hundred times the shortest request
//! (26 bytes of HTTP/1.0): nobody is given many bytes for few.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::clock::Mono;
use crate::sse;

/// Probes of one diagnosis.
pub const PROBES: usize = 10;
/// Time between two of them.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// Bytes of one diagnosis at most, without the head of the answer.
pub const BYTES: usize = 2380;

/// Bytes of comments before a probe: some programs hold back what is small.
const PADDING: [usize; PROBES] = [0, 0, 0, 0, 256, 0, 0, 1024, 0, 0];
/// Bytes of a line of padding, its end included.
const PADDING_LINE: usize = 64;

/// For people.
const INTRODUCTION: &str = "\
: What lies between you and the server? 10 probes follow, one every 200 ms.
: They appear one by one: nothing holds the stream back.
: They appear together: something on the way buffers. Switch that off for text/event-stream.
: It stops before \"event: end\": something cuts the stream.

";

/// What the server sees of who asks; nothing of the request itself is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The address that the client counts under.
    pub address: Option<IpAddr>,
    /// Whether the last of those on the way speaks HTTP/1.0.
    pub http_1_0: bool,
    /// Whether somebody on the way says that the request is another's.
    pub is_forwarded: bool,
    /// Whether `Last-Event-ID` came.
    pub has_last_event_id: bool,
}

/// One diagnosis under way.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    began: Mono,
    /// Probes written.
    probes: usize,
    /// Bytes written, and their checksum.
    bytes: usize,
    sum: Fnv,
}

impl Diagnosis {
    /// A diagnosis that begins now, and its first bytes.
    #[must_use]
    pub fn begin(facts: &Facts, now: Mono) -> (Self, Vec<u8>) {
        let mut diagnosis = Self { began: now, probes: 0, bytes: 0, sum: Fnv::EMPTY };
        let mut out = INTRODUCTION.as_bytes().to_vec();
        let facts = json!({
            "probes": PROBES,
            "interval_ms": INTERVAL.as_millis() as u64,
            "address": facts.address.map(|address| address.to_canonical().to_string()),
            "http": if facts.http_1_0 { "1.0" } else { "1.1" },
            "forwarded": facts.is_forwarded,
            "last_event_id": facts.has_last_event_id,
        });
        sse::encode_body("facts", &facts.to_string(), &mut out);
        diagnosis.count(&out);
        out.extend(diagnosis.handle_deadline(now));
        (diagnosis, out)
    }

    /// When the next probe is due; `None` once it is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        (self.probes < PROBES).then(|| self.began.after(INTERVAL * self.probes as u32))
    }

    /// Writes the next probe, and after the last one what all of it should have been.
    pub fn handle_deadline(&mut self, now: Mono) -> Vec<u8> {
        let Some(&padding) = PADDING.get(self.probes) else { return Vec::new() };
        self.probes += 1;
        let mut out = Vec::new();
        for _ in 0..padding / PADDING_LINE {
            out.push(b':');
            out.extend([b'.'; PADDING_LINE - 2]);
            out.push(b'\n');
        }
        let sent_ms = now.since(self.began).as_millis() as u64;
        let probe = json!({ "probe": self.probes, "of": PROBES, "sent_ms": sent_ms });
        sse::encode_body("probe", &probe.to_string(), &mut out);
        self.count(&out);
        if self.probes == PROBES {
            let end = json!({ "bytes": self.bytes, "fnv1a": format!("{:08x}", self.sum.0) });
            sse::encode_body("end", &end.to_string(), &mut out);
        }
        out
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.sum.add(bytes);
        debug_assert!(self.bytes <= BYTES);
    }
}

/// FNV-1a of 32 bits (RFC 9923): a few lines in any language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fnv(u32);

impl Fnv {
    const EMPTY: Self = Self(0x811c_9dc5);

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const FACTS: Facts =
        Facts { address: Some(LONGEST), http_1_0: false, is_forwarded: true, has_last_event_id: false };

    const LONGEST: IpAddr = IpAddr::V6(Ipv6Addr::new(!0, !0, !0, !0, !0, !0, !0, !0));

    /// A whole diagnosis whose probes are all so late.
    fn whole(late: Duration) -> (String, usize) {
        let start = Mono::from_micros(5_000_000);
        let (mut diagnosis, bytes) = Diagnosis::begin(&FACTS, start);
        let (mut text, mut turns) = (String::from_utf8(bytes).unwrap(), 1);
        while let Some(at) = diagnosis.deadline() {
            assert_eq!(at, start.after(INTERVAL * turns));
            text += &String::from_utf8(diagnosis.handle_deadline(at.after(late))).unwrap();
            turns += 1;
        }
        assert!(diagnosis.handle_deadline(start).is_empty());
        (text, turns as usize)
    }

    #[test]
    fn it_says_when_each_probe_was_sent_and_ends() {
        let (text, turns) = whole(Duration::from_millis(3));
        assert_eq!(turns, PROBES);
        assert!(text.contains(r#"{"probe":1,"of":10,"sent_ms":0}"#), "{text}");
        assert!(text.contains(r#"{"probe":10,"of":10,"sent_ms":1803}"#), "{text}");
        assert_eq!(text.matches("event: probe\n").count(), PROBES);
        let (before, end) = text.split_once("event: end\ndata: ").unwrap();
        let end: serde_json::Value = serde_json::from_str(end.trim_end()).unwrap();
        let mut sum = Fnv::EMPTY;
        sum.add(before.as_bytes());
        assert_eq!(end, json!({ "bytes": before.len(), "fnv1a": format!("{:08x}", sum.0) }));
    }

    #[test]
    fn it_stays_small() {
        let (text, _) = whole(Duration::from_secs(3600));
        assert!((2000..BYTES).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn what_people_are_told_is_true() {
        assert!(
            INTRODUCTION.contains(&format!("{PROBES} probes follow, one every {} ms", INTERVAL.as_millis()))
        );
        assert!(INTRODUCTION.trim_end().lines().all(|line| line.starts_with(": ")), "{INTRODUCTION}");
    }

    #[test]
    fn the_checksum_is_fnv_1a() {
        let of = |text: &str| {
            let mut sum = Fnv::EMPTY;
            sum.add(text.as_bytes());
            sum.0
        };
        assert_eq!([of(""), of("a"), of("foobar")], [0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968]);
    }
}
