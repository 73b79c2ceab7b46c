//! Static tokens: known by their SHA-256 only, and compared in constant time.
//!
//! A token is long and random, so its hash needs no salt and no stretching, unlike a password's.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of a token at least: what is shorter can be guessed.
pub(super) const TOKEN_BYTES_MIN: usize = 16;
/// Bytes of a token at most, of a JSON Web Token as well.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// What a hash in place of a token begins with.
const HASH_PREFIX: &str = "sha256:";

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token as it is presented.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    /// Of a configured token: the token itself, or `sha256:` and the 64 hexadecimal digits of its hash.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(digits) = text.strip_prefix(HASH_PREFIX) {
            return from_hex(digits).map(Self).ok_or("has no 64 hexadecimal digits after sha256:");
        }
        if !is_token(text) {
            return Err("has characters that a token cannot have: A-Z a-z 0-9 - . _ ~ + / and = at the end");
        }
        match text.len() {
            ..TOKEN_BYTES_MIN => Err("is shorter than 16 characters, which can be guessed"),
            TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX => Ok(Self::of(text)),
            _ => Err("is longer than 8 KiB"),
        }
    }

    /// As `parse` reads it, without the token.
    #[must_use]
    pub fn shown(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{HASH_PREFIX}{digits}")
    }

    /// What this token is counted by.
    #[must_use]
    pub fn id(&self) -> TokenId {
        let (part, _) = self.0.split_first_chunk().expect("a hash has 32 bytes");
        TokenId(u64::from_be_bytes(*part))
    }
}

/// Tells tokens apart where somebody counts what is done with each: a part of the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(u64);

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenId")
    }
}

/// Not even the hash.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// Which one of `tokens` it is, if any: as much work for each of them, whether it is the one or not.
#[must_use]
pub(super) fn place_among(token: &TokenHash, tokens: &[TokenHash]) -> Option<usize> {
    tokens.iter().enumerate().fold(None, |found, (at, known)| {
        let is_it = verify_slices_are_equal(&known.0, &token.0).is_ok();
        if is_it { Some(at) } else { found }
    })
}

/// Whether `text` is written as a bearer token (RFC 6750 section 2.1, `b64token`).
pub(super) fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf %s correct-horse-battery-staple | sha256sum`.
    const TOKEN: &str = "correct-horse-battery-staple";
    const HASH: &str = "sha256:87cbebfeebc05f7c54ac9336c4b4bbec831227a641951a4bde7edd56020f8590";

    #[test]
    fn a_token_and_its_hash_are_the_same() {
        let hash = TokenHash::parse(TOKEN).unwrap();
        assert_eq!(TokenHash::parse(&hash.shown()), Ok(hash));
        assert_eq!(TokenHash::parse(&hash.shown().to_uppercase().replace("SHA256", "sha256")), Ok(hash));
        assert_eq!(TokenHash::parse(HASH), Ok(hash));
        assert_ne!(TokenHash::parse(&HASH.replace('f', "e")), Ok(hash));
        assert_eq!(place_among(&hash, &[TokenHash::of("b"), hash, TokenHash::of("c")]), Some(1));
        assert_eq!(place_among(&hash, &[TokenHash::of("b"), TokenHash::of("c")]), None);
        assert_eq!(place_among(&hash, &[]), None);
        assert_eq!(format!("{hash:?}"), "TokenHash");
    }

    /// FIPS 180-4, the example "abc".
    #[test]
    fn the_hash_is_sha_256() {
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").shown(), expected);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for bad in [
            "",
            "short",
            "fifteen-letters",
            "with space in the middle",
            "with\u{e4}umlaut-and-more",
            "====================",
            "inner=equals-sign-here",
            "sha256:",
            "sha256:abc",
            "sha256:zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha256:+a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            &long,
        ] {
            let error = TokenHash::parse(bad).unwrap_err();
            assert!(bad.len() < 8 || !error.contains(bad), "{error}");
        }
        assert!(TokenHash::parse("sixteen-letters-").is_ok() && is_token("a=="));
    }
}
