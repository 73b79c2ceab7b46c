//! One request and what may be answered, checked both ways; and the requests that several tests make.

use super::common::DEADLINE;
use super::common::api::{assert_alive, problem};
use super::common::http::{Conn, Pieces, Response, TimedOut, compose};
use super::common::server::Server;

/// One request and what may be answered.
pub(crate) struct Case {
    pub(crate) name: String,
    bytes: Vec<u8>,
    pub(crate) allowed: Vec<u16>,
}

pub(crate) fn case(name: &str, bytes: impl Into<Vec<u8>>, allowed: &[u16]) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), allowed: allowed.to_vec() }
}

/// Sends each case both ways and checks the answer, and that the connection is what the answer says.
pub(crate) fn check(server: &Server, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        for pieces in Pieces::BOTH {
            if let Err(failure) = check_one(server, case, pieces) {
                failures.push(format!("{} ({pieces:?}): {failure}", case.name));
            }
            assert_alive(server);
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

fn check_one(server: &Server, case: &Case, pieces: Pieces) -> Result<(), String> {
    let mut conn = Conn::open(server.addr());
    conn.send_in(pieces, &case.bytes);
    let method = if case.bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let response = match conn.try_read_response(method, DEADLINE) {
        Ok(Some(response)) => response,
        Ok(None) => return Err("closed without an answer".to_owned()),
        Err(TimedOut) => return Err("no answer".to_owned()),
    };
    if !case.allowed.contains(&response.status) {
        return Err(format!("{} instead of {:?}", response.status, case.allowed));
    }
    if response.status == 400 && !response.says_close() {
        return Err("a 400 without Connection: close".to_owned());
    }
    if response.status >= 400 && method != "HEAD" {
        problem(&response);
    }
    connection_is_as_said(&mut conn, &response)
}

/// `Connection: close` is followed by the end; without it the next request is answered.
fn connection_is_as_said(conn: &mut Conn, response: &Response) -> Result<(), String> {
    if response.says_close() || response.status_line.starts_with("HTTP/1.0") {
        if !conn.ends_within(DEADLINE) {
            return Err("said close and did not".to_owned());
        }
        let rest = conn.read_to_end();
        return if rest.is_empty() { Ok(()) } else { Err(format!("after the answer: {rest:?}")) };
    }
    conn.send(&compose("GET", "/healthz", &[], b""));
    match conn.try_read_response("GET", DEADLINE) {
        Ok(Some(next)) if next.status == 200 => Ok(()),
        other => Err(format!("kept alive, then {:?}", other.map(|r| r.map(|r| r.status)))),
    }
}

/// A request for `/healthz` with these lines after `Host`.
pub(crate) fn with_lines(lines: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

/// A request line with `Host` below it.
pub(crate) fn line(request_line: &str) -> Vec<u8> {
    format!("{request_line}\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A publish of a valid envelope framed by these lines.
pub(crate) fn publish_framed(lines: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

/// A publish with a chunked body, given as it goes over the wire.
pub(crate) fn chunked(wire: &str) -> Vec<u8> {
    publish_framed("Transfer-Encoding: chunked\r\n", wire)
}

/// `body` as one chunk and the last one.
pub(crate) fn one_chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}
