//! What one `writev` takes: a bounded number of slices and bytes, on the stack.

use std::io::IoSlice;

use arrayvec::ArrayVec;

use crate::limits::KIB;

/// Slices of one send.
const SLICES: usize = 64;
/// Bytes of one send: more than a socket takes, and no reason for others to wait.
const SEND_BYTES: usize = 256 * KIB;

/// The slices of one send.
#[derive(Debug, Default)]
pub struct Gather<'l> {
    slices: ArrayVec<IoSlice<'l>, SLICES>,
    bytes: usize,
}

impl<'l> Gather<'l> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.slices.is_full() || self.bytes >= SEND_BYTES
    }

    /// Adds as much of `bytes` as there is room for.
    pub fn push(&mut self, bytes: &'l [u8]) {
        if self.is_full() || bytes.is_empty() {
            return;
        }
        let bytes = &bytes[..bytes.len().min(SEND_BYTES - self.bytes)];
        self.slices.push(IoSlice::new(bytes));
        self.bytes += bytes.len();
    }

    /// The slices, none of them empty.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'l>] {
        &self.slices
    }

    /// Bytes of all slices.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_bytes_are_bounded() {
        let mut gather = Gather::new();
        for _ in 0..SLICES + 9 {
            gather.push(b"x");
        }
        assert_eq!((gather.slices().len(), gather.bytes()), (SLICES, SLICES));
        let large = vec![0; SEND_BYTES];
        let mut gather = Gather::new();
        gather.push(b"x");
        gather.push(b"");
        gather.push(&large);
        gather.push(b"x");
        assert_eq!((gather.slices().len(), gather.bytes()), (2, SEND_BYTES));
    }
}
