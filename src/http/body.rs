//! The body of one request while it comes, bounded in size and time (RFC 9112 section 6).
//!
//! Never hands out a part: a body cut short is none.

use std::time::Duration;

use super::chunked::ChunkedReader;
use super::framing::BodyKind;
use super::reject::Reject;
use crate::clock::Mono;
use crate::limits::{BODY_BYTES_PER_SECOND, BODY_GRACE, Limits};

/// Reads one body.
#[derive(Debug)]
pub(super) struct BodyReader {
    framing: Framing,
    /// What came so far, decoded; at most `limits.body_bytes`.
    bytes: Vec<u8>,
    started: Mono,
    /// `limits.body_timeout` when it started.
    timeout: Duration,
}

/// How the end is found.
#[derive(Debug)]
enum Framing {
    /// After so many bytes more.
    Sized { left: usize },
    /// After the last chunk.
    Chunked(ChunkedReader),
}

impl BodyReader {
    /// Starts with the first byte after the head. A body that is too large already is refused with 413.
    pub(super) fn new(kind: BodyKind, now: Mono, limits: &Limits) -> Result<Self, Reject> {
        let framing = match kind {
            BodyKind::None => Framing::Sized { left: 0 },
            BodyKind::Sized(len) => match usize::try_from(len) {
                Ok(left) if left <= limits.body_bytes => Framing::Sized { left },
                _ => return Err(Reject::new(413, "body too large")),
            },
            BodyKind::Chunked => Framing::Chunked(ChunkedReader::new()),
        };
        Ok(Self { framing, bytes: Vec::new(), started: now, timeout: limits.body_timeout })
    }

    /// Takes bytes of `input` up to the end of the body; gives how many it took.
    pub(super) fn decode(&mut self, input: &[u8], limits: &Limits) -> Result<usize, Reject> {
        match &mut self.framing {
            Framing::Sized { left } => {
                let len = input.len().min(*left);
                make_room(&mut self.bytes, len, *left);
                self.bytes.extend_from_slice(&input[..len]);
                *left -= len;
                Ok(len)
            }
            Framing::Chunked(reader) => {
                let most = limits.body_bytes.saturating_sub(self.bytes.len());
                make_room(&mut self.bytes, input.len().min(most), most);
                reader.decode(input, &mut self.bytes, limits)
            }
        }
    }

    /// Whether all of it came.
    pub(super) fn is_complete(&self) -> bool {
        match &self.framing {
            Framing::Sized { left } => *left == 0,
            Framing::Chunked(reader) => reader.is_complete(),
        }
    }

    /// Bytes of memory that it takes.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The body.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// When the body must be complete: it has to keep up a rate after a grace period, and to end in time
    /// at any rate.
    pub(super) fn deadline(&self) -> Mono {
        let earned = Duration::from_millis(self.bytes.len() as u64 * 1000 / BODY_BYTES_PER_SECOND);
        self.started.after(self.timeout.min(BODY_GRACE.saturating_add(earned)))
    }
}

/// Makes room for `len` bytes and as many as came already, as a vector does, but never for more than `most`: a body
/// at its limit takes no more memory than that.
fn make_room(bytes: &mut Vec<u8>, len: usize, most: usize) {
    if bytes.capacity() - bytes.len() < len {
        bytes.reserve_exact(len.max(bytes.len()).min(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(kind: BodyKind) -> BodyReader {
        BodyReader::new(kind, Mono::from_micros(1_000_000), &Limits::default()).unwrap()
    }

    #[test]
    fn a_sized_body_takes_what_is_its_own() {
        let (mut reader, limits) = (reader(BodyKind::Sized(5)), Limits::default());
        assert_eq!(reader.decode(b"he", &limits), Ok(2));
        assert!(!reader.is_complete());
        assert_eq!(reader.decode(b"lloGET", &limits), Ok(3));
        assert!(reader.is_complete());
        assert_eq!(reader.into_bytes(), b"hello");
    }

    #[test]
    fn a_body_takes_no_more_memory_than_it_is_long() {
        let limits = Limits { body_bytes: 1000, ..Limits::default() };
        let mut sized = reader(BodyKind::Sized(1000));
        let mut chunked = BodyReader::new(BodyKind::Chunked, Mono::ZERO, &limits).unwrap();
        assert_eq!((sized.memory_bytes(), chunked.memory_bytes()), (0, 0), "nothing came");
        chunked.decode(b"3e8\r\n", &limits).unwrap();
        for _ in 0..1000 {
            sized.decode(b"x", &limits).unwrap();
            chunked.decode(b"x", &limits).unwrap();
            assert!(sized.memory_bytes() <= 1000 && chunked.memory_bytes() <= 1000);
        }
        assert!(sized.is_complete());
    }

    #[test]
    fn no_body_is_complete_at_once() {
        assert!(reader(BodyKind::None).is_complete());
        assert!(reader(BodyKind::Sized(0)).is_complete());
        assert!(!reader(BodyKind::Chunked).is_complete());
    }

    #[test]
    fn a_large_body_is_refused_before_it_comes() {
        let limits = Limits { body_bytes: 10, ..Limits::default() };
        let start = |len| BodyReader::new(BodyKind::Sized(len), Mono::ZERO, &limits).map(|_| ());
        assert_eq!(start(10), Ok(()));
        assert_eq!(start(11).map_err(|reject| reject.status), Err(413));
        assert_eq!(start(u64::MAX).map_err(|reject| reject.status), Err(413));
    }

    #[test]
    fn the_deadline_moves_with_the_bytes_up_to_the_timeout() {
        let (mut reader, limits) = (reader(BodyKind::Sized(1_000_000)), Limits::default());
        assert_eq!(reader.deadline(), Mono::from_micros(6_000_000));
        reader.decode(&[0; 512], &limits).unwrap();
        assert_eq!(reader.deadline(), Mono::from_micros(6_500_000));
        reader.decode(&[0; 100_000], &limits).unwrap();
        assert_eq!(reader.deadline(), Mono::from_micros(31_000_000));
    }
}
