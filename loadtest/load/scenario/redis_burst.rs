//! Many envelopes to Redis in one write, for many streams: deliveries per second.
//!
//! A round lasts from before the write to the last delivery, as in `burst`.

use std::io;

use super::{Rounds, Session, Usage};
use crate::generator::Reading;
use crate::upstream::Upstream;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    let mut upstream = Upstream::connect(options)?;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    round(session, &mut upstream)?;
    session.generator.tally.take_latency();

    let mut rounds = Rounds::of(options.events, options.streams);
    for _ in 0..options.rounds {
        rounds.add(&round(session, &mut upstream)?);
    }
    rounds.record(session);
    Ok(())
}

fn round(session: &mut Session<'_>, upstream: &mut Upstream) -> io::Result<Usage> {
    let window = session.begin()?;
    upstream.publish(&session.next_envelopes(session.options.events))?;
    session.generator.receive(session.common_deliveries())?;
    let end = session.generator.tally.last_receipt;
    session.end(&window, end)
}
