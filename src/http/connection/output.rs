//! Answers that were made and not yet taken by the socket, and since when they wait.

use std::time::Duration;

use crate::clock::Mono;
use crate::http::buffer::Buffer;
use crate::limits::{OUTPUT_BYTES, WRITE_STALL};

/// What was answered and not taken.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Buffer,
    /// When bytes were last taken, or queued while there were none.
    progress: Mono,
}

impl Output {
    /// None.
    pub(super) fn new(now: Mono) -> Self {
        Self { bytes: Buffer::default(), progress: now }
    }

    /// The bytes to send.
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.pending()
    }

    /// Whether none wait.
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether so many wait that no further request is read.
    pub(super) const fn has_backlog(&self) -> bool {
        self.bytes.len() > OUTPUT_BYTES
    }

    /// When the client has taken nothing for so long that it is given up; `None` where nothing waits for it.
    pub(super) fn deadline(&self) -> Option<Mono> {
        (!self.is_empty()).then(|| self.progress.after(WRITE_STALL))
    }

    /// Where bytes are added.
    pub(super) fn end(&mut self, now: Mono) -> &mut Vec<u8> {
        if self.is_empty() {
            self.progress = now;
        }
        self.bytes.end()
    }

    /// The first `n` bytes were taken. Gives how long they had waited.
    pub(super) fn take(&mut self, n: usize, now: Mono) -> Duration {
        let waited = now.since(self.progress);
        self.progress = now;
        self.bytes.take(n);
        waited
    }

    /// Lets go of all.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes of memory that it takes.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.bytes.memory_bytes()
    }
}
