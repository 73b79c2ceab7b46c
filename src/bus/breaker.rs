//! The circuit breaker around publishing: after some failures in a row nobody waits for Redis any more,
//! until a single probe gets through.
//!
//! Never publishes, reads a clock or draws a random number; it says what may be done now.

use super::backoff::Backoff;
use crate::clock::Mono;

/// What the breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything; so many publishes failed in a row.
    Closed {
        /// Failures since the last success.
        failures: usize,
    },
    /// Nothing before that point in time.
    Open {
        /// When a probe may be made.
        until: Mono,
    },
    /// One probe, which is under way or is to be made now.
    HalfOpen,
}

impl State {
    /// The name in `/stats`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::HalfOpen => "half-open",
            Self::Open { .. } => "open",
        }
    }

    /// The value of `ssecast_breaker_state`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Closed { .. } => 0,
            Self::HalfOpen => 1,
            Self::Open { .. } => 2,
        }
    }
}

/// The breaker.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    limit: usize,
    state: State,
    backoff: Backoff,
}

impl Breaker {
    /// A closed breaker that `limit` failures in a row open.
    #[must_use]
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, state: State::Closed { failures: 0 }, backoff: Backoff { failures: 0 } }
    }

    /// What it lets through.
    #[must_use]
    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Whether everything may be published.
    #[must_use]
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Takes another limit over; what was counted stays.
    pub(super) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// A probe got through.
    pub(super) fn handle_probe(&mut self) {
        // An answer to something that was sent before it opened says nothing.
        if !matches!(self.state, State::Open { .. }) {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// Something was published: the next time that it opens it is a short one again.
    pub(super) fn handle_published(&mut self) {
        self.handle_probe();
        if self.is_closed() {
            self.backoff.reset();
        }
    }

    /// A publish or the probe failed. Gives back whether that opened it.
    pub(super) fn handle_failure(&mut self, now: Mono, jitter: f64) -> bool {
        let opens = match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                *failures >= self.limit
            }
            State::HalfOpen => true,
            State::Open { .. } => false,
        };
        if opens {
            self.state = State::Open { until: now.after(self.backoff.next(jitter)) };
        }
        opens
    }

    /// When `handle_deadline` is to be called next.
    #[must_use]
    pub(super) const fn poll_deadline(&self) -> Option<Mono> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed { .. } | State::HalfOpen => None,
        }
    }

    /// Time passed: an open breaker may become half-open, and then wants its probe.
    pub(super) fn handle_deadline(&mut self, now: Mono) {
        if self.poll_deadline().is_some_and(|until| until <= now) {
            self.state = State::HalfOpen;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::backoff::{LEAST, MOST};
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Probe,
        Published,
        Failure,
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Probe),
            1 => Just(Step::Published),
            5 => Just(Step::Failure),
            3 => (0_u64..6_000).prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// The oracle keeps the whole story and looks at it anew for each question.
        #[test]
        fn it_opens_and_closes_as_the_story_says(
            limit in 1_usize..6,
            jitter in 0.0..1.0_f64,
            steps in prop::collection::vec(step(), 0..80),
        ) {
            let mut breaker = Breaker::new(limit);
            let mut now = Mono::ZERO;
            let mut in_a_row = 0;
            let mut opened_at = None;
            let mut times_open = 0;
            for step in steps {
                let before = breaker.state();
                let is_open = matches!(before, State::Open { .. });
                match step {
                    Step::Probe | Step::Published => {
                        if matches!(step, Step::Probe) { breaker.handle_probe() } else { breaker.handle_published() }
                        if !is_open {
                            (in_a_row, opened_at) = (0, None);
                            times_open = if matches!(step, Step::Published) { 0 } else { times_open };
                        }
                    }
                    Step::Failure => {
                        in_a_row += usize::from(breaker.is_closed());
                        let opens = before == State::HalfOpen || (breaker.is_closed() && in_a_row >= limit);
                        prop_assert_eq!(breaker.handle_failure(now, jitter), opens);
                        if opens {
                            opened_at = Some(now);
                            times_open += 1;
                        }
                    }
                    Step::Pass(millis) => {
                        now = now.after(Duration::from_millis(millis));
                        breaker.handle_deadline(now);
                    }
                }
                match (breaker.state(), opened_at) {
                    (State::Closed { failures }, None) => {
                        prop_assert_eq!(failures, in_a_row);
                        prop_assert!(failures < limit);
                    }
                    (State::Open { until }, Some(at)) => {
                        let bound = LEAST.saturating_mul(1 << (times_open - 1).min(16)).min(MOST);
                        let least = LEAST.max(bound / 2 - Duration::from_micros(1));
                        prop_assert!((least..=bound).contains(&until.since(at)), "{:?} of {:?}", until.since(at), bound);
                        prop_assert!(until > now || !matches!(step, Step::Pass(_)));
                    }
                    (State::HalfOpen, Some(_)) => prop_assert!(breaker.poll_deadline().is_none()),
                    (state, opened_at) => prop_assert!(false, "{:?} {:?}", state, opened_at),
                }
            }
        }
    }
}
