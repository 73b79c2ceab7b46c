//! A connection that asks for `/healthz` without a pause.

use std::io;
use std::time::Instant;

use super::Session;
use crate::generator::ExchangeKey;

/// A span of time.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// The connection, and its requests so far.
pub(super) struct Asker {
    key: ExchangeKey,
    requests: Vec<Span>,
}

impl Asker {
    /// Connects and asks.
    pub(super) fn start(session: &mut Session<'_>) -> io::Result<Self> {
        let key = session.generator.connect()?;
        session.generator.exchange(key).get("/healthz")?;
        Ok(Self { key, requests: Vec::new() })
    }

    /// Takes the answer, if it is there, and asks again. It looks for itself after each turn, so that
    /// an answer does not wait in the poll behind the streams.
    pub(super) fn handle_turn(&mut self, session: &mut Session<'_>) -> io::Result<()> {
        let exchange = session.generator.exchange(self.key);
        exchange.handle_readable()?;
        let Some(answer) = exchange.take_answer() else { return Ok(()) };
        if answer.status != 200 {
            return Err(io::Error::other(format!("/healthz was answered with {}", answer.status)));
        }
        self.requests.push(Span { start: answer.asked_at, end: answer.at });
        exchange.get("/healthz")
    }

    /// Waits for the last answer, which does not count; returns the requests.
    pub(super) fn finish(self, session: &mut Session<'_>) -> io::Result<Vec<Span>> {
        session.generator.answer(self.key)?;
        Ok(self.requests)
    }
}
