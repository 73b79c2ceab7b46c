//! The broadcast log: every frame once, one after another, addressed by its offset since the start.
//!
//! Never knows who reads it. Reading is by offset (`gather`), or, for those who see only what is public,
//! by public position (`run_from`); resuming is by id (`locate`).
//!
//! Beside events it holds gaps: frames that tell everybody that events may be missing there. A gap has a
//! number like every frame, so that who resumes before it is told, but no id that a client is shown.
//!
//! Bounded is the memory that is kept, what is known of who may see an event included: an event may have more bytes
//! of topics than of anything else.
//!
//! Invariants: `frames` describes exactly the frames from `tail` on, and those from `history` on are what a client may
//! resume into, whose audiences take `history_beside`; a private frame lies in `private`, and no run of `run_from`
//! ever holds one; `gaps` has the ordinals of all gaps in `frames`.

mod frame;
mod locate;
mod races;
mod segments;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use crate::clock::{Mono, Now};
use crate::event::{Event, Origin};
use crate::id::{EventId, Fingerprint, Instance};
use crate::limits::{KIB, MIB};
use crate::sse::{self, GapReason};

use super::gather::Gather;
use super::options::Options;
use super::private::PrivateRuns;
pub use frame::{Counts, Frame, FrameKind};
pub use locate::{Place, Whose};
use races::Races;
use segments::{Kept, Segments};

/// Bytes of a segment; a larger frame gets a segment of its own.
pub const SEGMENT_BYTES: usize = 256 * KIB;
/// Bytes kept at least, however short the history: what is published in one turn is still to be sent.
pub const IN_FLIGHT_BYTES: usize = 4 * MIB;
/// Bytes of memory that is known of a frame at most, beside who may see it: its place in two queues and in a hash
/// table, each half empty at worst.
pub const FRAME_BYTES: usize =
    2 * size_of::<Frame>() + 2 * PrivateRuns::RUN_BYTES + 3 * size_of::<(Fingerprint, u64)>();

/// The log.
pub struct Log {
    instance: Instance,
    in_flight_bytes: usize,
    segments: Segments,
    frames: VecDeque<Frame>,
    private: PrivateRuns,
    by_fingerprint: HashMap<Fingerprint, u64>,
    races: Races,
    /// The ordinals of the gaps in `frames`.
    gaps: VecDeque<u64>,
    /// Gaps ever appended.
    gaps_appended: u64,
    /// The ordinal of `frames[0]`: how many frames came before it.
    first_ordinal: u64,
    /// The ordinal of the first frame that a client may resume into.
    history: u64,
    /// What the frames from there on take beside their bytes.
    history_beside: u64,
    next_seq: u64,
    /// The last frame ever appended.
    last: (u64, Fingerprint),
    /// The last frame that left the history.
    expired: (u64, Fingerprint),
    /// The last frame, and the last one of another publisher.
    latest: [Option<Latest>; 2],
}

/// A frame that was appended lately; its publisher is `None` for a gap.
#[derive(Clone, Copy, Debug)]
struct Latest {
    origin: Option<Origin>,
    seq: u64,
    fingerprint: Fingerprint,
}

impl Log {
    /// An empty log whose first frame has the number 1.
    #[must_use]
    pub fn new(instance: Instance) -> Self {
        Self { in_flight_bytes: IN_FLIGHT_BYTES, ..Self::with_segments_of(SEGMENT_BYTES, instance) }
    }

    /// A log of other segments, which keeps nothing beyond its bounds.
    pub(super) fn with_segments_of(segment_bytes: usize, instance: Instance) -> Self {
        Self {
            instance,
            in_flight_bytes: 0,
            segments: Segments::of(segment_bytes),
            frames: VecDeque::new(),
            private: PrivateRuns::default(),
            by_fingerprint: HashMap::new(),
            races: Races::default(),
            gaps: VecDeque::new(),
            gaps_appended: 0,
            first_ordinal: 0,
            history: 0,
            history_beside: 0,
            next_seq: 1,
            last: (0, Fingerprint::default()),
            expired: (0, Fingerprint::default()),
            latest: [None; 2],
        }
    }

