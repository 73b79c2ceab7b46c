//! JSON Web Tokens: from the text to a grant, or to the reason why not (RFC 7519, RFC 8725).
//!
//! The library verifies signatures; everything else is checked here, with the time as an argument. A key names its
//! algorithm, never the token. Nothing of a token is believed before its signature is verified, but for which key
//! it asks for.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use serde::{Deserialize, Deserializer};

use super::denial::Denial;
use super::grant::{Grant, Rights};
use super::keys::{Key, library_algorithm};
use super::options::TRIES_MAX;
use super::pass::Pass;
use super::secret::{TokenHash, TokenId};
use crate::clock::Wall;
use crate::envelope::TENANT_BYTES;
use crate::scope::Scope;
use crate::topic::TopicPattern;

/// What holds for the tokens of all keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// By how much clocks may differ.
    pub(super) leeway: Duration,
    /// Topics that a token may grant: each costs whoever appends an event.
    pub(super) topics: usize,
}

/// What a token says. Other claims are read over. A limit that is there is one: `null` is not read as none.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<OneOrMany>,
    iss: Option<String>,
    #[serde(default, deserialize_with = "present")]
    tenant: Option<String>,
    ssecast: Option<Allowed>,
}

/// What it allows; a name that is misspelt must not open more than was meant.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    subscribe: bool,
    #[serde(default)]
    admin: bool,
    #[serde(default, deserialize_with = "present")]
    topics: Option<Vec<String>>,
}

/// RFC 7519 section 4.1.3.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A claim that is there has a value.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(claim: D) -> Result<Option<T>, D::Error> {
    T::deserialize(claim).map(Some)
}

/// Whether a token has the form of a JSON Web Token: three parts.
pub(super) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

/// What the token allows at `now`.
pub(super) fn verify(token: &str, keys: &[Key], rules: Rules, now: Wall) -> Result<Grant, Denial> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Denial::Malformed)?;
    if header.crit.is_some() {
        return Err(Denial::Critical);
    }
    let numbered = || keys.iter().enumerate();
    let is_meant = |(_, key): &(usize, &Key)| key.kid == header.kid;
    let may_be_meant =
        |(_, key): &(usize, &Key)| key.kid != header.kid && (key.kid.is_none() || header.kid.is_none());
    let mut denial = Denial::Unknown;
    let mut tries = 0;
    for (at, key) in numbered().filter(is_meant).chain(numbered().filter(may_be_meant)) {
        if header.alg != library_algorithm(key.algorithm) {
            denial = if denial == Denial::Unknown { Denial::Algorithm } else { denial };
            continue;
        }
        if tries == TRIES_MAX {
            break;
        }
        tries += 1;
        match jsonwebtoken::decode::<Claims>(token, &key.key, &key.validation) {
            Ok(data) => {
                let grant = granted(data.claims, key, rules, now)?;
                return Ok(Grant { pass: Pass::of_key(at), token: Some(id(token)), ..grant });
            }
            Err(error) => match error.kind() {
                ErrorKind::InvalidSignature => denial = Denial::Signature,
                // By now the signature is known to be good.
                ErrorKind::Json(_) => return Err(Denial::Claims),
                _ => return Err(Denial::Malformed),
            },
        }
    }
    Err(denial)
}

/// What a token is counted by: all but its signature, of which some algorithms have several that are good.
fn id(token: &str) -> TokenId {
    TokenHash::of(token.rsplit_once('.').map_or(token, |(signed, _)| signed)).id()
}

fn granted(claims: Claims, key: &Key, rules: Rules, now: Wall) -> Result<Grant, Denial> {
    let leeway = rules.leeway;
    let now_seconds = now.as_micros() as f64 / 1e6;
    let until = claims.exp + leeway.as_secs_f64();
    if now_seconds >= until {
        return Err(Denial::Expired);
    }
    if claims.nbf.is_some_and(|from| now_seconds + leeway.as_secs_f64() < from) {
        return Err(Denial::NotYet);
    }
    check_audience(claims.aud, &key.audience)?;
    if key.issuer.is_some() && claims.iss != key.issuer {
        return Err(Denial::Issuer);
    }
    let tenant = claims.tenant.map(checked_tenant).transpose()?;
    let allowed = claims.ssecast.unwrap_or_default();
    if allowed.topics.as_ref().is_some_and(|topics| topics.len() > rules.topics) {
        return Err(Denial::TooManyTopics);
    }
    let topics = allowed.topics.map(|topics| topics.iter().map(|topic| TopicPattern::new(topic)).collect());
    Ok(Grant {
        rights: Rights { publish: allowed.publish, subscribe: allowed.subscribe, admin: allowed.admin },
        scope: Scope { tenant, topics },
        // Casts of floats saturate: what lies beyond the end of time is the end of time.
        expires: Some(Wall::from_micros((until * 1e6) as i64)),
        pass: Pass::OPEN,
        token: None,
    })
}

/// RFC 7519 section 4.1.3: a token that names others than us is not for us.
fn check_audience(found: Option<OneOrMany>, ours: &[String]) -> Result<(), Denial> {
    let is_ours = match found {
        None => ours.is_empty(),
        Some(OneOrMany::One(one)) => ours.contains(&one),
        Some(OneOrMany::Many(many)) => many.iter().any(|one| ours.contains(one)),
    };
    if is_ours { Ok(()) } else { Err(Denial::Audience) }
}

/// The rule of an envelope's `tenant` (contract, section 2): what no event can have would only look like a limit.
fn checked_tenant(tenant: String) -> Result<Box<str>, Denial> {
    let is_tenant =
        !tenant.is_empty() && tenant.len() <= TENANT_BYTES && !tenant.chars().any(char::is_control);
    if is_tenant { Ok(tenant.into()) } else { Err(Denial::Claims) }
}
