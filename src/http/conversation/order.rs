//! What is answered in which order, and what becomes of the connection.

use super::*;

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
