//! The same envelopes as in `ingest`, for `redis_floor`: what the `redis` crate receives at most.
//!
//! There is no stream; the receiver tells by way of Redis how far it is. Everything else is measured as in
//! `ingest`: from the first publish to the last receipt, CPU time from outside.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::ingest::{BATCH_EVENTS, UNREAD_EVENTS};
use super::{SETTLE, Window};
use crate::args::Options;
use crate::payload::{self, Stamp};
use crate::process::Processes;
use crate::record::Record;
use crate::stream;
use crate::upstream::Upstream;

/// How long the receiver may take for what it was sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(1);

pub(super) fn run(options: &Options) -> io::Result<Record> {
    let url = options.redis.as_deref().ok_or_else(|| io::Error::other("the scenario needs --redis"))?;
    let mut upstream = Upstream::connect(url)?;
    upstream.reset_received()?;
    thread::sleep(SETTLE);
    let redis = upstream.process.cpu()?;
    let window = Window::open(Processes::of(&options.pids))?;
    let mut published = 0;
    while published < options.events {
        received(&mut upstream, (published + BATCH_EVENTS).saturating_sub(UNREAD_EVENTS))?;
        let batch = published + 1..=options.events.min(published + BATCH_EVENTS);
        published = *batch.end();
        let envelopes: Vec<String> = batch.map(|number| envelope(options, &window, number)).collect();
        upstream.publish(envelopes.iter().map(String::as_str))?;
    }
    received(&mut upstream, options.events)?;
    let usage = window.close(Instant::now(), || {
        thread::sleep(SETTLE);
        Ok(())
    })?;
    let redis_ns = upstream.process.cpu()?.run_ns - redis.run_ns;

    let mut record = Record::new(options);
    record.set("redis_busy_pct", usage.busy_pct(redis_ns));
    usage.record_per_event(&mut record, options.events);
    usage.record(&mut record);
    Ok(record)
}

fn envelope(options: &Options, window: &Window, number: u64) -> String {
    let stamp = Stamp { number, sent_ns: stream::nanos(window.start.elapsed()) };
    payload::envelope(stamp, options.payload_bytes, None)
}

/// Waits until the receiver has `events` messages.
fn received(upstream: &mut Upstream, events: u64) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let received = upstream.received()?;
        if received >= events {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("{received} of {events} messages in {PATIENCE:?}")));
        }
        thread::sleep(LOOK);
    }
}
