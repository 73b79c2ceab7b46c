//! A server whose public side speaks TLS, and what a client of it needs.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::certificates::Certificates;
use super::http::get;
use super::server::{Server, Setup};
use super::{DEADLINE, wait_until};

/// The server. Publishing and metrics are on the admin side, in the clear.
pub(crate) struct Secure {
    pub(crate) server: Server,
    pub(crate) admin: SocketAddr,
    pub(crate) certificates: Certificates,
}

impl Secure {
    pub(crate) fn start() -> Self {
        Self::with(|setup| setup)
    }

    pub(crate) fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let certificates = Certificates::new();
        let path = |path: PathBuf| path.to_str().expect("a path of a test").to_owned();
        let setup = Setup::new()
            .flag("--server-admin-listen", "127.0.0.1:0")
            .flag("--tls-cert-file", &path(certificates.server_certificate()))
            .flag("--tls-key-file", &path(certificates.server_key()));
        let server = change(setup).start();
        Self { admin: server.admin_addr(), server, certificates }
    }

    /// What a client needs that trusts the authority.
    pub(crate) fn client(&self) -> ClientConfig {
        client_of(&self.certificates, rustls::DEFAULT_VERSIONS)
    }

    /// The value of one series.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = get(self.admin, "/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {series}"))
    }

    /// Connections that were closed for this reason.
    pub(crate) fn closed(&self, reason: &str) -> f64 {
        self.metric(&format!("ssecast_connections_closed_total{{reason=\"{reason}\"}}"))
    }

    pub(crate) fn wait_for_closed(&self, reason: &str, count: f64) {
        wait_until(&format!("{count} closed for {reason}"), DEADLINE, || self.closed(reason) == count);
    }
}

/// What a client needs that trusts this authority and speaks these versions.
pub(crate) fn client_of(
    certificates: &Certificates,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates.authority()).expect("PEM")).expect("a certificate");
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions that there are")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connection that waits for what it reads.
pub(crate) fn socket(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).expect("the server accepts");
    socket.set_nodelay(true).expect("TCP_NODELAY");
    socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
    socket
}

/// The first bytes of a handshake.
pub(crate) fn hello(config: ClientConfig) -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a Vec takes it");
    hello
}

/// The beginning of a hello that is as long as one may be: the server has to keep all of it, as no end is in sight.
pub(crate) fn endless_hello() -> Vec<u8> {
    // A record of 16 KiB (RFC 8446 section 5.1), in it a message of as many bytes less its own head.
    let mut hello = vec![22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc];
    hello.resize(16 * 1024, 0);
    hello
}
