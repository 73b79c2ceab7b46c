//! What TLS to Redis needs: authorities, and our own certificate where the server wants one.
//!
//! Files are read here once, not at each connect. Certificates are always verified; there is no way to
//! turn that off.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_native_certs};

use super::error::SetupError;
use super::options::Options;

const CA_FILE: &str = "redis.ca_file";
const CERT_FILE: &str = "redis.cert_file";
const KEY_FILE: &str = "redis.key_file";

/// Reads the files that `options` names.
pub(super) fn client_config(options: &Options) -> Result<Arc<ClientConfig>, SetupError> {
    let roots = match &options.ca_file {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system(load_native_certs())?,
    };
    // Named here, since which provider a process has as its default depends on what else is linked.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::unusable("redis.url", format!("TLS: {error}")))?
        .with_root_certificates(roots);
    let config = match (&options.cert_file, &options.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert_file), Some(key_file)) => builder
            .with_client_auth_cert(certificates(CERT_FILE, cert_file)?, private_key(key_file)?)
            .map_err(|error| SetupError::unusable(CERT_FILE, format!("with {KEY_FILE}: {error}")))?,
        (Some(_), None) => return Err(SetupError::unusable(CERT_FILE, "redis.key_file has to be set too")),
        (None, Some(_)) => return Err(SetupError::unusable(KEY_FILE, "redis.cert_file has to be set too")),
    };
    Ok(Arc::new(config))
}

/// The key of a file that only TLS has a use for, if one is set.
pub(super) fn file_without_use(options: &Options) -> Option<&'static str> {
    [(CA_FILE, &options.ca_file), (CERT_FILE, &options.cert_file), (KEY_FILE, &options.key_file)]
        .into_iter()
        .find_map(|(key, file)| file.as_ref().map(|_| key))
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA_FILE, path)? {
        roots.add(certificate).map_err(|error| SetupError::unusable(CA_FILE, error.to_string()))?;
    }
    Ok(roots)
}

/// What the system has, but for those that are of no use; some are there on most systems.
fn roots_of_system(found: CertificateResult) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        let reason = format!("has to be set, as the system has no certificate authorities{why}");
        return Err(SetupError::unusable(CA_FILE, reason));
    }
    Ok(roots)
}

/// The certificates of a PEM file, at least one.
fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(key, path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| SetupError::unusable(key, format!("{}: {error}", path.display())))?;
    if certificates.is_empty() {
        return Err(SetupError::unusable(key, format!("{}: holds no certificate in PEM", path.display())));
    }
    Ok(certificates)
}

/// The key of a PEM file. The parser's error is left out: it may quote the file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    PrivateKeyDer::from_pem_slice(&read(KEY_FILE, path)?).map_err(|_| {
        let what = "holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, without a passphrase)";
        SetupError::unusable(KEY_FILE, format!("{}: {what}", path.display()))
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SetupError> {
    fs::read(path).map_err(|error| SetupError::Unreadable { key, path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Authority;
    use super::*;

    #[test]
    fn the_system_has_authorities_or_a_file_is_needed() {
        let error = roots_of_system(CertificateResult::default()).unwrap_err().to_string();
        assert!(error.starts_with("redis.ca_file: has to be set"), "{error}");
        let mut found = CertificateResult::default();
        found.certs = certificates(CA_FILE, &Authority::new().ca_file()).unwrap();
        // Some systems have odd ones among them.
        found.certs.push(CertificateDer::from_slice(b"x"));
        assert_eq!(roots_of_system(found).unwrap().len(), 1);
    }

    #[test]
    fn a_bundle_is_taken_as_a_whole() {
        let (one, two) = (Authority::new(), Authority::new());
        let both = [fs::read(one.ca_file()).unwrap(), fs::read(two.ca_file()).unwrap()].concat();
        fs::write(one.ca_file(), both).unwrap();
        assert_eq!(roots_of_file(&one.ca_file()).unwrap().len(), 2);
    }
}
