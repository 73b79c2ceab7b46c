//! What is done with a connection: read, answer, and make it a stream.

use std::io::ErrorKind;

use rustls::HandshakeKind;

use super::budget;
use super::connections::{Linger, State};
use super::node::View;
use super::phase::Phase;
use super::server::Server;
use super::transport::{More, Received};
use crate::api::{self, Context, Decision, Incoming, Refusal};
use crate::auth::Pass;
use crate::bus::Receipt;
use crate::http::{self, Close, CloseReason, Event, Request, Response};
use crate::hub::{self, Subscription};
use crate::key::Key;
use crate::limits::{
    LINGER_BYTES, LINGER_TIME, Limit, STREAM_BACKLOG_BYTES, STREAM_INPUT_BYTES, STREAM_REST_BYTES,
};

/// What reading gave.
pub(super) enum Input {
    Bytes(usize),
    End,
    Nothing,
    Broken(ErrorKind),
    /// The client speaks plain HTTP, and TLS is spoken here.
    Plaintext,
}

impl Server {
    /// Reads what came and does what it asks for.
    pub(super) fn drive(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.is_queued = false;
        match &connection.state {
            State::Stream { .. } => self.read_stream(key),
            State::Diagnosing(_) => self.read_diagnosing(key),
            State::Lingering(_) => self.read_linger(key),
            State::Http(exchange) => {
                if exchange.http.wants_input() {
                    self.read_request(key);
                }
                self.serve(key);
            }
        }
    }

    /// Reads once, into the shared buffer.
    pub(super) fn read(&mut self, key: Key) -> Input {
        let Some(connection) = self.connections.get_mut(key) else { return Input::Nothing };
        if !connection.is_readable {
            return Input::Nothing;
        }
        let was_handshaking = connection.transport.is_handshaking();
        let received = self.connections.receive(key, &mut self.buffer);
        if let Err(error) = &received
            && error.kind() == ErrorKind::InvalidData
            && let Some(whence) = self.connections.whence(key)
        {
            log::debug!(address:% = whence.client(), error:%; "a client that is no use with TLS");
        }
        let Some(connection) = self.connections.get_mut(key) else { return Input::Nothing };
        if was_handshaking && let Some(kind) = connection.transport.handshake_kind() {
            self.hub.metrics_mut().count_handshake(kind == HandshakeKind::Resumed);
        }
        // Where a read emptied the socket, its end may have come, too, and no event tells of that again.
        let is_readable = |more: More| more == More::Maybe;
        let (is_readable, input) = match received {
            Ok(Received::Bytes(bytes, more)) => {
                (is_readable(more) || connection.is_peer_closed, Input::Bytes(bytes))
            }
            Ok(Received::Nothing(more)) => (is_readable(more), Input::Nothing),
            Ok(Received::End) => (false, Input::End),
            Ok(Received::Plaintext) => (true, Input::Plaintext),
            Err(error) => (false, Input::Broken(error.kind())),
        };
        connection.is_readable = is_readable;
        input
    }

    /// A stream's client has nothing more to say: it is read from to see it go.
    fn read_stream(&mut self, key: Key) {
        let bytes = match self.read(key) {
            Input::Bytes(bytes) => bytes,
            Input::Nothing | Input::Plaintext => 0,
            Input::End => return self.hub.close(key, hub::CloseReason::Client),
            Input::Broken(kind) => return self.hub.close(key, hub::CloseReason::of(kind)),
        };
        let Some(connection) = self.connections.get_mut(key) else { return };
        let (is_readable, rest_bytes) = (connection.is_readable, connection.transport.rest_bytes());
        let State::Stream { input_bytes } = &mut connection.state else { return };
        *input_bytes = input_bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        // A record that is longer than all that it may send need not be complete to be too much.
        let is_too_much = *input_bytes as usize > STREAM_INPUT_BYTES || rest_bytes > STREAM_REST_BYTES;
        if is_too_much {
            self.hub.close(key, hub::CloseReason::Input);
        } else if is_readable {
            self.queue(key);
        }
    }

    /// Ends a stream so that its last bytes arrive: says that nothing more comes, and reads on for a while.
    pub(super) fn linger(&mut self, key: Key) {
        self.connections.end_writing(key);
        let Some(connection) = self.connections.get_mut(key) else { return };
        // Its last bytes may still be here, not in the kernel.
        let patience = match connection.transport.has_backlog() {
            true => self.config.stream.stall_timeout,
            false => LINGER_TIME,
        };
        let deadline = self.now.mono.after(patience);
        connection.state = State::Lingering(Box::new(Linger { left_bytes: LINGER_BYTES, deadline }));
        self.deadlines.set(key, None, Some(deadline));
        self.queue(key);
    }

    /// The socket takes bytes again: what waits in the transport leaves, whatever the hub thinks of its client.
    pub(super) fn handle_writable(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.transport.has_backlog() {
            match connection.transport.flush() {
                Ok(true) => {
                    // While it waited, nothing was read.
                    connection.is_readable = true;
                    self.linger_on(key);
                    self.connections.account(key);
                }
                Ok(false) => self.connections.account(key),
                Err(error) => self.hub.close(key, hub::CloseReason::of(error.kind())),
            }
        }
        self.hub.handle_writable(key);
    }

