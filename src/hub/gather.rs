//! What one `writev` takes: a bounded number of slices and bytes, on the stack.

use std::io::IoSlice;

use crate::limits::KIB;

/// Slices of one send.
const SLICES: usize = 64;
/// Bytes of one send: more than a socket takes, and no reason for others to wait.
const SEND_BYTES: usize = 256 * KIB;

/// The slices of one send.
pub struct Gather<'l> {
    slices: [IoSlice<'l>; SLICES],
    len: usize,
    bytes: usize,
}

impl<'l> Gather<'l> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { slices: [IoSlice::new(&[]); SLICES], len: 0, bytes: 0 }
    }

    /// Whether it takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == SLICES || self.bytes >= SEND_BYTES
    }

    /// Adds as much of `bytes` as there is room for.
    pub fn push(&mut self, bytes: &'l [u8]) {
        if self.is_full() || bytes.is_empty() {
            return;
        }
        let bytes = &bytes[..bytes.len().min(SEND_BYTES - self.bytes)];
        self.slices[self.len] = IoSlice::new(bytes);
        self.len += 1;
        self.bytes += bytes.len();
    }

    /// The slices, none of them empty.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'l>] {
        &self.slices[..self.len]
    }

    /// Bytes of all slices.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Default for Gather<'_> {
    fn default() -> Self {
        Self::new()
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
