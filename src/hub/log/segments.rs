//! The bytes of the log: whole frames, one after another, in segments that are let go as a whole.
//!
//! Knows no frame: whoever appends one says what it takes beside its bytes, and a segment is full when both together
//! are as much as it holds. So what is let go with a segment is never more than that, however short its frames are.
//!
//! Invariant: the segments are contiguous up to `head`.

use std::collections::VecDeque;
use std::ops::Range;

use crate::hub::gather::Gather;

#[derive(Debug)]
struct Segment {
    start: u64,
    bytes: Vec<u8>,
    /// What its frames take beside its bytes.
    beside: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// What is kept after a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The place.
    pub(super) from: u64,
    /// Bytes of frames.
    pub(super) bytes: u64,
    /// The same, and what those frames take beside them.
    pub(super) memory: u64,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Segments {
    segment_bytes: usize,
    segments: VecDeque<Segment>,
    /// A segment that was let go, to be used again.
    spare: Option<Vec<u8>>,
    /// The offset after the last byte.
    head: u64,
    /// What the frames of all segments take beside their bytes.
    beside: u64,
}

impl Segments {
    /// None yet; each is to hold so many bytes, or one frame that is larger.
    pub(super) const fn of(segment_bytes: usize) -> Self {
        Self { segment_bytes, segments: VecDeque::new(), spare: None, head: 0, beside: 0 }
    }

    /// The offset after the last byte.
    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// The offset of the first byte that is still there.
    pub(super) fn tail(&self) -> u64 {
        self.segments.front().map_or(self.head, |segment| segment.start)
    }

    /// Bytes that frames take, in segments and beside them; the unused rest of the last segment is not counted.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.head - self.tail() + self.beside
    }

    /// Writes a frame of at most `most` bytes, which takes `beside` bytes more elsewhere, to the head.
    pub(super) fn write(
        &mut self,
        most: usize,
        beside: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Range<u64> {
        self.make_room_for(most, beside);
        let last = self.segments.len() - 1;
        let Segment { bytes, beside: of_segment, .. } = &mut self.segments[last];
        let before = bytes.len();
        encode(bytes);
        let range = self.head..self.head + (bytes.len() - before) as u64;
        *of_segment += beside as u64;
        self.beside += beside as u64;
        self.head = range.end;
        range
    }

    /// Makes the last segment one that takes `most` more bytes without moving, and `beside` more beside them.
    fn make_room_for(&mut self, most: usize, beside: usize) {
        let has_room = |last: &Segment| {
            let is_within =
                (last.bytes.len() + most + beside) as u64 + last.beside <= self.segment_bytes as u64;
            last.bytes.capacity() - last.bytes.len() >= most && (is_within || beside == 0 && last.beside == 0)
        };
        if !self.segments.back().is_some_and(has_room) {
            let bytes = match self.spare.take() {
                Some(bytes) if bytes.capacity() >= most => bytes,
                _ => Vec::with_capacity(self.segment_bytes.max(most)),
            };
            self.segments.push_back(Segment { start: self.head, bytes, beside: 0 });
        }
    }

    /// What is kept when the first segment is let go.
    pub(super) fn kept_without_first(&self) -> Option<Kept> {
        let first = self.segments.front()?;
        let (from, bytes) = (first.end(), self.head - first.end());
        Some(Kept { from, bytes, memory: bytes + self.beside - first.beside })
    }

    /// Lets go of the first segment.
    pub(super) fn drop_first(&mut self) {
        let Some(mut first) = self.segments.pop_front() else { return };
        self.beside -= first.beside;
        if first.bytes.capacity() == self.segment_bytes {
            first.bytes.clear();
            self.spare = Some(first.bytes);
        }
    }

    /// The bytes of a range that lies within one segment, as a frame does.
    pub(super) fn bytes_of(&self, range: &Range<u64>) -> &[u8] {
        let Some(at) = self.segment_at(range.start) else { return &[] };
        let segment = &self.segments[at];
        &segment.bytes[(range.start - segment.start) as usize..(range.end - segment.start) as usize]
    }

    /// Adds the bytes of `range` to what is to be sent; stops where that is full.
    pub(super) fn gather<'s>(&'s self, range: Range<u64>, gather: &mut Gather<'s>) {
        let mut from = range.start;
        let Some(mut at) = self.segment_at(from) else { return };
        while from < range.end && !gather.is_full() {
            let segment = &self.segments[at];
            let to = range.end.min(segment.end());
            gather.push(&segment.bytes[(from - segment.start) as usize..(to - segment.start) as usize]);
            from = to;
            at += 1;
        }
    }

    /// The segment that holds the byte at `offset`, most often the last one.
    fn segment_at(&self, offset: u64) -> Option<usize> {
        if offset < self.tail() || offset >= self.head {
            return None;
        }
        let last = self.segments.len() - 1;
        if self.segments[last].start <= offset {
            return Some(last);
        }
        Some(self.segments.partition_point(|segment| segment.start <= offset) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_full_with_what_its_frames_take_beside_it() {
        let mut segments = Segments::of(1000);
        let mut write = |beside| segments.write(10, beside, |bytes| bytes.extend_from_slice(&[b'x'; 10]));
        for _ in 0..20 {
            write(90);
        }
        for _ in 0..30 {
            write(0);
        }
        write(5000);
        assert_eq!(segments.memory_bytes(), 51 * 10 + 20 * 90 + 5000);
        let mut ends = Vec::new();
        while let Some(Kept { from, .. }) = segments.kept_without_first() {
            ends.push(from);
            segments.drop_first();
        }
        assert_eq!(
            ends,
            [100, 200, 500, 510],
            "ten frames each, those without anything, and one that is too large"
        );
        assert_eq!(segments.memory_bytes(), 0);
    }
}
