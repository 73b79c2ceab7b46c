//! Events to all streams: CPU per delivery, latency.

use std::io;
use std::time::Instant;

use super::Session;
use crate::stream::Role;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.streams, Role::Steady)?;
    session.warm_up()?;
    let window = session.begin()?;
    match options.rate {
        0 => session.broadcast(options.events, options.payload_bytes)?,
        rate => {
            session.publish_until(window.start + session.time_at(rate), |_| Ok(()))?;
            session.receive_all()?;
        }
    }
    let usage = session.end(&window, Instant::now())?;
    session.record_usage(&usage, session.deliveries());
    Ok(())
}
