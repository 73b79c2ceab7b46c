//! Bodies that are asked for, empty, or refused before they came.

use super::case::{one_chunk, publish_framed};
use super::common::DEADLINE;
use super::common::api::assert_alive;
use super::common::events::tick;
use super::common::http::{Conn, compose};
use super::common::server::Server;

#[test]
fn a_body_is_asked_for_when_the_client_waits() {
    let server = Server::start();
    let body = tick(1);
    for framing in
        [format!("Content-Length: {}\r\n", body.len()), "Transfer-Encoding: chunked\r\n".to_owned()]
    {
        let wire = if framing.starts_with('T') { one_chunk(&body) } else { body.clone() };
        let mut conn = Conn::open(server.addr());
        conn.send(&publish_framed(&format!("{framing}Expect: 100-Continue\r\n"), ""));
        assert_eq!(conn.read_response("POST").status, 100);
        conn.send(wire.as_bytes());
        assert_eq!(conn.read_response("POST").status, 202);
        conn.send(&compose("GET", "/healthz", &[], b""));
        assert_eq!(conn.read_response("GET").status, 200);
    }
}

#[test]
fn no_body_is_asked_for_that_would_be_refused() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    conn.send(&publish_framed("Content-Length: 99999999\r\nExpect: 100-continue\r\n", ""));
    assert_eq!(conn.read_response("POST").status, 413);
    assert!(conn.ends_within(DEADLINE), "the body may still come, so the connection cannot go on");
}

#[test]
fn an_empty_body_is_a_400_that_keeps_the_connection() {
    let server = Server::start();
    for bytes in [
        publish_framed("", ""),
        publish_framed("Content-Length: 0\r\n", ""),
        publish_framed("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        let response = conn.read_response("POST");
        assert_eq!(response.status, 400);
        assert!(!response.says_close(), "{:?}", response.headers);
        conn.send(&compose("GET", "/healthz", &[], b""));
        assert_eq!(conn.read_response("GET").status, 200);
    }
}

#[test]
fn a_refused_body_does_not_destroy_the_answer() {
    let server = Server::start();
    // More than the sockets hold: a close without reading on would reset the connection under the answer.
    let mut conn = Conn::open(server.addr());
    conn.send(&publish_framed("Content-Length: 2000000\r\n", &" ".repeat(60_000)));
    assert_eq!(conn.read_response("POST").status, 413);
    assert!(conn.ends_within(DEADLINE));
    assert_alive(&server);
}
