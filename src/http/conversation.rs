//! Whole conversations with a [`Connection`]: what clients send, cut in every way, and what they get.

use std::time::Duration;

use proptest::prelude::*;

use super::{BodyKind, Close, CloseReason, Connection, Event, Response};
use crate::clock::Mono;
use crate::limits::{KIB, LINGER_BYTES, LINGER_TIME, Limits, OUTPUT_BYTES, WRITE_STALL};

/// A client and a caller that answers everything at once: `/deny` without reading the body, all else
/// with the path or the body.
struct Talk {
    connection: Connection,
    limits: Limits,
    now: Mono,
    /// What happened, one line each.
    trace: Vec<String>,
    /// What was sent to the client.
    wire: Vec<u8>,
}

impl Talk {
    fn new(limits: Limits) -> Self {
        let connection = Connection::new(Mono::ZERO, &limits);
        Self { connection, limits, now: Mono::ZERO, trace: Vec::new(), wire: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.connection.handle_input(bytes, self.now, &self.limits);
        self.turn();
    }

    fn end(&mut self) {
        self.connection.handle_eof();
        self.turn();
    }

    /// Lets time pass up to the next deadline.
    fn pass(&mut self) {
        self.now = self.connection.deadline().unwrap();
        self.connection.handle_deadline(self.now);
        self.turn();
    }

    fn turn(&mut self) {
        self.poll_events();
        let output = self.connection.output().to_vec();
        self.connection.handle_output_taken(output.len(), self.now);
        self.wire.extend_from_slice(&output);
        self.poll_events();
        while let Some(close) = self.connection.poll_close() {
            self.trace.push(match close {
                Close::ShutdownWrite => "shutdown".to_owned(),
                Close::Done(reason) => format!("done {}", reason.name()),
            });
        }
        let owed = self.connection.is_awaiting_response();
        let is_closed = self.trace.last().is_some_and(|line| line.starts_with("done"));
        assert_eq!(self.connection.deadline().is_none(), owed || is_closed, "one next deadline");
    }

    fn poll_events(&mut self) {
        while let Some(event) = self.connection.poll_event(self.now, &self.limits) {
            match event {
                Event::Head(request) => {
                    assert!(self.connection.is_awaiting_response());
                    self.trace.push(format!("{request:?}"));
                    if request.target.path() == "/deny" || request.body == BodyKind::None {
                        let status = if request.target.path() == "/deny" { 401 } else { 200 };
                        self.respond(Response::new(status).text("text/plain", request.target.path()));
                    } else {
                        self.connection.accept_body(self.now, &self.limits);
                        assert!(!self.connection.is_awaiting_response());
                    }
                }
                Event::Body(body) => {
                    self.trace.push(format!("body {}", body.escape_ascii()));
                    self.respond(Response::new(202));
                }
                Event::Rejected { status, .. } => self.trace.push(format!("rejected {status}")),
            }
        }
    }

    fn respond(&mut self, response: Response) {
        self.connection.respond(response, self.now, &self.limits);
        assert!(!self.connection.is_awaiting_response());
    }

    fn trace(&self) -> String {
        self.trace.join("; ")
    }

    fn wire(&self) -> String {
        String::from_utf8(self.wire.clone()).unwrap()
    }

    /// The statuses on the wire.
    fn statuses(&self) -> Vec<u16> {
        let wire = self.wire();
        wire.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
    }
}

/// The conversation in which `input` comes cut at `cuts`, and then the end.
fn talk(input: &[u8], cuts: &[usize]) -> Talk {
    let mut talk = Talk::new(Limits::default());
    let mut start = 0;
    for &end in cuts.iter().chain([&input.len()]) {
        talk.send(&input[start..end]);
        start = end;
    }
    talk.end();
    talk
}

/// Checks that `input` leads to `expected` however it is cut; a status alone means that it is refused.
fn check(input: &[u8], expected: &str) {
    let expected = match expected.parse::<u16>() {
        Ok(status) => format!("rejected {status}; shutdown; done bad-request"),
        Err(_) => expected.to_owned(),
    };
    let name = input.escape_ascii().to_string();
    let whole = talk(input, &[]);
    assert_eq!(whole.trace(), expected, "{name}");
    let bytes: Vec<usize> = (1..input.len()).collect();
    let step = (input.len() / 200).max(1);
    let pairs = (1..input.len()).step_by(step).map(|cut| vec![cut]);
    for cuts in pairs.chain([bytes]) {
        let cut = talk(input, &cuts);
        assert_eq!(cut.trace(), expected, "{name} cut at {cuts:?}");
        assert_eq!(without_continue(&cut), without_continue(&whole), "{name} cut at {cuts:?}");
    }
}

/// A `100 Continue` depends on whether the body came with the head.
fn without_continue(talk: &Talk) -> String {
    talk.wire().replace("HTTP/1.1 100 Continue\r\n\r\n", "")
}

/// Header lines, with the right line ends, after a request line for `/a` with Host.
fn with(line: &str, headers: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n{headers}\r\n\r\n").into_bytes()
}

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

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let get = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let chunked = "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n";
    let input = [get, post, "\r\n", chunked, get].concat();
    check(input.as_bytes(), "GET /1; POST /2; body hi; POST /3; body ho; GET /1; done client");
    assert_eq!(talk(input.as_bytes(), &[]).statuses(), [200, 202, 202, 200]);
    // Nothing after a refusal or a close is read.
    check(
        format!("{get}GET /x HTTP/1.1\r\n\r\n{get}").as_bytes(),
        "GET /1; rejected 400; shutdown; done bad-request",
    );
    check(
        format!("GET /0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{get}").as_bytes(),
        "GET /0; shutdown; done finished",
    );
}