    /// The offset after the last byte.
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.segments.head()
    }

    /// The offset of the first byte that is still there.
    #[must_use]
    pub fn tail(&self) -> u64 {
        self.segments.tail()
    }

    /// The offset of the first frame that a client may resume into.
    #[must_use]
    pub fn history_start(&self) -> u64 {
        self.oldest().map_or(self.head(), |frame| frame.start)
    }

    /// Frames that a client may resume into.
    #[must_use]
    pub fn history_len(&self) -> usize {
        self.frames.len() - self.history_index()
    }

    /// Bytes of memory that frames take, with who may see them; the unused rest of the last segment is not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.segments.memory_bytes()
    }

    /// Public bytes ever appended before `offset`: the position in which bare cursors are counted.
    #[must_use]
    pub fn public_position(&self, offset: u64) -> u64 {
        offset - self.private.bytes_to(offset)
    }

    /// Public bytes ever appended.
    #[must_use]
    pub fn public_head(&self) -> u64 {
        self.public_position(self.head())
    }

    /// The public position of the first byte that is still there.
    #[must_use]
    pub fn public_tail(&self) -> u64 {
        self.public_position(self.tail())
    }

    /// Events ever appended.
    #[must_use]
    pub fn appended(&self) -> u64 {
        self.first_ordinal + self.frames.len() as u64 - self.gaps_appended
    }

    /// The id of the last frame, for what follows it without being a frame of the log.
    #[must_use]
    pub fn last_id(&self) -> EventId<'_> {
        self.id(self.last.0, self.last.1)
    }

    /// The oldest id that a client may resume from with nothing missing, as text.
    #[must_use]
    pub fn oldest_id(&self) -> Option<String> {
        let frame = self.oldest()?;
        Some(self.id(frame.seq, frame.fingerprint).to_string())
    }

    fn id(&self, seq: u64, fingerprint: Fingerprint) -> EventId<'_> {
        EventId { instance: self.instance.as_str(), seq, fingerprint }
    }

    /// Takes a number for a heartbeat: it is in no log, but its id counts.
    pub fn take_heartbeat_id(&mut self) -> EventId<'_> {
        let seq = self.take_seq();
        self.id(seq, self.last.1)
    }

    /// Appends an event's frame and gives back where it lies.
    pub fn append(&mut self, event: &Event, now: Now) -> Range<u64> {
        let seq = self.take_seq();
        let instance = self.instance.clone();
        let audience = (!event.audience.is_plain()).then(|| Box::new(event.audience.clone()));
        let beside = frame::audience_bytes(audience.as_deref());
        let range = self.segments.write(ID_LINE_BYTES + event.body.len(), beside, |bytes| {
            let id = EventId { instance: instance.as_str(), seq, fingerprint: event.fingerprint };
            sse::encode_id(&id, bytes);
            bytes.extend_from_slice(&event.body);
        });
        self.last = (seq, event.fingerprint);
        self.note_latest(Some(event.origin), seq, event.fingerprint);
        if event.audience.tenant.is_some() {
            self.private.add(range.clone());
        }
        // Of two copies the first counts: resuming there repeats, resuming at the second would lose.
        self.by_fingerprint.entry(event.fingerprint).or_insert(seq);
        self.frames.push_back(Frame {
            start: range.start,
            seq,
            fingerprint: event.fingerprint,
            kind: FrameKind::Event { ts: event.ts, origin: event.origin },
            appended: now.mono,
            audience,
        });
        self.history_beside += beside as u64;
        range
    }

    /// Appends a gap, for everybody, and gives back where it lies.
    pub fn append_gap(&mut self, reason: GapReason, now: Now) -> Range<u64> {
        let seq = self.take_seq();
        let mut frame = Vec::new();
        sse::encode_gap(reason, None, self.oldest_id().as_deref(), &mut frame);
        let range = self.segments.write(frame.len(), 0, |bytes| bytes.extend_from_slice(&frame));
        let fingerprint = self.last.1;
        self.last = (seq, fingerprint);
        self.note_latest(None, seq, fingerprint);
        self.gaps.push_back(self.first_ordinal + self.frames.len() as u64);
        self.gaps_appended += 1;
        let (start, appended) = (range.start, now.mono);
        self.frames.push_back(Frame {
            start,
            seq,
            fingerprint,
            kind: FrameKind::Gap,
            appended,
            audience: None,
        });
        range
    }

    fn note_latest(&mut self, origin: Option<Origin>, seq: u64, fingerprint: Fingerprint) {
        if self.latest[0].is_some_and(|latest| latest.origin != origin) {
            self.latest[1] = self.latest[0];
        }
        self.latest[0] = Some(Latest { origin, seq, fingerprint });
    }

    fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Lets go of what the bounds of `options` no longer keep, except what a client within
    /// `buffer_bytes` of the head may still have to be sent. Gives back whether the tail has moved.
    ///
    /// For the bound on bytes counts what is kept of who may see an event, too, and for `buffer_bytes` what is sent.
    pub fn trim(&mut self, options: &Options, now: Mono) -> bool {
        let tail = self.tail();
        while let Some(oldest) = self.oldest() {
            let too_old = options.history_age.is_some_and(|age| now.since(oldest.appended) > age);
            let too_many = self.history_len() > options.history_events;
            let bytes = self.head() - oldest.start + self.history_beside;
            let too_large = bytes > options.history_bytes as u64;
            if !(too_old || too_many || too_large) {
                break;
            }
            let beside = frame::audience_bytes(oldest.audience.as_deref()) as u64;
            self.expired = (oldest.seq, oldest.fingerprint);
            self.history_beside -= beside;
            if self.by_fingerprint.get(&self.expired.1) == Some(&self.expired.0) {
                self.by_fingerprint.remove(&self.expired.1);
            }
            self.history += 1;
        }
        self.races.forget_before(self.expired.0);
        let (start, in_flight) = (self.history_start(), self.in_flight_bytes as u64);
        let may_go = |kept: &Kept| {
            kept.from <= start && kept.bytes >= options.buffer_bytes as u64 && kept.memory >= in_flight
        };
        while let Some(kept) = self.segments.kept_without_first().filter(may_go) {
            self.segments.drop_first();
            self.forget_frames_before(kept.from);
        }
        self.tail() != tail
    }

    fn forget_frames_before(&mut self, offset: u64) {
        while self.frames.front().is_some_and(|frame| frame.start < offset) {
            self.frames.pop_front();
            self.first_ordinal += 1;
        }
        while self.gaps.front().is_some_and(|&ordinal| ordinal < self.first_ordinal) {
            self.gaps.pop_front();
        }
        self.private.forget_before(offset);
    }

    fn history_index(&self) -> usize {
        (self.history - self.first_ordinal) as usize
    }

    /// The first frame that a client may resume into.
    fn oldest(&self) -> Option<&Frame> {
        self.frames.get(self.history_index())
    }

    /// The offset of the first kept frame that begins at most `bytes` before the head.
    #[must_use]
    pub fn kept_within(&self, bytes: u64) -> u64 {
        let first = self.frames.partition_point(|frame| self.head() - frame.start > bytes);
        self.frames.get(first.max(self.history_index())).map_or(self.head(), |frame| frame.start)
    }

    /// The frames from `offset` on that are still there, and where each lies; nobody new may resume into
    /// those that are no longer kept.
    pub fn frames_from(&self, offset: u64) -> impl Iterator<Item = (&Frame, Range<u64>)> {
        let from = self.frames_ended_by(offset);
        (from..self.frames.len()).map(|at| (&self.frames[at], self.range_of(at)))
    }

    /// The bytes of one frame.
    #[must_use]
    pub fn frame_bytes(&self, range: &Range<u64>) -> &[u8] {
        self.segments.bytes_of(range)
    }

    fn range_of(&self, at: usize) -> Range<u64> {
        self.frames[at].start..self.frames.get(at + 1).map_or(self.head(), |next| next.start)
    }

    /// How many of `frames` end at or before `offset`.
    fn frames_ended_by(&self, offset: u64) -> usize {
        if offset >= self.head() {
            return self.frames.len();
        }
        let begun = self.frames.partition_point(|frame| frame.start <= offset);
        begun.saturating_sub(1)
    }

    /// The end of the frame that `offset` lies within; `offset` itself between two frames.
    #[must_use]
    pub fn frame_end(&self, offset: u64) -> u64 {
        let at = self.frames_ended_by(offset);
        match self.frames.get(at) {
            Some(frame) if frame.start < offset => self.range_of(at).end,
            _ => offset,
        }
    }

    /// The frames whose last byte lies in `range`: those that are delivered when it is sent.
    pub fn frames_ended_in(&self, range: &Range<u64>) -> impl ExactSizeIterator<Item = &Frame> {
        self.frames.range(self.frames_ended_by(range.start)..self.frames_ended_by(range.end))
    }

    /// How many frames of each kind have their last byte in `range`.
    #[must_use]
    pub fn count_ended_in(&self, range: &Range<u64>) -> Counts {
        let (from, to) = (self.frames_ended_by(range.start), self.frames_ended_by(range.end));
        let gaps_before = |at: usize| {
            let ordinal = self.first_ordinal + at as u64;
            self.gaps.partition_point(|&gap| gap < ordinal)
        };
        let gaps = if self.gaps.is_empty() { 0 } else { (gaps_before(to) - gaps_before(from)) as u64 };
        Counts { events: (to - from) as u64 - gaps, gaps }
    }

    /// The offsets of the run of public bytes that begins at this public position; empty at the head.
    #[must_use]
    pub fn run_from(&self, public_position: u64) -> Range<u64> {
        self.private.run_from(public_position, self.head())
    }

    /// Adds the bytes of `range` to what is to be sent; stops where that is full.
    pub fn gather<'l>(&'l self, range: Range<u64>, gather: &mut Gather<'l>) {
        self.segments.gather(range, gather);
    }
}

/// The longest `id:` line there can be.
const ID_LINE_BYTES: usize = "id: --\n".len() + crate::id::INSTANCE_BYTES + 20 + 16;

#[cfg(test)]
mod tests;
