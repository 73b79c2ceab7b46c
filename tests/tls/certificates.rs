//! Certificates and keys: read at start, checked, and taken anew on a reload.

use std::sync::Arc;

use rustix::process::Signal;
use rustls::pki_types::CertificateDer;

use super::client::Client;
use super::common::certificates::Certificates;
use super::common::dir::TestDir;
use super::common::events::{tick, tick_data};
use super::common::secure::{Secure, client_of};
use super::common::server::{Setup, wait_for_log};

/// The certificate that a new client is shown.
fn shown(secure: &Secure, trusted: &Certificates) -> CertificateDer<'static> {
    let mut client =
        Client::connect(secure.server.addr(), Arc::new(client_of(trusted, rustls::DEFAULT_VERSIONS)));
    client.shake_hands().expect("the certificate is good");
    client.stream.conn.peer_certificates().expect("it is shown")[0].clone().into_owned()
}

#[test]
fn a_reload_takes_a_new_certificate_and_drops_no_stream() {
    let secure = Secure::start();
    let mut stream = secure.connect().open("/events");
    let before = shown(&secure, &secure.certificates);
    let other = Certificates::new();
    let copy =
        |from: std::path::PathBuf, to: std::path::PathBuf| std::fs::copy(from, to).expect("they are ours");
    copy(other.server_certificate(), secure.certificates.server_certificate());

    // The key does not belong to it yet.
    secure.server.signal(Signal::HUP);
    wait_for_log(&secure.server, 0, "not reloaded");
    assert!(secure.server.log().contains("is not the key to the certificate"), "{}", secure.server.log());
    assert_eq!(shown(&secure, &secure.certificates), before);

    copy(other.server_key(), secure.certificates.server_key());
    secure.server.signal(Signal::HUP);
    wait_for_log(&secure.server, 0, "configuration reloaded");
    assert_ne!(shown(&secure, &other), before);
    secure.publish(&tick(1));
    assert_eq!(stream.next(), tick_data(1));
}

#[test]
fn what_is_wrong_with_a_file_is_said_at_start_and_by_check() {
    let (one, other, dir) = (Certificates::new(), Certificates::new(), TestDir::new("tls"));
    let text = |path: std::path::PathBuf| path.to_str().expect("a path of a test").to_owned();
    let empty = text(dir.write("empty.pem", "nothing\n"));
    let (cert, key) = (text(one.server_certificate()), text(one.server_key()));
    let missing = text(dir.path().join("missing.pem"));
    for (cert, key, parts) in [
        (&empty, &key, ["tls.cert_file", "empty.pem: holds no certificate"]),
        (&missing, &key, ["tls.cert_file", "missing.pem: cannot be read"]),
        (&cert, &missing, ["tls.key_file", "missing.pem: cannot be read"]),
        (&cert, &empty, ["tls.key_file", "empty.pem: holds no private key"]),
        (&cert, &text(other.server_key()), ["tls.key_file", "is not the key to the certificate"]),
    ] {
        for command in ["serve", "check"] {
            let setup = Setup::bare().arg(command).flag("--listen", "127.0.0.1:0");
            let finished = setup.flag("--tls-cert-file", cert).flag("--tls-key-file", key).run();
            assert_eq!(finished.code, Some(2), "{finished:?}");
            assert!(parts.iter().all(|part| finished.stderr.contains(part)), "{parts:?}: {finished:?}");
        }
    }
    let finished = Setup::bare().arg("check").flag("--tls-cert-file", &cert).run();
    assert!(finished.code == Some(2) && finished.stderr.contains("belong together"), "{finished:?}");
}
