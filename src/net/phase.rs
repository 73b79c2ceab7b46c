//! How far the server's life has come, and how it ended.

use crate::clock::Mono;

/// How far the server's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves.
    Running,
    /// It says goodbye, until then at most.
    Draining { until: Mono },
    /// It was told again to end.
    Forced,
}

impl Phase {
    pub(super) const fn deadline(self) -> Option<Mono> {
        match self {
            Self::Draining { until } => Some(until),
            Self::Running | Self::Forced => None,
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everybody was told.
    Drained,
    /// It was told twice to end, and did at once.
    Forced,
}
