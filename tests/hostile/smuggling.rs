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

/// A `POST /publish` whose end two servers could see in two places.
struct Case {
    name: &'static str,
    lines: &'static str,
    /// What stands in the place of its body.
    body: &'static str,
    /// The status that refuses it.
    status: u16,
}

/// Lines about its length, with the second request where it ends for those who take the length.
const fn sized(name: &'static str, lines: &'static str) -> Case {
    Case { name, lines, body: "{second}", status: 400 }
}

/// Lines about its coding, with the second request behind the chunks.
const fn coded(name: &'static str, lines: &'static str) -> Case {
    Case { name, lines, body: "0\r\n\r\n{second}", status: 400 }
}

/// Chunks of which one is not as it should be.
const fn chunks(name: &'static str, body: &'static str) -> Case {
    Case { name, lines: "Transfer-Encoding: chunked\r\n", body, status: 400 }
}

impl Case {
    const fn refused_by(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn request(&self) -> String {
        let Self { lines, body, .. } = self;
        format!("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}\r\n{body}")
    }
}

const CASES: &[Case] = &[
    coded("a length that ends before the chunks do", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
    coded("chunks before the length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    sized("two lengths", "Content-Length: 0\r\nContent-Length: 500\r\n"),
    sized("two equal lengths", "Content-Length: 0\r\nContent-Length: 0\r\n"),
    sized("a list of lengths", "Content-Length: 0, 0\r\n"),
    sized("a length with a sign", "Content-Length: +0\r\n"),
    sized("a length below zero", "Content-Length: -1\r\n"),
    sized("a length in hex", "Content-Length: 0x0\r\n"),
    sized("a length with a fraction", "Content-Length: 0.0\r\n"),
    sized("a length with an exponent", "Content-Length: 0e1\r\n"),
    sized("a length with a space inside", "Content-Length: 0 0\r\n"),
    sized("a length without digits", "Content-Length: \r\n"),
    sized("a length in other digits", "Content-Length: \u{0660}\r\n"),
    sized("a length over 64 bits", "Content-Length: 18446744073709551616\r\n").refused_by(413),
    sized("a length before a space", "Content-Length : 0\r\n"),
    sized("a length before a tab", "Content-Length\t: 0\r\n"),
    sized("a length before a vertical tab", "Content-Length\u{b}: 0\r\n"),
    sized("a length on a folded line", "Content-Length:\r\n 0\r\n"),
    sized("a length that goes on on the next line", "Content-Length: 0\r\n 5\r\n"),
    sized("a length after a bare CR", "X: a\rContent-Length: 0\r\n"),
    sized("a length after a bare LF", "X: a\nContent-Length: 0\r\n"),
    sized("a length after NUL", "X: a\0\r\nContent-Length: 0\r\n"),
    sized("a length that ends with CR CR LF", "Content-Length: 0\r\r\n"),
    coded("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    coded("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
    coded("chunked and then not", "Transfer-Encoding: chunked, identity\r\n"),
    coded("a coding below chunked", "Transfer-Encoding: gzip, chunked\r\n").refused_by(501),
    coded("almost chunked", "Transfer-Encoding: xchunked\r\n"),
    coded("quoted", "Transfer-Encoding: \"chunked\"\r\n"),
    coded("with a parameter", "Transfer-Encoding: chunked;a=b\r\n"),
    coded("after a vertical tab", "Transfer-Encoding:\u{b}chunked\r\n"),
    coded("before NUL", "Transfer-Encoding: chunked\0\r\n"),
    coded("on a folded line", "Transfer-Encoding:\r\n chunked\r\n"),
    coded("before a space", "Transfer-Encoding : chunked\r\n"),
    coded("in a name of two words", "X Transfer-Encoding: chunked\r\n"),
    coded("an empty coding", "Transfer-Encoding:\r\n"),
    chunks("a chunk with a sign", "+0\r\n\r\n{second}"),
    chunks("a chunk with a prefix", "0x0\r\n\r\n{second}"),
    chunks("a chunk with an underscore", "0_0\r\n\r\n{second}"),
    chunks("a chunk that is no number", "G\r\n\r\n{second}"),
    chunks("a chunk after a space", " 0\r\n\r\n{second}"),
    chunks("a chunk before a space", "0 \r\n\r\n{second}"),
    chunks("a chunk of 2^64 and nothing", "10000000000000000\r\n\r\n{second}"),
    chunks("a chunk that ends with a bare LF", "0\n\n{second}"),
    chunks("a chunk that ends with a bare CR", "0\rX\n\r\n{second}"),
    chunks("a chunk without its end", "1\r\nab\r\n0\r\n\r\n{second}"),
    chunks("a bare LF in an extension", "0;a\nb\r\n\r\n{second}"),
    chunks("a line end in a quoted extension", "0;a=\"\r\n\r\n{second}\"\r\n\r\n"),
    chunks("a bare semicolon", "0;\r\n\r\n{second}"),
    chunks("a trailer that is no header", "0\r\nX Y\r\n\r\n{second}"),
    chunks("a folded trailer", "0\r\nX: a\r\n b\r\n\r\n{second}"),
    chunks("a trailer with a bare LF", "0\r\nX: a\n\r\n{second}"),
    sized("another expectation", "Content-Length: 0\r\nExpect: 100-continue, x\r\n").refused_by(417),
    sized("a body that is too long", "Content-Length: 99999999\r\n").refused_by(413),
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

/// The second request.
fn second() -> Vec<u8> {
    compose("POST", "/publish", &[("Content-Type", "application/json")], tick(666).as_bytes())
}

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
    let second = String::from_utf8(second()).expect("an envelope is text");
    let posts = CASES.iter().map(|case| (case.name, case.request(), case.status));
    let whole = WHOLE.iter().map(|(name, request, status)| (*name, (*request).to_owned(), *status));
    for (name, request, status) in posts.chain(whole) {
        let bytes = request.replace(SECOND, &second);
        for pieces in Pieces::BOTH {
            check(&server, name, bytes.as_bytes(), status, pieces);
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
    for pieces in Pieces::BOTH {
        let mut conn = Conn::open(server.addr());
        conn.send_in(pieces, &[compose("GET", "/events", &[], b""), second()].concat());
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
