//! Streams reconnect all the time, and resume where they were: nothing may be missing or come twice.

use std::io;
use std::time::Instant;

use super::Session;
use super::comings::Comings;
use crate::stream::Role;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.streams, Role::Returning)?;
    session.warm_up()?;
    let window = session.begin()?;
    let mut comings = Comings::new(options.streams, options.churn_pct);
    session.publish_until(window.start + options.duration, |session| comings.handle_turn(session))?;
    let reconnects = comings.gone();
    comings.end(session)?;
    let usage = session.end(&window, Instant::now())?;
    session.record_usage(&usage, session.deliveries());
    session.record.count("reconnects", reconnects);
    session.record.set("reconnects_per_s", reconnects as f64 / usage.wall.as_secs_f64());
    Ok(())
}
