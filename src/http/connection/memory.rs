//! What a connection holds beside itself, and how it gives that up when memory is short.
//!
//! Which connection has to is not decided here.

use super::{Connection, State};
use crate::clock::Mono;
use crate::http::close::CloseReason;
use crate::http::reject::Reject;

/// Whether the memory of a connection can be spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spare {
    /// No: the caller owes it an answer, or it is over.
    #[default]
    No,
    /// A body is on its way: a publisher loses what it has sent.
    Body,
    /// Yes: an unfinished head, or answers that the client does not take.
    Yes,
}

impl Connection {
    /// Bytes of memory that it takes beside itself: what came and was not answered, and what was answered and not
    /// taken. None while it waits for a request.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let of_state = match &self.state {
            State::Body { reader, .. } => reader.memory_bytes(),
            _ => 0,
        };
        self.input.memory_bytes() + self.output.memory_bytes() + self.lent_bytes + of_state
    }

    /// The caller made so many bytes of the body, and keeps them until it answers.
    pub const fn lend(&mut self, bytes: usize) {
        if matches!(self.state, State::Answering(_)) {
            self.lent_bytes = bytes;
        }
    }

    /// Whether [`shed`](Self::shed) would free memory, and at what price.
    #[must_use]
    pub const fn spare(&self) -> Spare {
        match self.state {
            State::Deciding(_) | State::Answering(_) | State::Closed { .. } => Spare::No,
            State::Body { .. } => Spare::Body,
            _ => Spare::Yes,
        }
    }

    /// Gives up for want of memory: a request that is being read is refused with 503, and its connection closes. A
    /// connection that only has answers waiting is closed at once.
    pub fn shed(&mut self, now: Mono) {
        let method = match &self.state {
            _ if self.spare() == Spare::No => return,
            State::Head { scan, .. } => Some(scan.method()),
            State::Body { exchange, .. } => Some(exchange.method),
            _ => None,
        };
        match method.filter(|_| self.output.is_empty()) {
            Some(method) => {
                let reject = Reject::new(503, "the server has no memory for more requests");
                self.rejected = Some(reject);
                self.refuse(reject, method, CloseReason::Memory, now);
            }
            None => {
                self.input.clear();
                self.output.clear();
                self.state = State::closed(CloseReason::Memory);
            }
        }
    }
}
