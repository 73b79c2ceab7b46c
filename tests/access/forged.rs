//! Tokens that must not work: each is refused as what it is, for streams, for publishing, and for both methods of
//! asking; and nothing that it said comes back.

use jsonwebtoken::Algorithm;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::common::api::{metric, problem};
use super::common::events::tick;
use super::common::http::request;
use super::common::server::Setup;
use super::common::tokens::{SECRET, claims, part, seconds_from_now, sign, signed, signed_by, signed_by_pem};
use super::{bearer, get_as, publish_as};

/// Allows everything.
fn all() -> Value {
    claims(json!({ "subscribe": true, "publish": true }))
}

fn with(more: Value) -> Value {
    let mut claims = all();
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

/// Forgeries: what each is, the token, and the reason that the server gives in its metrics.
fn forgeries(
    rsa_public: &str,
    foreign_rsa: &str,
    foreign_ec: &str,
) -> Vec<(&'static str, String, &'static str)> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let good = signed(&header, &all());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (head, body) = message.split_once('.').expect("three parts");
    let none = |alg: &str| part(json!({ "alg": alg }).to_string());
    let payload = part(all().to_string());
    let secret = SECRET.as_bytes();
    let raw = |claims: &str| sign(secret, &format!("{head}.{}", part(claims)));
    let exp = seconds_from_now(3600);
    let mut flipped = signature.to_owned();
    let first = if flipped.starts_with('A') { "B" } else { "A" };
    flipped.replace_range(..1, first);
    vec![
        ("alg none, no signature", format!("{}.{payload}.", none("none")), "malformed"),
        ("alg None", format!("{}.{payload}.", none("None")), "malformed"),
        ("alg NONE with a signature", sign(secret, &format!("{}.{payload}", none("NONE"))), "malformed"),
        ("alg empty", sign(secret, &format!("{}.{payload}", none(""))), "malformed"),
        ("alg in lower case", sign(secret, &format!("{}.{payload}", none("hs256"))), "malformed"),
        ("no alg", signed(&json!({ "typ": "JWT" }), &all()), "malformed"),
        (
            "alg twice",
            sign(secret, &format!("{}.{payload}", part(r#"{"alg":"HS256","alg":"none"}"#))),
            "malformed",
        ),
        (
            "kid twice",
            sign(secret, &format!("{}.{payload}", part(r#"{"alg":"HS256","kid":"a","kid":"b"}"#))),
            "malformed",
        ),
        (
            "a header that is a list",
            sign(secret, &format!("{}.{payload}", part(r#"["HS256"]"#))),
            "malformed",
        ),
        ("crit that is an object", signed(&json!({ "alg": "HS256", "crit": {} }), &all()), "malformed"),
        ("alg is a number", signed(&json!({ "alg": 256 }), &all()), "malformed"),
        ("another HMAC than the key's", signed(&json!({ "alg": "HS512" }), &all()), "algorithm"),
        ("RS256 said, HMAC made", signed(&json!({ "alg": "RS256" }), &all()), "signature"),
        ("the public key as a secret", signed_by(rsa_public.as_bytes(), &header, &all()), "signature"),
        (
            "its bytes without the last line end",
            signed_by(rsa_public.trim().as_bytes(), &header, &all()),
            "signature",
        ),
        ("RS256 by a key of one's own", signed_by_pem(Algorithm::RS256, foreign_rsa, &all()), "signature"),
        (
            "PS256 for a key that is pinned to RS256",
            signed_by_pem(Algorithm::PS256, foreign_rsa, &all()),
            "algorithm",
        ),
        ("ES256 for which there is no key", signed_by_pem(Algorithm::ES256, foreign_ec, &all()), "algorithm"),
        (
            "a key in the header",
            signed_by(
                b"mine-mine-mine-mine-mine-mine-12",
                &json!({ "alg": "HS256", "jwk":
            { "kty": "oct", "k": part("mine-mine-mine-mine-mine-mine-12") } }),
                &all(),
            ),
            "signature",
        ),
        (
            "a key elsewhere",
            signed_by(
                b"mine-mine-mine-mine-mine-mine-12",
                &json!({ "alg": "HS256", "jku": "http://127.0.0.1:1/k", "x5u": "http://127.0.0.1:1/x" }),
                &all(),
            ),
            "signature",
        ),
        ("an empty secret", signed_by(b"", &header, &all()), "signature"),
        ("a guessed secret", signed_by(b"secret", &header, &all()), "signature"),
        (
            "crit of nothing known",
            signed(&json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 }), &all()),
            "critical",
        ),
        ("crit b64", signed(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), &all()), "critical"),
        ("crit empty", signed(&json!({ "alg": "HS256", "crit": [] }), &all()), "critical"),
        (
            "a changed claim",
            format!("{head}.{}.{signature}", part(with(json!({ "tenant": "x" })).to_string())),
            "signature",
        ),
        (
            "a changed header",
            format!("{}.{body}.{signature}", part(r#"{"alg":"HS256","typ":"JWS"}"#)),
            "signature",
        ),
        ("a changed signature", format!("{message}.{flipped}"), "signature"),
        ("a shortened signature", format!("{message}.{}", &signature[..20]), "signature"),
        ("no signature", format!("{message}."), "signature"),
        ("the signature in the other alphabet", format!("{message}.{}", "+/".repeat(21)), "malformed"),
        ("padding", format!("{good}="), "malformed"),
        ("two parts", message.to_owned(), "unknown"),
        ("five parts", format!("{good}.a.b"), "unknown"),
        ("empty parts", "..".to_owned(), "malformed"),
        ("expired", signed(&header, &with(json!({ "exp": seconds_from_now(-3600) }))), "expired"),
        ("no exp", signed(&header, &json!({ "ssecast": { "subscribe": true, "publish": true } })), "claims"),
        ("exp as text", signed(&header, &with(json!({ "exp": exp.to_string() }))), "claims"),
        ("exp null", signed(&header, &with(json!({ "exp": null }))), "claims"),
        ("exp beyond numbers", raw(r#"{"exp":1e999,"ssecast":{"subscribe":true,"publish":true}}"#), "claims"),
        ("exp twice", raw(&format!(r#"{{"exp":1,"exp":{exp},"ssecast":{{"subscribe":true}}}}"#)), "claims"),
        ("not valid yet", signed(&header, &with(json!({ "nbf": exp }))), "not-yet"),
        ("for others", signed(&header, &with(json!({ "aud": "others" }))), "audience"),
        (
            "rights that are misspelt",
            signed(&header, &claims(json!({ "subscribe": true, "publish": true, "tpics": [] }))),
            "claims",
        ),
        (
            "rights as text",
            signed(&header, &claims(json!({ "subscribe": "yes", "publish": "yes" }))),
            "claims",
        ),
        ("no tenant in particular", signed(&header, &with(json!({ "tenant": null }))), "claims"),
        (
            "topics that are null",
            signed(&header, &claims(json!({ "subscribe": true, "publish": true, "topics": null }))),
            "claims",
        ),
        (
            "tenant twice",
            raw(&format!(
                r#"{{"exp":{exp},"tenant":"a","tenant":"b","ssecast":{{"subscribe":true,"publish":true}}}}"#
            )),
            "claims",
        ),
        (
            "rights twice",
            raw(&format!(
                r#"{{"exp":{exp},"ssecast":{{"subscribe":true,"topics":[]}},"ssecast":{{"subscribe":true}}}}"#
            )),
            "claims",
        ),
        ("a tenant that is a list", signed(&header, &with(json!({ "tenant": ["a", "b"] }))), "claims"),
        ("claims that are a list", raw("[1,2]"), "claims"),
        ("claims that are no JSON", raw("exp"), "claims"),
        ("claims in a byte order mark", raw("\u{feff}{}"), "claims"),
    ]
}

#[test]
fn no_forged_token_opens_anything() {
    let generate = |algorithm| KeyPair::generate_for(algorithm).expect("a key pair");
    let (rsa, foreign_rsa, foreign_ec) =
        (generate(&PKCS_RSA_SHA256), generate(&PKCS_RSA_SHA256), generate(&PKCS_ECDSA_P256_SHA256));
    let public = rsa.public_key_pem();
    let config = format!(
        "[auth]\n[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n[[auth.jwt]]\nalg = \"RS256\"\nkey = \"\"\"{public}\"\"\"\n"
    );
    let server = Setup::new().config(&config).start();
    let forgeries = forgeries(&public, &foreign_rsa.serialize_pem(), &foreign_ec.serialize_pem());
    assert!(forgeries.len() >= 25);
    for (what, token, reason) in &forgeries {
        let name = format!("ssecast_denials_total{{reason=\"{reason}\"}}");
        let before = metric(&server, &name).unwrap_or_default();
        let head = request(server.addr(), "HEAD", "/events", &[("Authorization", &bearer(token))], b"");
        let answers = [get_as(&server, "/events?limit=1", token), publish_as(&server, token, &tick(1))];
        assert_eq!(head.status, 401, "{what}: {reason}");
        for answer in answers {
            assert_eq!(answer.status, 401, "{what}");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""),
                "{what}: {challenge}"
            );
            let text = problem(&answer).to_string();
            assert!(token.len() < 8 || !text.contains(&token[..8]), "{what}: {text}");
        }
        assert_eq!(metric(&server, &name).unwrap_or_default(), before + 3.0, "{what}: {reason}");
    }
    let log = server.log();
    assert!(log.contains("access denied") && log.contains("reason=malformed"), "{log}");
    assert!(!forgeries.iter().any(|(_, token, _)| token.len() > 8 && log.contains(token.as_str())), "{log}");
    // The same server takes good ones.
    let good = signed(&json!({ "alg": "HS256" }), &all());
    assert_eq!(publish_as(&server, &good, &tick(1)).status, 202);
    let good = signed_by_pem(Algorithm::RS256, &rsa.serialize_pem(), &all());
    assert_eq!(publish_as(&server, &good, &tick(2)).status, 202);
}

#[test]
fn a_flood_of_denials_does_not_fill_the_log() {
    let server = super::jwt_server();
    for _ in 0..200 {
        assert_eq!(get_as(&server, "/events", "not-a-token-at-all").status, 401);
    }
    let lines = server.log().matches("access denied").count();
    assert!((1..100).contains(&lines), "{lines}");
    assert_eq!(metric(&server, "ssecast_denials_total{reason=\"unknown\"}"), Some(200.0));
}