#[test]
fn nothing_is_acted_on_once_the_socket_broke() {
    let (mut connection, limits) = (Connection::new(Mono::ZERO, &Limits::default()), Limits::default());
    let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.handle_input(get.repeat(2).as_bytes(), Mono::ZERO, &limits);
    assert!(matches!(connection.poll_event(Mono::ZERO, &limits), Some(Event::Head(_))));
    connection.respond(Response::new(200), Mono::ZERO, &limits);
    connection.handle_broken();
    connection.handle_eof();
    assert_eq!(connection.poll_event(Mono::ZERO, &limits), None);
    assert!(connection.output().is_empty() && !connection.wants_input());
    assert_eq!(connection.poll_close(), Some(Close::Done(CloseReason::Client)));
    connection.handle_broken();
    assert_eq!(connection.poll_close(), None);
}

#[test]
fn requests_that_wait_for_their_turn_keep_others_from_being_read() {
    let (mut connection, limits) = (Connection::new(Mono::ZERO, &Limits::default()), Limits::default());
    let (get, half) = ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r");
    connection.handle_input([get, get, half].concat().as_bytes(), Mono::ZERO, &limits);
    for _ in 0..2 {
        assert!(!connection.wants_input());
        assert!(matches!(connection.poll_event(Mono::ZERO, &limits), Some(Event::Head(_))));
        connection.respond(Response::new(200), Mono::ZERO, &limits);
    }
    assert_eq!(connection.poll_event(Mono::ZERO, &limits), None);
    assert!(connection.wants_input(), "only more input takes half a head on");
}

#[test]
fn a_body_that_is_not_read_ends_the_connection() {
    let deny = "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    check(deny.as_bytes(), "POST /deny; shutdown; done finished");
    assert!(talk(deny.as_bytes(), &[]).wire().contains("Connection: close\r\n"));
    let empty = "POST /deny HTTP/1.1\r\nHost: a\r\n\r\n";
    check(empty.as_bytes(), "POST /deny; done client");
}

#[test]
fn the_answer_says_what_becomes_of_the_connection() {
    for (line, header, said) in [
        ("GET /a HTTP/1.1", "X: 1", None),
        ("GET /a HTTP/1.1", "Connection: close", Some("close")),
        ("GET /a HTTP/1.0", "X: 1", Some("close")),
        ("GET /a HTTP/1.0", "Connection: keep-alive", Some("keep-alive")),
    ] {
        let wire = talk(&with(line, header), &[]).wire();
        let found = wire.lines().find_map(|line| line.strip_prefix("Connection: "));
        assert_eq!(found, said, "{line} {header}");
    }
}

#[test]
fn head_gets_no_body_also_when_refused() {
    let wire = talk(b"HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n", &[]).wire();
    assert!(wire.contains("Content-Length: 4\r\n") && wire.ends_with("\r\n\r\n"), "{wire}");
    let refused = talk(b"HEAD /abc HTTP/1.1\r\n\r\n", &[]);
    assert_eq!(refused.statuses(), [400]);
    assert!(refused.wire().ends_with("\r\n\r\n"), "{}", refused.wire());
}

#[test]
fn a_refusal_never_echoes_input() {
    for input in
        ["GET /SECRET#x HTTP/1.1\r\n", "SECRET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: SECRET#\r\n\r\n"]
    {
        let wire = talk(input.as_bytes(), &[]).wire();
        assert!(wire.contains("application/problem+json") && !wire.contains("SECRET"), "{wire}");
    }
}

