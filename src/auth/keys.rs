//! The keys of JSON Web Tokens, read and checked: each is for exactly one algorithm.
//!
//! Files are read by a function that is an argument. A key that could never verify anything is an error here and
//! not a token that nobody understands later.

use std::io;
use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{DecodingKey, DecodingKeyKind, Validation};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::SetupError;
use super::options::{Algorithm, KEYS_MAX, KeySource, Material};

/// Reads a file.
pub type Read<'r> = &'r dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// One key and what a token by it must say.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) key: DecodingKey,
    pub(super) audience: Vec<String>,
    pub(super) issuer: Option<String>,
    /// What the library checks: the algorithm and the signature, and nothing that needs a clock.
    pub(super) validation: Validation,
}

impl Key {
    /// Which one of `new` lets in for certain whoever was by this one of `old`: none that asks for something that this
    /// one did not, unless all that a token by it is tried with is as it was.
    pub(super) fn place_among(&self, old: &[Self], new: &[Self]) -> Option<usize> {
        let same = |keys: &[Self]| -> Vec<usize> {
            (0..keys.len()).filter(|&at| self.is_same_as(&keys[at])).collect()
        };
        let (before, after) = (same(old), same(new));
        let mut pairs = before.iter().zip(&after);
        if before.len() == after.len() && pairs.clone().all(|(&a, &b)| old[a].asks_the_same_as(&new[b])) {
            return pairs.find(|&(&a, _)| std::ptr::eq(self, &old[a])).map(|(_, &b)| b);
        }
        // A token may be tried with any of them, and the first that its signature is by decides.
        let is_enough = after.iter().all(|&at| self.asks_as_much_as(&new[at]));
        after.first().copied().filter(|_| is_enough)
    }

    fn asks_the_same_as(&self, other: &Self) -> bool {
        self.kid == other.kid && self.audience == other.audience && self.issuer == other.issuer
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && is_same_material(self.key.kind(), other.key.kind())
    }

    /// Whether what a token by this key must be and say is enough for `other`.
    fn asks_as_much_as(&self, other: &Self) -> bool {
        let audience = match self.audience.is_empty() {
            true => other.audience.is_empty(),
            false => self.audience.iter().all(|one| other.audience.contains(one)),
        };
        let kid = other.kid.is_none() || other.kid == self.kid;
        let issuer = other.issuer.is_none() || other.issuer == self.issuer;
        kid && audience && issuer
    }
}

/// The keys of all sources, in their order.
pub(super) fn load(sources: &[KeySource], read: Read<'_>) -> Result<Vec<Key>, SetupError> {
    let mut keys = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let loaded = load_source(source, read)
            .map_err(|problem| SetupError::new(format!("auth.jwt entry {}: {problem}", at + 1)))?;
        keys.extend(loaded);
    }
    if keys.len() > KEYS_MAX {
        return Err(SetupError::new(format!(
            "auth.jwt has {} keys; at most {KEYS_MAX} are possible",
            keys.len()
        )));
    }
    Ok(keys)
}

fn load_source(source: &KeySource, read: Read<'_>) -> Result<Vec<Key>, String> {
    let file = |path: &Path| read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    match &source.material {
        Material::Inline(text) => single(source, text.as_bytes(), "key").map(|key| vec![key]),
        Material::File(path) => {
            single(source, &file(path)?, &path.display().to_string()).map(|key| vec![key])
        }
        Material::KeySet(path) => {
            let keys: Vec<Key> = entries(&file(path)?, &path.display().to_string())?
                .iter()
                .filter_map(|jwk| of_jwk(source, jwk).transpose())
                .collect::<Result<_, _>>()
                .map_err(|problem| format!("{}: {problem}", path.display()))?;
            if keys.is_empty() {
                return Err(format!("{} has no key to verify signatures with that we know", path.display()));
            }
            Ok(keys)
        }
    }
}

fn single(source: &KeySource, text: &[u8], whence: &str) -> Result<Key, String> {
    let algorithm = source.algorithm.ok_or("alg is missing")?;
    let key = match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => secret(algorithm, text, whence)?,
        _ => public_key(algorithm, text, whence)?,
    };
    checked(source, algorithm, key, source.kid.clone()).map_err(|problem| format!("{whence}: {problem}"))
}

/// Everybody may have a public key: as a secret it would let everybody in (RFC 8725 section 2.1).
fn secret(algorithm: Algorithm, text: &[u8], whence: &str) -> Result<DecodingKey, String> {
    if has(text, b"-----BEGIN ") {
        return Err(format!("{whence} holds a key in PEM, which is no secret for {}", algorithm.name()));
    }
    Ok(DecodingKey::from_secret(without_line_end(text)))
}

fn public_key(algorithm: Algorithm, text: &[u8], whence: &str) -> Result<DecodingKey, String> {
    if has(text, b"PRIVATE KEY-----") {
        return Err(format!("{whence} holds a private key: give the public one, no other is needed here"));
    }
    let key = match algorithm {
        Algorithm::Es256 => DecodingKey::from_ec_pem(text),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(text),
        _ => DecodingKey::from_rsa_pem(text),
    };
    key.map_err(|_| format!("{whence} holds no public key in PEM for {}", algorithm.name()))
}

