//! The routes that tests use all the time: publish, and what the operator sees.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::http::{Response, get, request};
use super::server::Server;

/// `POST /publish` of an `application/json` body.
pub(crate) fn post(addr: SocketAddr, body: &[u8]) -> Response {
    post_as(addr, "application/json", body)
}

/// `POST /publish` of a body of that type.
pub(crate) fn post_as(addr: SocketAddr, content_type: &str, body: &[u8]) -> Response {
    request(addr, "POST", "/publish", &[("Content-Type", content_type), ("Connection", "close")], body)
}

/// Publishes one envelope, which must be accepted; the id that it got.
pub(crate) fn publish(server: &Server, envelope: &str) -> String {
    last_id(&post(server.addr(), envelope.as_bytes()), 1)
}

/// Publishes lines of envelopes, which must all be accepted; the id of the last one.
pub(crate) fn publish_lines(server: &Server, lines: &str) -> String {
    let response = post_as(server.addr(), "application/x-ndjson", lines.as_bytes());
    last_id(&response, lines.lines().count())
}

/// Checks a 202 and returns its `lastId`.
pub(crate) fn last_id(response: &Response, accepted: usize) -> String {
    assert_eq!(response.status, 202, "{:?}", String::from_utf8_lossy(&response.body));
    let body = response.json();
    assert_eq!(body["accepted"], accepted, "{body}");
    assert_eq!(body["via"], "local", "{body}");
    body["lastId"].as_str().unwrap_or_else(|| panic!("no lastId in {body}")).to_owned()
}

/// The entries of `/clients`.
pub(crate) fn clients(server: &Server) -> Vec<Value> {
    clients_of(&get(server.addr(), "/clients?limit=1000"))
}

/// The entries of an answer of `/clients`.
pub(crate) fn clients_of(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    let list = if body.is_array() { &body } else { &body["clients"] };
    list.as_array().unwrap_or_else(|| panic!("no list of clients in {body}")).clone()
}

/// Whether `/clients` lists this address.
pub(crate) fn is_listed(server: &Server, address: SocketAddr) -> bool {
    let text = format!("\"{address}\"");
    clients(server).iter().any(|client| client.to_string().contains(&text))
}

/// The sum of all series of a metric; `None` when there is none.
pub(crate) fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = get(server.addr(), "/metrics").text();
    let values: Vec<f64> = text
        .lines()
        .filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// A problem document: its shape is checked, its JSON returned.
pub(crate) fn problem(response: &Response) -> Value {
    let content_type = response.header("content-type").unwrap_or_default().to_owned();
    let context = format!("{} {:?}", response.status_line, String::from_utf8_lossy(&response.body));
    assert!(content_type.starts_with("application/problem+json"), "{content_type:?}: {context}");
    let body = response.json();
    assert_eq!(body["status"], response.status, "{context}");
    for key in ["title", "detail"] {
        assert!(body[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}: {context}");
    }
    body
}

/// The server has nothing to do, and does nothing: a loop that spins would take all of the time.
pub(crate) fn assert_idle(server: &Server) {
    let before = server.cpu_time();
    std::thread::sleep(Duration::from_millis(500));
    let spent = server.cpu_time() - before;
    assert!(spent < Duration::from_millis(250), "it spins: {spent:?} of 500 ms");
}

/// The server still serves.
pub(crate) fn assert_alive(server: &Server) {
    assert_alive_at(server.addr());
}

/// The same at another address of it.
pub(crate) fn assert_alive_at(addr: SocketAddr) {
    let response = get(addr, "/healthz");
    assert_eq!(response.status, 200, "{:?}", response.text());
}