#[test]
fn continue_is_sent_where_the_client_waits_for_it() {
    let head = with("POST /a HTTP/1.1", "Content-Length: 2\r\nExpect: 100-continue");
    let mut waiting = Talk::new(Limits::default());
    waiting.send(&head);
    assert_eq!(waiting.statuses(), [100]);
    waiting.send(b"hi");
    assert_eq!((waiting.statuses(), waiting.trace().as_str()), (vec![100, 202], "POST /a; body hi"));

    let cases: [(&str, &str, &str, &[u16]); 6] = [
        ("POST /a HTTP/1.1", "Content-Length: 2\r\nExpect: 100-continue", "h", &[]),
        ("POST /a HTTP/1.0", "Content-Length: 2\r\nExpect: 100-continue", "", &[]),
        ("POST /a HTTP/1.1", "Content-Length: 0\r\nExpect: 100-continue", "", &[202]),
        ("POST /a HTTP/1.1", "Content-Length: 1048577\r\nExpect: 100-continue", "", &[413]),
        ("POST /deny HTTP/1.1", "Content-Length: 2\r\nExpect: 100-continue", "", &[401]),
        ("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue", "", &[100]),
    ];
    for (line, headers, body, expected) in cases {
        let mut talk = Talk::new(Limits::default());
        talk.send(&[with(line, headers), body.into()].concat());
        assert_eq!(talk.statuses(), expected, "{line} {headers}");
    }
}

#[test]
fn silence_is_closed_silently() {
    for input in ["", "\r", "\r\n"] {
        let mut talk = Talk::new(Limits::default());
        talk.send(input.as_bytes());
        talk.pass();
        assert_eq!((talk.trace().as_str(), talk.wire.len()), ("done silent", 0), "{input:?}");
        assert_eq!(talk.now, Mono::ZERO.after(talk.limits.head_timeout));
    }
    let mut talk = Talk::new(Limits::default());
    talk.now = Mono::from_micros(7);
    talk.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\n");
    talk.pass();
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("GET /a; done keep-alive", vec![200]));
    assert_eq!(talk.now, Mono::from_micros(7).after(talk.limits.keepalive));
}

#[test]
fn a_head_that_trickles_has_one_deadline() {
    let mut talk = Talk::new(Limits::default());
    let head_timeout = talk.limits.head_timeout;
    for _ in 0..9 {
        talk.now = talk.now.after(Duration::from_secs(1));
        talk.send(b"G");
        assert_eq!(talk.connection.deadline(), Some(Mono::ZERO.after(head_timeout)));
    }
    talk.pass();
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("shutdown", vec![408]));
    assert_eq!(talk.connection.deadline(), Some(talk.now.after(LINGER_TIME)));
    talk.pass();
    assert_eq!(talk.trace(), "shutdown; done head-timeout");

    let mut later = Talk::new(Limits::default());
    later.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    later.now = Mono::from_micros(40_000_000);
    later.send(b"G");
    let deadline = later.now.after(head_timeout);
    later.now = Mono::from_micros(45_000_000);
    later.send(b"E");
    assert_eq!(later.connection.deadline(), Some(deadline));
}

#[test]
fn a_body_that_trickles_is_given_up() {
    let mut talk = Talk::new(Limits::default());
    talk.send(&with("POST /a HTTP/1.1", "Content-Length: 100"));
    talk.now = Mono::from_micros(1_000_000);
    talk.send(b"0123456789");
    talk.pass();
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("POST /a; shutdown", vec![408]));
    assert_eq!(talk.now.as_micros(), 5_009_000);
    talk.end();
    assert_eq!(talk.trace(), "POST /a; shutdown; done body-timeout");
}

#[test]
fn an_early_deadline_does_nothing() {
    let mut talk = Talk::new(Limits::default());
    talk.connection.handle_deadline(Mono::from_micros(9_999_999));
    talk.turn();
    assert_eq!(talk.trace(), "");
}