fn has(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

/// What makes an entry of a set private (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
#[derive(Deserialize)]
struct Private {
    #[serde(rename = "d")]
    exponent: Option<IgnoredAny>,
}

/// The entries of a key set.
fn entries(text: &[u8], whence: &str) -> Result<Vec<Jwk>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Private>,
    }
    let problem = |error| format!("{whence} is no JSON Web Key Set: {error}");
    let set: JwkSet = serde_json::from_slice(text).map_err(problem)?;
    let private: Set = serde_json::from_slice(text).map_err(problem)?;
    if private.keys.iter().any(|key| key.exponent.is_some()) {
        return Err(format!("{whence} holds a private key: give the public ones, no others are needed here"));
    }
    Ok(set.keys)
}

/// The key of a set's entry; `None` where it is not for us.
fn of_jwk(source: &KeySource, jwk: &Jwk) -> Result<Option<Key>, String> {
    let is_known = Algorithm::ALL.into_iter().any(|algorithm| fits(algorithm, &jwk.algorithm));
    if !is_known || jwk.common.public_key_use.as_ref().is_some_and(|meant| *meant != PublicKeyUse::Signature)
    {
        return Ok(None);
    }
    let named = match jwk.common.key_algorithm {
        None => None,
        Some(algorithm) => match algorithm_of(algorithm) {
            Some(algorithm) => Some(algorithm),
            None => return Ok(None),
        },
    };
    let Some(algorithm) = named.or(source.algorithm).or_else(|| implied(&jwk.algorithm)) else {
        let kid = jwk.common.key_id.as_deref().unwrap_or("without kid");
        return Err(format!("the key {kid:?} names no alg: set alg beside jwks_file"));
    };
    if source.algorithm.is_some_and(|pinned| pinned != algorithm) || !fits(algorithm, &jwk.algorithm) {
        return Ok(None);
    }
    let kid = jwk.common.key_id.clone();
    let shown = kid.clone().unwrap_or_else(|| "without kid".to_owned());
    let key = DecodingKey::from_jwk(jwk).map_err(|_| format!("the key {shown:?} cannot be read"))?;
    checked(source, algorithm, key, kid).map(Some).map_err(|problem| format!("the key {shown:?}: {problem}"))
}

fn algorithm_of(algorithm: KeyAlgorithm) -> Option<Algorithm> {
    Algorithm::of(&algorithm.to_string())
}

/// The only algorithm of keys of this type that we know, where there is only one.
const fn implied(parameters: &AlgorithmParameters) -> Option<Algorithm> {
    match parameters {
        AlgorithmParameters::EllipticCurve(key) if matches!(key.curve, EllipticCurve::P256) => {
            Some(Algorithm::Es256)
        }
        AlgorithmParameters::OctetKeyPair(_) => Some(Algorithm::EdDsa),
        _ => None,
    }
}

/// Whether a key of this type can be for this algorithm at all.
const fn fits(algorithm: Algorithm, parameters: &AlgorithmParameters) -> bool {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            matches!(parameters, AlgorithmParameters::OctetKey(_))
        }
        Algorithm::Rs256 | Algorithm::Ps256 => matches!(parameters, AlgorithmParameters::RSA(_)),
        Algorithm::Es256 => {
            matches!(parameters, AlgorithmParameters::EllipticCurve(key) if matches!(key.curve, EllipticCurve::P256))
        }
        Algorithm::EdDsa => {
            matches!(parameters, AlgorithmParameters::OctetKeyPair(key) if matches!(key.curve, EllipticCurve::Ed25519))
        }
    }
}

fn checked(
    source: &KeySource,
    algorithm: Algorithm,
    key: DecodingKey,
    kid: Option<String>,
) -> Result<Key, String> {
    check_strength(algorithm, key.kind())?;
    let mut validation = Validation::new(library_algorithm(algorithm));
    // The claims are checked in `jwt`, with the time as an argument.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let (audience, issuer) = (source.audience.clone(), source.issuer.clone());
    Ok(Key { algorithm, kid, key, audience, issuer, validation })
}

/// RFC 7518 sections 3.2 to 3.5: what is weaker is no key, and RSA keys of fewer than 2048 bits are refused later.
fn check_strength(algorithm: Algorithm, kind: &DecodingKeyKind) -> Result<(), String> {
    let bytes = match kind {
        DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.iter().skip_while(|&&byte| byte == 0).count(),
    };
    let (least, most, what) = match algorithm {
        Algorithm::Hs256 => (32, usize::MAX, "a secret for HS256 has 32 bytes or more"),
        Algorithm::Hs384 => (48, usize::MAX, "a secret for HS384 has 48 bytes or more"),
        Algorithm::Hs512 => (64, usize::MAX, "a secret for HS512 has 64 bytes or more"),
        Algorithm::Rs256 | Algorithm::Ps256 => (256, 1100, "an RSA key has 2048 to 8192 bits"),
        Algorithm::Es256 => (65, 65, "a key for ES256 is a point of P-256"),
        Algorithm::EdDsa => (32, 32, "a key for EdDSA is one of Ed25519"),
    };
    if (least..=most).contains(&bytes) { Ok(()) } else { Err(format!("{what}; this is another one")) }
}

pub(super) const fn library_algorithm(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Hs384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::Hs512 => jsonwebtoken::Algorithm::HS512,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

fn is_same_material(one: &DecodingKeyKind, other: &DecodingKeyKind) -> bool {
    match (one, other) {
        (DecodingKeyKind::SecretOrDer(one), DecodingKeyKind::SecretOrDer(other)) => one == other,
        (
            DecodingKeyKind::RsaModulusExponent { n: one, e: exponent },
            DecodingKeyKind::RsaModulusExponent { n: other, e: other_exponent },
        ) => one == other && exponent == other_exponent,
        _ => false,
    }
}

/// A file that an editor or `echo` wrote ends in a line end that is not meant.
fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}
