//! Request lines, headers and targets, right ones and others.

use super::case::{Case, case, check, line, with_lines};
use super::common::server::Server;

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
