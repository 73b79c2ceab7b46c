//! Events that concern one stream of many, by its topic or its tenant: CPU of one, to be compared with a single
//! stream.

use std::io;
use std::time::Instant;

use super::{Session, WARM_UP};
use crate::payload::Concerned;
use crate::stream::Role;

/// A step from topic to topic that visits all before it comes back (a prime).
const STEP: u64 = 7_919;

/// Each stream asks for a value of its own of the query's `parameter`.
pub(super) fn run(
    session: &mut Session<'_>,
    parameter: &str,
    concerned: fn(&str) -> Concerned<'_>,
) -> io::Result<()> {
    let options = session.options;
    session.open(options.streams, Role::Steady, |i| format!("/events?{parameter}=t{i}"))?;
    publish_one_by_one(session, WARM_UP, concerned)?;
    session.generator.tally.take_latency();
    let window = session.begin()?;
    publish_one_by_one(session, options.events, concerned)?;
    let usage = session.end(&window, Instant::now())?;
    usage.record_per_event(&mut session.record, options.events);
    session.record_usage(&usage, options.events);
    Ok(())
}

fn publish_one_by_one(
    session: &mut Session<'_>,
    count: u64,
    concerned: fn(&str) -> Concerned<'_>,
) -> io::Result<()> {
    for _ in 0..count {
        let streams = session.generator.streams().len() as u64;
        let at = (session.published.wrapping_mul(STEP) % streams) as usize;
        let before = session.generator.streams()[at].events;
        let all = session.generator.tally.events + 1;
        session.publish(session.options.payload_bytes, Some(concerned(&format!("t{at}"))))?;
        session.generator.receive(all)?;
        session.publisher.finish(&mut session.generator)?;
        let got = session.generator.streams()[at].events - before;
        if got != 1 || session.generator.tally.events != all {
            return Err(io::Error::other("an event did not reach just the stream that it concerns"));
        }
    }
    Ok(())
}
