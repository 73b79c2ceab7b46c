//! Where events are published: connections to the server that take turns, or Redis.
//!
//! It never waits for deliveries; answers are checked when they are taken.

use std::io;

use hdrhistogram::Histogram;

use crate::args::Options;
use crate::dialect::{Dialect, Publication};
use crate::exchange::Answer;
use crate::generator::{ExchangeKey, Generator};
use crate::stream::nanos;
use crate::tally;
use crate::upstream::Upstream;

/// What the server says of an event that did not go through Redis.
const FALLBACK: &[u8] = br#""via":"fallback""#;

/// The way that events take.
pub(crate) enum Publisher {
    Http(Http),
    Redis(Box<Upstream>),
}

/// Keep-alive connections, with one request under way in each.
pub(crate) struct Http {
    dialect: Dialect,
    keys: Vec<ExchangeKey>,
    next: usize,
    /// From the request to its answer, in nanoseconds.
    pub(crate) answered: Histogram<u64>,
    /// Events that the server broadcast without the Redis that it should have gone through.
    pub(crate) fallbacks: u64,
}

impl Publisher {
    /// The way that the options ask for, with so many connections.
    pub(crate) fn connect(
        options: &Options,
        generator: &mut Generator,
        connections: usize,
    ) -> io::Result<Self> {
        if let Some(url) = &options.redis {
            return Ok(Self::Redis(Box::new(Upstream::connect(url)?)));
        }
        let keys = (0..connections.max(1)).map(|_| generator.connect()).collect::<io::Result<_>>()?;
        let answered = tally::latencies();
        Ok(Self::Http(Http { dialect: options.dialect, keys, next: 0, answered, fallbacks: 0 }))
    }

    /// Publishes all of it at once; by HTTP over as many connections as there are, in turn.
    pub(crate) fn publish(
        &mut self,
        publications: &[Publication],
        generator: &mut Generator,
    ) -> io::Result<()> {
        match self {
            Self::Http(http) => publications.iter().try_for_each(|one| http.publish(one, generator)),
            Self::Redis(upstream) => upstream.publish(publications.iter().map(|one| one.body.as_str())),
        }
    }

    /// Waits until all that was published is answered.
    pub(crate) fn finish(&mut self, generator: &mut Generator) -> io::Result<()> {
        let Self::Http(http) = self else { return Ok(()) };
        for key in http.keys.clone() {
            if generator.exchange(key).is_busy() {
                let answer = generator.answer(key)?;
                http.take(&answer)?;
            }
        }
        Ok(())
    }
}

impl Http {
    fn publish(&mut self, publication: &Publication, generator: &mut Generator) -> io::Result<()> {
        let key = self.keys[self.next];
        self.next = (self.next + 1) % self.keys.len();
        if generator.exchange(key).is_busy() {
            let answer = generator.answer(key)?;
            self.take(&answer)?;
        }
        generator.exchange(key).publish(publication)
    }

    fn take(&mut self, answer: &Answer) -> io::Result<()> {
        if !self.dialect.is_accepted(answer.status) {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(io::Error::other(format!("publishing was answered with {}: {body}", answer.status)));
        }
        self.answered.saturating_record(nanos(answer.at.duration_since(answer.asked_at)));
        self.fallbacks += u64::from(memchr::memmem::find(&answer.body, FALLBACK).is_some());
        Ok(())
    }
}
