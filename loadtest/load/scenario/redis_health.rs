//! `/healthz`, asked without a pause while events are published at a steady rate, with a Redis or without
//! one: waiting for Redis must not be the loop's.
//!
//! All requests count. An event that is due while the one before has no answer yet is published late.

use std::io;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Session;
use super::asker::{Asker, histogram};
use crate::generator::Reading;
use crate::stream::nanos;

/// How long an answer to a publish, or the last delivery, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is read of the answer to a publish.
#[derive(Deserialize)]
struct Accepted {
    via: String,
}

/// The events that are published meanwhile.
struct Pace {
    start: Instant,
    every: Duration,
    published: u64,
    /// When the last one was, until it is answered.
    unanswered: Option<Instant>,
    /// Answers that name another way than Redis.
    elsewhere: u64,
}

pub(super) fn run(session: &mut Session<'_>) -> io::Result<()> {
    let options = session.options;
    session.generator.open(options.streams, Reading::Live, |_| "/events".to_owned())?;
    session.warm_up()?;
    let window = session.begin()?;
    let mut asker = Asker::start(session)?;
    let every = Duration::from_secs(1) / options.rate;
    let mut pace = Pace { start: Instant::now(), every, published: 0, unanswered: None, elsewhere: 0 };
    let mut answered = histogram();
    while pace.published < options.events || pace.unanswered.is_some() {
        session.generator.turn(pace.wait())?;
        asker.handle_turn(session)?;
        if let Some(took) = pace.handle_turn(session)? {
            answered.saturating_record(nanos(took));
        }
    }
    let end = Instant::now();
    session.generator.receive(session.common_deliveries())?;
    let mut health = histogram();
    for request in asker.finish(session)? {
        health.saturating_record(nanos(request.end.duration_since(request.start)));
    }
    let usage = session.end(&window, end)?;
    session.record.count("health_requests", health.len());
    session.record.set_latency("health", &health);
    session.record.set_latency("publish", &answered);
    session.record.set("published_per_s", options.events as f64 / usage.wall.as_secs_f64());
    session.record.count("published_elsewhere", pace.elsewhere);
    session.record_usage(&usage, options.events * options.streams as u64);
    Ok(())
}

impl Pace {
    /// When the next event is due.
    fn due(&self) -> Instant {
        self.start + self.every * u32::try_from(self.published).unwrap_or(u32::MAX)
    }

    /// How long nothing has to be done that no socket tells of.
    fn wait(&self) -> Duration {
        match self.unanswered {
            Some(_) => Duration::from_millis(100),
            None => self.due().saturating_duration_since(Instant::now()),
        }
    }

    /// Publishes if it is time; says what the answer took that came.
    fn handle_turn(&mut self, session: &mut Session<'_>) -> io::Result<Option<Duration>> {
        let mut took = None;
        if let Some(since) = self.unanswered {
            let Some(answer) = session.generator.exchange(session.publisher).take_answer() else {
                let late = since.elapsed() > PATIENCE;
                return if late { Err(io::Error::other("a publish was not answered")) } else { Ok(None) };
            };
            let at = answer.at;
            let answer: Accepted = serde_json::from_slice(&Session::check(answer)?.body)?;
            self.elsewhere += u64::from(answer.via != "redis");
            self.unanswered = None;
            took = Some(at.duration_since(since));
        }
        if self.published < session.options.events && Instant::now() >= self.due() {
            session.publish(session.options.payload_bytes, None)?;
            self.unanswered = Some(Instant::now());
            self.published += 1;
        }
        Ok(took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_due_at_fixed_distances_from_the_start() {
        let start = Instant::now();
        let every = Duration::from_millis(5);
        let mut pace = Pace { start, every, published: 0, unanswered: None, elsewhere: 0 };
        assert_eq!(pace.due(), start);
        pace.published = 200;
        assert_eq!(pace.due(), start + Duration::from_secs(1));
        pace.unanswered = Some(start);
        assert_eq!(pace.wait(), Duration::from_millis(100), "the answer comes first");
    }
}
