//! Certificates for TLS on loopback, made for one test: an authority, a server and a client by it, and another
//! authority that has signed nothing.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::dir::TestDir;

/// The files, all PEM; they are removed with the last clone.
#[derive(Clone)]
pub(crate) struct Certificates {
    dir: Arc<TestDir>,
}

impl Certificates {
    /// Makes all of them; no two calls trust each other.
    pub(crate) fn new() -> Self {
        let dir = TestDir::new("certificates");
        let authority = issuer("authority");
        dir.write("authority.pem", &authority.pem());
        dir.write("foreign.pem", &issuer("foreign authority").pem());
        let usages = [
            ("server", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ];
        for (name, usage) in usages {
            let key = KeyPair::generate().expect("a key");
            let mut params = named(name, &["127.0.0.1", "localhost"]);
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![usage];
            params.use_authority_key_identifier_extension = true;
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            dir.write(&format!("{name}.pem"), &certificate.pem());
            dir.write(&format!("{name}.key"), &key.serialize_pem());
        }
        Self { dir: Arc::new(dir) }
    }

    /// The certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// The certificate of the authority that has signed nothing here.
    pub(crate) fn foreign_authority(&self) -> PathBuf {
        self.path("foreign.pem")
    }

    /// The certificate of a server on 127.0.0.1 and localhost.
    pub(crate) fn server_certificate(&self) -> PathBuf {
        self.path("server.pem")
    }

    /// Its key.
    pub(crate) fn server_key(&self) -> PathBuf {
        self.path("server.key")
    }

    /// The certificate of a client.
    pub(crate) fn client_certificate(&self) -> PathBuf {
        self.path("client.pem")
    }

    /// Its key.
    pub(crate) fn client_key(&self) -> PathBuf {
        self.path("client.key")
    }

    /// What a client of the `redis` crate needs that trusts the authority and has a certificate.
    pub(crate) fn for_client(&self) -> redis::TlsCertificates {
        let read = |path: PathBuf| std::fs::read(path).expect("it was written");
        redis::TlsCertificates {
            client_tls: Some(redis::ClientTlsConfig {
                client_cert: read(self.client_certificate()),
                client_key: read(self.client_key()),
            }),
            root_cert: Some(read(self.authority())),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, format!("ssecast test {name}"));
    params
}
