//! Options that make no sense, and what is shown of them.

use super::*;

#[test]
fn options_that_make_no_sense_name_their_key() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("client", &["client"]);
    let (_, other_key) = authority.issue("other", &["other"]);
    let directory = Directory::new();
    let empty = directory.write("empty.pem", "");
    let garbage =
        directory.write("garbage.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_certificate =
        directory.write("no.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let secret = directory.write("secret.key", "-----BEGIN secret\nsecret\n-----END secret\n");
    let missing = directory.path().join("missing");
    let tls = Options { ca_file: Some(authority.ca_file()), ..options("rediss://h") };
    let of = |ca: &Path, certificate: Option<&Path>, key: Option<&Path>| Options {
        ca_file: Some(ca.to_owned()),
        cert_file: certificate.map(Path::to_owned),
        key_file: key.map(Path::to_owned),
        ..tls.clone()
    };
    let ca = &authority.ca_file();
    for (options, key, part) in [
        (of(&missing, None, None), "redis.ca_file", "No such file"),
        (of(&empty, None, None), "redis.ca_file", "holds no certificate"),
        (of(&garbage, None, None), "redis.ca_file", "base64"),
        (of(&no_certificate, None, None), "redis.ca_file", "certificate"),
        (of(ca, Some(&certificate), None), "redis.cert_file", "redis.key_file has to be set"),
        (of(ca, None, Some(&key)), "redis.key_file", "redis.cert_file has to be set"),
        (of(ca, Some(&missing), Some(&key)), "redis.cert_file", "No such file"),
        (of(ca, Some(&certificate), Some(&missing)), "redis.key_file", "No such file"),
        (of(ca, Some(&key), Some(&key)), "redis.cert_file", "holds no certificate"),
        (of(ca, Some(&certificate), Some(&certificate)), "redis.key_file", "holds no private key"),
        (of(ca, Some(&certificate), Some(&secret)), "redis.key_file", "holds no private key"),
        (of(ca, Some(&certificate), Some(&other_key)), "redis.cert_file", "redis.key_file"),
        (Options { url: Target::local(), ..tls.clone() }, "redis.ca_file", "rediss://"),
        (Options { sentinel: vec!["h:0".to_owned()], ..tls.clone() }, "redis.sentinel", "port 0"),
        (Options { sentinel: vec!["h".to_owned()], ..tls.clone() }, "redis.master_name", "redis.sentinel"),
        (Options { master_name: "m".to_owned(), ..tls.clone() }, "redis.master_name", "redis.sentinel"),
    ] {
        let error = Connector::new(&options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")) && error.contains(part), "{key} {part}: {error}");
        assert!(!error.contains("secret\n"), "{error}");
    }
}

#[test]
fn a_connector_shows_no_password() {
    let options = Options { sentinel_password: Secret("secret".to_owned()), ..options("redis://:secret@h") };
    let connector = Connector::new(&options).unwrap();
    assert_eq!(format!("{connector:?}"), "Connector(\"redis://:***@h\")");
}
