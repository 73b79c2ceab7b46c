//! Churn, stalled streams and events for a long time: growth of memory, descriptors that come back.
//!
//! Memory is sampled all the time and its slope taken over the last two thirds. What the server keeps of the past
//! has to be full before, or its growth is what is measured: `--fill-bytes` are published first, and the server is
//! given a small history (`--stream-history-events`).

use std::io;
use std::time::{Duration, Instant};

use super::Session;
use super::comings::Comings;
use crate::payload::Concerned;
use crate::record::Sample;
use crate::slope;
use crate::stream::Role;

/// Samples of a run.
const SAMPLES: u32 = 180;
/// Not more often than this: reading the memory of a process stops it for a moment.
const SAMPLE_EVERY_MIN: Duration = Duration::from_secs(1);
/// How long the server may take to see that all streams have gone.
const GONE: Duration = Duration::from_secs(2);

/// The samples so far.
struct Sampler {
    start: Instant,
    every: Duration,
    next: Instant,
    events: u64,
}

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    let descriptors =
        |session: &Session<'_>| session.server.as_ref().map(|server| server.descriptors()).transpose();
    fill(session)?;
    session.generator.settle(SAMPLE_EVERY_MIN)?;
    let at_start = descriptors(session)?;
    if options.stalled > 0 {
        session.open_for_all(options.stalled, Role::Stalled)?;
    }
    session.open_for_all(options.streams, Role::Returning)?;
    session.warm_up()?;

    let window = session.begin()?;
    let mut comings = Comings::new(options.streams, options.churn_pct);
    let mut sampler = Sampler::new(window.start, options.duration);
    session.publish_until(window.start + options.duration, |session| {
        comings.handle_turn(session)?;
        if sampler.is_due() {
            comings.restall(session)?;
            sampler.take(session)?;
        }
        Ok(())
    })?;
    session.record.count("reconnects", comings.gone());
    session.record.count("restalled", comings.restalled);
    comings.end(session)?;
    let usage = session.end(&window, Instant::now())?;
    session.record_usage(&usage, session.deliveries());
    record_slope(session);

    for key in 0..session.generator.streams().len() {
        session.generator.leave(key);
    }
    session.generator.settle(GONE)?;
    if let (Some(before), Some(after)) = (at_start, descriptors(session)?) {
        session.record.count("descriptors_before", before);
        session.record.count("descriptors_after", after);
    }
    Ok(())
}

/// Publishes events that no stream is there to get, of the size of those to come: what a server keeps beside the bytes
/// of each has to be full as well.
fn fill(session: &mut Session<'_>) -> io::Result<()> {
    let payload_bytes = session.options.payload_bytes;
    for _ in 0..session.options.fill_bytes.div_ceil(payload_bytes) {
        session.publish(payload_bytes, Some(Concerned::Topic("fill")))?;
    }
    session.publisher.finish(&mut session.generator)
}

fn record_slope(session: &mut Session<'_>) {
    let samples = &session.record.samples;
    let settled = &samples[samples.len() / 3..];
    let points: Vec<_> = settled.iter().filter_map(|s| Some((s.seconds, s.rss_bytes? as f64))).collect();
    let Some(slope) = slope::of(&points) else { return };
    let mean = points.iter().map(|(_, rss)| rss).sum::<f64>() / points.len() as f64;
    session.record.set("rss_slope_bytes_per_hour", slope * 3_600.0);
    session.record.set("rss_slope_pct_per_hour", slope * 3_600.0 / mean * 100.0);
}

impl Sampler {
    fn new(start: Instant, duration: Duration) -> Self {
        let every = (duration / SAMPLES).max(SAMPLE_EVERY_MIN);
        Self { start, every, next: start, events: 0 }
    }

    fn is_due(&self) -> bool {
        self.next <= Instant::now()
    }

    fn take(&mut self, session: &mut Session<'_>) -> io::Result<()> {
        let rss_bytes = session.server.as_ref().map(|server| server.rss_bytes()).transpose()?;
        let descriptors = session.server.as_ref().map(|server| server.descriptors()).transpose()?;
        let tally = &session.generator.tally;
        let deliveries = tally.events - self.events;
        self.events = tally.events;
        let seconds = self.start.elapsed().as_secs_f64();
        session.record.samples.push(Sample { seconds, rss_bytes, descriptors, deliveries });
        self.next += self.every;
        Ok(())
    }
}
