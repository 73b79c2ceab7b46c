//! Links over TLS.

use super::*;

#[test]
fn tls_with_an_authority_of_our_own() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no", "requirepass secret"]);
    let password = Target::parse(&format!("rediss://:secret@{}", server.address())).unwrap();
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let options = Options { url: password.clone(), protocol, ..with_tls(&server, &authority) };
        let mut link = connect(&options).unwrap();
        assert_eq!(user(&mut link), bulk("default"));
        // A large message, in many records.
        let long = "x".repeat(1_000_000);
        assert_eq!(ask(&mut link, &["ECHO", &long]), bulk(&long));
        link.set_timeout(Duration::from_millis(1));
        assert_eq!(link.receive(&mut || {}).unwrap(), None);
        ask(&mut connect(&options).unwrap(), &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        link.set_timeout(PATIENCE);
        assert!(matches!(link.receive(&mut || {}), Err(LinkError::Closed)));
    }
}

#[test]
fn tls_with_an_authority_that_is_another() {
    let server = Server::start_tls(&Authority::new(), &["tls-auth-clients no"]);
    let error = only_error(&with_tls(&server, &Authority::new()));
    assert!(matches!(&error, LinkError::Tls(_)), "{error}");
}

#[test]
fn tls_with_a_name_that_the_certificate_is_not_for() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let of = |name: &str| {
        let url = format!("{},ssl=true,sslHost={name}", server.address());
        Options { ca_file: Some(authority.ca_file()), ..options(&url) }
    };
    assert!(connect(&of("localhost")).is_ok());
    let error = only_error(&of("example.com"));
    assert!(matches!(&error, LinkError::Tls(_)), "{error}");
    let error = Connector::new(&of("a b")).unwrap_err();
    assert_eq!(error.to_string(), "redis.url: sslHost is no host name");
}

#[test]
fn tls_with_a_client_certificate() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients yes"]);
    let without = with_tls(&server, &authority);
    for _ in 0..20 {
        let error = only_error(&without);
        assert!(matches!(&error, LinkError::Tls(_)), "{error}");
    }
    let of = |(certificate, key)| Options {
        cert_file: Some(certificate),
        key_file: Some(key),
        ..with_tls(&server, &authority)
    };
    assert!(connect(&of(authority.issue("client", &["client"]))).is_ok());
    let error = only_error(&of(Authority::new().issue("client", &["client"])));
    assert!(matches!(&error, LinkError::Tls(_) | LinkError::Connect(_)), "{error}");
}

#[test]
fn tls_to_a_server_that_speaks_none_and_the_other_way_round() {
    let authority = Authority::new();
    let plain = Server::start(&[]);
    // Redis waits for the end of a line, or finds one in what TLS says first.
    let options_with_tls =
        Options { connect_timeout: Duration::from_millis(300), ..with_tls(&plain, &authority) };
    let error = only_error(&options_with_tls);
    assert!(matches!(&error, LinkError::Tls(_) | LinkError::TimedOut("TLS handshake")), "{error}");
    let secure = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let error = only_error(&options(&secure.url()));
    assert!(matches!(&error, LinkError::Closed | LinkError::Broken(_) | LinkError::Protocol(_)), "{error}");
}
