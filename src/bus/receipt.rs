//! What those who publish are told.

/// The way that a published batch took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The local log.
    Local,
    /// Redis, which acknowledged it.
    Redis,
    /// The local log, as Redis is not there; it gets it later.
    Fallback,
}

impl Via {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Local, Self::Redis, Self::Fallback];

    /// The name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis => "redis",
            Self::Fallback => "fallback",
        }
    }
}

/// What became of a published batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Envelopes that were accepted.
    pub accepted: usize,
    /// The way that they took.
    pub via: Via,
    /// The id of the last frame, where this node gave it one.
    pub last_id: Option<String>,
}
