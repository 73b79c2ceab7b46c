//! What an open stream remembers of what let it in: two bytes, enough to tell after a reload whether it would be let
//! in again.
//!
//! Invariant: a pass is one of the gate that stands now. When another takes its place, all passes are exchanged by
//! `Handover`, or taken away.

use super::options::{KEYS_MAX, TOKENS_MAX};

/// What let a stream in. Which of them it is has a meaning to its gate only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u16);

/// The bit of those that chose their tenant themselves; the others are 0 without a token, or which one it was.
const OWN_TENANT: u16 = 1 << 15;
/// The first key of JSON Web Tokens, and the first static token.
const KEYS: usize = 1;
const TOKENS: usize = KEYS + KEYS_MAX;
/// Tokens are in two lists: that of the configuration and that of a file.
const _: () = assert!(TOKENS + 2 * TOKENS_MAX < OWN_TENANT as usize, "a pass has room for each of them");

/// What it is about.
enum Credential {
    Nothing,
    Key(usize),
    Token(usize),
}

impl Pass {
    /// Let in without a token.
    pub const OPEN: Self = Self(0);

    /// Let in by a JSON Web Token of this key.
    pub(super) const fn of_key(at: usize) -> Self {
        Self((KEYS + at) as u16)
    }

    /// Let in by this static token.
    pub(super) const fn of_token(at: usize) -> Self {
        Self((TOKENS + at) as u16)
    }

    /// The same of a stream that chose its tenant itself.
    #[must_use]
    pub const fn with_own_tenant(self) -> Self {
        Self(self.0 | OWN_TENANT)
    }

    const fn has_own_tenant(self) -> bool {
        self.0 & OWN_TENANT != 0
    }

    const fn credential(self) -> Credential {
        match (self.0 & !OWN_TENANT) as usize {
            0 => Credential::Nothing,
            at @ KEYS..TOKENS => Credential::Key(at - KEYS),
            at => Credential::Token(at - TOKENS),
        }
    }
}

/// What becomes of the passes of one gate under the next: an entry for each key and token of the old one.
#[derive(Debug)]
pub struct Handover {
    /// Streams need no token any more.
    pub(super) is_open: bool,
    /// Streams without a token may stay.
    pub(super) open_streams: bool,
    /// Streams that chose their tenant themselves may stay.
    pub(super) open_tenants: bool,
    pub(super) keys: Vec<Option<usize>>,
    pub(super) tokens: Vec<Option<usize>>,
}

impl Handover {
    /// The pass of the new gate in exchange for one of the old; none for whom that one would not let in.
    #[must_use]
    pub fn exchange(&self, pass: Pass) -> Option<Pass> {
        if pass.has_own_tenant() && !self.open_tenants {
            return None;
        }
        let of = |list: &[Option<usize>], at: usize| list.get(at).copied().flatten();
        let new = match pass.credential() {
            Credential::Nothing => (self.is_open || self.open_streams).then_some(Pass::OPEN),
            // Also where none is needed any more: what such a token says of its stream, as the tenant, is worth no more
            // than its key.
            Credential::Key(at) => of(&self.keys, at).map(Pass::of_key),
            Credential::Token(_) if self.is_open => Some(Pass::OPEN),
            Credential::Token(at) => of(&self.tokens, at).map(Pass::of_token),
        }?;
        Some(if pass.has_own_tenant() { new.with_own_tenant() } else { new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handover() -> Handover {
        let (keys, tokens) = (vec![Some(3), None], vec![None, Some(0)]);
        Handover { is_open: false, open_streams: false, open_tenants: false, keys, tokens }
    }

    #[test]
    fn it_takes_two_bytes() {
        assert_eq!(size_of::<Pass>(), 2);
    }

    #[test]
    fn what_is_still_there_is_exchanged_and_the_rest_taken_away() {
        let handover = handover();
        assert_eq!(handover.exchange(Pass::of_key(0)), Some(Pass::of_key(3)));
        assert_eq!(handover.exchange(Pass::of_token(1)), Some(Pass::of_token(0)));
        for gone in [Pass::OPEN, Pass::of_key(1), Pass::of_key(2), Pass::of_token(0), Pass::of_token(2)] {
            assert_eq!(handover.exchange(gone), None, "{gone:?}");
        }
    }

    #[test]
    fn where_no_token_is_needed_all_may_stay_but_for_what_came_with_a_key_and_tenants_that_were_chosen() {
        let open = Handover { is_open: true, ..handover() };
        for pass in [Pass::OPEN, Pass::of_token(0)] {
            assert_eq!(open.exchange(pass), Some(Pass::OPEN));
            assert_eq!(open.exchange(pass.with_own_tenant()), None);
        }
        assert_eq!(open.exchange(Pass::of_key(1)), None);
        let trusting = Handover { open_streams: true, open_tenants: true, ..handover() };
        assert_eq!(trusting.exchange(Pass::OPEN), Some(Pass::OPEN));
        let own = Pass::of_key(0).with_own_tenant();
        assert_eq!(trusting.exchange(own), Some(Pass::of_key(3).with_own_tenant()));
    }
}
