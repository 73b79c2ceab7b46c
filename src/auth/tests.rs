//! What the gate lets in: tokens of every kind, forged ones first, and their times to the second.

mod handover;
mod signing;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use serde_json::{Value, json};

use super::*;
use crate::clock::{Mono, Now};
use crate::http::request_of;
use crate::scope::Beyond;
use crate::topic::TopicPattern;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// 1_000 seconds after the epoch.
const NOW: Wall = Wall::from_micros(1_000_000_000);
const LEEWAY: i64 = 30;

/// `openssl genrsa 1024 | openssl rsa -pubout`.
const WEAK_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC6d8Snz6iTBY2d7qDi0d+4HMdE
7e3GJv2OBPdMwKLfGWXTbZtSXPW6K2ejsPzzJlnn0wSBlkjmUmR915ueoQNrMDfU
g8X7GHybaVSM9ltqkYAuPRDTIi/50EP6o/LTGlxAWNBdEsoKkrkVMtC81phvL2Wr
JAxJsGAE9epV6gDtoQIDAQAB
-----END PUBLIC KEY-----
";

fn key(algorithm: Algorithm, material: Material) -> KeySource {
    KeySource { algorithm: Some(algorithm), material, kid: None, audience: Vec::new(), issuer: None }
}

fn secret_key(algorithm: Algorithm, secret: &str) -> KeySource {
    key(algorithm, Material::Inline(secret.to_owned()))
}

fn no_files(_: &Path) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

fn gate(jwt: Vec<KeySource>) -> Gate {
    Gate::new(&Options { jwt, ..Options::default() }, &no_files).unwrap()
}

fn setup_error(jwt: Vec<KeySource>, read: Read<'_>) -> String {
    match Gate::new(&Options { jwt, ..Options::default() }, read) {
        Ok(_) => panic!("the key is taken"),
        Err(error) => error.to_string(),
    }
}

fn with_bearer(token: &str) -> Request {
    request_of(&format!("GET /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"))
}

fn admit(gate: &Gate, right: Right, token: &str) -> Result<Grant, Denial> {
    gate.admit(right, &with_bearer(token), &|_| false, NOW)
}

fn claims(exp: i64) -> Value {
    json!({ "exp": exp, "ssecast": { "subscribe": true } })
}

