//! Many events at once, each over a connection of its own: deliveries per second.
//!
//! All requests of a round are written before any answer is read. A round lasts from before the first
//! write to the last delivery.

use std::io;

use super::{Rounds, Session, Usage};
use crate::generator::{ExchangeKey, Reading};

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    let publishers = (0..options.publishers).map(|_| session.generator.connect());
    let publishers = publishers.collect::<io::Result<Vec<_>>>()?;
    round(session, &publishers)?;
    session.warm_up()?;

    let mut rounds = Rounds::of(publishers.len() as u64, options.streams);
    for _ in 0..options.rounds {
        rounds.add(&round(session, &publishers)?);
    }
    rounds.record(session);
    Ok(())
}

fn round(session: &mut Session<'_>, publishers: &[ExchangeKey]) -> io::Result<Usage> {
    let window = session.begin()?;
    for key in publishers {
        let body = session.next_envelope(session.options.payload_bytes, None);
        session.generator.exchange(*key).post("/publish", &body)?;
    }
    session.generator.receive(session.common_deliveries())?;
    for key in publishers {
        session.accepted(*key)?;
    }
    let end = session.generator.tally.last_receipt;
    session.end(&window, end)
}
