//! An event as the log takes it: decoded, checked, mapped and encoded.

use crate::clock::Wall;
use crate::id::Fingerprint;
use crate::sse;

/// One event, complete but for its id, which the log gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The frame after its `id:` line (see [`sse::encode_body`]).
    pub body: Vec<u8>,
    /// The fingerprint of the envelope as received.
    pub fingerprint: Fingerprint,
    /// When it was published, if its envelope says so.
    pub ts: Option<Wall>,
    /// Who may see it.
    pub audience: Audience,
    /// What it is about.
    pub subject: Subject,
    /// Which publisher numbered it.
    pub origin: Origin,
    /// A hash of its idempotency key: `eventType`, `id` and `ts`, of its tenant. `None` where it has no `ts`.
    pub idempotency: Option<u64>,
}

/// Which publisher numbered an event, as a hash of the instance's name; 0 where none did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin(u32);

impl Origin {
    /// The events that no publisher of ours numbered.
    pub const NONE: Self = Self(0);

    /// The publisher of this instance.
    #[must_use]
    pub fn of(instance: &str) -> Self {
        // Two names with one hash would make a client that changes servers get a few events twice.
        Self((xxhash_rust::xxh3::xxh3_64(instance.as_bytes()) as u32).max(1))
    }
}

impl Event {
    /// The SSE event name.
    #[must_use]
    pub fn name(&self) -> &str {
        sse::event_name(&self.body)
    }

    /// Bytes of memory that it takes beside itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let trace = self.subject.trace_id.as_ref().map_or(0, |trace| allocated(trace.len()));
        let subject = allocated(self.subject.id.len()) + trace;
        allocated(self.body.capacity()) + subject + self.audience.memory_bytes()
    }
}

/// What an event is about: for logs and `/stats`, never for clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The entity.
    pub id: Box<str>,
    /// The publisher's trace.
    pub trace_id: Option<Box<str>>,
}

/// Who may see an event, and under which topics it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Only clients of this tenant; `None` is everybody.
    pub tenant: Option<Box<str>>,
    /// The event's topics.
    pub topics: Vec<Box<str>>,
}

impl Audience {
    /// Whether the event is for everybody and has no topics: most are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tenant.is_none() && self.topics.is_empty()
    }

    /// Bytes of memory that it takes beside itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let topics = allocated(self.topics.capacity() * size_of::<Box<str>>());
        let text: usize = self.topics.iter().chain(&self.tenant).map(|text| allocated(text.len())).sum();
        topics + text
    }
}

/// Bytes of memory that so many bytes take, as a piece of their own: a short topic is mostly that (glibc's malloc
/// keeps a word for each piece, and makes it a multiple of 16, 32 at least).
#[must_use]
pub const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ if bytes <= 24 => 32,
        _ => (bytes + 8).next_multiple_of(16),
    }
}
