//! Which part of a domain event is public: the `[[map]]` entries.

/// One `[[map]]` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The `eventType` as received.
    pub event_type: String,
    /// The SSE event name.
    pub event: String,
    /// The payload's public fields, in the order in which they are sent; `None` makes all of it public.
    pub fields: Option<Vec<String>>,
}
