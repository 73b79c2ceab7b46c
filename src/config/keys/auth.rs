//! `[auth]`: who may publish, subscribe and administer.

use super::Section;
use super::key::{Key, key, secret};
use super::notation::{HOUR, at, millis};
use crate::config::kind::Kind;

pub(super) static SECTION: Section = Section { name: "auth", title: "Access", keys: KEYS };

const KEYS: &[Key] = &[
    secret(
        "auth.publish_tokens",
        Kind::Tokens(at!(auth.publish_tokens)),
        "Tokens that may publish: as soon as there is one, or a JSON Web Token's key, publishing needs one. Others \
         see flags in the list of processes: a file is better.",
    ),
    key(
        "auth.publish_tokens_file",
        Kind::Path(at!(auth.publish_tokens_file)),
        "A file with more of them, one a line; lines that begin with # are not read.",
    ),
    secret(
        "auth.subscribe_tokens",
        Kind::Tokens(at!(auth.subscribe_tokens)),
        "Tokens that may open streams: as soon as there is one, or a JSON Web Token's key, streams need one.",
    ),
    key(
        "auth.subscribe_tokens_file",
        Kind::Path(at!(auth.subscribe_tokens_file)),
        "A file with more of them, one a line.",
    ),
    secret(
        "auth.admin_tokens",
        Kind::Tokens(at!(auth.admin_tokens)),
        "Tokens that may see /metrics, /stats and /clients and change the mode: as soon as there is one, these need \
         one, from this machine as well. Without any, the mode and, where publishing or streams need a token, /stats, \
         /clients and /recent are for this machine only.",
    ),
    key(
        "auth.admin_tokens_file",
        Kind::Path(at!(auth.admin_tokens_file)),
        "A file with more of them, one a line.",
    ),
    secret(
        "auth.jwt",
        Kind::JwtKeys(at!(auth.jwt)),
        "Keys of JSON Web Tokens: alg is the one algorithm of a key (HS256, HS384, HS512, RS256, PS256, ES256, EdDSA); \
         key_file a PEM file of the public key or a file of the secret, key the same right here, jwks_file a \
         JSON Web Key Set; kid, aud and iss, where given, must be those of the token. In the file, [[auth.jwt]] \
         tables. See docs/access.md.",
    ),
    key(
        "auth.leeway",
        Kind::Duration(at!(auth.leeway), millis(0, HOUR)),
        "By how much the clock of whoever makes tokens may differ from ours: a token is good that much longer, \
         and earlier.",
    ),
    key(
        "auth.query_token",
        Kind::Switch(at!(auth.query_token)),
        "Take a token from ?access_token= as well. Addresses end up in the logs of proxies and browsers: prefer \
         the header or the cookie ssecast_token.",
    ),
    key(
        "auth.open_publish",
        Kind::Switch(at!(auth.open_publish)),
        "Let anyone publish who reaches the server, also where it listens beyond loopback and there is no token.",
    ),
    key(
        "auth.open_streams",
        Kind::Switch(at!(auth.open_streams)),
        "Let streams be opened without a token, too, where there are tokens for them: such a client sees the \
         events of no tenant, unless auth.open_tenants lets it name one. A token that is sent has to be good.",
    ),
    key(
        "auth.open_tenants",
        Kind::Switch(at!(auth.open_tenants)),
        "Let a client whose token names no tenant name one itself, by ?tenant=.",
    ),
];
