//! Envelopes from Redis to streams: events per second through the whole server.
//!
//! They are published as fast as Redis takes them, but never more than `UNREAD_EVENTS` ahead of what the
//! streams have got, so that what is measured is a way through and not a buffer that fills.

use std::io;
use std::time::Duration;

use super::{Session, WARM_UP};
use crate::publisher::Publisher;
use crate::stream::Role;

/// Envelopes of one write.
pub(super) const BATCH_EVENTS: u64 = 500;
/// Events that are published and not read yet, at most; of several streams, on average.
pub(super) const UNREAD_EVENTS: u64 = 50_000;

const _: () = assert!(BATCH_EVENTS < UNREAD_EVENTS);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.streams, Role::Steady)?;
    pump(session, WARM_UP)?;
    session.generator.tally.take_latency();

    let redis_before = redis_ns(session)?;
    let window = session.begin()?;
    pump(session, options.events)?;
    let end = session.generator.tally.last_receipt;
    let usage = session.end(&window, end)?;
    let redis_ns = redis_ns(session)? - redis_before;

    session.record.set("redis_busy_pct", usage.busy_pct(redis_ns));
    usage.record_per_event(&mut session.record, options.events);
    session.record_usage(&usage, options.events * options.streams as u64);
    Ok(())
}

fn redis_ns(session: &Session<'_>) -> io::Result<u64> {
    match &session.publisher {
        Publisher::Redis(upstream) => upstream.process.cpu().map(|cpu| cpu.run_ns),
        Publisher::Http(_) => Ok(0),
    }
}

/// Publishes `events` envelopes and waits until each stream has them.
fn pump(session: &mut Session<'_>, events: u64) -> io::Result<()> {
    let ahead = (UNREAD_EVENTS - BATCH_EVENTS) * session.options.streams as u64;
    let mut left = events;
    while left > 0 {
        session.generator.receive(session.common_deliveries().saturating_sub(ahead))?;
        let batch = left.min(BATCH_EVENTS);
        session.publish_many(batch)?;
        left -= batch;
        session.generator.turn(Duration::ZERO)?;
    }
    session.generator.receive(session.common_deliveries())
}
