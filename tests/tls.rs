//! TLS at the public listener, by clients of others (curl, openssl) and by one that the tests drive themselves.

mod common;

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/client.rs"]
mod client;
#[path = "tls/hostile.rs"]
mod hostile;
#[path = "tls/protocols.rs"]
mod protocols;
#[path = "tls/streams.rs"]
mod streams;
