//! What the log knows of each frame, beside its bytes.

use crate::clock::{Mono, Wall};
use crate::event::{Audience, Origin, allocated};
use crate::id::Fingerprint;

/// One frame of the log.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The offset of its first byte.
    pub start: u64,
    /// Its number in its id.
    pub seq: u64,
    /// Its envelope's fingerprint; a gap has that of the event before it.
    pub fingerprint: Fingerprint,
    /// What it is.
    pub kind: FrameKind,
    /// When it was appended.
    pub appended: Mono,
    /// Who may see it; `None` is everybody, and no topics.
    pub audience: Option<Box<Audience>>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// An event.
    Event {
        /// When it was published, if it says so.
        ts: Option<Wall>,
        /// Which publisher numbered it.
        origin: Origin,
    },
    /// Everybody is told that events may be missing here.
    Gap,
}

/// How many frames of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Gaps.
    pub gaps: u64,
}

impl Frame {
    /// Whether it is a gap, which everybody sees.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.kind == FrameKind::Gap
    }

    /// The tenant that alone may see it.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.audience.as_ref()?.tenant.as_deref()
    }

    /// The topics that it is found under.
    #[must_use]
    pub fn topics(&self) -> &[Box<str>] {
        self.audience.as_ref().map_or(&[], |audience| &audience.topics)
    }
}

/// Bytes of memory that a frame takes for who may see it.
pub(super) fn audience_bytes(audience: Option<&Audience>) -> usize {
    audience.map_or(0, |audience| allocated(size_of::<Audience>()) + audience.memory_bytes())
}
