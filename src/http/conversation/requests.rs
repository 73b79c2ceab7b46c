//! Which requests are refused, and how: tables, each line cut at every byte.

use super::*;

#[test]
fn framing() {
    for (headers, body, expected) in [
        ("X: 1", "", "POST /a; done client"),
        ("Content-Length: 0", "", "POST /a; body ; done client"),
        ("Content-Length: 2", "ab", "POST /a; body ab; done client"),
        ("Content-Length: 2", "a", "POST /a; done client"),
        ("Transfer-Encoding:\tchunked", "2\r\nab\r\n0\r\n\r\n", "POST /a; body ab; done client"),
        ("Transfer-Encoding: chunked", "2\r\nab\r\n0\r\n", "POST /a; done client"),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked", "0\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", "0\r\n\r\n", "400"),
        ("Content-Length: 2\r\nContent-Length: 2", "ab", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n", "400"),
        ("Content-Length: 2, 2", "ab", "400"),
        ("Content-Length: +2", "ab", "400"),
        ("Content-Length: -2", "ab", "400"),
        ("Content-Length: 0x2", "ab", "400"),
        ("Content-Length: 1 0", "ab", "400"),
        ("Content-Length:", "", "400"),
        ("Content-Length : 2", "ab", "400"),
        ("Transfer-Encoding : chunked", "0\r\n\r\n", "400"),
        ("Content-Length: 18446744073709551616", "", "413"),
        ("Content-Length: 1048577", "", "POST /a; rejected 413; shutdown; done bad-request"),
        ("Transfer-Encoding: gzip, chunked", "", "501"),
        ("Transfer-Encoding: gzip", "", "400"),
        ("Transfer-Encoding: \"chunked\"", "", "400"),
        ("Transfer-Encoding: chunked;a=b", "", "400"),
        ("Transfer-Encoding: chunked, chunked", "", "400"),
        ("Transfer-Encoding: identity", "", "400"),
    ] {
        let input = [with("POST /a HTTP/1.1", headers), body.as_bytes().to_vec()].concat();
        check(&input, expected);
    }
    check(&with("POST /a HTTP/1.0", "Transfer-Encoding: chunked"), "400");
    check(&with("GET /a HTTP/1.1", "Content-Length: 1"), "400");
    check(&with("GET /a HTTP/1.1", "Transfer-Encoding: chunked"), "400");
    check(&with("HEAD /a HTTP/1.1", "Content-Length: 1"), "400");
}

#[test]
fn chunks() {
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(256));
    for (body, expected) in [
        ("1;x=\"y\"\r\na\r\n0\r\nT: 1\r\n\r\n", "body a; done client"),
        ("1;\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("1;x\x01\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        (&long_extension, "REJECTED 400"),
        ("+1\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("0x1\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("1_0\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        (" 1\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("1 \r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("11111111111111111\r\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("1\na\r\n0\r\n\r\n", "REJECTED 400"),
        ("1\r\na0\r\n\r\n", "REJECTED 400"),
        ("1\r\nab\r\n0\r\n\r\n", "REJECTED 400"),
        ("100001\r\n", "REJECTED 413"),
        ("1\r\na\r\n100000\r\n", "REJECTED 413"),
    ] {
        let input = [with("POST /a HTTP/1.1", "Transfer-Encoding: chunked"), body.into()].concat();
        let expected = match expected.strip_prefix("REJECTED ") {
            Some(status) => format!("rejected {status}; shutdown; done bad-request"),
            None => expected.to_owned(),
        };
        check(&input, &format!("POST /a; {expected}"));
    }
}

#[test]
fn request_lines() {
    let overlong_method = "A".repeat(33);
    let overlong_target = format!("/{}", "a".repeat(8 * KIB));
    for (line, expected) in [
        ("GET /a HTTP/1.1", "GET /a; done client"),
        ("GET /a HTTP/1.0", "GET /a; shutdown; done finished"),
        ("OPTIONS * HTTP/1.1", "OPTIONS *; done client"),
        ("GET http://b/a HTTP/1.1", "GET /a; done client"),
        ("\r\nGET /a HTTP/1.1", "GET /a; done client"),
        ("\r\n\r\nGET /a HTTP/1.1", "400"),
        ("BREW /a HTTP/1.1", "501"),
        (&format!("{overlong_method} /a HTTP/1.1"), "501"),
        (&format!("GET {overlong_target} HTTP/1.1"), "414"),
        (&format!("GET {overlong_target}{overlong_target} HTTP/1.1"), "414"),
        (&format!("{}/a HTTP/1.1", "A".repeat(20 * KIB)), "501"),
        ("GET a:80 HTTP/1.1", "400"),
        ("GET /a#b HTTP/1.1", "400"),
        ("GET http://u@b/a HTTP/1.1", "400"),
        ("GET a HTTP/1.1", "400"),
        ("GET * HTTP/1.1", "400"),
        ("GET  /a HTTP/1.1", "400"),
        ("GET /a  HTTP/1.1", "400"),
        ("GET\t/a HTTP/1.1", "400"),
        ("GET /a\tHTTP/1.1", "400"),
        ("GET /a HTTP/1.1 ", "400"),
        ("GET /a HTTP/1.1\t", "400"),
        ("GET /a", "400"),
        ("GET /a HTTP/0.9", "400"),
        ("GET /a HTTP/2.0", "505"),
        ("GET /a HTTP/3", "505"),
        ("GET /a HTTP/1", "400"),
        ("GET /a Http/1.1", "400"),
        ("GET /a HTTP/1.1x", "400"),
        ("GET /\u{e4} HTTP/1.1", "400"),
        ("GET /%zz HTTP/1.1", "400"),
        ("GET /%00 HTTP/1.1", "400"),
        ("GET /a?x=%0d%0a HTTP/1.1", "400"),
        ("GET /a?x=%ff HTTP/1.1", "400"),
        ("GET /a?x=%c0%af HTTP/1.1", "400"),
        ("GET /a/../b HTTP/1.1", "GET /a/../b; done client"),
        ("GET //a HTTP/1.1", "GET //a; done client"),
        ("GET /%2fa HTTP/1.1", "GET /%2fa; done client"),
    ] {
        check(&with(line, "X: 1"), expected);
    }
}

#[test]
fn other_protocols_are_refused_without_waiting() {
    let strangers: [(&[u8], u16); 8] = [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 80\r\nGET / HTTP/1.1\r\n", 400),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", 400),
        (b"*1\r\n$4\r\nPING\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
        (b"\0\0\0\0\0\0", 400),
        (b"EHLO a\r\n", 400),
    ];
    for (input, status) in strangers {
        check(input, &status.to_string());
    }
}

#[test]
fn headers() {
    let ok = "GET /a; done client";
    let (many, too_many) = (vec!["X: 1"; 63].join("\r\n"), vec!["X: 1"; 64].join("\r\n"));
    let large = format!("X: {}", "a".repeat(16 * KIB));
    let cases: [(&str, &[u8], &str); 26] = [
        ("HTTP/1.1", b"Host: a", ok),
        ("HTTP/1.1", b"Host: a\r\nX: \xff", ok),
        ("HTTP/1.1", b"Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nRange: bytes=0-1", ok),
        ("HTTP/1.1", b"X: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\nHost: a", "400"),
        ("HTTP/1.1", b"Host: a b", "400"),
        ("HTTP/1.1", b"Host:", "400"),
        ("HTTP/1.0", b"X: 1", "GET /a; shutdown; done finished"),
        ("HTTP/1.1", b"Host: a\r\nX: 1\r\n 2", "400"),
        ("HTTP/1.1", b"Host: a\r\nX: 1\r\n\t2", "400"),
        ("HTTP/1.1", b" X: 1\r\nHost: a", "400"),
        ("HTTP/1.1", b"Host: a\r\nX Y: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\nX : 1", "400"),
        ("HTTP/1.1", b"Host: a\r\nX\0: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\n\xc3\xa4: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\n: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\nX", "400"),
        ("HTTP/1.1", b"Host: a\r\nX: \0", "400"),
        ("HTTP/1.1", b"Host: a\r\nX: a\rb", "400"),
        ("HTTP/1.1", b"Host: a\r\nX: \x1b[0m", "400"),
        ("HTTP/1.1", b"Host: a\r\nX: \x7f", "400"),
        ("HTTP/1.1", b"Host: a\nX: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\r\nX: 1", "400"),
        ("HTTP/1.1", b"Host: a\r\nExpect: the-unexpected", "417"),
        ("HTTP/1.1", large.as_bytes(), "431"),
        ("HTTP/1.1", b"Host: a\r\nConnection: close", "GET /a; shutdown; done finished"),
    ];
    for (version, lines, expected) in cases {
        check(&[format!("GET /a {version}\r\n").as_bytes(), lines, b"\r\n\r\n"].concat(), expected);
    }
    check(&with("GET /a HTTP/1.1", &many), ok);
    check(&with("GET /a HTTP/1.1", &too_many), "431");
    check(b"GET /a HTTP/1.1\nHost: a\n\n", "400");
    check(b"GET /a HTTP/1.1\r\nHost: a\r\n\n", "400");
}
