//! Bytes that come in at the end and go out at the front.

/// A queue of bytes. Taking does not move the others; adding may.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Of `bytes`, those that were taken; at most its length.
    taken: usize,
}

impl Buffer {
    /// What waits.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// How many bytes wait.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether none wait.
    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.end().extend_from_slice(bytes);
    }

    /// Where bytes are added. What was taken is dropped first when it is more than what waits, so that
    /// a byte is moved at most once on average.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        if self.taken > self.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        &mut self.bytes
    }

    /// Bytes of memory that it takes.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes `n` bytes, at most all. The memory of a buffer that is empty is given back: most connections wait for
    /// their next request.
    pub(super) fn take(&mut self, n: usize) {
        self.taken = self.taken.saturating_add(n).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    /// Takes all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What waits, for good.
    pub(super) fn into_pending(mut self) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..9), 0_usize..9), 0..99)) {
            let (mut buffer, mut oracle) = (Buffer::default(), VecDeque::new());
            for (bytes, n) in steps {
                buffer.extend(&bytes);
                oracle.extend(bytes);
                buffer.take(n);
                oracle.drain(..n.min(oracle.len()));
                prop_assert!(oracle.iter().eq(buffer.pending()));
                prop_assert_eq!(buffer.is_empty(), oracle.is_empty());
                prop_assert!(buffer.bytes.len() <= 2 * buffer.len() + 18);
            }
            prop_assert!(oracle.iter().eq(&buffer.into_pending()));
        }
    }

    #[test]
    fn an_empty_buffer_takes_no_memory() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.memory_bytes(), 0);
        buffer.extend(&[0; 100]);
        buffer.take(99);
        assert!(buffer.memory_bytes() >= 100);
        buffer.take(1);
        assert_eq!(buffer.memory_bytes(), 0);
    }
}
