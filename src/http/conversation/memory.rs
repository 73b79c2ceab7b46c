//! What a connection holds, and how it gives that up.

use super::super::Spare;
use super::*;

fn talk(input: &str) -> Talk {
    let mut talk = Talk::new(Limits::default());
    talk.send(input.as_bytes());
    talk
}

/// Gives up what it can, and has the caller do what follows.
fn shed(talk: &mut Talk) {
    talk.connection.shed(talk.now);
    talk.turn();
}

#[test]
fn who_waits_for_a_request_holds_nothing() {
    for input in [
        "",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let talk = talk(input);
        assert_eq!((talk.connection.memory_bytes(), talk.connection.spare()), (0, Spare::Yes), "{input}");
    }
}

#[test]
fn an_unfinished_head_holds_its_bytes_and_no_more() {
    let head = format!("GET /a?{} HTTP/1.1\r\nHost: a\r\nX: ", "a&".repeat(4000));
    let mut talk = talk(&head);
    assert!((head.len()..=head.len() + 64).contains(&talk.connection.memory_bytes()));
    assert_eq!(talk.connection.spare(), Spare::Yes);
    talk.send(b"1\r\n\r\n");
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("GET /a", vec![200]));
}

#[test]
fn a_head_is_refused() {
    let mut talk = talk("HEAD /a HTTP/1.1\r\nHost: a\r\n");
    shed(&mut talk);
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("rejected 503; shutdown", vec![503]));
    assert!(
        talk.wire().contains("Retry-After: 1\r\n") && talk.wire().ends_with("\r\n\r\n"),
        "{}",
        talk.wire()
    );
    assert_eq!(talk.connection.memory_bytes(), 0);
    talk.end();
    assert_eq!(talk.trace(), "rejected 503; shutdown; done memory");
}

#[test]
fn a_body_is_refused() {
    let body = "x".repeat(5000);
    let mut talk = talk(&format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5001\r\n\r\n{body}"));
    assert!(talk.connection.memory_bytes() >= 5000);
    assert_eq!(talk.connection.spare(), Spare::Body);
    shed(&mut talk);
    assert_eq!((talk.trace().as_str(), talk.statuses()), ("POST /a; rejected 503; shutdown", vec![503]));
    assert_eq!(talk.connection.memory_bytes(), 0);
}

#[test]
fn answers_that_nobody_takes_are_let_go_with_their_connection() {
    let mut talk = Talk::new(Limits::default());
    talk.connection.handle_input(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b", talk.now, &talk.limits);
    let head = talk.connection.poll_event(talk.now, &talk.limits);
    assert!(matches!(head, Some(Event::Head(_))));
    assert_eq!(talk.connection.spare(), Spare::No, "it is owed an answer");
    talk.connection.shed(talk.now);
    assert!(talk.connection.is_awaiting_response());
    talk.connection.respond(Response::new(200).json("1".repeat(9000)), talk.now, &talk.limits);
    assert!(talk.connection.memory_bytes() > 9000);
    shed(&mut talk);
    assert_eq!((talk.trace().as_str(), talk.wire.len()), ("done memory", 0));
    assert_eq!((talk.connection.memory_bytes(), talk.connection.spare()), (0, Spare::No));
}

#[test]
fn what_is_made_of_a_body_counts_until_it_is_answered() {
    let mut talk = Talk::new(Limits::default());
    talk.connection.lend(9);
    assert_eq!(talk.connection.memory_bytes(), 0, "nothing was lent");
    talk.connection.handle_input(&with("POST /a HTTP/1.1", "Content-Length: 2"), talk.now, &talk.limits);
    assert!(matches!(talk.connection.poll_event(talk.now, &talk.limits), Some(Event::Head(_))));
    talk.connection.accept_body(talk.now, &talk.limits);
    talk.connection.handle_input(b"ab", talk.now, &talk.limits);
    assert_eq!(talk.connection.poll_event(talk.now, &talk.limits), Some(Event::Body(b"ab".to_vec())));
    assert_eq!((talk.connection.memory_bytes(), talk.connection.spare()), (2, Spare::No));
    talk.connection.lend(700);
    assert_eq!(talk.connection.memory_bytes(), 700);
    talk.connection.respond(Response::new(202), talk.now, &talk.limits);
    talk.turn();
    assert_eq!(talk.connection.memory_bytes(), 0);
}