#[test]
fn who_takes_no_answer_is_closed() {
    let mut connection = Connection::new(Mono::ZERO, &Limits::default());
    let (limits, now) = (Limits::default(), Mono::from_micros(5));
    connection.handle_input(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", now, &limits);
    assert!(matches!(connection.poll_event(now, &limits), Some(Event::Head(_))));
    assert_eq!(connection.deadline(), None);
    connection.respond(Response::new(200), now, &limits);
    assert_eq!(connection.deadline(), Some(now.after(WRITE_STALL)));
    let later = Mono::from_micros(1_000_000);
    connection.handle_output_taken(1, later);
    assert_eq!(connection.deadline(), Some(later.after(WRITE_STALL)));
    connection.handle_deadline(later.after(WRITE_STALL));
    assert_eq!(connection.poll_close(), Some(Close::Done(CloseReason::WriteTimeout)));
    assert_eq!((connection.poll_close(), connection.output()), (None, &b""[..]));
    // An answer that comes too late finds nobody.
    connection.respond(Response::new(200), later, &limits);
    assert_eq!(
        (connection.poll_close(), connection.output(), connection.wants_input()),
        (None, &b""[..], false)
    );
}

#[test]
fn the_client_s_clock_stands_still_while_it_is_our_turn() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    connection.handle_input(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", now, &limits);
    assert!(connection.poll_event(now, &limits).is_some());
    connection.respond(Response::new(200), now, &limits);
    let taken_at = Mono::from_micros(20_000_000);
    connection.handle_output_taken(connection.output().len(), taken_at);
    assert_eq!(connection.deadline(), Some(taken_at.after(limits.keepalive)));
}

#[test]
fn what_comes_after_the_last_answer_is_thrown_away_within_bounds() {
    let mut talk = Talk::new(Limits::default());
    talk.send(b"\0");
    for _ in 0..LINGER_BYTES / KIB - 1 {
        talk.send(&[0; KIB]);
        assert!(talk.connection.wants_input());
    }
    assert_eq!(talk.trace(), "rejected 400; shutdown");
    talk.send(&[0; KIB]);
    assert_eq!(talk.trace(), "rejected 400; shutdown; done bad-request");
    assert_eq!(talk.statuses(), [400]);
}

#[test]
fn who_does_not_read_is_not_read() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    let get = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.handle_input(&get.repeat(100), now, &limits);
    let mut answered = 0;
    while let Some(Event::Head(_)) = connection.poll_event(now, &limits) {
        connection.respond(Response::new(200).text("text/plain", "x".repeat(10 * KIB)), now, &limits);
        answered += 1;
    }
    assert_eq!(answered, 7);
    assert!(!connection.wants_input() && connection.output().len() > OUTPUT_BYTES);
    assert_eq!(connection.deadline(), Some(now.after(WRITE_STALL)));
    // The client reads at last: the rest is answered, and its head timeout begins now.
    let later = Mono::from_micros(29_000_000);
    connection.handle_output_taken(connection.output().len(), later);
    assert_eq!(connection.deadline(), Some(later.after(limits.head_timeout)));
    while let Some(Event::Head(_)) = connection.poll_event(later, &limits) {
        connection.respond(Response::new(200), later, &limits);
        answered += 1;
    }
    assert_eq!(answered, 100);
    assert!(connection.wants_input());
}

#[test]
fn an_end_behind_a_backlog_is_seen_after_the_answers() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    connection.handle_input(&b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20), now, &limits);
    connection.handle_eof();
    let mut answered = 0;
    while answered < 20 {
        while let Some(Event::Head(_)) = connection.poll_event(now, &limits) {
            assert!(!connection.wants_input());
            connection.respond(Response::new(200).text("text/plain", "x".repeat(10 * KIB)), now, &limits);
            answered += 1;
        }
        assert_eq!(connection.poll_close(), None);
        connection.handle_output_taken(connection.output().len(), now);
    }
    assert_eq!(connection.poll_event(now, &limits), None);
    assert_eq!(connection.poll_close(), Some(Close::Done(CloseReason::Client)));
}

#[test]
fn a_flood_behind_an_answer_that_is_not_taken_is_bounded() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    connection.handle_input(b"\0", now, &limits);
    assert!(matches!(connection.poll_event(now, &limits), Some(Event::Rejected { status: 400, .. })));
    assert!(connection.wants_input());
    connection.handle_input(&[0; LINGER_BYTES], now, &limits);
    assert!(!connection.wants_input());
    assert_eq!(connection.poll_close(), None);
    connection.handle_output_taken(connection.output().len(), now);
    assert_eq!(connection.poll_close(), Some(Close::Done(CloseReason::BadRequest)));
}

#[test]
fn further_answers_do_not_extend_a_stall() {
    let (limits, start) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(start, &limits);
    connection.handle_input(&b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3), start, &limits);
    for seconds in 0..3 {
        let now = Mono::from_micros(seconds * 1_000_000);
        assert!(connection.poll_event(now, &limits).is_some());
        connection.respond(Response::new(200), now, &limits);
    }
    assert_eq!(connection.deadline(), Some(start.after(WRITE_STALL)));
}

