//! Keys of JSON Web Tokens: each verifies its own algorithm alone, and what can never verify anything is an error.

use super::*;

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
