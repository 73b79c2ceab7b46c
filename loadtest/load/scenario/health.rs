//! `/healthz`, asked without a pause while broadcasts to all streams run.
//!
//! Only requests that overlap with a broadcast count: from its publish to its last delivery.

use std::io;
use std::time::{Duration, Instant};

use super::Session;
use super::asker::{Asker, Span, histogram};
use crate::generator::Reading;
use crate::stream::nanos;

/// What one broadcast may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    session.warm_up()?;
    let window = session.begin()?;
    let mut asker = Asker::start(session)?;
    let mut broadcasts = Vec::new();
    for _ in 0..options.events {
        broadcasts.push(broadcast(session, &mut asker)?);
    }
    let end = Instant::now();
    let requests = asker.finish(session)?;
    let usage = session.end(&window, end)?;
    report(session, &requests, &broadcasts);
    session.record_usage(&usage, options.events * options.streams as u64);
    Ok(())
}

/// One event to all streams, with requests beside it.
fn broadcast(session: &mut Session<'_>, asker: &mut Asker) -> io::Result<Span> {
    let start = Instant::now();
    session.publish(session.options.payload_bytes, None)?;
    let deliveries = session.common_deliveries();
    while session.generator.tally.events < deliveries {
        session.generator.turn(Duration::from_millis(100))?;
        asker.handle_turn(session)?;
        if session.generator.tally.closed > 0 || start.elapsed() > PATIENCE {
            return Err(io::Error::other("streams were closed, or a broadcast did not end"));
        }
    }
    let end = session.generator.tally.last_receipt;
    session.accepted(session.publisher)?;
    Ok(Span { start, end })
}

fn report(session: &mut Session<'_>, requests: &[Span], broadcasts: &[Span]) {
    let mut latency = histogram();
    let overlaps = |request: &Span, other: &Span| request.start < other.end && other.start < request.end;
    for request in requests {
        if broadcasts.iter().any(|other| overlaps(request, other)) {
            latency.saturating_record(nanos(request.end.duration_since(request.start)));
        }
    }
    let took_us: u64 =
        broadcasts.iter().map(|span| nanos(span.end.saturating_duration_since(span.start)) / 1_000).sum();
    session.record.count("health_requests", latency.len());
    session.record.set_latency("health", &latency);
    session.record.set("broadcast_mean_us", took_us as f64 / broadcasts.len() as f64);
}
