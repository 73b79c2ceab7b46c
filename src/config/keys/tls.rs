//! `[tls]`: TLS at the public listener.

use super::Section;
use super::key::{Key, key};
use super::notation::{at, choice};
use crate::config::TlsVersion;
use crate::config::kind::Kind;

pub(super) static SECTION: Section = Section { name: "tls", title: "TLS", keys: KEYS };

const KEYS: &[Key] = &[
    key(
        "tls.cert_file",
        Kind::Path(at!(tls.cert_file)),
        "A PEM file of the certificate, and those between it and its authority, for TLS at server.listen. A reload \
         reads it again. See docs/tls.md.",
    ),
    key("tls.key_file", Kind::Path(at!(tls.key_file)), "A PEM file of the key to tls.cert_file."),
    key("tls.min_version", choice!(TlsVersion, tls.min_version), "The oldest version of TLS that is spoken."),
];
