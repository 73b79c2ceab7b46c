//! What a client still has to be sent, as places in the log: never a copy of a byte.
//!
//! Invariant: `Ranges::bytes` is the sum of its ranges, which are in order, not empty and not adjacent.

use std::collections::VecDeque;
use std::ops::Range;

use super::gather::Gather;
use super::log::Log;

/// What a client still has to be sent.
#[derive(Clone, Debug)]
pub enum Outbox {
    /// Everything public from this public position on.
    Cursor(u64),
    /// These ranges, for a client that does not see everything or not only what is public.
    Ranges(Box<Ranges>),
}

/// Ranges of the log.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    queue: VecDeque<Range<u64>>,
    bytes: u64,
}

/// Ranges that an empty outbox keeps room for.
const IDLE_CAPACITY: usize = 4;

impl Outbox {
    /// Adds a frame; a cursor has it already.
    pub fn push(&mut self, frame: Range<u64>) {
        if let Self::Ranges(ranges) = self {
            ranges.bytes += frame.end - frame.start;
            match ranges.queue.back_mut() {
                Some(last) if last.end == frame.start => last.end = frame.end,
                _ => ranges.queue.push_back(frame),
            }
        }
    }

    /// Unsent bytes.
    #[must_use]
    pub fn pending_bytes(&self, log: &Log) -> u64 {
        match self {
            Self::Cursor(position) => log.public_head() - position,
            Self::Ranges(ranges) => ranges.bytes,
        }
    }

    /// Unsent bytes that lie before `offset`.
    #[must_use]
    pub fn pending_before(&self, offset: u64, log: &Log) -> u64 {
        match self {
            Self::Cursor(position) => log.public_position(offset).saturating_sub(*position),
            Self::Ranges(ranges) => {
                let before = ranges.queue.iter().take_while(|range| range.start < offset);
                before.map(|range| range.end.min(offset) - range.start).sum()
            }
        }
    }

    /// Whether anything is unsent.
    #[must_use]
    pub fn is_behind(&self, log: &Log) -> bool {
        self.pending_bytes(log) > 0
    }

    /// The offset of the first unsent byte, or the head.
    #[must_use]
    pub fn position(&self, log: &Log) -> u64 {
        match self {
            Self::Cursor(position) => log.run_from(*position).start,
            Self::Ranges(ranges) => ranges.queue.front().map_or(log.head(), |range| range.start),
        }
    }

    /// Whether the log has let go of bytes that are unsent.
    #[must_use]
    pub fn is_lost(&self, log: &Log) -> bool {
        match self {
            Self::Cursor(position) => *position < log.public_tail(),
            Self::Ranges(ranges) => ranges.queue.front().is_some_and(|range| range.start < log.tail()),
        }
    }

    /// The unsent runs of the log, in order.
    pub fn runs<'o>(&'o self, log: &'o Log) -> impl Iterator<Item = Range<u64>> {
        let (mut cursor, queue) = match self {
            Self::Cursor(position) => (Some(*position), None),
            Self::Ranges(ranges) => (None, Some(ranges.queue.iter().cloned())),
        };
        let bare = std::iter::from_fn(move || {
            let position = cursor.as_mut()?;
            let run = log.run_from(*position);
            *position += run.end - run.start;
            (!run.is_empty()).then_some(run)
        });
        bare.chain(queue.into_iter().flatten())
    }

    /// Adds what is unsent to `gather`, from `from` on, up to the offset `to`.
    pub fn gather<'l>(&self, within: Range<u64>, log: &'l Log, gather: &mut Gather<'l>) {
        for run in self.runs(log) {
            if gather.is_full() || run.start >= within.end {
                break;
            }
            log.gather(run.start.max(within.start)..run.end.min(within.end), gather);
        }
    }

    /// Takes `bytes` sent bytes off; `sent` is told where they lay.
    pub fn advance(&mut self, mut bytes: u64, log: &Log, mut sent: impl FnMut(Range<u64>)) {
        while bytes > 0 {
            let run = match self {
                Self::Cursor(position) => {
                    let run = log.run_from(*position);
                    let run = run.start..run.end.min(run.start + bytes);
                    *position += run.end - run.start;
                    run
                }
                Self::Ranges(ranges) => ranges.take(bytes),
            };
            debug_assert!(!run.is_empty(), "more was sent than was there");
            if run.is_empty() {
                break;
            }
            bytes -= run.end - run.start;
            sent(run);
        }
    }
}

