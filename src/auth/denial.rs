//! Why somebody is not let in, and what they are told (RFC 6750 section 3).
//!
//! The answer says what kind of thing is wrong; it never repeats a token, nor what would have been right.

use crate::scope::Beyond;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No token was sent.
    Missing,
    /// What was sent is no token, is two of them, or is a JSON Web Token that cannot be read.
    Malformed,
    /// No such static token, and no key for such a JSON Web Token.
    Unknown,
    /// The token's algorithm is not the one that its key is for.
    Algorithm,
    /// The token has extensions that must be understood (`crit`, RFC 7515 section 4.1.11).
    Critical,
    /// The signature is none by the key.
    Signature,
    /// The claims are not what they must be, or `exp` is missing.
    Claims,
    /// The token grants more topics than one may.
    TooManyTopics,
    /// The token's time is over.
    Expired,
    /// The token's time has not come.
    NotYet,
    /// The token is for others.
    Audience,
    /// The token is from others.
    Issuer,
    /// A page of an origin that is not allowed used the cookie.
    Origin,
    /// The token does not allow this.
    NotGranted,
    /// The token is for another tenant.
    Tenant,
    /// The token is for other topics.
    Topic,
}

impl Denial {
    /// Every one of them.
    pub const ALL: [Self; 16] = [
        Self::Missing,
        Self::Malformed,
        Self::Unknown,
        Self::Algorithm,
        Self::Critical,
        Self::Signature,
        Self::Claims,
        Self::TooManyTopics,
        Self::Expired,
        Self::NotYet,
        Self::Audience,
        Self::Issuer,
        Self::Origin,
        Self::NotGranted,
        Self::Tenant,
        Self::Topic,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::TooManyTopics => "too-many-topics",
            Self::Expired => "expired",
            Self::NotYet => "not-yet",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Origin => "origin",
            Self::NotGranted => "not-granted",
            Self::Tenant => "tenant",
            Self::Topic => "topic",
        }
    }

    /// Whether a token was sent that is not good. To find that out may cost us more than it costs its sender, so
    /// that each guess has to cost a connection as well.
    #[must_use]
    pub fn is_guess(self) -> bool {
        self.status() == 401 && self != Self::Missing
    }

    /// The status of the answer: 401 where another token may help, 403 where this one was understood.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Origin | Self::NotGranted | Self::Tenant | Self::Topic => 403,
            _ => 401,
        }
    }

    /// The `WWW-Authenticate` header; none where no token would help.
    #[must_use]
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some(r#"Bearer realm="ssecast""#),
            Self::Expired => Some(
                r#"Bearer realm="ssecast", error="invalid_token", error_description="the token expired""#,
            ),
            Self::TooManyTopics => Some(
                r#"Bearer realm="ssecast", error="invalid_token", error_description="the token has too many topics""#,
            ),
            Self::NotGranted | Self::Tenant | Self::Topic => {
                Some(r#"Bearer realm="ssecast", error="insufficient_scope""#)
            }
            Self::Origin => None,
            _ => Some(r#"Bearer realm="ssecast", error="invalid_token""#),
        }
    }

    /// What the answer says.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Missing => "a token is needed: send Authorization: Bearer TOKEN",
            Self::Malformed => "the token cannot be read",
            Self::TooManyTopics => "the token has more topics than limits.token_topics allows",
            Self::Expired => "the token expired",
            Self::NotYet => "the token is not valid yet",
            Self::Origin => "pages of this origin may not use the cookie",
            Self::NotGranted => "the token does not allow this",
            Self::Tenant => "the token is for another tenant",
            Self::Topic => "the token is for other topics",
            _ => "the token is not valid here",
        }
    }
}

impl From<Beyond> for Denial {
    fn from(beyond: Beyond) -> Self {
        match beyond {
            Beyond::Tenant => Self::Tenant,
            Beyond::Topic => Self::Topic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_401_has_a_challenge_and_names_are_unique() {
        let names: std::collections::BTreeSet<&str> = Denial::ALL.map(Denial::name).into();
        assert_eq!(names.len(), Denial::ALL.len());
        for denial in Denial::ALL {
            assert!(denial.status() != 401 || denial.challenge().is_some(), "{denial:?}");
        }
    }
}
