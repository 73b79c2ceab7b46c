//! What the gate lets in: tokens of every kind, forged ones first, and their times to the second.

mod handover;

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

/// A key pair of this algorithm: what signs, and the public key in PEM.
fn pair(algorithm: &'static SignatureAlgorithm) -> (Vec<u8>, String) {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    (pair.serialize_pem().into_bytes(), pair.public_key_pem())
}

#[test]
fn every_algorithm_verifies_what_its_own_key_signed_and_nothing_else() {
    let (rsa, rsa_public) = pair(&PKCS_RSA_SHA256);
    let (ec, ec_public) = pair(&PKCS_ECDSA_P256_SHA256);
    let (ed, ed_public) = pair(&PKCS_ED25519);
    let long = SECRET.repeat(2);
    let cases = [
        (Algorithm::Hs256, EncodingKey::from_secret(long.as_bytes()), long.clone()),
        (Algorithm::Hs384, EncodingKey::from_secret(long.as_bytes()), long.clone()),
        (Algorithm::Hs512, EncodingKey::from_secret(long.as_bytes()), long.clone()),
        (Algorithm::Rs256, EncodingKey::from_rsa_pem(&rsa).unwrap(), rsa_public.clone()),
        (Algorithm::Ps256, EncodingKey::from_rsa_pem(&rsa).unwrap(), rsa_public.clone()),
        (Algorithm::Es256, EncodingKey::from_ec_pem(&ec).unwrap(), ec_public),
        (Algorithm::EdDsa, EncodingKey::from_ed_pem(&ed).unwrap(), ed_public),
    ];
    let tokens: Vec<(Algorithm, String)> = cases
        .iter()
        .map(|(algorithm, key, _)| {
            (*algorithm, token(&Header::new(keys::library_algorithm(*algorithm)), &claims(2_000), key))
        })
        .collect();
    for (algorithm, _, public) in &cases {
        let gate = gate(vec![secret_key(*algorithm, public)]);
        for (signed_with, token) in &tokens {
            let expected = if signed_with == algorithm { Ok(()) } else { Err(Denial::Algorithm) };
            assert_eq!(
                admit(&gate, Right::Subscribe, token).map(drop),
                expected,
                "{algorithm:?} {signed_with:?}"
            );
        }
    }
    // The public key as the secret of an HMAC: the oldest trick there is.
    let confused =
        token(&Header::default(), &claims(2_000), &EncodingKey::from_secret(rsa_public.as_bytes()));
    let gate = gate(vec![secret_key(Algorithm::Rs256, &rsa_public)]);
    assert_eq!(admit(&gate, Right::Subscribe, &confused), Err(Denial::Algorithm));
}

#[test]
fn keys_are_told_apart_by_name_and_all_unnamed_ones_are_tried() {
    let other = "f".repeat(32);
    let named = |kid: &str, secret: &str| KeySource {
        kid: Some(kid.to_owned()),
        ..secret_key(Algorithm::Hs256, secret)
    };
    let signed = |kid: Option<&str>, secret: &str| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::default() };
        token(&header, &claims(2_000), &EncodingKey::from_secret(secret.as_bytes()))
    };
    let gate = gate(vec![named("a", SECRET), named("b", &other)]);
    let tried = |kid, secret| admit(&gate, Right::Subscribe, &signed(kid, secret)).map(drop);
    assert_eq!(tried(Some("a"), SECRET), Ok(()));
    assert_eq!(tried(Some("b"), SECRET), Err(Denial::Signature));
    assert_eq!(tried(Some("c"), SECRET), Err(Denial::Unknown));
    assert_eq!(tried(Some("../../a"), SECRET), Err(Denial::Unknown));
    assert_eq!(tried(None, &other), Ok(()));
    assert_eq!(tried(None, &"e".repeat(32)), Err(Denial::Signature));
}

/// 64 keys cost 64 verifications of whatever somebody made up, 5 ms of the loop for one request.
#[test]
fn a_forged_token_was_tried_with_every_key() {
    let named =
        |at: usize| KeySource { kid: Some(at.to_string()), ..secret_key(Algorithm::Hs256, &"f".repeat(32)) };
    let ours =
        |kid: Option<&str>| KeySource { kid: kid.map(str::to_owned), ..secret_key(Algorithm::Hs256, SECRET) };
    let tried = |keys: Vec<KeySource>, kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::default() };
        let token = token(&header, &claims(2_000), &EncodingKey::from_secret(SECRET.as_bytes()));
        admit(&gate(keys), Right::Subscribe, &token).map(drop)
    };
    let after = |count: usize, last: KeySource| (0..count).map(named).chain([last]).collect::<Vec<_>>();
    assert_eq!(tried(after(7, ours(Some("a"))), None), Ok(()));
    assert_eq!(tried(after(8, ours(Some("a"))), None), Err(Denial::Signature));
    // The one that a token means comes first, wherever it stands.
    assert_eq!(tried(after(63, ours(Some("a"))), Some("a")), Ok(()));
    assert_eq!(tried(after(63, ours(None)), Some("a")), Ok(()));
    assert_eq!(tried(after(63, ours(None)), None), Ok(()));
}

#[test]
fn a_token_is_tried_with_few_keys_those_of_its_name_first() {
    let secret = |n: usize| format!("{n:032}");
    let mut keys: Vec<KeySource> =
        (0..=TRIES_MAX).map(|n| secret_key(Algorithm::Hs256, &secret(n))).collect();
    keys.push(KeySource { kid: Some("last".to_owned()), ..secret_key(Algorithm::Hs256, SECRET) });
    let gate = gate(keys);
    let tried = |kid: Option<&str>, secret: &str| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::default() };
        let token = token(&header, &claims(2_000), &EncodingKey::from_secret(secret.as_bytes()));
        admit(&gate, Right::Subscribe, &token).map(drop)
    };
    assert_eq!(tried(None, &secret(TRIES_MAX - 1)), Ok(()));
    assert_eq!(tried(None, &secret(TRIES_MAX)), Err(Denial::Signature));
    assert_eq!(tried(Some("last"), SECRET), Ok(()));
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

