//! Streams that go away and come back after a moment, a share of them in each second.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::{EVENTS_PATH, Session};
use crate::stream::{Phase, Role};

/// How long a stream is away.
const AWAY: Duration = Duration::from_millis(200);

/// Who goes next, and who is away.
pub(super) struct Comings {
    start: Instant,
    per_second: f64,
    /// How many have gone, and where the next one is looked for.
    gone: u64,
    next: usize,
    /// Who is away, and since when.
    away: VecDeque<(Instant, usize)>,
    /// Stalled streams that came back after the server had closed them.
    pub(super) restalled: u64,
}

impl Comings {
    /// From now on, `churn_pct` percent of `streams` streams in each second.
    pub(super) fn new(streams: usize, churn_pct: f64) -> Self {
        let per_second = streams as f64 * churn_pct / 100.0;
        let away = VecDeque::new();
        Self { start: Instant::now(), per_second, gone: 0, next: 0, away, restalled: 0 }
    }

    /// How many have gone so far.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }

    /// Has streams go and come back whose time it is.
    pub(super) fn handle_turn(&mut self, session: &mut Session<'_>) -> io::Result<()> {
        let now = Instant::now();
        while let Some(&(since, key)) = self.away.front()
            && now.duration_since(since) >= AWAY
        {
            self.away.pop_front();
            session.generator.start_again(key, EVENTS_PATH)?;
        }
        let due = (now.duration_since(self.start).as_secs_f64() * self.per_second) as u64;
        // Who has not come back yet cannot go: no more than one round in one turn.
        for _ in 0..session.generator.streams().len() {
            if self.gone >= due {
                break;
            }
            let key = self.next;
            self.next = (self.next + 1) % session.generator.streams().len();
            let stream = &session.generator.streams()[key];
            if stream.role == Role::Returning && stream.can_resume() {
                session.generator.leave(key);
                self.away.push_back((now, key));
                self.gone += 1;
            }
        }
        Ok(())
    }

    /// Opens the stalled streams again that the server has closed.
    pub(super) fn restall(&mut self, session: &mut Session<'_>) -> io::Result<()> {
        session.generator.look_at_stalled()?;
        let is_closed = |key: &usize| {
            let stream = &session.generator.streams()[*key];
            stream.role == Role::Stalled && stream.phase == Phase::Closed
        };
        let closed: Vec<_> = (0..session.generator.streams().len()).filter(is_closed).collect();
        for key in closed {
            session.generator.start_again(key, EVENTS_PATH)?;
            self.restalled += 1;
        }
        Ok(())
    }

    /// Has all come back that are away, and waits until they have got everything.
    pub(super) fn end(mut self, session: &mut Session<'_>) -> io::Result<()> {
        while let Some((_, key)) = self.away.pop_front() {
            session.generator.start_again(key, EVENTS_PATH)?;
        }
        session.receive_all()
    }
}
