//! How far the server's life has come, and how it ended.

use crate::clock::Mono;

/// How far the server's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves.
    Running,
    /// It serves, and leaves a port to the processes that share it: until then, or until nobody waits any more, but
    /// no longer than to `latest`.
    Leaving { until: Mono, latest: Mono },
    /// It says goodbye: not over before `earliest`, and then at the latest.
    Draining { earliest: Mono, until: Mono },
    /// It was told again to end.
    Forced,
}

impl Phase {
    pub(super) fn deadline(self, now: Mono) -> Option<Mono> {
        match self {
            Self::Leaving { until, latest } => Some(until.min(latest)),
            Self::Draining { earliest, until } => Some(if now < earliest { earliest } else { until }),
            Self::Running | Self::Forced => None,
        }
    }
}

/// Whom a client that is told to go reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Successor {
    /// Whoever listens on the port once this process is gone.
    Next,
    /// Other processes on the port, or the queue of a listener that outlives this process: at once.
    Others,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everybody was told.
    Drained,
    /// It was told twice to end, and did at once.
    Forced,
}
