//! Many events at once: deliveries per second.
//!
//! By HTTP each event has a connection of its own, and all requests of a round are written before any answer
//! is read; to Redis they go in one write. A round lasts from before the first write to the last delivery.

use std::io;

use super::{Rounds, Session, Usage};
use crate::stream::Role;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.streams, Role::Steady)?;
    round(session)?;
    session.warm_up()?;

    let mut rounds = Rounds::of(options.events, options.streams);
    for _ in 0..options.rounds {
        rounds.add(&round(session)?);
    }
    rounds.record(session);
    Ok(())
}

fn round(session: &mut Session<'_>) -> io::Result<Usage> {
    let window = session.begin()?;
    session.publish_many(session.options.events)?;
    session.generator.receive(session.common_deliveries())?;
    let end = session.generator.tally.last_receipt;
    session.publisher.finish(&mut session.generator)?;
    session.end(&window, end)
}
