//! Streams that get nothing: resident memory of each, over the process with none; how fast they are opened.

use std::io;
use std::time::Duration;

use super::Session;
use crate::stream::Role;

/// What the server frees a little after a stream was opened is not counted.
const QUIET: Duration = Duration::from_secs(1);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let streams = session.options.streams;
    session.generator.settle(QUIET)?;
    let before = session.server.as_ref().map(|server| server.rss_bytes()).transpose()?;
    session.open_for_all(streams, Role::Steady)?;
    session.generator.settle(QUIET)?;
    if let (Some(server), Some(before)) = (&session.server, before) {
        let after = server.rss_bytes()?;
        session.record.count("rss_before_bytes", before);
        session.record.count("rss_after_bytes", after);
        session.record.set("rss_per_stream_bytes", (after as f64 - before as f64) / streams as f64);
        session.record.count("server_descriptors", server.descriptors()?);
    }
    Ok(())
}
