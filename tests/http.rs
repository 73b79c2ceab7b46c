//! HTTP/1.1 as the server must take and refuse it, over real sockets (RFC 9110 and 9112).
//!
//! Every refused request goes out twice, once in one piece and once byte by byte. After each the server
//! must still serve.

mod common;

use std::time::{Duration, Instant};

use common::DEADLINE;
use common::api::{assert_alive, problem, publish};
use common::events::{envelope, tick};
use common::http::{Conn, Pieces, Response, TimedOut, compose, find, get, request};
use common::server::{Server, Setup};
use common::stream::Stream;

/// One request and what may be answered.
struct Case {
    name: String,
    bytes: Vec<u8>,
    allowed: Vec<u16>,
}

fn case(name: &str, bytes: impl Into<Vec<u8>>, allowed: &[u16]) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), allowed: allowed.to_vec() }
}

/// Sends each case both ways and checks the answer, and that the connection is what the answer says.
fn check(server: &Server, cases: &[Case]) {
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
fn with_lines(lines: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

/// A request line with `Host` below it.
fn line(request_line: &str) -> Vec<u8> {
    format!("{request_line}\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A publish of a valid envelope framed by these lines.
fn publish_framed(lines: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

/// A publish with a chunked body, given as it goes over the wire.
fn chunked(wire: &str) -> Vec<u8> {
    publish_framed("Transfer-Encoding: chunked\r\n", wire)
}

/// `body` as one chunk and the last one.
fn one_chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[test]
fn framing_that_could_be_read_two_ways_is_refused() {
    let server = Server::start();
    let body = tick(1);
    let (n, wire) = (body.len(), one_chunk(&body));
    let sized = |lines: String| publish_framed(&lines, &body);
    let coded = |lines: &str| publish_framed(lines, &wire);
    let cases = [
        case(
            "length and chunked",
            coded(&format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n")),
            &[400],
        ),
        case(
            "chunked and length",
            coded(&format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n")),
            &[400],
        ),
        case(
            "the same length twice",
            sized(format!("Content-Length: {n}\r\nContent-Length: {n}\r\n")),
            &[400],
        ),
        case("two lengths", sized(format!("Content-Length: {n}\r\nContent-Length: 1\r\n")), &[400]),
        case("a list of lengths", sized(format!("Content-Length: {n}, {n}\r\n")), &[400]),
        case("a plus sign", sized(format!("Content-Length: +{n}\r\n")), &[400]),
        case("a minus sign", sized("Content-Length: -1\r\n".into()), &[400]),
        case("hex", sized(format!("Content-Length: 0x{n:x}\r\n")), &[400]),
        case("hex digits", sized("Content-Length: 1f\r\n".into()), &[400]),
        case("a space inside", sized("Content-Length: 1 0\r\n".into()), &[400]),
        case("an empty length", sized("Content-Length:\r\n".into()), &[400]),
        case("a blank length", sized("Content-Length:   \r\n".into()), &[400]),
        case("a quoted length", sized(format!("Content-Length: \"{n}\"\r\n")), &[400]),
        case("a fraction", sized(format!("Content-Length: {n}.0\r\n")), &[400]),
        case("over 64 bits", sized("Content-Length: 18446744073709551616\r\n".into()), &[413]),
        case("far over 64 bits", sized(format!("Content-Length: {}\r\n", "9".repeat(100))), &[413]),
        case("over the body limit", sized("Content-Length: 1048577\r\n".into()), &[413]),
        case("all 64 bits", sized("Content-Length: 18446744073709551615\r\n".into()), &[413]),
        case("space before the colon", sized(format!("Content-Length : {n}\r\n")), &[400]),
        case("coding twice", coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), &[400]),
        case("chunked twice", coded("Transfer-Encoding: chunked, chunked\r\n"), &[400]),
        case("space before the colon of a coding", coded("Transfer-Encoding : chunked\r\n"), &[400]),
        case("identity", coded("Transfer-Encoding: identity\r\n"), &[400, 501]),
        case("gzip", coded("Transfer-Encoding: gzip\r\n"), &[400, 501]),
        case("gzip, chunked", coded("Transfer-Encoding: gzip, chunked\r\n"), &[501]),
        case("chunked, gzip", coded("Transfer-Encoding: chunked, gzip\r\n"), &[400]),
        case("chunked, identity", coded("Transfer-Encoding: chunked, identity\r\n"), &[400]),
        case("an unknown coding", coded("Transfer-Encoding: xchunked\r\n"), &[400, 501]),
        case("an empty coding", coded("Transfer-Encoding:\r\n"), &[400]),
        case("a comma too many", coded("Transfer-Encoding: ,chunked\r\n"), &[400]),
        case("quoted", coded("Transfer-Encoding: \"chunked\"\r\n"), &[400]),
        case("a parameter", coded("Transfer-Encoding: chunked;q=1\r\n"), &[400]),
        case("a vertical tab", coded("Transfer-Encoding: \u{b}chunked\r\n"), &[400]),
        case(
            "chunked on HTTP/1.0",
            format!(
                "POST /publish HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{wire}"
            ),
            &[400],
        ),
        case("a body on GET", [with_lines("Content-Length: 5\r\n"), b"hello".to_vec()].concat(), &[400]),
        case(
            "a chunked body on GET",
            [with_lines("Transfer-Encoding: chunked\r\n"), b"0\r\n\r\n".to_vec()].concat(),
            &[400],
        ),
        case("a folded coding", coded("Transfer-Encoding:\r\n chunked\r\n"), &[400]),
    ];
    check(&server, &cases);
}

#[test]
fn framing_that_is_unusual_but_right_is_accepted() {
    let server = Server::start();
    let body = tick(1);
    let wire = one_chunk(&body);
    let (head, tail) = body.split_at(10);
    let two = format!("A\r\n{head}\r\n0{:X}\r\n{tail}\r\n000\r\n\r\n", tail.len());
    let n = body.len();
    let cases = [
        case("sized", publish_framed(&format!("Content-Length: {n}\r\n"), &body), &[202]),
        case("leading zeros", publish_framed(&format!("Content-Length: 000{n}\r\n"), &body), &[202]),
        case("blanks around", publish_framed(&format!("Content-Length:  \t{n}\t \r\n"), &body), &[202]),
        case("no blank", publish_framed(&format!("content-length:{n}\r\n"), &body), &[202]),
        case("chunked", chunked(&wire), &[202]),
        case("a tab before chunked", publish_framed("Transfer-Encoding:\tchunked\r\n", &wire), &[202]),
        case("CHUNKED", publish_framed("TRANSFER-ENCODING: CHUNKED\r\n", &wire), &[202]),
        case("two chunks", chunked(&two), &[202]),
        case("an extension", chunked(&wire.replacen("\r\n", ";a=b;c\r\n", 1)), &[202]),
        case("a quoted extension", chunked(&wire.replacen("\r\n", ";a=\"x y\"\r\n", 1)), &[202]),
        case(
            "trailers",
            chunked(&wire.replace("0\r\n\r\n", "0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n")),
            &[202],
        ),
        case(
            "HTTP/1.0 with a length",
            format!(
                "POST /publish HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {n}\r\n\r\n{body}"
            ),
            &[202],
        ),
    ];
    check(&server, &cases);
}

#[test]
fn broken_chunks_are_refused() {
    let server = Server::start();
    let body = tick(1);
    let (n, wire) = (body.len(), one_chunk(&body));
    let sized = |size: String| chunked(&format!("{size}\r\n{body}\r\n0\r\n\r\n"));
    let cases = [
        case("a plus sign", sized(format!("+{n:x}")), &[400]),
        case("a minus sign", sized(format!("-{n:x}")), &[400]),
        case("a prefix", sized(format!("0x{n:x}")), &[400]),
        case("an underscore", sized(format!("0_{n:x}")), &[400]),
        case("a space before", sized(format!(" {n:x}")), &[400]),
        case("a space after", sized(format!("{n:x} ")), &[400]),
        case("a tab after", sized(format!("{n:x}\t")), &[400]),
        case("no size", sized(String::new()), &[400]),
        case("no hex digit", sized("g".into()), &[400]),
        case("overflow", sized("10000000000000000".into()), &[400, 413]),
        case("overflow by far", sized("f".repeat(64)), &[400, 413]),
        case("wraps to the right size", sized(format!("1{n:016x}")), &[400, 413]),
        case("over the body limit", sized("100001".into()), &[413]),
        case(
            "over the body limit in sum",
            chunked(&format!("{0:x}\r\n{1}\r\n{0:x}\r\n{1}\r\n", 0x9_0000, " ".repeat(0x9_0000))),
            &[413],
        ),
        case("bare LF after the size", chunked(&format!("{n:x}\n{body}\r\n0\r\n\r\n")), &[400]),
        case("bare CR after the size", chunked(&format!("{n:x}\r{body}\r\n0\r\n\r\n")), &[400]),
        case("no line end after the data", chunked(&format!("{n:x}\r\n{body}0\r\n\r\n")), &[400]),
        case("bare LF after the data", chunked(&format!("{n:x}\r\n{body}\n0\r\n\r\n")), &[400]),
        case("more data than said", chunked(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", n - 1)), &[400]),
        case("bare LF at the end", chunked(&wire.replace("0\r\n\r\n", "0\r\n\n")), &[400]),
        case("LF LF at the end", chunked(&wire.replace("0\r\n\r\n", "0\n\n")), &[400]),
        case("a bare semicolon", chunked(&wire.replacen("\r\n", ";\r\n", 1)), &[400]),
        case(
            "a control character in an extension",
            chunked(&wire.replacen("\r\n", ";a=\u{1}\r\n", 1)),
            &[400],
        ),
        case("NUL in an extension", chunked(&wire.replacen("\r\n", ";a=\0\r\n", 1)), &[400]),
        case("LF in a quoted extension", chunked(&wire.replacen("\r\n", ";a=\"\n\"\r\n", 1)), &[400]),
        case(
            "a long extension",
            chunked(&wire.replacen("\r\n", &format!(";a={}\r\n", "b".repeat(300)), 1)),
            &[400],
        ),
        case("a folded trailer", chunked(&wire.replace("0\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n")), &[400]),
    ];
    check(&server, &cases);
    assert_eq!(common::api::metric(&server, "ssecast_events_published_total").unwrap_or(0.0), 0.0);
}

#[test]
fn a_body_cut_short_publishes_nothing() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let body = tick(1);
    let lines = format!("{body}\n{body}\n");
    for bytes in [
        publish_framed(&format!("Content-Length: {}\r\n", body.len() + 1), &body),
        chunked(&format!("{:x}\r\n{body}\r\n", body.len())),
        chunked(&format!("{:x}\r\n{body}\r\n0\r\n", body.len())),
        format!(
            "POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{lines}",
            lines.len() + 1
        )
        .into_bytes(),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        conn.half_close();
        let answer = String::from_utf8_lossy(&conn.read_to_end()).into_owned();
        assert!(!answer.contains(" 202 "), "{answer}");
    }
    publish(&server, &envelope("after", "1", "1"));
    assert_eq!(stream.next().event, "after");
}

#[test]
fn request_lines_are_strict() {
    let server = Server::start();
    let cases = [
        case("an unknown method", line("BREW /healthz HTTP/1.1"), &[501]),
        case("a lower case method", line("get /healthz HTTP/1.1"), &[501]),
        case("an overlong method", line(&format!("{} /healthz HTTP/1.1", "M".repeat(500))), &[501]),
        case("a method that is no token", line("G@T /healthz HTTP/1.1"), &[400]),
        case("TRACE", line("TRACE /healthz HTTP/1.1"), &[405, 501]),
        case("CONNECT", line("CONNECT localhost:80 HTTP/1.1"), &[400, 405, 501]),
        case("a target over the limit", line(&format!("GET /{} HTTP/1.1", "a".repeat(9000))), &[414]),
        case(
            "a query over the limit",
            line(&format!("GET /events?type={} HTTP/1.1", "a".repeat(9000))),
            &[414],
        ),
        case("authority form", line("GET localhost:80 HTTP/1.1"), &[400]),
        case("asterisk form of GET", line("GET * HTTP/1.1"), &[400]),
        case("relative", line("GET healthz HTTP/1.1"), &[400]),
        case("a fragment", line("GET /healthz#top HTTP/1.1"), &[400]),
        case("user info", line("GET http://me@localhost/healthz HTTP/1.1"), &[400]),
        case("user and password", line("GET http://me:pw@localhost/healthz HTTP/1.1"), &[400]),
        case("no host in absolute form", line("GET http:///healthz HTTP/1.1"), &[400]),
        case("another scheme", line("GET ftp://localhost/healthz HTTP/1.1"), &[400]),
        case("two spaces", line("GET  /healthz HTTP/1.1"), &[400]),
        case("two spaces before the version", line("GET /healthz  HTTP/1.1"), &[400]),
        case("a tab", line("GET\t/healthz\tHTTP/1.1"), &[400]),
        case("a trailing space", line("GET /healthz HTTP/1.1 "), &[400]),
        case("a leading space", line(" GET /healthz HTTP/1.1"), &[400]),
        case("a space in the target", line("GET /heal thz HTTP/1.1"), &[400]),
        case("no target", line("GET HTTP/1.1"), &[400]),
        case("HTTP/2.0", line("GET /healthz HTTP/2.0"), &[505]),
        case("HTTP/3.0", line("GET /healthz HTTP/3.0"), &[505]),
        case("HTTP/2", line("GET /healthz HTTP/2"), &[400, 505]),
        case("a lower case version", line("GET /healthz http/1.1"), &[400]),
        case("a misspelt version", line("GET /healthz HTPP/1.1"), &[400]),
        case("a comma", line("GET /healthz HTTP/1,1"), &[400]),
        case("a long minor", line("GET /healthz HTTP/1.11"), &[400]),
        case("a leading zero", line("GET /healthz HTTP/01.1"), &[400]),
        case("HTTP/0.9", "GET /healthz\r\n\r\n", &[400]),
        case("many leading line ends", "\r\n\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        case("bare LF", "GET /healthz HTTP/1.1\nHost: a\n\n", &[400]),
        case("bare LF after the request line", "GET /healthz HTTP/1.1\nHost: a\r\n\r\n", &[400]),
        case("CR CR LF", "GET /healthz HTTP/1.1\r\r\nHost: a\r\n\r\n", &[400]),
        case("NUL in the target", "GET /heal\0thz HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
    ];
    check(&server, &cases);
}

#[test]
fn request_lines_that_are_right_are_served() {
    let server = Server::start();
    let cases = [
        case("plain", line("GET /healthz HTTP/1.1"), &[200]),
        case("a query", line("GET /healthz?a=b&c HTTP/1.1"), &[200]),
        case("absolute form, its host wins", line("GET http://example.com/healthz HTTP/1.1"), &[200]),
        case("absolute form with a port", line("GET http://example.com:8080/healthz HTTP/1.1"), &[200]),
        case("OPTIONS *", line("OPTIONS * HTTP/1.1"), &[204]),
        case("one leading line end", "\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", &[200]),
        case("HTTP/1.0 without Host", "GET /healthz HTTP/1.0\r\n\r\n", &[200]),
        case("an IPv6 host", "GET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", &[200]),
        case("close", with_lines("Connection: close\r\n"), &[200]),
        case("Upgrade is ignored", with_lines("Connection: upgrade\r\nUpgrade: h2c\r\n"), &[200]),
        case("Range is ignored", with_lines("Range: bytes=0-1\r\n"), &[200]),
        case("HEAD", line("HEAD /healthz HTTP/1.1"), &[200]),
    ];
    check(&server, &cases);
}

#[test]
fn headers_are_strict() {
    let server = Server::start();
    let many: String = (0..65).map(|n| format!("X-{n}: a\r\n")).collect();
    let raw = |bytes: &[u8]| [&b"GET /healthz HTTP/1.1\r\nHost: a\r\n"[..], bytes, b"\r\n"].concat();
    let host = |lines: &str| format!("GET /healthz HTTP/1.1\r\n{lines}\r\n");
    let cases = [
        case("no Host", host(""), &[400]),
        case("two Hosts", host("Host: a\r\nHost: a\r\n"), &[400]),
        case("a Host with a space", host("Host: a b\r\n"), &[400]),
        case("a Host with a slash", host("Host: a/b\r\n"), &[400]),
        case("a Host with user info", host("Host: me@a\r\n"), &[400]),
        case("a Host with a wrong port", host("Host: a:http\r\n"), &[400]),
        case("a list of Hosts", host("Host: a, b\r\n"), &[400]),
        case("a Host with a bracket too few", host("Host: [::1\r\n"), &[400]),
        case("a folded line", raw(b"X-A: b\r\n c\r\n"), &[400]),
        case("folded with a tab", raw(b"X-A: b\r\n\tc\r\n"), &[400]),
        case("a first line folded", "GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n", &[400]),
        case("a space in a name", raw(b"X A: b\r\n"), &[400]),
        case("a space before the colon", raw(b"X-A : b\r\n"), &[400]),
        case("an empty name", raw(b": b\r\n"), &[400]),
        case("no colon", raw(b"X-A\r\n"), &[400]),
        case("NUL in a name", raw(b"X\0A: b\r\n"), &[400]),
        case("a byte over 127 in a name", raw(b"X\xc3\xa4: b\r\n"), &[400]),
        case("NUL in a value", raw(b"X-A: b\0c\r\n"), &[400]),
        case("a bare CR in a value", raw(b"X-A: b\rc\r\n"), &[400]),
        case("a control character in a value", raw(b"X-A: b\x01c\r\n"), &[400]),
        case("DEL in a value", raw(b"X-A: b\x7fc\r\n"), &[400]),
        case("a bare LF as line end", raw(b"X-A: b\nX-B: c\r\n"), &[400]),
        case("CR CR LF as line end", raw(b"X-A: b\r\r\n"), &[400]),
        case("a bare LF as last line", "GET /healthz HTTP/1.1\r\nHost: a\r\n\n", &[400]),
        case("too many", with_lines(&many), &[431]),
        case("too long", with_lines(&format!("X-A: {}\r\n", "a".repeat(17 * 1024))), &[431]),
        case("a name too long", with_lines(&format!("{}: a\r\n", "a".repeat(17 * 1024))), &[431]),
        case("another expectation", with_lines("Expect: 200-ok\r\n"), &[417]),
    ];
    check(&server, &cases);
    // 64 with Host are fine.
    let most: String = (0..63).map(|n| format!("X-{n}: a\r\n")).collect();
    check(&server, &[case("as many as allowed", with_lines(&most), &[200])]);
    check(&server, &[case("bytes over 127 in a value", raw(b"X-A: \xc3\xa4\r\n"), &[200])]);
}

#[test]
fn targets_are_decoded_strictly() {
    let server = Server::start();
    let mut cases: Vec<Case> = [
        "/healthz%zz",
        "/healthz%",
        "/healthz%2",
        "/healthz?a=%zz",
        "/%00",
        "/healthz?a=%00",
        "/healthz%0d%0aX:%20y",
        "/events?type=%0a",
        "/healthz?a=%0D",
        "/%ff",
        "/events?type=%ff",
        "/%c0%af",
        "/events?type=%c0%80",
        "/%ed%a0%80",
        "/events?lastEventId=%e2%82",
        "/a\"b",
        "/a<b>",
        "/a{b}",
        "/a|b",
        "/a\\b",
        "/a^b",
        "/a`b",
        "/ä",
        "/healthz?type=ä",
    ]
    .iter()
    .map(|target| case(target, line(&format!("GET {target} HTTP/1.1")), &[400]))
    .collect();
    // What RFC 3986 does not allow but nobody can misread may also be no route.
    for case in &mut cases {
        if case.name.contains('^') || case.name.contains('`') {
            case.allowed.push(404);
        }
    }
    for target in [
        "/",
        "/nothing",
        "/healthz/",
        "//healthz",
        "/./healthz",
        "/x/../healthz",
        "/../healthz",
        "/%2fhealthz",
        "/healthz%2f",
        "/he%61lthz",
        "/HEALTHZ",
        "/healthz;a",
        "/events/",
        "/publish/x",
        "/%2e%2e/healthz",
    ] {
        if target != "/" {
            cases.push(case(target, line(&format!("GET {target} HTTP/1.1")), &[404]));
        }
    }
    check(&server, &cases);
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start();
    for (path, allowed) in [
        ("/healthz", "GET"),
        ("/readyz", "GET"),
        ("/metrics", "GET"),
        ("/stats", "GET"),
        ("/clients", "GET"),
        ("/events", "GET"),
        ("/publish", "POST"),
    ] {
        for method in ["PUT", "DELETE", "PATCH", if allowed == "GET" { "POST" } else { "GET" }] {
            let response = request(server.addr(), method, path, &[], b"");
            assert_eq!(response.status, 405, "{method} {path}");
            assert!(response.header_has("allow", allowed), "{method} {path}: {:?}", response.headers);
            assert!(!response.header_has("allow", method), "{method} {path}: {:?}", response.headers);
            problem(&response);
        }
        let options = request(server.addr(), "OPTIONS", path, &[], b"");
        assert!(matches!(options.status, 200 | 204), "OPTIONS {path}: {}", options.status);
        assert!(options.header_has("allow", allowed), "OPTIONS {path}: {:?}", options.headers);
    }
    assert_eq!(problem(&get(server.addr(), "/nothing"))["status"], 404);
}

#[test]
fn errors_never_echo_what_was_sent() {
    let server = Server::start();
    let marker = "Zq7Marker";
    let body = format!(r#"{{"eventType":"{marker}","id":"{marker}","payload":{marker}}}"#);
    let wrong = format!(r#"{{"eventType":"a","id":"1","payload":1,"ts":"{marker}"}}"#);
    for bytes in [
        line(&format!("GET /{marker} HTTP/1.1")),
        line(&format!("GET /healthz%{marker} HTTP/1.1")),
        line(&format!("{marker} / HTTP/1.1")),
        line(&format!("GET /healthz {marker}/1.1")),
        line(&format!("DELETE /healthz?{marker} HTTP/1.1")),
        with_lines(&format!("{marker} : a\r\n")),
        with_lines(&format!("Expect: {marker}\r\n")),
        publish_framed(&format!("Content-Length: {marker}\r\n"), ""),
        publish_framed(&format!("Content-Length: {}\r\n", body.len()), &body),
        publish_framed(&format!("Content-Length: {}\r\n", wrong.len()), &wrong),
        compose("POST", "/publish", &[("Content-Type", &format!("text/{marker}"))], b"{}"),
    ] {
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        let response = conn.read_response("GET");
        assert!(response.status >= 400, "{}", String::from_utf8_lossy(&bytes));
        let all = [response.head, response.body].concat();
        assert!(find(&all, marker.as_bytes()).is_none(), "{}", String::from_utf8_lossy(&all));
    }
}

#[test]
fn other_protocols_are_turned_away() {
    let server = Setup::new().flag("--limits-head-timeout", "1s").start();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20);
    for (name, bytes) in [
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a TLS hello", hello),
        ("PROXY", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("PROXY version 2", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02".to_vec()),
        ("RESP", b"*1\r\n$4\r\nPING\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.0\r\n".to_vec()),
        ("NULs", vec![0; 4096]),
        ("line ends", b"\r\n".repeat(2000)),
        ("bytes over 127", vec![0xff; 4096]),
    ] {
        for pieces in Pieces::BOTH {
            let mut conn = Conn::open(server.addr());
            conn.send_in(pieces, &bytes);
            let answer = conn.read_to_end();
            let status = answer.get(9..10);
            assert!(answer.is_empty() || matches!(status, Some(b"4" | b"5")), "{name}: {answer:?}");
            assert!(answer.len() < 4096, "{name}: an answer of {} bytes", answer.len());
            assert_alive(&server);
        }
    }
}

#[test]
fn damaged_requests_are_answered_or_closed() {
    let server = Setup::new().flag("--limits-head-timeout", "1s").flag("--limits-body-timeout", "1s").start();
    let body = tick(1);
    let whole = [
        compose(
            "GET",
            "/events?type=a&limit=1&lastEventId=earliest",
            &[("Accept", "text/event-stream")],
            b"",
        ),
        compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes()),
        chunked(&one_chunk(&body)),
        with_lines("Connection: keep-alive\r\nExpect: 100-continue\r\nX-A: b\r\n"),
    ];
    let seed = 0x5eed_0003;
    let mut random = common::events::Random(seed);
    for round in 0..400 {
        let mut bytes = whole[random.below(whole.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let odd = [0, b'\r', b'\n', b' ', b':', b';', b'%', b'0', 0x80, 0xff][random.below(10)];
            match random.below(4) {
                0 => bytes[at] = odd,
                1 => bytes.insert(at, odd),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        conn.half_close();
        let answer = conn.read_to_end();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 "),
            "seed {seed:#x} round {round}: {shown:?}"
        );
        assert!(answer.len() < 100_000, "seed {seed:#x} round {round}: {shown:?}");
    }
    assert_alive(&server);
}

#[test]
fn a_head_that_trickles_is_ended_at_a_total_deadline() {
    let server = Setup::new().flag("--limits-head-timeout", "700ms").start();
    let mut conn = Conn::open(server.addr());
    let start = Instant::now();
    let mut bytes = b"GET /healthz HTTP/1.1\r\nX-Slow: ".to_vec();
    bytes.resize(2000, b'a');
    let mut bytes = bytes.chunks(1);
    let response = loop {
        conn.send(bytes.next().expect("the deadline comes before the last byte"));
        match conn.try_read_response("GET", Duration::from_millis(50)) {
            Err(TimedOut) => assert!(start.elapsed() < DEADLINE, "no answer"),
            Ok(response) => break response.expect("a 408, not a silent end"),
        }
    };
    assert_eq!(response.status, 408);
    assert!(response.says_close());
    assert!(start.elapsed() >= Duration::from_millis(650), "{:?}", start.elapsed());
    assert!(conn.ends_within(DEADLINE));
    assert_alive(&server);
}

#[test]
fn a_body_that_does_not_come_is_ended_at_its_deadline() {
    let server = Setup::new().flag("--limits-body-timeout", "700ms").start();
    for framing in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut conn = Conn::open(server.addr());
        let start = Instant::now();
        conn.send(&publish_framed(framing, "1"));
        let response = conn.read_response("POST");
        assert_eq!(response.status, 408);
        assert!(start.elapsed() >= Duration::from_millis(650), "{:?}", start.elapsed());
        assert!(conn.ends_within(DEADLINE));
    }
    assert_alive(&server);
}

#[test]
fn a_body_slower_than_a_kibibyte_a_second_is_ended_early() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    let start = Instant::now();
    conn.send(&publish_framed("Content-Length: 100000\r\n", "{"));
    let response = loop {
        conn.send(b"          ");
        match conn.try_read_response("POST", Duration::from_millis(100)) {
            Err(TimedOut) => {}
            Ok(response) => break response.expect("a 408, not a silent end"),
        }
        assert!(start.elapsed() < Duration::from_secs(25), "not ended before the 30 s of every body");
    };
    assert_eq!(response.status, 408);
    assert!(conn.ends_within(DEADLINE));
}

#[test]
fn a_silent_connection_is_closed_silently() {
    let server =
        Setup::new().flag("--limits-head-timeout", "500ms").flag("--limits-keepalive", "500ms").start();
    let mut fresh = Conn::open(server.addr());
    assert!(fresh.read_to_end().is_empty());
    let mut used = Conn::open(server.addr());
    used.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(used.read_response("GET").status, 200);
    assert!(used.read_to_end().is_empty());
}

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

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start();
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients"] {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("HEAD", target, &[], b""));
        let head = conn.read_response("HEAD");
        conn.send(&compose("GET", target, &[("Connection", "close")], b""));
        let whole = conn.read_response("GET");
        assert_eq!((head.status, whole.status), (200, 200), "{target}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{target}");
        assert!(conn.read_to_end().is_empty(), "{target}");
    }
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("HEAD", "/nothing", &[], b""));
    assert_eq!(conn.read_response("HEAD").status, 404);
    conn.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(conn.read_response("GET").status, 200);
}

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

#[test]
fn answers_say_what_they_are() {
    let server = Server::start();
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients", "/nothing"] {
        let response = get(server.addr(), target);
        assert!(response.header("content-type").is_some(), "{target}: {:?}", response.headers);
        let length = response.header("content-length").map(str::to_owned);
        assert_eq!(length, Some(response.body.len().to_string()), "{target}");
    }
}
