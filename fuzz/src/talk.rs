//! A conversation with `http::Connection` in which every body is read and every request answered.

use ssecast::clock::Mono;
use ssecast::http::{BodyKind, Close, Connection, Event, Request, Response};
use ssecast::limits::Limits;

/// What the server did, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It took the head of a request.
    Head(Box<Request>),
    /// It took the body of that request.
    Body(Vec<u8>),
    /// It refused a request with this status, for this reason.
    Rejected(u16, &'static str),
    /// It shut down writing.
    Shutdown,
    /// It closed the connection for this reason.
    Done(&'static str),
}

/// A conversation, as far as it went.
pub(crate) struct Talk {
    connection: Connection,
    limits: Limits,
    /// What happened.
    pub(crate) steps: Vec<Step>,
    /// What was sent to the client.
    pub(crate) wire: Vec<u8>,
}

/// The time does not matter here.
const NOW: Mono = Mono::ZERO;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Talk {
    /// A new connection.
    pub(crate) fn new(limits: &Limits) -> Self {
        let connection = Connection::new(NOW, limits);
        Self { connection, limits: limits.clone(), steps: Vec::new(), wire: Vec::new() }
    }

    /// The conversation in which `input` comes cut at `cuts`, which ascend, and then the end.
    pub(crate) fn of(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &Limits) -> Self {
        let mut talk = Self::new(limits);
        let mut start = 0;
        for end in cuts.into_iter().chain([input.len()]) {
            talk.send(&input[start..end]);
            start = end;
        }
        talk.connection.handle_eof();
        talk.turn();
        talk
    }

    /// The client sends this.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.connection.handle_input(bytes, NOW, &self.limits);
        self.turn();
    }

    /// What was sent to the client, but for the answers that ask for a body: they depend on the cuts.
    pub(crate) fn answers(&self) -> Vec<u8> {
        let (mut answers, mut rest) = (Vec::new(), self.wire.as_slice());
        while let Some(at) = rest.windows(CONTINUE.len()).position(|window| window == CONTINUE) {
            answers.extend_from_slice(&rest[..at]);
            rest = &rest[at + CONTINUE.len()..];
        }
        answers.extend_from_slice(rest);
        answers
    }

    fn turn(&mut self) {
        self.poll_events();
        let output = self.connection.output().to_vec();
        self.connection.handle_output_taken(output.len(), NOW);
        self.wire.extend_from_slice(&output);
        self.poll_events();
        while let Some(close) = self.connection.poll_close() {
            self.steps.push(match close {
                Close::ShutdownWrite => Step::Shutdown,
                Close::Done(reason) => Step::Done(reason.name()),
            });
        }
        let is_over = matches!(self.steps.last(), Some(Step::Done(_)));
        assert_eq!(self.connection.deadline().is_none(), is_over, "an open connection has one next deadline");
    }

    fn poll_events(&mut self) {
        while let Some(event) = self.connection.poll_event(NOW, &self.limits) {
            match event {
                Event::Head(request) => {
                    let body = request.body;
                    self.steps.push(Step::Head(Box::new(request)));
                    match body {
                        BodyKind::None => self.connection.respond(Response::new(200), NOW, &self.limits),
                        _ => self.connection.accept_body(NOW, &self.limits),
                    }
                }
                Event::Body(body) => {
                    self.steps.push(Step::Body(body));
                    self.connection.respond(Response::new(202), NOW, &self.limits);
                }
                Event::Rejected { status, reason } => self.steps.push(Step::Rejected(status, reason)),
            }
        }
    }
}
