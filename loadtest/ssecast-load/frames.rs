//! Cuts the body of a stream into frames and reads what the measurement needs of each.
//!
//! It never copies: a frame that is not whole stays where it is, for the caller to keep. Line ends are
//! LF, as the contract has them.

use crate::dialect::seq_of;
use crate::payload::{self, Stamp};

/// One block of a stream, up to its empty line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A measured event with the number in its id.
    Event { id: &'a [u8], seq: u64, stamp: Stamp },
    /// A heartbeat that is an event.
    Ping { id: &'a [u8] },
    /// The server says that something is missing.
    Gap,
    /// Comments, `retry`, and events that are not ours.
    Other,
}

/// Calls `on_frame` for each whole frame; returns how many bytes those had.
pub(crate) fn scan<'a>(bytes: &'a [u8], mut on_frame: impl FnMut(Frame<'a>)) -> usize {
    let mut consumed = 0;
    while let Some((frame, len)) = measured(&bytes[consumed..]).or_else(|| any(&bytes[consumed..])) {
        on_frame(frame);
        consumed += len;
    }
    consumed
}

/// The first frame, if it is a whole event of ours in the form that servers write: nearly all are, and
/// at millions a second it matters that two searches and one comparison do.
fn measured(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let id_end = memchr::memchr(b'\n', bytes)?;
    let id = bytes[..id_end].strip_prefix(b"id: ")?;
    let rest = bytes[id_end + 1..].strip_prefix(b"event: ")?.strip_prefix(payload::EVENT_TYPE.as_bytes())?;
    let rest = rest.strip_prefix(b"\ndata: ")?;
    let data_end = payload::BYTES_MIN + memchr::memchr(b'\n', rest.get(payload::BYTES_MIN..)?)?;
    (*rest.get(data_end + 1)? == b'\n').then_some(())?;
    let frame = Frame::Event { id, seq: seq_of(id)?, stamp: payload::parse(&rest[..data_end])? };
    Some((frame, bytes.len() - rest.len() + data_end + 2))
}

/// The first frame, if it is whole, whatever it is.
fn any(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let mut line_start = 0;
    let mut fields = Fields::default();
    for end in memchr::memchr_iter(b'\n', bytes) {
        if end == line_start {
            return Some((fields.frame(), end + 1));
        }
        fields.take(&bytes[line_start..end]);
        line_start = end + 1;
    }
    None
}

/// The fields of the frame under way.
#[derive(Default)]
struct Fields<'a> {
    id: &'a [u8],
    event: &'a [u8],
    data: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, line: &'a [u8]) {
        if let Some(data) = line.strip_prefix(b"data: ") {
            self.data = data;
        } else if let Some(id) = line.strip_prefix(b"id: ") {
            self.id = id;
        } else if let Some(event) = line.strip_prefix(b"event: ") {
            self.event = event;
        }
    }

    fn frame(&self) -> Frame<'a> {
        let id = self.id;
        if self.event == payload::EVENT_TYPE.as_bytes() {
            let found = seq_of(id).zip(payload::parse(self.data));
            return found.map_or(Frame::Other, |(seq, stamp)| Frame::Event { id, seq, stamp });
        }
        match self.event {
            b"ping" => Frame::Ping { id },
            b"gap" => Frame::Gap,
            _ => Frame::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, Vec<Frame<'static>>) {
        let stamp = Stamp { number: 3, sent_ns: 99 };
        let envelope = payload::envelope(stamp, 200, None);
        let start = envelope.find(r#"{"n""#).unwrap();
        let payload = &envelope[start..start + 200];
        let text = format!(
            "retry: 3000\n: hello\n\nid: a-17-00000000000000fe\nevent: {}\ndata: {payload}\n\n\
             id: a-18-00000000000000fe\nevent: ping\ndata: {{}}\n\n: comment\n\nevent: gap\ndata: {{}}\n\n",
            payload::EVENT_TYPE
        );
        let frames = vec![
            Frame::Other,
            Frame::Event { id: b"a-17-00000000000000fe", seq: 17, stamp },
            Frame::Ping { id: b"a-18-00000000000000fe" },
            Frame::Other,
            Frame::Gap,
        ];
        (text.into_bytes(), frames)
    }

    #[test]
    fn frames_are_told_apart_at_every_split() {
        let (bytes, expected) = sample();
        for split in 0..=bytes.len() {
            let mut frames = Vec::new();
            let consumed = scan(&bytes[..split], |frame| frames.push(frame));
            assert!(consumed <= split);
            assert_eq!(consumed + scan(&bytes[consumed..], |frame| frames.push(frame)), bytes.len());
            assert_eq!(frames, expected, "split at {split}");
        }
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one() {
        let (bytes, _) = sample();
        let mut agreed = 0;
        for start in 0..bytes.len() {
            for end in start..bytes.len() {
                if let Some(found) = measured(&bytes[start..end]) {
                    assert_eq!(Some(found), any(&bytes[start..end]));
                    agreed += 1;
                }
            }
        }
        assert!(agreed > 0);
    }
}