#[test]
fn what_can_never_verify_anything_is_an_error_at_once() {
    let (private, rsa_public) = pair(&PKCS_RSA_SHA256);
    let private = String::from_utf8(private).unwrap();
    let (_, p384) = pair(&PKCS_ECDSA_P384_SHA384);
    for (algorithm, text, problem) in [
        (Algorithm::Hs256, &SECRET[1..], "32 bytes or more"),
        (Algorithm::Hs384, SECRET, "48 bytes or more"),
        (Algorithm::Hs512, SECRET, "64 bytes or more"),
        (Algorithm::Rs256, &private, "private key"),
        (Algorithm::Rs256, SECRET, "no public key in PEM for RS256"),
        (Algorithm::Rs256, WEAK_RSA, "2048 to 8192 bits"),
        (Algorithm::Es256, &rsa_public, "no public key in PEM for ES256"),
        (Algorithm::Es256, &p384, "a point of P-256"),
        (Algorithm::EdDsa, &rsa_public, "no public key in PEM for EdDSA"),
    ] {
        let error = setup_error(vec![secret_key(algorithm, text)], &no_files);
        assert!(error.contains("auth.jwt entry 1") && error.contains(problem), "{algorithm:?}: {error}");
        assert!(!error.contains(&SECRET[1..]), "{error}");
    }
    let read = |path: &Path| Ok(path.to_str().unwrap().as_bytes().to_vec());
    let set = |text: &str| key(Algorithm::Rs256, Material::KeySet(text.into()));
    for text in ["{}", "[]", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#] {
        setup_error(vec![set(text)], &read);
    }
    let unnamed = KeySource { algorithm: None, ..set(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#) };
    assert!(setup_error(vec![unnamed], &read).contains("set alg beside jwks_file"));
    let missing = key(Algorithm::Rs256, Material::File("/nowhere".into()));
    assert!(setup_error(vec![missing], &no_files).contains("cannot read /nowhere"));
    let many = vec![secret_key(Algorithm::Hs256, SECRET); KEYS_MAX + 1];
    assert!(setup_error(many, &no_files).contains("at most 64"));
    for (text, problem) in
        [("", "holds no token"), ("# only\n", "holds no token"), ("short\n", ":1: the token is shorter")]
    {
        let options = Options { admin_tokens_file: Some(text.into()), ..Options::default() };
        let Err(error) = Gate::new(&options, &read) else { panic!("{text:?} is taken") };
        assert!(error.to_string().contains(problem), "{error}");
    }
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

/// Everybody has the public key: as a secret it would let everybody in.
#[test]
fn a_public_key_was_taken_for_the_secret_of_an_hmac() {
    let (private, public) = pair(&PKCS_RSA_SHA256);
    for text in [public, String::from_utf8(private).unwrap()] {
        let error = setup_error(vec![secret_key(Algorithm::Hs256, &text)], &no_files);
        assert!(error.contains("holds a key in PEM"), "{error}");
    }
}

#[test]
fn a_private_key_in_a_set_was_taken() {
    let read = |path: &Path| Ok(path.to_str().unwrap().as_bytes().to_vec());
    let point = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": point });
    let private = json!({ "kty": "OKP", "crv": "Ed25519", "x": point, "d": point });
    let set = |keys: &[&Value]| {
        let material = Material::KeySet(json!({ "keys": keys }).to_string().into());
        KeySource { algorithm: None, ..key(Algorithm::EdDsa, material) }
    };
    assert!(keys::load(&[set(&[&public])], &read).is_ok());
    let error = setup_error(vec![set(&[&public, &private])], &read);
    assert!(error.contains("holds a private key"), "{error}");
}

/// One entry that is not understood must not cost the others (RFC 7517 section 5).
#[test]
fn a_set_may_have_keys_of_every_kind() {
    let read = |path: &Path| Ok(path.to_str().unwrap().as_bytes().to_vec());
    let good = json!({ "kty": "oct", "alg": "HS256", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" });
    for odd in [
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "EC", "crv": "secp256k1", "alg": "ES256K", "x": "AA", "y": "AA" }),
        json!({ "kty": "EC", "crv": "P-521", "alg": "ES512", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "use": "enc", "x": "AA" }),
        json!({ "kty": "OKP", "crv": "Ed448", "alg": "EdDSA", "x": "AA" }),
        json!({ "kty": "RSA", "use": "sig", "alg": "RS512", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "RSA", "use": "new", "key_ops": ["dream"], "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "RSA", "alg": "RS256", "n": 5 }),
        json!({ "kty": "x" }),
        json!({}),
    ] {
        let text = json!({ "keys": [odd, good], "more": 1 }).to_string();
        let set = KeySource { algorithm: None, ..key(Algorithm::Hs256, Material::KeySet(text.into())) };
        let loaded = keys::load(&[set], &read).map(|keys| keys.len()).map_err(|error| error.to_string());
        assert_eq!(loaded, Ok(1), "{odd}");
    }
}

#[test]
fn beyond_is_a_denial_of_its_own() {
    assert_eq!(Denial::from(Beyond::Tenant).status(), 403);
    assert_eq!(Denial::from(Beyond::Topic).name(), "topic");
}