fn token(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    token(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

/// A key pair of this algorithm: what signs, and the public key in PEM.
fn pair(algorithm: &'static SignatureAlgorithm) -> (Vec<u8>, String) {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    (pair.serialize_pem().into_bytes(), pair.public_key_pem())
}

#[test]
fn a_token_lasts_to_the_second_with_leeway_both_ways() {
    let gate = gate(vec![secret_key(Algorithm::Hs256, SECRET)]);
    let tried = |claims: Value| admit(&gate, Right::Subscribe, &hs256(&claims)).map(|grant| grant.expires);
    let until = |seconds: i64| Some(Wall::from_micros(seconds * 1_000_000));
    assert_eq!(tried(claims(1_000)), Ok(until(1_000 + LEEWAY)));
    assert_eq!(tried(claims(1_001 - LEEWAY)), Ok(until(1_001)));
    assert_eq!(tried(claims(1_000 - LEEWAY)), Err(Denial::Expired));
    let allowed = json!({ "subscribe": true });
    for (exp, nbf, expected) in [
        (json!(2_000), json!(1_000 + LEEWAY), Ok(until(2_000 + LEEWAY))),
        (json!(2_000), json!(1_001 + LEEWAY), Err(Denial::NotYet)),
        (json!(2_000.5), json!(0), Ok(Some(Wall::from_micros(2_030_500_000)))),
        (json!(1e300), json!(-1e300), Ok(Some(Wall::from_micros(i64::MAX)))),
        (json!(-5), json!(0), Err(Denial::Expired)),
        (json!("2000"), json!(0), Err(Denial::Claims)),
        (json!(null), json!(0), Err(Denial::Claims)),
        (json!(true), json!(0), Err(Denial::Claims)),
        (json!(2_000), json!("0"), Err(Denial::Claims)),
    ] {
        assert_eq!(tried(json!({ "exp": exp, "nbf": nbf, "ssecast": allowed })), expected, "{exp} {nbf}");
    }
}

#[test]
fn what_a_token_says_becomes_a_grant() {
    let gate = gate(vec![secret_key(Algorithm::Hs256, SECRET)]);
    let claims = json!({
        "exp": 2_000, "sub": "somebody", "tenant": "acme",
        "ssecast": { "publish": true, "subscribe": true, "topics": ["a/*", "b"] },
    });
    let grant = admit(&gate, Right::Publish, &hs256(&claims)).unwrap();
    assert_eq!(grant.rights, Rights { publish: true, subscribe: true, admin: false });
    assert_eq!(grant.scope.tenant.as_deref(), Some("acme"));
    assert_eq!(grant.scope.topics, Some(vec![TopicPattern::new("a/*"), TopicPattern::new("b")]));
    let later = Now { mono: Mono::from_micros(5), wall: NOW };
    assert_eq!(grant.deadline(later), Some(Mono::from_micros(1_030_000_005)));
    assert_eq!(Grant::OPEN.deadline(later), None);
}

#[test]
fn nothing_is_allowed_that_is_not_said() {
    let gate = gate(vec![secret_key(Algorithm::Hs256, SECRET)]);
    let tried = |right, allowed: Value| {
        admit(&gate, right, &hs256(&json!({ "exp": 2_000, "ssecast": allowed }))).map(drop)
    };
    let not_granted = Err(Denial::NotGranted);
    assert_eq!(tried(Right::Subscribe, json!({})), not_granted);
    assert_eq!(tried(Right::Subscribe, json!(null)), not_granted);
    assert_eq!(tried(Right::Subscribe, json!({ "publish": true })), not_granted);
    assert_eq!(tried(Right::Publish, json!({ "subscribe": true })), not_granted);
    assert_eq!(tried(Right::Subscribe, json!({ "subscribe": true })), Ok(()));
    for wrong in [
        json!({ "subscribe": 1 }),
        json!({ "subscribe": "true" }),
        json!({ "subscribe": true, "topic": ["a"] }),
        json!({ "subscribe": true, "topics": "a" }),
        json!({ "subscribe": true, "topics": [1] }),
        json!(["subscribe"]),
        json!(true),
    ] {
        assert_eq!(tried(Right::Subscribe, wrong.clone()), Err(Denial::Claims), "{wrong}");
    }
    for tenant in [json!(""), json!("x".repeat(65)), json!("a\nb"), json!(5), json!(["a"])] {
        let claims = json!({ "exp": 2_000, "tenant": tenant, "ssecast": { "subscribe": true } });
        assert_eq!(admit(&gate, Right::Subscribe, &hs256(&claims)), Err(Denial::Claims), "{tenant}");
    }
}

/// A login service that has no value for a limit writes `null`: that was no limit at all.
#[test]
fn a_limit_that_is_null_opened_everything() {
    let gate = gate(vec![secret_key(Algorithm::Hs256, SECRET)]);
    let allowed = json!({ "publish": true, "subscribe": true, "topics": null });
    for claims in [
        json!({ "exp": 2_000, "ssecast": allowed }),
        json!({ "exp": 2_000, "tenant": null, "ssecast": { "publish": true, "subscribe": true } }),
        json!({ "exp": 2_000, "aud": null, "ssecast": { "publish": true, "subscribe": true } }),
        json!({ "exp": 2_000, "nbf": null, "ssecast": { "publish": true, "subscribe": true } }),
    ] {
        for right in [Right::Publish, Right::Subscribe] {
            assert_eq!(admit(&gate, right, &hs256(&claims)).map(drop), Err(Denial::Claims), "{claims}");
        }
    }
}

#[test]
fn audience_and_issuer_must_be_ours() {
    let with = |audience: &[&str], issuer: Option<&str>| {
        let audience = audience.iter().map(|&name| name.to_owned()).collect();
        gate(vec![KeySource {
            audience,
            issuer: issuer.map(str::to_owned),
            ..secret_key(Algorithm::Hs256, SECRET)
        }])
    };
    let tried = |gate: &Gate, more: Value| {
        let mut claims = claims(2_000);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admit(gate, Right::Subscribe, &hs256(&claims)).map(drop)
    };
    let (open, ours) = (with(&[], None), with(&["us", "all"], Some("them")));
    assert_eq!(tried(&open, json!({ "iss": "anybody" })), Ok(()));
    assert_eq!(tried(&open, json!({ "aud": "us" })), Err(Denial::Audience));
    assert_eq!(tried(&open, json!({ "aud": [] })), Err(Denial::Audience));
    assert_eq!(tried(&ours, json!({ "aud": "us", "iss": "them" })), Ok(()));
    assert_eq!(tried(&ours, json!({ "aud": ["x", "all"], "iss": "them" })), Ok(()));
    assert_eq!(tried(&ours, json!({ "aud": ["x"], "iss": "them" })), Err(Denial::Audience));
    assert_eq!(tried(&ours, json!({ "iss": "them" })), Err(Denial::Audience));
    assert_eq!(tried(&ours, json!({ "aud": "us" })), Err(Denial::Issuer));
    assert_eq!(tried(&ours, json!({ "aud": "us", "iss": "others" })), Err(Denial::Issuer));
    assert_eq!(tried(&ours, json!({ "aud": 5, "iss": "them" })), Err(Denial::Claims));
    assert_eq!(tried(&ours, json!({ "aud": "us", "iss": ["them"] })), Err(Denial::Claims));
}

#[test]
fn static_tokens_have_the_rights_of_the_lists_that_they_are_in() {
    let tokens = |names: &[&str]| names.iter().map(|name| TokenHash::of(name)).collect::<Vec<_>>();
    let options = Options {
        publish_tokens: tokens(&["publisher-of-events", "does-everything"]),
        subscribe_tokens: tokens(&["subscriber-of-events", "does-everything"]),
        admin_tokens: tokens(&["does-everything"]),
        jwt: vec![secret_key(Algorithm::Hs256, SECRET)],
        ..Options::default()
    };
    let gate = Gate::new(&options, &no_files).unwrap();
    let tried = |right, token| admit(&gate, right, token).map(|grant| (grant.scope, grant.expires));
    let all = Ok((Scope::ALL, None));
    assert_eq!(tried(Right::Publish, "publisher-of-events"), all);
    assert_eq!(tried(Right::Subscribe, "publisher-of-events"), Err(Denial::NotGranted));
    assert_eq!(tried(Right::Subscribe, "subscriber-of-events"), all);
    assert_eq!(tried(Right::Admin, "subscriber-of-events"), Err(Denial::NotGranted));
    for right in [Right::Publish, Right::Subscribe, Right::Admin] {
        assert_eq!(tried(right, "does-everything"), all);
        assert_eq!(tried(right, "does-everything-"), Err(Denial::Unknown));
        let nobody = request_of("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(gate.admit(right, &nobody, &|_| false, NOW), Err(Denial::Missing));
    }
    assert!(admit(&gate, Right::Subscribe, &hs256(&claims(2_000))).is_ok());
}

#[test]
fn what_needs_no_token_looks_at_none() {
    let options =
        Options { publish_tokens: vec![TokenHash::of("publisher-of-events")], ..Options::default() };
    let gate = Gate::new(&options, &no_files).unwrap();
    assert_eq!(admit(&gate, Right::Subscribe, "whatever"), Ok(Grant::OPEN));
    assert_eq!(admit(&gate, Right::Publish, "whatever"), Err(Denial::Unknown));
    let open =
        Options { open_streams: true, jwt: vec![secret_key(Algorithm::Hs256, SECRET)], ..Options::default() };
    let gate = Gate::new(&open, &no_files).unwrap();
    let nobody = request_of("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(gate.admit(Right::Subscribe, &nobody, &|_| false, NOW), Ok(Grant::OPEN));
    assert_eq!(gate.admit(Right::Publish, &nobody, &|_| false, NOW), Err(Denial::Missing));
    assert_eq!(admit(&gate, Right::Subscribe, "a-token-that-is-bad"), Err(Denial::Unknown));
}

#[test]
fn a_cookie_needs_a_page_that_may() {
    let gate = gate(vec![secret_key(Algorithm::Hs256, SECRET)]);
    let tried = |more: &str| {
        let cookie = hs256(&claims(2_000));
        let head = format!("GET /events HTTP/1.1\r\nHost: a\r\nCookie: ssecast_token={cookie}\r\n{more}\r\n");
        let is_listed = |origin: &str| origin == "https://b";
        gate.admit(Right::Subscribe, &request_of(&head), &is_listed, NOW).map(drop)
    };
    assert_eq!(tried(""), Ok(()));
    assert_eq!(tried("Origin: https://a\r\n"), Ok(()));
    assert_eq!(tried("Origin: https://b\r\n"), Ok(()));
    assert_eq!(tried("Origin: https://evil\r\n"), Err(Denial::Origin));
}

#[test]
fn keys_and_tokens_come_from_files() {
    let (ec, ec_public) = pair(&PKCS_ECDSA_P256_SHA256);
    let set = json!({ "keys": [
        { "kty": "oct", "alg": "HS256", "kid": "h", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" },
        { "kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "kid": "e", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "crv": "P-384", "kid": "other", "x": "AAAA", "y": "AAAA" },
    ]});
    let files = HashMap::from([
        ("tokens", "# ours\n\n  publisher-of-events \r\nsha256:".to_owned() + &"0".repeat(64)),
        ("secret", format!("{SECRET}\n")),
        ("public.pem", ec_public),
        ("set.json", set.to_string()),
    ]);
    let read = |path: &Path| {
        files
            .get(path.to_str().unwrap())
            .map(|text| text.clone().into_bytes())
            .ok_or(io::ErrorKind::NotFound.into())
    };
    let options = Options {
        publish_tokens_file: Some("tokens".into()),
        jwt: vec![
            key(Algorithm::Hs256, Material::File("secret".into())),
            key(Algorithm::Es256, Material::File("public.pem".into())),
        ],
        ..Options::default()
    };
    let gate = Gate::new(&options, &read).unwrap();
    assert!(admit(&gate, Right::Publish, "publisher-of-events").is_ok());
    assert!(admit(&gate, Right::Subscribe, &hs256(&claims(2_000))).is_ok());
    let es256 = Header::new(jsonwebtoken::Algorithm::ES256);
    let signed = token(&es256, &claims(2_000), &EncodingKey::from_ec_pem(&ec).unwrap());
    assert!(admit(&gate, Right::Subscribe, &signed).is_ok());
    let set = KeySource { algorithm: None, ..key(Algorithm::Hs256, Material::KeySet("set.json".into())) };
    let gate = Gate::new(&Options { jwt: vec![set], ..Options::default() }, &read).unwrap();
    let header = Header { kid: Some("h".into()), ..Header::default() };
    let signed = token(&header, &claims(2_000), &EncodingKey::from_secret(SECRET.as_bytes()));
    assert!(admit(&gate, Right::Subscribe, &signed).is_ok());
}

/// ECDSA has many good signatures of one text: each would have had a limit of its own.
#[test]
fn a_token_is_counted_by_what_is_signed() {
    let (private, public) = pair(&PKCS_ECDSA_P256_SHA256);
    let gate = gate(vec![secret_key(Algorithm::Es256, &public)]);
    let signed = |exp: i64| {
        let header = Header::new(jsonwebtoken::Algorithm::ES256);
        token(&header, &claims(exp), &EncodingKey::from_ec_pem(&private).unwrap())
    };
    let id = |token: &str| admit(&gate, Right::Subscribe, token).unwrap().token.unwrap();
    let (one, again) = (signed(2_000), signed(2_000));
    assert_ne!(one, again);
    assert!(id(&one) == id(&again) && id(&one) != id(&signed(2_001)));
}

#[test]
fn beyond_is_a_denial_of_its_own() {
    assert_eq!(Denial::from(Beyond::Tenant).status(), 403);
    assert_eq!(Denial::from(Beyond::Topic).name(), "topic");
}
