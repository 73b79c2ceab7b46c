//! What is spoken: versions of TLS, HTTP over it, and HTTP without it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::common::certificates::Certificates;
use super::common::events::{tick, tick_data};
use super::common::http::{Conn, get};
use super::common::installed::skipped;
use super::common::secure::{Secure, client_of};
use super::common::server::Setup;
use super::common::{DEADLINE, wait_until};

#[test]
fn curl_speaks_every_version_and_falls_back_to_http_1() {
    if skipped("curl") {
        return;
    }
    let secure = Secure::start();
    secure.publish(&tick(1));
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"], &["--http2"], &["--http1.1"]] {
        let output = secure.curl(version, "/events?lastEventId=earliest&limit=1");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{version:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(said.starts_with("HTTP/1.1 200") && said.contains(&tick_data(1)), "{version:?}: {said}");
    }
    let refused = secure.curl(&["--tlsv1.0", "--tls-max", "1.1"], "/events");
    assert!(!refused.status.success());
}

#[test]
fn only_the_newest_version_where_that_is_wished_for() {
    let secure = Secure::with(|setup| setup.flag("--tls-min-version", "1.3"));
    let config = client_of(&secure.certificates, &[&rustls::version::TLS12]);
    let error = Client::connect(secure.server.addr(), Arc::new(config)).shake_hands().unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    secure.connect().shake_hands().expect("1.3 is spoken");
}

/// RFC 7301 section 3.2: who offers nothing that we speak is told so.
#[test]
fn a_client_of_http_2_alone_is_refused_by_an_alert() {
    let secure = Secure::start();
    let mut config = secure.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = Client::connect(secure.server.addr(), Arc::new(config)).shake_hands().unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    secure.wait_for_closed("tls-handshake", 1.0);
}

#[test]
fn openssl_is_refused_to_agree_on_keys_anew() {
    if skipped("openssl") {
        return;
    }
    let secure = Secure::start();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-tls1_2", "-connect", &secure.server.addr().to_string(), "-CAfile"]);
    command.arg(secure.certificates.authority());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("scripts/test installs openssl");
    let mut input = child.stdin.take().expect("a pipe");
    wait_until("keys are agreed on", DEADLINE, || {
        secure.metric("ssecast_tls_handshakes_total{kind=\"full\"}") == 1.0
    });
    // A line with an R asks for it, twice; the second time is one too many.
    for _ in 0..2 {
        let _ = input.write_all(b"R\n");
        let _ = input.flush();
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert_eq!(secure.metric("ssecast_tls_handshakes_total{kind=\"full\"}"), 1.0);
    secure.connect().shake_hands().expect("it goes on");
}

#[test]
fn plain_http_is_told_that_this_is_tls() {
    let secure = Secure::start();
    let answer = get(secure.server.addr(), "/events");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("this port speaks TLS"), "{}", answer.text());
    let mut conn = Conn::open(secure.server.addr());
    conn.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(conn.read_response("GET").status, 400);
    secure.wait_for_closed("tls-plaintext", 2.0);
    assert_eq!(get(secure.admin, "/healthz").status, 200, "the admin side is in the clear");
}

#[test]
fn the_program_knows_that_it_is_well_where_nothing_but_tls_is_spoken() {
    let certificates = Certificates::new();
    let text = |path: std::path::PathBuf| path.to_str().expect("a path of a test").to_owned();
    let (cert, key) = (text(certificates.server_certificate()), text(certificates.server_key()));
    let secure = |setup: Setup| setup.flag("--tls-cert-file", &cert).flag("--tls-key-file", &key);
    let server = secure(Setup::new()).start();
    let health = || Setup::bare().arg("health").flag("--listen", &server.addr().to_string());
    let finished = secure(health()).run();
    assert_eq!((finished.code, finished.stderr), (Some(0), String::new()));
    let finished = health().run();
    assert!(finished.code == Some(1) && finished.stderr.contains("400"), "{finished:?}");
}
