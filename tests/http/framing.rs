//! Where a body begins and ends: lengths, codings, chunks.

use super::case::{case, check, chunked, one_chunk, publish_framed, with_lines};
use super::common::api::{metric, publish};
use super::common::events::{envelope, tick};
use super::common::http::Conn;
use super::common::server::Server;
use super::common::stream::Stream;

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
    assert_eq!(metric(&server, "ssecast_events_published_total").unwrap_or(0.0), 0.0);
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
