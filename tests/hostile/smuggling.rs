//! A request inside a request: what two servers in a row could cut in two places is refused, the connection is
//! closed, and nothing of it reaches a second request.
//!
//! Each case carries a whole second request that would publish an event; a stream watches that none ever comes.

use crate::common::DEADLINE;
use crate::common::api::{metric, problem, publish};
use crate::common::events::{tick, tick_data};
use crate::common::http::{Conn, Pieces, compose};
use crate::common::server::Server;
use crate::common::stream::Stream;
use crate::watch::{Watch, among_others};

const MEMORY: usize = 8 << 20;
/// In every case, where the second request stands.
const SECOND: &str = "{second}";

/// Header lines of a `POST /publish`, what stands in the place of its body, and the status that refuses it.
const CASES: &[(&str, &str, &str, u16)] = &[
    (
        "a length that ends before the chunks do",
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n{second}",
        400,
    ),
    (
        "chunks before the length",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "0\r\n\r\n{second}",
        400,
    ),
    ("two lengths", "Content-Length: 0\r\nContent-Length: 500\r\n", "{second}", 400),
    ("two equal lengths", "Content-Length: 0\r\nContent-Length: 0\r\n", "{second}", 400),
    ("a list of lengths", "Content-Length: 0, 0\r\n", "{second}", 400),
    ("a length with a sign", "Content-Length: +0\r\n", "{second}", 400),
    ("a length below zero", "Content-Length: -1\r\n", "{second}", 400),
    ("a length in hex", "Content-Length: 0x0\r\n", "{second}", 400),
    ("a length with a fraction", "Content-Length: 0.0\r\n", "{second}", 400),
    ("a length with an exponent", "Content-Length: 0e1\r\n", "{second}", 400),
    ("a length with a space inside", "Content-Length: 0 0\r\n", "{second}", 400),
    ("a length without digits", "Content-Length: \r\n", "{second}", 400),
    ("a length in other digits", "Content-Length: \u{0660}\r\n", "{second}", 400),
    ("a length over 64 bits", "Content-Length: 18446744073709551616\r\n", "{second}", 413),
    ("a length before a space", "Content-Length : 0\r\n", "{second}", 400),
    ("a length before a tab", "Content-Length\t: 0\r\n", "{second}", 400),
    ("a length before a vertical tab", "Content-Length\u{b}: 0\r\n", "{second}", 400),
    ("a length on a folded line", "Content-Length:\r\n 0\r\n", "{second}", 400),
    ("a length that goes on on the next line", "Content-Length: 0\r\n 5\r\n", "{second}", 400),
    ("a length after a bare CR", "X: a\rContent-Length: 0\r\n", "{second}", 400),
    ("a length after a bare LF", "X: a\nContent-Length: 0\r\n", "{second}", 400),
    ("a length after NUL", "X: a\0\r\nContent-Length: 0\r\n", "{second}", 400),
    ("a length that ends with CR CR LF", "Content-Length: 0\r\r\n", "{second}", 400),
    (
        "two codings",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "0\r\n\r\n{second}",
        400,
    ),
    ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n{second}", 400),
    ("chunked and then not", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n{second}", 400),
    ("a coding below chunked", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n{second}", 501),
    ("almost chunked", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n{second}", 400),
    ("quoted", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n{second}", 400),
    ("with a parameter", "Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n{second}", 400),
    ("after a vertical tab", "Transfer-Encoding:\u{b}chunked\r\n", "0\r\n\r\n{second}", 400),
    ("before NUL", "Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n{second}", 400),
    ("on a folded line", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n{second}", 400),
    ("before a space", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n{second}", 400),
    ("in a name of two words", "X Transfer-Encoding: chunked\r\n", "0\r\n\r\n{second}", 400),
    ("an empty coding", "Transfer-Encoding:\r\n", "0\r\n\r\n{second}", 400),
    ("a chunk with a sign", "Transfer-Encoding: chunked\r\n", "+0\r\n\r\n{second}", 400),
    ("a chunk with a prefix", "Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n{second}", 400),
    ("a chunk with an underscore", "Transfer-Encoding: chunked\r\n", "0_0\r\n\r\n{second}", 400),
    ("a chunk that is no number", "Transfer-Encoding: chunked\r\n", "G\r\n\r\n{second}", 400),
    ("a chunk after a space", "Transfer-Encoding: chunked\r\n", " 0\r\n\r\n{second}", 400),
    ("a chunk before a space", "Transfer-Encoding: chunked\r\n", "0 \r\n\r\n{second}", 400),
    (
        "a chunk of 2^64 and nothing",
        "Transfer-Encoding: chunked\r\n",
        "10000000000000000\r\n\r\n{second}",
        400,
    ),
    ("a chunk that ends with a bare LF", "Transfer-Encoding: chunked\r\n", "0\n\n{second}", 400),
    ("a chunk that ends with a bare CR", "Transfer-Encoding: chunked\r\n", "0\rX\n\r\n{second}", 400),
    ("a chunk without its end", "Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n{second}", 400),
    ("a bare LF in an extension", "Transfer-Encoding: chunked\r\n", "0;a\nb\r\n\r\n{second}", 400),
    (
        "a line end in a quoted extension",
        "Transfer-Encoding: chunked\r\n",
        "0;a=\"\r\n\r\n{second}\"\r\n\r\n",
        400,
    ),
    ("a bare semicolon", "Transfer-Encoding: chunked\r\n", "0;\r\n\r\n{second}", 400),
    ("a trailer that is no header", "Transfer-Encoding: chunked\r\n", "0\r\nX Y\r\n\r\n{second}", 400),
    ("a folded trailer", "Transfer-Encoding: chunked\r\n", "0\r\nX: a\r\n b\r\n\r\n{second}", 400),
    ("a trailer with a bare LF", "Transfer-Encoding: chunked\r\n", "0\r\nX: a\n\r\n{second}", 400),
    ("another expectation", "Content-Length: 0\r\nExpect: 100-continue, x\r\n", "{second}", 417),
    ("a body that is too long", "Content-Length: 99999999\r\n", "{second}", 413),
];

/// Whole requests with another one behind them.
const WHOLE: &[(&str, &str, u16)] = &[
    ("GET with a length", "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n{second}", 400),
    (
        "HEAD with chunks",
        "HEAD /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}",
        400,
    ),
    (
        "chunks in HTTP/1.0",
        "POST /publish HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}",
        400,
    ),
    ("HTTP/0.9", "GET /healthz\r\n{second}", 400),
    ("two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{second}", 400),
    ("no Host", "GET /healthz HTTP/1.1\r\n\r\n{second}", 400),
    ("a Host before a space", "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n{second}", 400),
    ("a request line with a tab", "GET\t/healthz HTTP/1.1\r\nHost: a\r\n\r\n{second}", 400),
    ("a request line with a third word", "GET /healthz x HTTP/1.1\r\nHost: a\r\n\r\n{second}", 400),
    ("a version of its own", "GET /healthz HTTP/1.10\r\nHost: a\r\n\r\n{second}", 400),
    ("HTTP/2", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n{second}", 505),
    ("an unknown method", "POST\u{b} /publish HTTP/1.1\r\nHost: a\r\n\r\n{second}", 400),
    ("a method nobody knows", "SMUGGLE / HTTP/1.1\r\nHost: a\r\n\r\n{second}", 501),
    ("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n{second}", 501),
    ("a head of bare LF", "GET /healthz HTTP/1.1\nHost: a\n\n{second}", 400),
    ("empty lines first", "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n{second}", 400),
    ("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{second}", 505),
    (
        "a request after the last",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{second}",
        200,
    ),
    ("a request after HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n{second}", 200),
];

fn check(server: &Server, name: &str, bytes: &[u8], status: u16, pieces: Pieces) {
    let mut conn = Conn::open(server.addr());
    conn.send_in(pieces, bytes);
    let method = if bytes.starts_with(b"HEAD") { "HEAD" } else { "GET" };
    let answer = conn.try_read_response(method, DEADLINE).ok().flatten();
    let answer = answer.unwrap_or_else(|| panic!("{name} ({pieces:?}): no answer"));
    assert_eq!(answer.status, status, "{name} ({pieces:?})");
    assert!(answer.says_close(), "{name} ({pieces:?}): the connection would go on");
    if status >= 400 && method != "HEAD" {
        problem(&answer);
    }
    let rest = conn.read_to_end();
    assert!(rest.is_empty(), "{name} ({pieces:?}): a second answer: {}", rest.escape_ascii());
}

#[test]
fn nothing_reaches_a_second_request() {
    let _turn = among_others();
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut witness = Stream::open(&server);
    let smuggled = compose("POST", "/publish", &[("Content-Type", "application/json")], tick(666).as_bytes());
    let smuggled = String::from_utf8(smuggled).expect("an envelope is text");
    let posts = CASES.iter().map(|(name, lines, body, status)| {
        let head =
            format!("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}\r\n");
        (name, head + body, status)
    });
    let whole = WHOLE.iter().map(|(name, request, status)| (name, (*request).to_owned(), status));
    for (name, request, status) in posts.chain(whole) {
        let bytes = request.replace(SECOND, &smuggled);
        for pieces in Pieces::BOTH {
            check(&server, name, bytes.as_bytes(), *status, pieces);
        }
    }
    assert_eq!(metric(&server, "ssecast_events_published_total"), Some(0.0));
    publish(&server, &tick(1));
    assert_eq!(witness.next().data, tick_data(1), "the first event is the first that was meant");
    drop(witness);
    watch.end(&server, MEMORY);
}

#[test]
fn what_follows_the_request_for_a_stream_is_never_a_request() {
    let _turn = among_others();
    let server = Server::start();
    let smuggled = compose("POST", "/publish", &[("Content-Type", "application/json")], tick(666).as_bytes());
    for pieces in Pieces::BOTH {
        let mut conn = Conn::open(server.addr());
        conn.send_in(pieces, &[compose("GET", "/events", &[], b""), smuggled.clone()].concat());
        assert_eq!(conn.read_head().map(|head| head.status), Some(200));
    }
    assert_eq!(metric(&server, "ssecast_events_published_total"), Some(0.0));
}

#[test]
fn an_upgrade_is_not_taken_and_what_follows_in_the_other_protocol_is_refused() {
    let _turn = among_others();
    let server = Server::start();
    for upgrade in ["h2c", "websocket", "TLS/1.2"] {
        let mut conn = Conn::open(server.addr());
        let headers =
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", upgrade), ("HTTP2-Settings", "AAMAAABk")];
        conn.send(&compose("GET", "/healthz", &headers, b""));
        let answer = conn.read_response("GET");
        assert_eq!((answer.status, answer.header("upgrade")), (200, None), "{upgrade}");
        conn.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let refused = conn.read_response("GET");
        assert!(matches!(refused.status, 501 | 505) && refused.says_close(), "{upgrade}: {}", refused.status);
        assert!(conn.read_to_end().is_empty());
    }
}
