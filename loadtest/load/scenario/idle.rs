//! Streams that get nothing: resident memory of each, over the process with none.

use std::io;
use std::time::Duration;

use super::Session;
use crate::generator::Reading;

/// What the server frees a little after a stream was opened is not counted.
const QUIET: Duration = Duration::from_secs(1);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let streams = session.options.streams;
    session.generator.settle(QUIET)?;
    let before = session.server.rss_bytes()?;
    session.generator.open(streams, Reading::Live, |_| "/events".to_owned())?;
    session.generator.settle(QUIET)?;
    let after = session.server.rss_bytes()?;
    session.record.count("rss_before_bytes", before);
    session.record.count("rss_after_bytes", after);
    session.record.set("rss_per_stream_bytes", (after as f64 - before as f64) / streams as f64);
    session.record.count("server_descriptors", session.server.descriptors()?);
    Ok(())
}
