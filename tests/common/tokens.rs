//! JSON Web Tokens, good ones and forged ones, put together by hand where no library would make them.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// The secret of HS256 tokens.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Seconds since 1970, so many from now.
pub(crate) fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    i64::try_from(now).expect("not that late") + seconds
}

/// Claims that allow this for an hour.
pub(crate) fn claims(allowed: Value) -> Value {
    json!({ "exp": seconds_from_now(3600), "ssecast": allowed })
}

/// The same, of a tenant.
pub(crate) fn tenant_claims(tenant: &str, allowed: Value) -> Value {
    json!({ "exp": seconds_from_now(3600), "tenant": tenant, "ssecast": allowed })
}

/// A token with these claims by `SECRET`.
pub(crate) fn hs256(claims: &Value) -> String {
    signed(&json!({ "alg": "HS256", "typ": "JWT" }), claims)
}

/// A token with this header and these claims, signed with HS256 by `SECRET` whatever the header says.
pub(crate) fn signed(header: &Value, claims: &Value) -> String {
    signed_by(SECRET.as_bytes(), header, claims)
}

/// The same by another secret.
pub(crate) fn signed_by(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    sign(secret, &message)
}

/// A message with its HS256 signature.
pub(crate) fn sign(secret: &[u8], message: &str) -> String {
    let key = EncodingKey::from_secret(secret);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a key for HMAC");
    format!("{message}.{signature}")
}

/// A token by a private key in PEM.
pub(crate) fn signed_by_pem(algorithm: Algorithm, pem: &str, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    encode(&Header::new(algorithm), claims, &key.expect("a key of this kind")).expect("it can be signed")
}

/// A part of a token: base64 without padding, by the alphabet for addresses (RFC 4648 section 5).
pub(crate) fn part(text: impl AsRef<[u8]>) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_ref().chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize] as char);
        }
    }
    out
}
