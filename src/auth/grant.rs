//! What somebody may do, see and say, and until when.

use super::options::Right;
use super::pass::Pass;
use super::secret::TokenId;
use crate::clock::{Mono, Now, Wall};
use crate::scope::Scope;

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Publish.
    pub publish: bool,
    /// Open streams.
    pub subscribe: bool,
    /// See metrics and clients, and change the mode.
    pub admin: bool,
}

impl Rights {
    /// Whether this is among them.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        match right {
            Right::Publish => self.publish,
            Right::Subscribe => self.subscribe,
            Right::Admin => self.admin,
        }
    }
}

/// What somebody may do, with whose events, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub rights: Rights,
    /// With whose events.
    pub scope: Scope,
    /// Until when; `None` is for ever.
    pub expires: Option<Wall>,
    /// What a stream is let in by.
    pub pass: Pass,
    /// The token, where one was asked for.
    pub token: Option<TokenId>,
}

impl Grant {
    /// Everything, for ever: what everybody has where no token is needed.
    pub const OPEN: Self = Self {
        rights: Rights { publish: true, subscribe: true, admin: true },
        scope: Scope::ALL,
        expires: None,
        pass: Pass::OPEN,
        token: None,
    };

    /// When it expires, on the clock that does not jump.
    #[must_use]
    pub fn deadline(&self, now: Now) -> Option<Mono> {
        let micros = self.expires?.as_micros().saturating_sub(now.wall.as_micros());
        Some(Mono::from_micros(now.mono.as_micros().saturating_add(u64::try_from(micros).unwrap_or(0))))
    }
}
