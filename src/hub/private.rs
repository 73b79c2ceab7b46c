//! Which runs of the log not everybody may see.
//!
//! A bare cursor goes over the log by `run_from`, and that never gives a private byte.

use std::collections::VecDeque;
use std::ops::Range;

#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    end: u64,
    /// Private bytes that were ever appended before this run.
    before: u64,
}

/// The private runs of a log, in order, adjacent ones merged.
#[derive(Clone, Debug, Default)]
pub(super) struct PrivateRuns {
    runs: VecDeque<Run>,
    /// Private bytes ever appended.
    total: u64,
}

impl PrivateRuns {
    /// Bytes of memory that one run takes.
    pub(super) const RUN_BYTES: usize = size_of::<Run>();

    /// Marks `range`, which begins at or after the end of every other run, as private.
    pub(super) fn add(&mut self, range: Range<u64>) {
        let before = self.total;
        self.total += range.end - range.start;
        match self.runs.back_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.runs.push_back(Run { start: range.start, end: range.end, before }),
        }
    }

    /// Forgets the runs that end at or before `offset`.
    pub(super) fn forget_before(&mut self, offset: u64) {
        while self.runs.front().is_some_and(|run| run.end <= offset) {
            self.runs.pop_front();
        }
    }

    /// Private bytes ever appended before `offset`, which must not be older than what was forgotten.
    pub(super) fn bytes_to(&self, offset: u64) -> u64 {
        let Some(run) = self.runs.get(self.first_ending_after(offset)) else { return self.total };
        run.before + offset.saturating_sub(run.start)
    }

    /// The offsets of the public run that begins at this public position: it goes up to the next private
    /// run, or to `head`.
    pub(super) fn run_from(&self, public_position: u64, head: u64) -> Range<u64> {
        let next = match self.runs.back() {
            Some(last) if last.start - last.before > public_position => {
                self.runs.partition_point(|run| run.start - run.before <= public_position)
            }
            _ => self.runs.len(),
        };
        match self.runs.get(next) {
            Some(run) => public_position + run.before..run.start,
            None => public_position + self.total..head,
        }
    }

    /// Most often there is none, and that is found at once.
    fn first_ending_after(&self, offset: u64) -> usize {
        if self.runs.back().is_none_or(|last| last.end <= offset) {
            return self.runs.len();
        }
        self.runs.partition_point(|run| run.end <= offset)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is one boolean per byte.
        #[test]
        fn runs_agree_with_a_bitmap(frames in prop::collection::vec((1_u64..5, any::<bool>()), 0..40), forget in 0_u64..60) {
            let mut runs = PrivateRuns::default();
            let mut bitmap = Vec::new();
            for (len, is_private) in frames {
                let start = bitmap.len() as u64;
                bitmap.extend((0..len).map(|_| is_private));
                if is_private {
                    runs.add(start..start + len);
                }
            }
            let head = bitmap.len() as u64;
            let forget = forget.min(head);
            runs.forget_before(forget);
            for offset in forget..=head {
                let private_before = bitmap[..offset as usize].iter().filter(|&&p| p).count() as u64;
                prop_assert_eq!(runs.bytes_to(offset), private_before);
                let tail = &bitmap[offset as usize..];
                let start = offset + tail.iter().take_while(|&&p| p).count() as u64;
                let len = bitmap[start as usize..].iter().take_while(|&&p| !p).count() as u64;
                prop_assert_eq!(runs.run_from(offset - private_before, head), start..start + len);
            }
        }
    }
}