impl Ranges {
    /// Takes up to `bytes` bytes off the first range.
    fn take(&mut self, bytes: u64) -> Range<u64> {
        let Some(first) = self.queue.front_mut() else { return 0..0 };
        let taken = first.start..first.end.min(first.start + bytes);
        first.start = taken.end;
        self.bytes -= taken.end - taken.start;
        if first.is_empty() {
            self.queue.pop_front();
            if self.queue.is_empty() {
                self.queue.shrink_to(IDLE_CAPACITY);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Now;
    use crate::event::{Audience, Event};
    use crate::id::{Fingerprint, Instance};
    use crate::sse;

    /// What a test does to an outbox.
    #[derive(Clone, Debug)]
    enum Step {
        /// Append a frame of so many data bytes, private or not, and matched by the filter or not.
        Append(usize, bool, bool),
        /// Send so many bytes.
        Send(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let append = (0_usize..200, any::<bool>(), any::<bool>()).prop_map(|(n, p, m)| Step::Append(n, p, m));
        prop::collection::vec(prop_oneof![append, (1_usize..400).prop_map(Step::Send)], 1..60)
    }

    fn event(bytes: usize, is_private: bool) -> Event {
        let mut body = Vec::new();
        sse::encode_body("e", &"x".repeat(bytes), &mut body);
        let audience = Audience { tenant: is_private.then(|| "t".into()), topics: Vec::new() };
        Event { body, fingerprint: Fingerprint(1), audience, ..Event::default() }
    }

    proptest! {
        /// The oracle is a queue of bytes per client, as servers of this kind have it.
        #[test]
        fn an_outbox_sends_what_a_queue_of_bytes_would(steps in steps()) {
            let mut log = Log::new(Instance::new("i").unwrap());
            let mut bare = Outbox::Cursor(0);
            let mut filtered = Outbox::Ranges(Box::default());
            let mut oracles: [VecDeque<u8>; 2] = Default::default();
            for step in steps {
                match step {
                    Step::Append(bytes, is_private, matches) => {
                        let range = log.append(&event(bytes, is_private), Now::default());
                        let mut gather = Gather::new();
                        log.gather(range.clone(), &mut gather);
                        let frame: Vec<u8> = gather.slices().iter().flat_map(|slice| slice.to_vec()).collect();
                        if !is_private {
                            oracles[0].extend(&frame);
                        }
                        if matches {
                            filtered.push(range);
                            oracles[1].extend(&frame);
                        }
                    }
                    Step::Send(most) => {
                        for (outbox, oracle) in [&mut bare, &mut filtered].into_iter().zip(&mut oracles) {
                            let mut gather = Gather::new();
                            outbox.gather(0..log.head(), &log, &mut gather);
                            let bytes: Vec<u8> =
                                gather.slices().iter().flat_map(|slice| slice.to_vec()).take(most).collect();
                            prop_assert_eq!(&bytes, &oracle.drain(..bytes.len()).collect::<Vec<_>>());
                            let mut sent = 0;
                            outbox.advance(bytes.len() as u64, &log, |range| sent += range.end - range.start);
                            prop_assert_eq!(sent, bytes.len() as u64);
                        }
                    }
                }
                for (outbox, oracle) in [&bare, &filtered].into_iter().zip(&oracles) {
                    let pending = outbox.pending_bytes(&log);
                    prop_assert_eq!(pending, oracle.len() as u64);
                    prop_assert_eq!(pending, outbox.pending_before(log.head(), &log));
                    prop_assert_eq!(pending, outbox.runs(&log).map(|run| run.end - run.start).sum::<u64>());
                    let middle = log.head() / 2;
                    let before: u64 =
                        outbox.runs(&log).map(|run| run.end.min(middle).saturating_sub(run.start)).sum();
                    prop_assert_eq!(before, outbox.pending_before(middle, &log));
                }
            }
        }
    }
}
