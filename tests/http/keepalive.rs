//! Many requests on one connection, one after another or at once, and what ends it.

use super::case::{chunked, one_chunk, with_lines};
use super::common::events::tick;
use super::common::http::{Conn, Pieces, compose};
use super::common::server::Server;

#[test]
fn a_connection_is_kept_alive() {
    let server = Server::start();
    for pieces in Pieces::BOTH {
        let mut conn = Conn::open(server.addr());
        for n in 0..20 {
            let body = tick(n);
            for (method, target, body, status) in [
                ("GET", "/healthz", "", 200),
                ("HEAD", "/healthz", "", 200),
                ("POST", "/publish", body.as_str(), 202),
                ("GET", "/nothing", "", 404),
                ("DELETE", "/healthz", "", 405),
                ("OPTIONS", "/healthz", "", 204),
            ] {
                let headers = [("Content-Type", "application/json")];
                conn.send_in(pieces, &compose(method, target, &headers, body.as_bytes()));
                let response = conn.read_response(method);
                assert_eq!(response.status, status, "{method} {target}");
                assert!(!response.says_close(), "{method} {target}");
            }
        }
    }
}

#[test]
fn close_and_old_versions_end_the_connection() {
    let server = Server::start();
    for bytes in [
        with_lines("Connection: close\r\n"),
        with_lines("Connection: foo, CLOSE\r\n"),
        b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        assert_eq!(conn.read_response("GET").status, 200);
        assert!(conn.read_to_end().is_empty());
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let body = tick(1);
    let post = compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes());
    let requests = [
        ("GET", compose("GET", "/healthz", &[], b""), 200),
        ("GET", compose("GET", "/nothing", &[], b""), 404),
        ("POST", post, 202),
        ("POST", chunked(&one_chunk(&body)), 202),
        ("HEAD", compose("HEAD", "/metrics", &[], b""), 200),
        ("DELETE", compose("DELETE", "/healthz", &[], b""), 405),
        ("GET", with_lines("Connection: close\r\n"), 200),
    ];
    let all: Vec<u8> = requests.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
    for pieces in Pieces::BOTH {
        let mut conn = Conn::open(server.addr());
        conn.send_in(pieces, &all);
        for (method, bytes, status) in &requests {
            let response = conn.read_response(method);
            assert_eq!(response.status, *status, "{}", String::from_utf8_lossy(bytes));
        }
        assert!(conn.read_to_end().is_empty());
    }
}

#[test]
fn many_pipelined_requests_are_all_answered() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    let one = compose("GET", "/healthz", &[], b"");
    conn.send(&one.repeat(2000));
    for n in 0..2000 {
        assert_eq!(conn.read_response("GET").status, 200, "{n}");
    }
}
