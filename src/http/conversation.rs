//! Whole conversations with a [`Connection`]: what clients send, cut in every way, and what they get.

use std::time::Duration;

use proptest::prelude::*;

use super::{BodyKind, Close, CloseReason, Connection, Event, Response};
use crate::clock::Mono;
use crate::limits::{KIB, LINGER_BYTES, LINGER_TIME, Limits, OUTPUT_BYTES, WRITE_STALL};

mod bounds;
mod memory;
mod order;
mod properties;
mod requests;

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
