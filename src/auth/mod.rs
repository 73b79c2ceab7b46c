//! Who may do what: static tokens and JSON Web Tokens.
//!
//! `Gate::admit` is asked about every request that needs a right, streams that resume included, before anything
//! else is done for it. It reads no file but when it is made, and no clock at all.

mod carrier;
mod denial;
mod grant;
mod jwt;
mod keys;
mod options;
mod pass;
mod secret;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

pub use denial::Denial;
pub use grant::{Grant, Rights};
pub use keys::Read;
pub use options::{Algorithm, KEYS_MAX, KeySource, Material, Options, Right, TOKENS_MAX, TRIES_MAX};
pub use pass::{Handover, Pass};
pub use secret::{TOKEN_BYTES_MAX, TokenHash, TokenId};

use crate::clock::Wall;
use crate::http::Request;
use crate::scope::Scope;
use carrier::Carrier;
use jwt::Rules;
use keys::Key;

/// A file that the configuration names is of no use; trying again helps only when it was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    message: String,
}

impl SetupError {
    fn new(message: String) -> Self {
        Self { message }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SetupError {}

/// Decides who is let in.
pub struct Gate {
    publish: Guard,
    subscribe: Guard,
    admin: Guard,
    keys: Vec<Key>,
    rules: Rules,
    query_token: bool,
    open_streams: bool,
    open_tenants: bool,
}

/// What stands before one right.
struct Guard {
    /// Whether a token is needed.
    is_closed: bool,
    tokens: Vec<TokenHash>,
}

impl Gate {
    /// A gate of these options; `read` reads the files that they name.
    ///
    /// # Errors
    /// When one cannot be read, or holds what is no token or key.
    pub fn new(options: &Options, read: Read<'_>) -> Result<Self, SetupError> {
        let guard = |right, tokens: &[TokenHash], key: &str, file: Option<&Path>| {
            let mut tokens = tokens.to_vec();
            if let Some(path) = file {
                tokens.extend(tokens_in(path, key, read)?);
            }
            Ok(Guard { is_closed: options.guards(right), tokens })
        };
        let of = options;
        Ok(Self {
            publish: guard(
                Right::Publish,
                &of.publish_tokens,
                "auth.publish_tokens_file",
                of.publish_tokens_file.as_deref(),
            )?,
            subscribe: guard(
                Right::Subscribe,
                &of.subscribe_tokens,
                "auth.subscribe_tokens_file",
                of.subscribe_tokens_file.as_deref(),
            )?,
            admin: guard(
                Right::Admin,
                &of.admin_tokens,
                "auth.admin_tokens_file",
                of.admin_tokens_file.as_deref(),
            )?,
            keys: keys::load(&of.jwt, read)?,
            rules: Rules { leeway: of.leeway, topics: of.token_topics },
            query_token: of.query_token,
            open_streams: of.open_streams,
            open_tenants: of.open_tenants,
        })
    }

    /// Whether something needs a token.
    #[must_use]
    pub fn is_closed(&self, right: Right) -> bool {
        self.guard(right).is_closed
    }

    /// Whether anything needs a token: then those who have none are not trusted with everything.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        [Right::Publish, Right::Subscribe, Right::Admin].into_iter().any(|right| self.is_closed(right))
    }

    /// What the sender of `request` may do, if that has `right` in it. `is_listed` are the origins of other pages
    /// that may use a cookie.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        right: Right,
        request: &Request,
        is_listed: &dyn Fn(&str) -> bool,
        now: Wall,
    ) -> Result<Grant, Denial> {
        if !self.is_closed(right) {
            return Ok(Grant::OPEN);
        }
        let Some((token, carrier)) = carrier::find(request, self.query_token)? else {
            let is_open = right == Right::Subscribe && self.open_streams;
            return if is_open { Ok(Grant::OPEN) } else { Err(Denial::Missing) };
        };
        if carrier == Carrier::Cookie && !carrier::may_use_cookie(request, is_listed) {
            return Err(Denial::Origin);
        }
        let grant = self.identify(token, now)?;
        if grant.rights.has(right) { Ok(grant) } else { Err(Denial::NotGranted) }
    }

    /// What becomes of the streams that this gate let in when `next` takes its place.
    #[must_use]
    pub fn handover(&self, next: &Self) -> Handover {
        let places: HashMap<&TokenHash, usize> =
            next.subscribe.tokens.iter().enumerate().map(|(at, token)| (token, at)).collect();
        Handover {
            is_open: !next.is_closed(Right::Subscribe),
            open_streams: next.open_streams,
            open_tenants: next.open_tenants,
            keys: self.keys.iter().map(|key| key.place_among(&self.keys, &next.keys)).collect(),
            tokens: self.subscribe.tokens.iter().map(|token| places.get(token).copied()).collect(),
        }
    }

    fn identify(&self, token: &str, now: Wall) -> Result<Grant, Denial> {
        let hash = TokenHash::of(token);
        let place = |guard: &Guard| secret::place_among(&hash, &guard.tokens);
        let subscribe = place(&self.subscribe);
        let rights = Rights {
            publish: place(&self.publish).is_some(),
            subscribe: subscribe.is_some(),
            admin: place(&self.admin).is_some(),
        };
        if rights != Rights::default() {
            let pass = subscribe.map_or(Pass::OPEN, Pass::of_token);
            return Ok(Grant { rights, scope: Scope::ALL, expires: None, pass, token: Some(hash.id()) });
        }
        if self.keys.is_empty() || !jwt::is_jwt(token) {
            return Err(Denial::Unknown);
        }
        jwt::verify(token, &self.keys, self.rules, now)
    }

    fn guard(&self, right: Right) -> &Guard {
        match right {
            Right::Publish => &self.publish,
            Right::Subscribe => &self.subscribe,
            Right::Admin => &self.admin,
        }
    }
}

/// The tokens of a file: one a line, without empty lines and those that begin with `#`.
fn tokens_in(path: &Path, key: &str, read: Read<'_>) -> Result<Vec<TokenHash>, SetupError> {
    let problem = |what: String| SetupError::new(format!("{key}: {}{what}", path.display()));
    let bytes = read(path).map_err(|error| problem(format!(" cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| problem(" is not UTF-8".to_owned()))?;
    let lines = text.lines().map(str::trim).enumerate();
    let tokens: Vec<TokenHash> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            TokenHash::parse(line).map_err(|why| problem(format!(":{}: the token {why}", at + 1)))
        })
        .collect::<Result<_, _>>()?;
    match tokens.len() {
        0 => Err(problem(" holds no token".to_owned())),
        1..=TOKENS_MAX => Ok(tokens),
        count => Err(problem(format!(" holds {count} tokens; at most {TOKENS_MAX} are possible"))),
    }
}

#[cfg(test)]
mod tests;
