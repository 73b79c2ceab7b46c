//! Who may, and who gets what: tokens, tenants and topics over real sockets, hostile attempts first.

#[path = "access/carriers.rs"]
mod carriers;
mod common;
#[path = "access/expiry.rs"]
mod expiry;
#[path = "access/forged.rs"]
mod forged;
#[path = "access/insides.rs"]
mod insides;
#[path = "access/revoked.rs"]
mod revoked;
#[path = "access/setup.rs"]
mod setup;
#[path = "access/tenants.rs"]
mod tenants;
#[path = "access/topics.rs"]
mod topics;

use common::http::{Response, request};
use common::server::{Server, Setup};

/// The header that carries a token.
fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A server that takes tokens by `tokens::SECRET`.
fn jwt_server() -> Server {
    with_jwt("").start()
}

/// The same with more of the `[auth]` section.
fn with_jwt(more: &str) -> Setup {
    let secret = common::tokens::SECRET;
    Setup::new().config(&format!("[auth]\n{more}\njwt = [{{ alg = \"HS256\", key = \"{secret}\" }}]\n"))
}

/// `GET`, with a token in the header.
fn get_as(server: &Server, target: &str, token: &str) -> Response {
    request(server.addr(), "GET", target, &[("Authorization", &bearer(token))], b"")
}

/// `POST /publish`, with a token in the header.
fn publish_as(server: &Server, token: &str, envelopes: &str) -> Response {
    let headers = [("Authorization", bearer(token)), ("Content-Type", "application/json".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    request(server.addr(), "POST", "/publish", &headers, envelopes.as_bytes())
}