#[test]
fn reading_ahead_is_bounded() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    connection.handle_input(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", now, &limits);
    assert!(connection.poll_event(now, &limits).is_some());
    let mut ahead = 0;
    while connection.wants_input() {
        connection.handle_input(&[b'x'; KIB], now, &limits);
        ahead += 1;
    }
    assert_eq!(ahead, 16);
    assert_eq!(connection.poll_event(now, &limits), None);
}

#[test]
fn a_client_that_shuts_down_writing_gets_its_answers() {
    let mut talk = Talk::new(Limits::default());
    talk.connection.handle_input(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", talk.now, &talk.limits);
    talk.connection.handle_input(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET", talk.now, &talk.limits);
    talk.end();
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("GET /1; GET /2; done client", vec![200, 200]));
    assert!(!talk.connection.wants_input());
}

#[test]
fn a_stream_gets_what_came_after_its_head_unparsed() {
    let (limits, now) = (Limits::default(), Mono::ZERO);
    let mut connection = Connection::new(now, &limits);
    connection.handle_input(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\nGET / HT\0", now, &limits);
    assert!(matches!(connection.poll_event(now, &limits), Some(Event::Head(_))));
    assert_eq!(connection.poll_event(now, &limits), None);
    assert_eq!(connection.into_stream(), b"GET / HT\0");
}

#[test]
fn calls_out_of_order_do_nothing() {
    let mut talk = Talk::new(Limits::default());
    talk.connection.accept_body(talk.now, &talk.limits);
    talk.connection.respond(Response::new(200), talk.now, &talk.limits);
    talk.connection.handle_output_taken(5, talk.now);
    talk.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("GET /a", vec![200]));
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 256, "{} bytes", size_of::<Connection>());
}

/// A valid request, and what the trace says of it.
fn request() -> impl Strategy<Value = (String, String)> {
    let headers = proptest::collection::vec("[A-Za-z][A-Za-z0-9]{0,8}", 0..4);
    (0..4, "[a-z]{0,9}", headers, "[a-z0-9]{1,40}").prop_map(|(kind, path, headers, body)| {
        let lines: String = headers.iter().map(|value| format!("X-{value}: {value}\r\n")).collect();
        let common = format!("/{path} HTTP/1.1\r\nHost: a\r\n{lines}");
        let len = body.len();
        match kind {
            0 => (format!("GET {common}\r\n"), format!("GET /{path}")),
            1 => (format!("\r\nPOST {common}\r\n"), format!("POST /{path}")),
            2 => (
                format!("POST {common}Content-Length: {len}\r\n\r\n{body}"),
                format!("POST /{path}; body {body}"),
            ),
            _ => {
                let (first, second) = body.split_at(len / 2);
                let chunk = |data: &str| match data.len() {
                    0 => String::new(),
                    len => format!("{len:x};x=\"y\"\r\n{data}\r\n"),
                };
                let chunks = format!("{}{}0\r\nT: 1\r\n\r\n", chunk(first), chunk(second));
                (
                    format!("PUT {common}Transfer-Encoding: chunked\r\n\r\n{chunks}"),
                    format!("PUT /{path}; body {body}"),
                )
            }
        }
    })
}

/// Bytes that look like requests often enough to get past the first line.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /a HTTP/1.1\r\n".to_vec()),
        Just(b"Host: a\r\n".to_vec()),
        Just(b"Content-Length: 7\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Expect: 100-continue\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"5;a=\"b\"\r\nhello\r\n".to_vec()),
        Just(b"0\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        requests in proptest::collection::vec(request(), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (input, expected): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let input = input.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let talk = talk(input.as_bytes(), &cuts);
        prop_assert_eq!(talk.trace(), format!("{}; done client", expected.join("; ")));
    }

    #[test]
    fn hostile_bytes_end_in_one_close_however_cut(
        input in hostile_bytes(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let (whole, cut) = (talk(&input, &[]), talk(&input, &cuts));
        prop_assert_eq!(whole.trace(), cut.trace());
        prop_assert_eq!(without_continue(&whole), without_continue(&cut));
        prop_assert_eq!(whole.trace.iter().filter(|line| line.starts_with("done")).count(), 1);
        prop_assert!(cut.wire.len() <= 100 * (input.len() + 1).max(10), "amplification");
    }

    #[test]
    fn time_alone_ends_every_connection(input in hostile_bytes()) {
        let mut talk = Talk::new(Limits::default());
        talk.send(&input);
        for _ in 0..4 {
            if talk.connection.deadline().is_some() {
                talk.pass();
            }
        }
        let last = talk.trace.last().cloned().unwrap_or_default();
        prop_assert!(last.starts_with("done "), "{}", talk.trace());
    }
}
