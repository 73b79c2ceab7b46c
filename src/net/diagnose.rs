//! Connections that carry a diagnosis: probes are sent when they are due, and never waited for.
//!
//! All of it fits into what the kernel and the transport keep for a connection, so that whoever takes none of it, or
//! has much left to take of earlier answers, is closed: there is nothing to flush later here. Every way out is `end_diagnosis`, which keeps count.

use std::io::{ErrorKind, IoSlice};

use super::connections::{Diagnosing, State};
use super::drive::Input;
use super::server::Server;
use crate::diagnosis::{Diagnosis, Facts};
use crate::http::CloseReason;
use crate::hub::Wire;
use crate::key::Key;
use crate::limits::STREAM_INPUT_BYTES;

impl Server {
    /// The connection carries probes from now on; what was for requests is let go.
    pub(super) fn begin_diagnosis(&mut self, key: Key, head: Vec<u8>, facts: &Facts) {
        self.count_request(200);
        let (diagnosis, first) = Diagnosis::begin(facts, self.now.mono);
        self.connections.release(key);
        self.connections.log_begun(key, "diagnosis begun");
        let Some(connection) = self.connections.get_mut(key) else { return };
        let diagnosing = Diagnosing { diagnosis, input_bytes: 0, deadline: None };
        let state = std::mem::replace(&mut connection.state, State::Diagnosing(Box::new(diagnosing)));
        let State::Http(exchange) = state else { return };
        self.diagnoses += 1;
        self.deadlines.set(key, exchange.deadline, None);
        let bytes = [exchange.output(), &head, &first].concat();
        let input_bytes = exchange.http.into_stream().len();
        self.send_probe(key, &bytes);
        self.count_input(key, input_bytes);
        self.queue(key);
    }

    /// The next probe is due, and its deadline is no longer armed.
    pub(super) fn handle_probe_due(&mut self, key: Key) {
        let now = self.now.mono;
        let Some(diagnosing) = self.diagnosing_mut(key) else { return };
        diagnosing.deadline = None;
        let probe = diagnosing.diagnosis.handle_deadline(now);
        self.send_probe(key, &probe);
    }

    /// The client has nothing more to say: it is read from to see it go.
    pub(super) fn read_diagnosing(&mut self, key: Key) {
        match self.read(key) {
            Input::Bytes(bytes) => self.count_input(key, bytes),
            Input::End | Input::Broken(_) => return self.end_diagnosis(key, CloseReason::Client),
            Input::Nothing | Input::Plaintext => {}
        }
        let Some(connection) = self.connections.get(key) else { return };
        if connection.is_readable && matches!(connection.state, State::Diagnosing(_)) {
            self.queue(key);
        }
    }

    fn send_probe(&mut self, key: Key, bytes: &[u8]) {
        match self.connections.send(key, &[IoSlice::new(bytes)]) {
            Ok(taken) if taken == bytes.len() => self.await_probe(key),
            Ok(_) => self.end_diagnosis(key, CloseReason::WriteTimeout),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.end_diagnosis(key, CloseReason::WriteTimeout);
            }
            Err(error) => {
                log::debug!(error:% = error; "a probe cannot be sent");
                self.hub.metrics_mut().transmission_errors += 1;
                self.end_diagnosis(key, CloseReason::Client);
            }
        }
    }

    /// Arms the deadline of the next probe; after the last one it is over.
    fn await_probe(&mut self, key: Key) {
        let Some(diagnosing) = self.diagnosing_mut(key) else { return };
        let deadline = diagnosing.diagnosis.deadline();
        let armed = std::mem::replace(&mut diagnosing.deadline, deadline);
        self.deadlines.set(key, armed, deadline);
        if deadline.is_none() {
            self.end_diagnosis(key, CloseReason::Finished);
        }
    }

    fn count_input(&mut self, key: Key, bytes: usize) {
        let Some(diagnosing) = self.diagnosing_mut(key) else { return };
        diagnosing.input_bytes = diagnosing.input_bytes.saturating_add(bytes);
        if diagnosing.input_bytes > STREAM_INPUT_BYTES {
            self.end_diagnosis(key, CloseReason::BadRequest);
        }
    }

    fn end_diagnosis(&mut self, key: Key, reason: CloseReason) {
        let Some(diagnosing) = self.diagnosing_mut(key) else { return };
        let armed = diagnosing.deadline.take();
        self.deadlines.set(key, armed, None);
        self.diagnoses -= 1;
        self.hub.metrics_mut().count_close(reason.name());
        if reason == CloseReason::Finished {
            self.linger(key);
        } else {
            self.connections.remove(key);
        }
    }

    fn diagnosing_mut(&mut self, key: Key) -> Option<&mut Diagnosing> {
        match &mut self.connections.get_mut(key)?.state {
            State::Diagnosing(diagnosing) => Some(diagnosing),
            _ => None,
        }
    }
}
