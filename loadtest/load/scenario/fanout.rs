//! Events one at a time to all streams: CPU per delivery, latency.

use std::io;
use std::time::Instant;

use super::Session;
use crate::generator::Reading;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    session.warm_up()?;
    let window = session.begin()?;
    session.broadcast(options.events, options.payload_bytes)?;
    let usage = session.end(&window, Instant::now())?;
    let deliveries = options.events * options.streams as u64;
    session.record.set("deliveries_per_s", deliveries as f64 / usage.wall.as_secs_f64());
    session.record_usage(&usage, deliveries);
    Ok(())
}
