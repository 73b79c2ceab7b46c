//! Envelopes from Redis to one stream: events per second through the whole server.
//!
//! They are published as fast as Redis takes them, but never more than `UNREAD_EVENTS` ahead of what the
//! streams have got, so that what is measured is a way through and not a buffer that fills.

use std::io;
use std::time::Duration;

use super::{Session, WARM_UP};
use crate::generator::Reading;
use crate::upstream::Upstream;

/// Envelopes of one write.
pub(super) const BATCH_EVENTS: u64 = 500;
/// Events that are published and not read yet, at most; of several streams, on average.
pub(super) const UNREAD_EVENTS: u64 = 50_000;

const _: () = assert!(BATCH_EVENTS < UNREAD_EVENTS);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    let mut upstream = Upstream::connect(options)?;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    pump(session, &mut upstream, WARM_UP)?;
    session.generator.tally.take_latency();

    let redis = upstream.process.cpu()?;
    let window = session.begin()?;
    pump(session, &mut upstream, options.events)?;
    let end = session.generator.tally.last_receipt;
    let usage = session.end(&window, end)?;
    let redis_ns = upstream.process.cpu()?.run_ns - redis.run_ns;

    session.record.set("events_per_s", options.events as f64 / usage.wall.as_secs_f64());
    session.record.set("cpu_us_per_event", usage.server_ns as f64 / 1e3 / options.events as f64);
    session.record.set("redis_busy_pct", usage.busy_pct(redis_ns));
    session.record_usage(&usage, options.events * options.streams as u64);
    Ok(())
}

/// Publishes `events` envelopes and waits until each stream has them.
fn pump(session: &mut Session<'_>, upstream: &mut Upstream, events: u64) -> io::Result<()> {
    let ahead = (UNREAD_EVENTS - BATCH_EVENTS) * session.options.streams as u64;
    let mut left = events;
    while left > 0 {
        session.generator.receive(session.common_deliveries().saturating_sub(ahead))?;
        let batch = left.min(BATCH_EVENTS);
        upstream.publish(&session.next_envelopes(batch))?;
        left -= batch;
        session.generator.turn(Duration::ZERO)?;
    }
    session.generator.receive(session.common_deliveries())
}
