//! Streams that never read, beside others that do: latency of those, memory.
//!
//! Three steps, the same with and without stalled streams: fill the stalled sockets; measure events one
//! at a time while they stand; publish past the bound of a client's backlog and see them closed.

use std::io;
use std::time::{Duration, Instant};

use super::Session;
use crate::stream::Role;

/// Payload of the events that only fill.
const FILL_PAYLOAD_BYTES: usize = 4 * 1024;
/// Time to close what is over the bound, and to free it.
const QUIET: Duration = Duration::from_millis(500);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    if options.stalled > 0 {
        session.open_for_all(options.stalled, Role::Stalled)?;
    }
    session.open_for_all(options.streams, Role::Steady)?;
    session.generator.settle(QUIET)?;
    note_state(session, "opened")?;

    fill(session, options.fill_bytes)?;
    note_state(session, "filled")?;
    session.generator.tally.take_latency();

    let window = session.begin()?;
    session.broadcast(options.events, options.payload_bytes)?;
    let usage = session.end(&window, Instant::now())?;
    session.record_usage(&usage, options.events * options.streams as u64);
    note_state(session, "measured")?;

    fill(session, options.overrun_bytes)?;
    let (latency, _) = session.generator.tally.take_latency();
    session.record.set_percentiles("overrun_latency", &latency);
    session.generator.settle(QUIET)?;
    note_state(session, "overrun")
}

fn fill(session: &mut Session<'_>, bytes: usize) -> io::Result<()> {
    session.broadcast(bytes.div_ceil(FILL_PAYLOAD_BYTES) as u64, FILL_PAYLOAD_BYTES)
}

/// Records resident memory, and how many of the stalled streams are open and full, after a step.
fn note_state(session: &mut Session<'_>, step: &str) -> io::Result<()> {
    let stalled = session.generator.look_at_stalled()?;
    session.record_memory(&format!("rss_{step}_bytes"))?;
    session.record.count(&format!("stalled_open_{step}"), stalled.open.len() as u64);
    session.record.count(&format!("stalled_blocked_{step}"), stalled.blocked.len() as u64);
    Ok(())
}
