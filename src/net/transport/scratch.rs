//! Buffers for what is being sealed and opened: all TLS connections share them, as one works at a time.
//!
//! So an idle connection has none of its own, and sealing allocates none.

use std::io::IoSlice;

use super::{READ_BYTES, RECORD_BYTES};
use crate::limits::{KIB, TLS_REST_BYTES};

/// What one record takes at most, once it is sealed, with what the protocol has to say before it.
const SEALED_BYTES: usize = RECORD_BYTES + 2 * KIB;

/// See the top of this file.
#[derive(Default)]
pub(in crate::net) struct Scratch {
    wire: Vec<u8>,
    plain: Vec<u8>,
    pub(super) sealed: Sealed,
}

/// Sealed bytes, on their way to a socket.
#[derive(Default)]
pub(super) struct Sealed {
    bytes: Vec<u8>,
    filled: usize,
}

impl Scratch {
    /// Room for what is opened: what was left of the last time, and what is read.
    pub(super) fn wire(&mut self) -> &mut [u8] {
        // Once for all, and only where TLS is spoken.
        self.wire.resize(TLS_REST_BYTES + READ_BYTES, 0);
        &mut self.wire
    }

    /// What is read into, and where to put what is sealed meanwhile.
    pub(super) fn split(&mut self) -> (&mut [u8], &mut Sealed) {
        (&mut self.wire, &mut self.sealed)
    }

    /// The plaintext of the next record, and where it is sealed into; empty when `rest` is.
    pub(super) fn merge(&mut self, rest: &mut Rest<'_, '_>) -> (&[u8], &mut Sealed) {
        self.sealed.clear();
        rest.next_record(&mut self.plain);
        (&self.plain, &mut self.sealed)
    }
}

impl Sealed {
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Room for one record more.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let needed = self.filled + SEALED_BYTES;
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        &mut self.bytes[self.filled..]
    }

    /// So much of the room was used.
    pub(super) fn fill(&mut self, bytes: usize) {
        self.filled += bytes;
    }
}

/// What is not sealed yet of the slices of one send.
pub(super) struct Rest<'s, 'p> {
    slices: &'s [IoSlice<'p>],
    /// Bytes of the first slice that are sealed.
    from: usize,
}

impl<'s, 'p> Rest<'s, 'p> {
    pub(super) const fn new(slices: &'s [IoSlice<'p>]) -> Self {
        Self { slices, from: 0 }
    }

    /// Puts the next record's worth into `merged`.
    fn next_record(&mut self, merged: &mut Vec<u8>) {
        merged.clear();
        while let Some((first, others)) = self.slices.split_first() {
            let piece = &first[self.from..];
            let piece = &piece[..piece.len().min(RECORD_BYTES - merged.len())];
            if piece.is_empty() && self.from < first.len() {
                break;
            }
            self.from += piece.len();
            if self.from == first.len() {
                (self.slices, self.from) = (others, 0);
            }
            merged.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_become_full_records() {
        let text: Vec<u8> = (0..5 * RECORD_BYTES + 77).map(|n| (n % 251) as u8).collect();
        for cuts in [vec![], vec![1, 2, 3], vec![RECORD_BYTES], vec![RECORD_BYTES - 1, 3 * RECORD_BYTES + 5]]
        {
            let mut slices = Vec::new();
            let mut at = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                slices.push(IoSlice::new(&text[at..cut]));
                at = cut;
            }
            let (mut rest, mut merged, mut all) = (Rest::new(&slices), Vec::new(), Vec::new());
            let mut sizes = Vec::new();
            loop {
                rest.next_record(&mut merged);
                if merged.is_empty() {
                    break;
                }
                sizes.push(merged.len());
                all.extend_from_slice(&merged);
            }
            assert_eq!(all, text);
            let last = sizes.pop();
            assert_eq!(last, Some(77), "{sizes:?}");
            assert!(sizes.iter().all(|size| *size == RECORD_BYTES), "{sizes:?}");
        }
    }
}
