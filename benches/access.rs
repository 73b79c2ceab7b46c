//! Who may: a token found in a request's head, verified, and what it allows.

use criterion::Criterion;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::json;
use ssecast::auth::{self, Gate, KeySource, Material, Options, Right, TokenHash};
use ssecast::clock::{Mono, Wall};
use ssecast::http::{Connection, Event, Request};
use ssecast::limits::Limits;

use crate::support::measured;

const NOW: Wall = Wall::from_micros(1_000_000_000);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admit");
    let everybody = Gate::new(&Options::default(), &no_files).expect("defaults are good");
    let nobody = request("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    group.bench_function("without tokens", |b| {
        b.iter(|| measured(|| everybody.admit(Right::Subscribe, &nobody, &|_| false, NOW)));
    });
    for (name, gate, token) in gates() {
        let request =
            request(&format!("GET /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"));
        gate.admit(Right::Subscribe, &request, &|_| false, NOW).expect("the token is good");
        group.bench_function(name, |b| {
            b.iter(|| measured(|| gate.admit(Right::Subscribe, &request, &|_| false, NOW)));
        });
    }
    group.finish();
}

fn gates() -> Vec<(&'static str, Gate, String)> {
    let tokens: Vec<TokenHash> =
        (0..100).map(|n| TokenHash::of(&format!("a-token-of-a-service-{n}"))).collect();
    let of_services = Options { subscribe_tokens: tokens, ..Options::default() };
    let mut gates = vec![(
        "one of 100 static tokens",
        Gate::new(&of_services, &no_files).expect("tokens are good"),
        "a-token-of-a-service-50".to_owned(),
    )];
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key pair");
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key pair");
    let ed = KeyPair::generate_for(&PKCS_ED25519).expect("a key pair");
    let good = "the key is one";
    for (name, algorithm, ours, private, public) in [
        (
            "HS256",
            Algorithm::HS256,
            auth::Algorithm::Hs256,
            EncodingKey::from_secret(SECRET.as_bytes()),
            SECRET.to_owned(),
        ),
        (
            "RS256",
            Algorithm::RS256,
            auth::Algorithm::Rs256,
            EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).expect(good),
            rsa.public_key_pem(),
        ),
        (
            "ES256",
            Algorithm::ES256,
            auth::Algorithm::Es256,
            EncodingKey::from_ec_pem(ec.serialize_pem().as_bytes()).expect(good),
            ec.public_key_pem(),
        ),
        (
            "EdDSA",
            Algorithm::EdDSA,
            auth::Algorithm::EdDsa,
            EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes()).expect(good),
            ed.public_key_pem(),
        ),
    ] {
        let claims =
            json!({ "exp": 2_000, "tenant": "acme", "ssecast": { "subscribe": true, "topics": ["a/*"] } });
        let token = encode(&Header::new(algorithm), &claims, &private).expect("it can be signed");
        let material = Material::Inline(public);
        let source =
            KeySource { algorithm: Some(ours), material, kid: None, audience: Vec::new(), issuer: None };
        let options = Options { jwt: vec![source], ..Options::default() };
        gates.push((name, Gate::new(&options, &no_files).expect("the key is good"), token));
    }
    gates
}

fn request(head: &str) -> Request {
    let limits = Limits::default();
    let mut connection = Connection::new(Mono::ZERO, &limits);
    connection.handle_input(head.as_bytes(), Mono::ZERO, &limits);
    match connection.poll_event(Mono::ZERO, &limits) {
        Some(Event::Head(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn no_files(_: &std::path::Path) -> std::io::Result<Vec<u8>> {
    Err(std::io::ErrorKind::NotFound.into())
}
