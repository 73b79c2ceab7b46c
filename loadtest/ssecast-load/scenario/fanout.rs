//! Events to all streams: CPU per delivery, latency.

use std::io;
use std::time::{Duration, Instant};

use super::{EVENTS_PATH, Session};
use crate::stream::Role;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open(options.streams, Role::Steady, |_| EVENTS_PATH.to_owned())?;
    session.warm_up()?;
    let before = session.generator.tally.events;
    let window = session.begin()?;
    match options.rate {
        0 => session.broadcast(options.events, options.payload_bytes)?,
        rate => {
            let time = Duration::from_secs_f64(options.events as f64 / f64::from(rate));
            session.publish_until(window.start + time, |_| Ok(()))?;
            session.receive_all()?;
        }
    }
    let usage = session.end(&window, Instant::now())?;
    session.record_usage(&usage, session.generator.tally.events - before);
    Ok(())
}
