//! One connection that carries requests and answers, as a state machine (RFC 9112 section 9).
//!
//! It never touches a socket, reads a clock or knows a route. The caller's order, after any `handle_*`,
//! [`accept_body`](Connection::accept_body) or [`respond`](Connection::respond):
//! [`poll_event`](Connection::poll_event) until `None`, then send [`output`](Connection::output), then
//! [`poll_close`](Connection::poll_close) until `None`, then arm [`deadline`](Connection::deadline).
//!
//! Invariants: at most one request is in progress; the next one is not parsed before the answer to it is
//! queued, nor while more than `OUTPUT_BYTES` of answers wait. Every connection ends for one reason.

use super::body::BodyReader;
use super::buffer::Buffer;
use super::close::{Close, CloseReason};
use super::head::HeadScan;
use super::reject::Reject;
use super::request::Request;
use super::request_line::Method;
use super::response::{Persistence, Response};
use crate::clock::Mono;
use crate::limits::{INPUT_AHEAD_BYTES, LINGER_BYTES, LINGER_TIME, Limits};

mod memory;
mod output;
mod state;

pub use memory::Spare;
use output::Output;
use state::{Exchange, Said, State};

/// What a client did that the caller has to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A head came. Next: [`Connection::accept_body`], [`Connection::respond`] or
    /// [`Connection::into_stream`].
    Head(Request),
    /// The body of that request came whole. Next: [`Connection::respond`].
    Body(Vec<u8>),
    /// A request was refused: the answer is queued, the connection will close.
    Rejected {
        /// The status of the answer.
        status: u16,
        /// Why; one of a fixed set, so that it may be a metric's label.
        reason: &'static str,
    },
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    state: State,
    /// What came and was not parsed.
    input: Buffer,
    /// What was answered and not taken.
    output: Output,
    /// Whether the client shut down writing.
    has_eof: bool,
    /// A refusal that was not polled yet.
    rejected: Option<Reject>,
    /// Bytes of the body that the caller has and has not answered, or of what the caller made of it.
    lent_bytes: usize,
}

impl Connection {
    /// A connection that was just accepted. It allocates nothing before bytes come.
    #[must_use]
    pub fn new(now: Mono, limits: &Limits) -> Self {
        Self {
            state: State::Fresh { deadline: now.after(limits.head_timeout) },
            input: Buffer::default(),
            output: Output::new(now),
            has_eof: false,
            rejected: None,
            lent_bytes: 0,
        }
    }

