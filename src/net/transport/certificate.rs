//! Who the server is for TLS clients: a certificate and its key, from files (`tls.*`).
//!
//! Files are read here only, at start and at a reload. Keys are never shown, nor what a file holds.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore, ServerConfig};

use crate::config::{Tls, TlsVersion};

const CERT_FILE: &str = "tls.cert_file";
const KEY_FILE: &str = "tls.key_file";
/// Tickets for each handshake: a client takes one to come back, and gets another one then.
const TICKETS: usize = 1;
/// The last second of the year 9999, where certificates without an end say that they end (RFC 5280 section 4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// What is wrong with a file.
#[derive(Debug)]
pub struct IdentityError {
    key: &'static str,
    path: PathBuf,
    problem: String,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.key, self.path.display(), self.problem)
    }
}

impl std::error::Error for IdentityError {}

/// See the top of this file.
#[derive(Clone)]
pub(in crate::net) struct Identity {
    config: Arc<ServerConfig>,
    /// When the certificate ends, in seconds since 1970, if it does.
    not_after: Option<u64>,
}

impl Identity {
    /// Reads the files that `tls` names; `None` where it names none. The tickets of `before` stay good.
    pub(in crate::net) fn load(tls: &Tls, before: Option<&Self>) -> Result<Option<Self>, IdentityError> {
        let (Some(cert_file), Some(key_file)) = (&tls.cert_file, &tls.key_file) else { return Ok(None) };
        let certificates = certificates(cert_file)?;
        let key = private_key(key_file)?;
        let not_after = certificates.first().and_then(not_after);
        let versions: &[_] = match tls.min_version {
            TlsVersion::V1_2 => &[&TLS12, &TLS13],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let unusable = |error: &Error| problem(CERT_FILE, cert_file, error.to_string());
        // Named here, since which provider a process has as its default depends on what else is linked.
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|error| unusable(&error))?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    let whose = format!("is not the key to the certificate of {}", cert_file.display());
                    problem(KEY_FILE, key_file, whose)
                }
                error => unusable(&error),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // What a client comes back with is in its ticket: nothing is kept here for who may never come.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = match before {
            Some(before) => before.tickets(),
            None => aws_lc_rs::Ticketer::new().map_err(|error| unusable(&error))?,
        };
        config.send_tls13_tickets = TICKETS;
        Ok(Some(Self { config: Arc::new(config), not_after }))
    }

    /// What a connection needs of it.
    pub(in crate::net) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// When the certificate ends, in seconds since 1970, if it does.
    pub(in crate::net) const fn not_after(&self) -> Option<u64> {
        self.not_after
    }

    fn tickets(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.config.ticketer)
    }
}

fn problem(key: &'static str, path: &Path, problem: impl Into<String>) -> IdentityError {
    IdentityError { key, path: path.to_owned(), problem: problem.into() }
}

/// The certificates of a PEM file, at least one: the server's own first.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let read = CertificateDer::pem_slice_iter(&read(CERT_FILE, path)?).collect::<Result<Vec<_>, _>>();
    let certificates = read.map_err(|error| problem(CERT_FILE, path, format!("is no PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(problem(CERT_FILE, path, "holds no certificate in PEM"));
    }
    Ok(certificates)
}

/// The key of a PEM file. The parser's error is left out: it may quote the file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_slice(&read(KEY_FILE, path)?).map_err(|_| {
        let what = "holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase)";
        problem(KEY_FILE, path, what)
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|error| problem(key, path, format!("cannot be read: {error}")))
}

/// When a certificate ends. A verifier that is asked about the end of time says by how much that is too late; whom
/// the certificate is by does not matter then.
fn not_after(certificate: &CertificateDer<'static>) -> Option<u64> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let at = UnixTime::since_unix_epoch(END_OF_TIME);
    match verifier.verify_server_cert(certificate, &[], &name, &[], at) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(not_after.as_secs())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::OffsetDateTime;

    use super::*;

    fn certificate(until: OffsetDateTime) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = OffsetDateTime::UNIX_EPOCH;
        params.not_after = until;
        (params.self_signed(&key).unwrap().into(), key)
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for seconds in [1, 1_000_000_000, 4_000_000_000] {
            let until = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            assert_eq!(not_after(&certificate(until).0), Some(seconds as u64));
        }
        assert_eq!(not_after(&CertificateDer::from_slice(b"x").into_owned()), None);
    }
}
