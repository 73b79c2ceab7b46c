//! Deadlines, and bounds on what a client can make the server hold.

use super::*;

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
    assert!(size_of::<Connection>() <= 288, "{} bytes", size_of::<Connection>());
}