    /// Bytes came. Bounded by the caller, who reads only while [`wants_input`](Self::wants_input).
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono, limits: &Limits) {
        match &mut self.state {
            State::Closing { discard_bytes, .. } => {
                *discard_bytes = discard_bytes.saturating_sub(bytes.len())
            }
            State::Lingering { reason, discard_bytes, .. } => {
                *discard_bytes = discard_bytes.saturating_sub(bytes.len());
                if *discard_bytes == 0 {
                    self.state = State::closed(*reason);
                }
            }
            State::Closed { .. } => {}
            _ => {
                self.input.extend(bytes);
                self.begin_head(now, limits);
            }
        }
    }

    /// The client shut down writing. What it sent before is still answered.
    pub fn handle_eof(&mut self) {
        self.has_eof = true;
        if let State::Lingering { reason, .. } = self.state {
            self.state = State::closed(reason);
        }
    }

    /// The socket broke: nothing more reaches the client, and what it sent is acted on no further.
    pub fn handle_broken(&mut self) {
        if !matches!(self.state, State::Closed { .. }) {
            self.input.clear();
            self.rejected = None;
            self.state = State::closed(CloseReason::Client);
        }
    }

    /// What came is plain HTTP, where TLS is spoken: says so, without TLS, and ends. So many bytes of it were read.
    pub fn refuse_plaintext(&mut self, now: Mono) {
        let reject = Reject::new(400, "this port speaks TLS: ask with https");
        self.rejected = Some(reject);
        self.refuse(reject, Method::Get, CloseReason::Plaintext, now);
    }

    /// What the caller has to act on next; to be called until `None`.
    pub fn poll_event(&mut self, now: Mono, limits: &Limits) -> Option<Event> {
        let event = match &self.state {
            _ if self.rejected.is_some() => None,
            State::Head { .. } if !self.output.has_backlog() => self.poll_head(now, limits),
            State::Body { .. } => self.poll_body(now, limits),
            _ => None,
        };
        if let Some(Reject { status, reason }) = self.rejected.take() {
            return Some(Event::Rejected { status, reason });
        }
        if event.is_none() && self.has_eof {
            self.end_at_eof();
        }
        event
    }

    /// Reads the body of the request in progress, and asks for it where the client waits to be asked
    /// (`100 Continue`, RFC 9110 section 10.1.1). [`Event::Body`] follows, or [`Event::Rejected`] with
    /// 413 when it is larger than `limits.body_bytes`.
    pub fn accept_body(&mut self, now: Mono, limits: &Limits) {
        let State::Deciding(exchange) = self.state else { return };
        match BodyReader::new(exchange.body, now, limits) {
            Ok(reader) => self.state = State::Body { reader, exchange },
            Err(reject) => return self.reject(reject, exchange.method, now),
        }
        if exchange.expect_continue && self.input.is_empty() {
            self.output.end(now).extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Answers the request in progress. The connection closes after it when the request or the answer
    /// says so, or when the request's body was not read to its end. Nothing happens where no request is
    /// in progress: the connection ended while the answer was made.
    pub fn respond(&mut self, response: Response, now: Mono, limits: &Limits) {
        self.lent_bytes = 0;
        let (exchange, is_read) = match self.state {
            State::Deciding(exchange) => (exchange, exchange.body.is_empty()),
            State::Body { exchange, .. } => (exchange, false),
            State::Answering(exchange) => (exchange, true),
            _ => return,
        };
        let persistence = match exchange {
            _ if !is_read || response.closes() => Persistence::Close,
            Exchange { keep_alive: false, .. } => Persistence::Close,
            Exchange { http_1_0: true, .. } => Persistence::KeepAliveSaid,
            _ => Persistence::KeepAlive,
        };
        response.encode(self.output.end(now), exchange.method == Method::Head, persistence);
        if persistence == Persistence::Close {
            return self.close_after_output(CloseReason::Finished);
        }
        self.state = State::Idle { deadline: now.after(limits.keepalive) };
        self.begin_head(now, limits);
    }

    /// Whether a request is in progress and only the caller can go on with it.
    #[must_use]
    pub const fn is_awaiting_response(&self) -> bool {
        matches!(self.state, State::Deciding(_) | State::Answering(_))
    }

    /// Whether a request is in progress: its head came, and it is not answered.
    #[must_use]
    pub const fn has_request(&self) -> bool {
        matches!(self.state, State::Deciding(_) | State::Body { .. } | State::Answering(_))
    }

    /// The bytes to send.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        match self.state {
            State::Closed { .. } => &[],
            _ => self.output.pending(),
        }
    }

    /// The first `n` bytes of [`output`](Self::output) were taken by the socket.
    pub fn handle_output_taken(&mut self, n: usize, now: Mono) {
        if n == 0 {
            return;
        }
        let had_backlog = self.output.has_backlog();
        let waited = self.output.take(n, now);
        match &mut self.state {
            // The clock of a client stands still while it is our turn.
            State::Idle { deadline } => *deadline = deadline.after(waited),
            State::Head { deadline, .. } if had_backlog => *deadline = deadline.after(waited),
            State::Closing { reason, discard_bytes } if self.output.is_empty() => {
                self.state = if self.has_eof || *discard_bytes == 0 {
                    State::closed(*reason)
                } else {
                    let (reason, discard_bytes) = (*reason, *discard_bytes);
                    let deadline = now.after(LINGER_TIME);
                    State::Lingering { reason, discard_bytes, deadline, shutdown: Said::NotYet }
                };
            }
            _ => {}
        }
    }

    /// Whether the caller should read. To be asked again after each call that changes the connection.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match self.state {
            _ if self.has_eof => false,
            State::Closed { .. } => false,
            State::Closing { discard_bytes, .. } => discard_bytes > 0,
            State::Lingering { .. } => true,
            State::Deciding(_) | State::Answering(_) => {
                !self.output.has_backlog() && self.input.len() < INPUT_AHEAD_BYTES
            }
            // Requests that wait for their turn are read no further, or the client would fill the memory.
            State::Head { ref scan, .. } => !self.output.has_backlog() && scan.has_seen(self.input.len()),
            State::Fresh { .. } | State::Idle { .. } | State::Body { .. } => !self.output.has_backlog(),
        }
    }

    /// When [`handle_deadline`](Self::handle_deadline) is due. `None` where it is the caller's turn: it
    /// owes an answer and none waits to be sent, or the connection is closed.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let stall = self.output.deadline();
        let own = match &self.state {
            State::Closed { .. } => return None,
            State::Fresh { deadline } | State::Lingering { deadline, .. } => Some(*deadline),
            State::Idle { deadline } => stall.is_none().then_some(*deadline),
            State::Head { deadline, .. } => (!self.output.has_backlog()).then_some(*deadline),
            State::Body { reader, .. } => Some(reader.deadline()),
            State::Deciding(_) | State::Answering(_) | State::Closing { .. } => None,
        };
        own.into_iter().chain(stall).min()
    }

    /// Time passed. Does nothing before [`deadline`](Self::deadline).
    pub fn handle_deadline(&mut self, now: Mono) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.output.deadline().is_some_and(|stall| stall <= now) {
            self.state = State::closed(CloseReason::WriteTimeout);
            return;
        }
        match &self.state {
            State::Fresh { .. } => self.state = State::closed(CloseReason::Silent),
            State::Idle { .. } => self.state = State::closed(CloseReason::KeepAlive),
            State::Lingering { reason, .. } => self.state = State::closed(*reason),
            State::Head { scan, .. } => {
                let method = scan.method();
                self.refuse(Reject::new(408, "head took too long"), method, CloseReason::HeadTimeout, now);
            }
            State::Body { exchange, .. } => {
                let method = exchange.method;
                self.refuse(Reject::new(408, "body took too long"), method, CloseReason::BodyTimeout, now);
            }
            State::Deciding(_) | State::Answering(_) | State::Closing { .. } | State::Closed { .. } => {}
        }
    }

    /// What to do to the socket next, once [`output`](Self::output) was taken; to be called until `None`.
    pub fn poll_close(&mut self) -> Option<Close> {
        match &mut self.state {
            State::Lingering { shutdown: said @ Said::NotYet, .. } => {
                *said = Said::Yes;
                Some(Close::ShutdownWrite)
            }
            State::Closed { reason, done: said @ Said::NotYet } => {
                *said = Said::Yes;
                Some(Close::Done(*reason))
            }
            _ => None,
        }
    }

    /// Ends it for a request that becomes a stream of events. Gives the bytes that came after the head:
    /// they count against the stream's client and are never parsed.
    ///
    /// What [`output`](Self::output) holds, answers to earlier requests, has to be sent before the
    /// stream: copy it first.
    #[must_use]
    pub fn into_stream(self) -> Vec<u8> {
        self.input.into_pending()
    }

    /// Goes from waiting for a request to reading its head, when more came than an empty line. The
    /// first head of a connection has to come within the time that began when it was accepted.
    fn begin_head(&mut self, now: Mono, limits: &Limits) {
        let deadline = match self.state {
            State::Fresh { deadline } => deadline,
            State::Idle { .. } => now.after(limits.head_timeout),
            _ => return,
        };
        if HeadScan::has_begun(self.input.pending()) {
            self.state = State::Head { scan: HeadScan::default(), deadline };
        }
    }

    fn poll_head(&mut self, now: Mono, limits: &Limits) -> Option<Event> {
        let State::Head { scan, .. } = &mut self.state else { return None };
        match scan.advance(self.input.pending(), limits) {
            Ok(None) => None,
            Ok(Some((request, head_bytes))) => {
                self.input.take(head_bytes);
                self.state = State::Deciding(Exchange::of(&request));
                Some(Event::Head(request))
            }
            Err(reject) => {
                let method = scan.method();
                self.reject(reject, method, now);
                None
            }
        }
    }

    fn poll_body(&mut self, now: Mono, limits: &Limits) -> Option<Event> {
        let State::Body { reader, exchange } = &mut self.state else { return None };
        let exchange = *exchange;
        match reader.decode(self.input.pending(), limits) {
            Ok(taken) => self.input.take(taken),
            Err(reject) => {
                self.reject(reject, exchange.method, now);
                return None;
            }
        }
        if !reader.is_complete() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Answering(exchange)) {
            State::Body { reader, .. } => {
                let body = reader.into_bytes();
                self.lent_bytes = body.len();
                Some(Event::Body(body))
            }
            _ => None,
        }
    }

    /// No more will come, and what came is not a whole request.
    fn end_at_eof(&mut self) {
        let is_waiting = match self.state {
            State::Fresh { .. } | State::Idle { .. } | State::Body { .. } => true,
            State::Head { .. } => !self.output.has_backlog(),
            _ => false,
        };
        if is_waiting && self.output.is_empty() {
            self.state = State::closed(CloseReason::Client);
        } else if is_waiting {
            self.close_after_output(CloseReason::Client);
        }
    }

    /// Refuses a request for what it is.
    fn reject(&mut self, reject: Reject, method: Method, now: Mono) {
        self.rejected = Some(reject);
        self.refuse(reject, method, CloseReason::BadRequest, now);
    }

    fn refuse(&mut self, reject: Reject, method: Method, reason: CloseReason, now: Mono) {
        Response::from(reject).encode(self.output.end(now), method == Method::Head, Persistence::Close);
        self.close_after_output(reason);
    }

    /// Ends parsing; there is output.
    fn close_after_output(&mut self, reason: CloseReason) {
        self.input.clear();
        self.state = State::Closing { reason, discard_bytes: LINGER_BYTES };
    }
}