    /// The last bytes of a stream that was ended are with the kernel.
    fn linger_on(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let State::Lingering(linger) = &mut connection.state else { return };
        let until = self.now.mono.after(LINGER_TIME);
        let armed = std::mem::replace(&mut linger.deadline, until);
        self.deadlines.set(key, Some(armed), Some(until));
    }

    fn read_linger(&mut self, key: Key) {
        let input = self.read(key);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let is_readable = connection.is_readable;
        let State::Lingering(linger) = &mut connection.state else { return };
        if let Input::Bytes(bytes) = input {
            linger.left_bytes = linger.left_bytes.saturating_sub(bytes);
        }
        if matches!(input, Input::End | Input::Broken(_)) || linger.left_bytes == 0 {
            self.deadlines.set(key, Some(linger.deadline), None);
            self.connections.remove(key);
        } else if is_readable {
            self.queue(key);
        }
    }

    fn read_request(&mut self, key: Key) {
        let input = self.read(key);
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        match input {
            Input::Bytes(bytes) => {
                exchange.http.handle_input(&self.buffer[..bytes], self.now.mono, &self.config.limits);
            }
            Input::End => exchange.http.handle_eof(),
            Input::Broken(_) => exchange.http.handle_broken(),
            Input::Nothing => {}
            Input::Plaintext => exchange.http.refuse_plaintext(self.now.mono),
        }
    }

    /// Answers requests, within the budget, and sends the answers.
    fn serve(&mut self, key: Key) {
        let mut requests = 0;
        loop {
            while requests < budget::REQUESTS {
                let Some(exchange) = self.connections.exchange_mut(key) else { return };
                let Some(event) = exchange.http.poll_event(self.now.mono, &self.config.limits) else { break };
                requests += 1;
                self.handle_http_event(key, event);
            }
            if !self.send_answers(key) || requests == budget::REQUESTS {
                break;
            }
        }
        self.poll_closes(key);
        self.arm(key);
        self.account(key);
        let Some(connection) = self.connections.get(key) else { return };
        let State::Http(exchange) = &connection.state else { return };
        let may_read = connection.is_readable && exchange.http.wants_input();
        if may_read || requests == budget::REQUESTS {
            self.queue(key);
        }
    }

    fn handle_http_event(&mut self, key: Key, event: Event) {
        match event {
            Event::Head(request) => match self.decide(key, &request) {
                None => {}
                Some(Decision::Respond(response)) => self.respond(key, response),
                Some(Decision::Stream(head, subscription, pass)) => {
                    self.begin_stream(key, head, subscription, pass);
                }
                Some(Decision::Diagnose(head, facts)) => self.begin_diagnosis(key, head, &facts),
                Some(Decision::ReadBody(incoming)) => {
                    self.make_room(request.body);
                    let Some(exchange) = self.connections.exchange_mut(key) else { return };
                    exchange.incoming = Some(incoming);
                    exchange.http.accept_body(self.now.mono, &self.config.limits);
                }
            },
            Event::Body(body) => self.handle_body(key, &body),
            Event::Rejected { status, reason } => {
                log::debug!(status, reason; "request refused");
                self.count_request(status);
            }
        }
    }

    /// A body came whole: it is published, or changes the mode.
    fn handle_body(&mut self, key: Key, body: &[u8]) {
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        match &exchange.incoming {
            None => {}
            Some(Incoming::Publish(_)) => self.publish(key, body),
            Some(Incoming::Mode) => {
                exchange.incoming = None;
                let response = api::wished_mode(body).map_or_else(
                    |response| response,
                    |mode| {
                        let old = self.bus.mode();
                        self.set_mode(mode);
                        api::mode_changed(old, mode)
                    },
                );
                self.respond(key, response);
            }
        }
    }

    fn decide(&mut self, key: Key, request: &Request) -> Option<Decision> {
        let is_within = self.attribute(key, request);
        let standing = self.standing(key);
        let whence = self.connections.whence(key)?;
        let (peer, client, limited_as) = (whence.peer(), whence.client(), whence.limited_as());
        let (side, is_over_cap) = (whence.side, whence.is_over_cap);
        let refusal = match self.phase {
            Phase::Draining { .. } => Some(Refusal::Draining),
            _ if is_over_cap || !is_within => Some(Refusal::Full),
            _ => None,
        };
        let view = View {
            connections: &self.connections,
            connections_cap: self.caps.public + self.caps.admin,
            clock: &self.clock,
            rates: &self.rates,
            instance: &self.instance,
            pacing: &self.guard.pacing,
            limited_as,
            diagnoses: self.diagnoses,
            backlog: self.relay.backlog(),
            now: self.now.mono,
        };
        let mut context = Context {
            hub: &mut self.hub,
            bus: &self.bus,
            settings: &self.settings,
            gate: &self.gate,
            denials: &mut self.denials,
            node: &view,
            peer,
            client,
            side,
            refusal,
            standing,
            is_ending: self.phase != Phase::Running,
            jitter: self.random.f64(),
            now: self.now,
        };
        Some(context.decide(request))
    }

