//! All streams but a few reconnect at once and resume some events back, while events go on.
//!
//! First the calm: everybody is connected, and events are published at the same rate. Then all but those that
//! stay go away, `--back` events are published, and everybody comes back. The storm ends when each stream has
//! everything; its latency is that of the streams that stayed.

use std::io;
use std::time::{Duration, Instant};

use super::{EVENTS_PATH, Session, TURN};
use crate::pace::Pace;
use crate::stream::Role;

/// Time for the server to see that everybody has gone.
const GONE: Duration = Duration::from_secs(1);

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.open_for_all(options.live, Role::Bystander)?;
    session.open_for_all(options.streams, Role::Returning)?;
    session.warm_up()?;

    session.publish_until(Instant::now() + options.duration, |_| Ok(()))?;
    session.receive_all()?;
    let (calm, _) = session.generator.tally.take_latency();
    session.record.set_percentiles("calm_latency", &calm);

    for key in options.live..options.live + options.streams {
        session.generator.leave(key);
    }
    session.generator.settle(GONE)?;
    for _ in 0..options.back {
        let all = session.generator.tally.events + options.live as u64;
        session.publish(options.payload_bytes, None)?;
        session.generator.receive(all)?;
    }
    session.publisher.finish(&mut session.generator)?;
    session.generator.tally.take_latency();

    let window = session.begin()?;
    let open = come_back(session)?;
    session.receive_all()?;
    let end = session.generator.tally.last_receipt;
    let usage = session.end(&window, end)?;
    session.record_usage(&usage, session.deliveries());
    let p99_us = |name: &str| session.record.get(name);
    let ratio = p99_us("latency_p99_us").zip(p99_us("calm_latency_p99_us")).map(|(storm, calm)| storm / calm);
    session.record.set_some("storm_latency_ratio", ratio);
    session.record.set("storm_open_s", open.duration_since(window.start).as_secs_f64());
    session.record.set("storm_complete_s", usage.wall.as_secs_f64());
    session
        .record
        .set("reopened_per_s", options.streams as f64 / open.duration_since(window.start).as_secs_f64());
    Ok(())
}

/// Has everybody come back while events are published; ends when the last head was read, and says when.
fn come_back(session: &mut Session<'_>) -> io::Result<Instant> {
    let options = session.options;
    let mut left: Vec<_> = (options.live..options.live + options.streams).rev().collect();
    let mut pace = Pace::new(Instant::now(), options.rate);
    let deadline = session.generator.deadline();
    while !left.is_empty() || session.generator.opening() > 0 {
        session.generator.readmit(&mut left, EVENTS_PATH)?;
        session.publish_due(&mut pace)?;
        session.generator.turn(pace.wait(Instant::now()).min(TURN))?;
        session.generator.check(deadline, "streams to come back")?;
    }
    Ok(Instant::now())
}
