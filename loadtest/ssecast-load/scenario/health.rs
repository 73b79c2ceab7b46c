//! `/healthz`, asked without a pause while events are broadcast.
//!
//! Of events one at a time only the requests count that overlap with a broadcast: from its publish to its last
//! delivery. Of events at a rate all requests count.

use std::io;
use std::time::{Duration, Instant};

use super::Session;
use super::asker::{Asker, Span};
use crate::stream::{Role, nanos};
use crate::tally;

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.streams, Role::Steady)?;
    session.warm_up()?;
    let window = session.begin()?;
    let mut asker = Asker::start(session)?;
    let mut broadcasts = Vec::new();
    match options.rate {
        0 => {
            for _ in 0..options.events {
                broadcasts.push(broadcast(session, &mut asker)?);
            }
        }
        rate => {
            let end = window.start + session.time_at(rate);
            session.publish_until(end, |session| asker.handle_turn(session))?;
            broadcasts.push(Span { start: window.start, end: Instant::now() });
        }
    }
    let requests = asker.finish(session)?;
    session.receive_all()?;
    let usage = session.end(&window, Instant::now())?;
    report(session, &requests, &broadcasts);
    session.record_usage(&usage, session.deliveries());
    Ok(())
}

/// One event to all streams, with requests beside it.
fn broadcast(session: &mut Session<'_>, asker: &mut Asker) -> io::Result<Span> {
    let start = Instant::now();
    session.publish(session.options.payload_bytes, None)?;
    let deliveries = session.common_deliveries();
    let deadline = session.generator.deadline();
    while session.generator.tally.events < deliveries {
        session.generator.turn(Duration::from_millis(100))?;
        asker.handle_turn(session)?;
        session.generator.check(deadline, "a broadcast")?;
    }
    let end = session.generator.tally.last_receipt;
    session.publisher.finish(&mut session.generator)?;
    Ok(Span { start, end })
}

fn report(session: &mut Session<'_>, requests: &[Span], broadcasts: &[Span]) {
    let mut latency = tally::latencies();
    let overlaps = |request: &Span, other: &Span| request.start < other.end && other.start < request.end;
    for request in requests {
        if broadcasts.iter().any(|other| overlaps(request, other)) {
            latency.saturating_record(nanos(request.end.duration_since(request.start)));
        }
    }
    session.record.count("health_requests", latency.len());
    session.record.set_percentiles("health", &latency);
}