    /// Answers whoever published a batch that is in the log now.
    pub(super) fn acknowledge(&mut self, key: Key, receipt: Receipt) {
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        let Some(Incoming::Publish(publishing)) = exchange.incoming.take() else { return };
        self.respond(key, publishing.accepted(receipt));
        self.serve(key);
    }

    pub(super) fn respond(&mut self, key: Key, response: Response) {
        self.count_request(response.status());
        // Whoever would ask once more on this connection might do so when it is gone (RFC 9112 section 9.6).
        let ends = self.phase != Phase::Running;
        let response = if ends { response.closing() } else { response };
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        exchange.http.respond(response, self.now.mono, &self.config.limits);
    }

    pub(super) fn count_request(&mut self, status: u16) {
        *self.hub.metrics_mut().requests.entry(status).or_default() += 1;
    }

    /// The connection carries nothing but events from now on; what was for requests is let go.
    fn begin_stream(&mut self, key: Key, head: Vec<u8>, subscription: Subscription, pass: Pass) {
        self.send_answers(key);
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        if !exchange.http.is_awaiting_response() {
            // It broke as earlier answers were sent, and is closed for that.
            return;
        }
        if exchange.output().len() > STREAM_BACKLOG_BYTES {
            // It asked for much and does not read: nobody counts what a stream has waiting before its events.
            self.hub.metrics_mut().count_limited(Limit::ParserBytes);
            self.closing.push((key, CloseReason::Memory.name()));
            return;
        }
        self.count_request(200);
        self.connections.release(key);
        self.connections.log_begun(key, "stream opened");
        self.connections.let_in_by(key, pass);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let state = std::mem::replace(&mut connection.state, State::Stream { input_bytes: 0 });
        let State::Http(exchange) = state else { return };
        self.deadlines.set(key, exchange.deadline, None);
        let mut greeting = exchange.output().to_vec();
        greeting.extend_from_slice(&head);
        let input_bytes = exchange.http.into_stream().len();
        connection.state = State::Stream { input_bytes: u32::try_from(input_bytes).unwrap_or(u32::MAX) };
        self.hub.join(key, greeting, subscription, self.now);
        if input_bytes > STREAM_INPUT_BYTES {
            self.hub.close(key, hub::CloseReason::Input);
        }
        self.queue(key);
    }

    /// Sends what is answered; gives back whether the socket took anything.
    pub(super) fn send_answers(&mut self, key: Key) -> bool {
        let mut has_sent = false;
        loop {
            let Some(exchange) = self.connections.exchange_mut(key) else { return has_sent };
            if exchange.http.output().is_empty() {
                return has_sent;
            }
            let sent = self.connections.send_answer(key);
            let Some(exchange) = self.connections.exchange_mut(key) else { return has_sent };
            match sent {
                Ok(bytes) => {
                    exchange.http.handle_output_taken(bytes, self.now.mono);
                    has_sent = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return has_sent,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    exchange.http.handle_broken();
                    self.hub.metrics_mut().transmission_errors += 1;
                    return false;
                }
            }
        }
    }

    pub(super) fn poll_closes(&mut self, key: Key) {
        loop {
            let Some(connection) = self.connections.get_mut(key) else { return };
            let State::Http(exchange) = &mut connection.state else { return };
            match exchange.http.poll_close() {
                Some(Close::ShutdownWrite) => self.connections.end_writing(key),
                Some(Close::Done(reason)) => {
                    let is_late = reason == http::CloseReason::Silent;
                    let of_tls = match reason {
                        // Whatever it was in the middle of.
                        http::CloseReason::Memory => None,
                        _ => connection.transport.close_reason(is_late),
                    };
                    let reason = of_tls.unwrap_or(reason.name());
                    self.closing.push((key, reason));
                }
                None => return,
            }
        }
    }

    /// Arms the deadline that the connection has now.
    pub(super) fn arm(&mut self, key: Key) {
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        let deadline = exchange.http.deadline();
        let armed = std::mem::replace(&mut exchange.deadline, deadline);
        self.deadlines.set(key, armed, deadline);
    }

    /// The connection's deadline has come, and is no longer armed.
    pub(super) fn handle_connection_deadline(&mut self, key: Key) {
        match self.connections.get(key).map(|connection| &connection.state) {
            Some(State::Lingering(_)) => {
                self.connections.remove(key);
                return;
            }
            Some(State::Diagnosing(_)) => return self.handle_probe_due(key),
            _ => {}
        }
        let Some(exchange) = self.connections.exchange_mut(key) else { return };
        exchange.deadline = None;
        exchange.http.handle_deadline(self.now.mono);
        self.serve(key);
    }
}
