//! Whose stream stays when another gate takes its place: never one that would not be let in, and nobody goes for
//! nothing.

use proptest::prelude::*;

use super::*;

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// Whether who is let in by `old` with this token keeps its stream under `new`.
fn keeps(old: &Gate, new: &Gate, token: &str) -> bool {
    let grant = admit(old, Right::Subscribe, token).expect("the old gate lets in");
    old.handover(new).exchange(grant.pass).is_some()
}

fn static_gate(tokens: &[&str]) -> Gate {
    let subscribe_tokens = tokens.iter().map(|token| TokenHash::of(token)).collect();
    Gate::new(&Options { subscribe_tokens, ..Options::default() }, &no_files).unwrap()
}

#[test]
fn static_tokens_stay_wherever_they_stand() {
    let old = static_gate(&["a-token-of-one", "a-token-of-two", "a-token-of-three"]);
    let new = static_gate(&["another-one", "a-token-of-three", "a-token-of-one"]);
    let kept = ["a-token-of-one", "a-token-of-two", "a-token-of-three"].map(|token| keeps(&old, &new, token));
    assert_eq!(kept, [true, false, true]);
    assert!(keeps(&old, &gate(Vec::new()), "a-token-of-two"), "no token is needed any more");
}

/// Its tenant had come from the token: nobody could open such a stream any more.
#[test]
fn a_stream_does_not_outlive_the_last_key() {
    let source = || secret_key(Algorithm::Hs256, SECRET);
    assert!(!keeps(&gate(vec![source()]), &gate(Vec::new()), &hs256(&claims(2_000))));
}

/// It opened streams before and may only publish now.
#[test]
fn a_token_that_moved_to_another_list_is_out() {
    let token = "a-token-of-one";
    let (subscribe, publish) = (vec![TokenHash::of(token)], vec![TokenHash::of(token)]);
    let others = vec![TokenHash::of("a-token-of-two")];
    let options = Options { publish_tokens: publish, subscribe_tokens: others, ..Options::default() };
    let new = Gate::new(&options, &no_files).unwrap();
    let old = Gate::new(&Options { subscribe_tokens: subscribe, ..Options::default() }, &no_files).unwrap();
    assert!(!keeps(&old, &new, token));
}

#[test]
fn keys_stay_while_they_ask_for_no_more() {
    let first = || KeySource {
        kid: Some("a".to_owned()),
        audience: vec!["x".to_owned()],
        issuer: Some("i".to_owned()),
        ..secret_key(Algorithm::Hs256, SECRET)
    };
    let header = Header { kid: Some("a".to_owned()), ..Header::default() };
    let claims = json!({ "exp": 2_000, "aud": "x", "iss": "i", "ssecast": { "subscribe": true } });
    let token = token(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes()));
    let audience = |of: &[&str]| of.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let other = || secret_key(Algorithm::Hs256, OTHER);
    for (sources, expected, what) in [
        (vec![other(), first()], true, "it stands elsewhere"),
        (vec![other()], false, "it was removed"),
        (vec![KeySource { material: other().material, ..first() }], false, "it was replaced"),
        (vec![secret_key(Algorithm::Hs512, &SECRET.repeat(2))], false, "nothing of it is left"),
        (vec![KeySource { audience: audience(&["y", "x"]), ..first() }], true, "for others, too"),
        (vec![KeySource { audience: audience(&["y"]), ..first() }], false, "for others only"),
        (vec![KeySource { audience: Vec::new(), ..first() }], false, "a token with aud is for others"),
        (vec![KeySource { issuer: None, ..first() }], true, "of anybody"),
        (vec![KeySource { issuer: Some("j".to_owned()), ..first() }], false, "of somebody else"),
        (vec![KeySource { kid: None, ..first() }], true, "without a name"),
        (vec![KeySource { kid: Some("b".to_owned()), ..first() }], false, "by another name"),
    ] {
        assert_eq!(keeps(&gate(vec![first()]), &gate(sources), &token), expected, "{what}");
    }
}

/// Of two entries with one key the pass names the first, and a reload that changes nothing closed its streams.
#[test]
fn one_key_in_two_entries_stays_at_a_reload_of_the_same() {
    let named =
        |kid: Option<&str>| KeySource { kid: kid.map(str::to_owned), ..secret_key(Algorithm::Hs256, SECRET) };
    let both = gate(vec![named(None), named(Some("b"))]);
    let unchanged = gate(vec![secret_key(Algorithm::Hs256, OTHER), named(None), named(Some("b"))]);
    let token = hs256(&claims(2_000));
    let pass = admit(&both, Right::Subscribe, &token).unwrap().pass;
    let again = both.handover(&both).exchange(pass).unwrap();
    assert!(both.handover(&unchanged).exchange(again).is_some());
}

/// What a key may be and ask for, and what a token may say.
fn name() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some("a".to_owned())), Just(Some("b".to_owned()))]
}

fn source() -> impl Strategy<Value = KeySource> {
    let audience = prop_oneof![
        Just(Vec::new()),
        Just(vec!["a".to_owned()]),
        Just(vec!["b".to_owned()]),
        Just(vec!["a".to_owned(), "b".to_owned()]),
    ];
    (any::<bool>(), name(), audience, name()).prop_map(|(is_first, kid, audience, issuer)| KeySource {
        kid,
        audience,
        issuer,
        ..secret_key(Algorithm::Hs256, if is_first { SECRET } else { OTHER })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn who_keeps_its_stream_would_be_let_in(
        old in proptest::collection::vec(source(), 1..4),
        new in proptest::collection::vec(source(), 0..4),
        (kid, aud, iss, is_first) in (name(), name(), name(), any::<bool>()),
    ) {
        let mut claims = json!({ "exp": 2_000, "ssecast": { "subscribe": true } });
        for (claim, value) in [("aud", aud), ("iss", iss)] {
            if let Some(value) = value {
                claims[claim] = json!(value);
            }
        }
        let secret = if is_first { SECRET } else { OTHER };
        let token =
            token(&Header { kid, ..Header::default() }, &claims, &EncodingKey::from_secret(secret.as_bytes()));
        let (old, new) = (gate(old), gate(new));
        if let Ok(grant) = admit(&old, Right::Subscribe, &token) {
            let kept = old.handover(&new).exchange(grant.pass);
            if let Some(pass) = kept {
                let again = admit(&new, Right::Subscribe, &token);
                prop_assert!(again.is_ok(), "{again:?}");
                prop_assert!(new.handover(&new).exchange(pass).is_some(), "a reload of the same closes nobody");
            }
        }
    }
}
