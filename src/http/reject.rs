//! Why a request is refused before any route sees it.
//!
//! Never holds anything of the request: the reason is ours, so it may be sent back and counted.

/// A refusal: the answer's status and its reason. The connection closes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    /// The status of the answer.
    pub(super) status: u16,
    /// The detail of the answer, and a label for metrics.
    pub(super) reason: &'static str,
}

impl Reject {
    /// A refusal with this status.
    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    /// `400 Bad Request` (RFC 9110 section 15.5.1).
    pub(super) const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}
