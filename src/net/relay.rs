//! Between the bus and the threads that talk to Redis: what comes is handed to the bus, in pieces, and its jobs
//! to the publisher.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::budget;
use super::server::Server;
use crate::bus::{Inbound, Job, Report, Wake};
use crate::clock::Mono;
use crate::redis::Redis;

/// Wakes the loop from another thread.
pub(super) struct LoopWaker(pub(super) mio::Waker);

impl Wake for LoopWaker {
    fn wake(&self) {
        // It fails where the loop's own descriptors are gone, and then the loop says so.
        let _ = self.0.wake();
    }
}

/// When a thread is tried again that the system did not give us.
const THREAD_RETRY: Duration = Duration::from_secs(1);

/// The threads, and what came from them and waits.
pub(super) struct Relay {
    pub(super) redis: Redis,
    inbound: VecDeque<Inbound>,
    reports: VecDeque<Report>,
    /// No subscriber is started before that.
    retry_at: Mono,
}

impl Relay {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, inbound: VecDeque::new(), reports: VecDeque::new(), retry_at: Mono::ZERO }
    }

    /// Messages that were received and not handed to the bus.
    pub(super) fn backlog(&self) -> usize {
        self.inbound.len() + self.redis.backlog()
    }

    /// Whether something waits that no wake will tell of.
    pub(super) fn has_work(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// Lets the subscriber go, with all that came from it and waits.
    fn stop_subscriber(&mut self) {
        self.redis.stop_subscriber();
        self.inbound.clear();
    }
}

impl Server {
    /// Hands what came from Redis to the bus, and what is to go there to the publisher.
    pub(super) fn relay(&mut self) {
        self.tend_threads();
        let Relay { redis, reports, .. } = &mut self.relay;
        redis.receive_reports(reports);
        if !reports.is_empty() {
            for report in reports.drain(..) {
                self.bus.handle_report(&report, &mut self.hub, self.now);
            }
            self.replace_stale();
        }
        let Relay { redis, inbound, .. } = &mut self.relay;
        if inbound.is_empty() {
            redis.receive_inbound(inbound);
        }
        let start = self.now.mono;
        let mut left = budget::EVENTS;
        while let Some(next) = inbound.pop_front() {
            self.bus.handle_inbound(next, &mut self.hub, self.now);
            left -= 1;
            if left == 0 {
                left = budget::EVENTS;
                self.now = self.clock.now();
                if self.now.mono.since(start) > budget::APPEND_TIME {
                    break;
                }
            }
        }
        self.give_jobs();
    }

    /// Has the bus do what is due, and its jobs done.
    pub(super) fn tend_bus(&mut self) {
        if self.bus.poll_deadline().is_some_and(|at| at <= self.now.mono) {
            self.bus.handle_deadline(&mut self.hub, self.now);
            self.replace_stale();
        }
        self.give_jobs();
    }

    /// Has the subscriber made anew where the bus wants that.
    fn replace_stale(&mut self) {
        if self.bus.poll_stale(&mut self.hub, self.now) {
            self.relay.stop_subscriber();
            self.tend_threads();
        }
    }

    fn give_jobs(&mut self) {
        while let Some(job) = self.bus.poll_job(self.now.mono) {
            self.give(job);
        }
    }

    fn give(&mut self, job: Job) {
        if !self.relay.redis.has_publisher()
            && let Err(error) = self.relay.redis.start_publisher()
        {
            log::error!(error:% = error; "no thread for the publisher");
        }
        if !self.relay.redis.send(job) {
            self.stop_publisher();
        }
    }

    /// Lets the publisher go; the bus takes back what it had.
    fn stop_publisher(&mut self) {
        self.relay.redis.stop_publisher();
        self.relay.reports.clear();
        self.bus.handle_publisher_gone(self.now.mono);
    }

    /// Starts and stops the threads, as the mode needs them.
    pub(super) fn tend_threads(&mut self) {
        let (wants, has) = (self.bus.mode().subscribes(), self.relay.redis.has_subscriber());
        if wants && !has && self.relay.retry_at <= self.now.mono {
            if let Err(error) = self.relay.redis.start_subscriber() {
                log::error!(error:% = error; "no thread for the subscriber");
                self.relay.retry_at = self.now.mono.after(THREAD_RETRY);
            }
        } else if !wants && has {
            self.relay.stop_subscriber();
        }
        if self.relay.redis.has_publisher() && !self.bus.wants_publisher() {
            self.stop_publisher();
        }
    }

    /// The connections are to be made anew, with other options.
    pub(super) fn replace_threads(&mut self) {
        if self.relay.redis.has_subscriber() {
            self.relay.stop_subscriber();
            let why = "the configuration changed".to_owned();
            self.bus.handle_inbound(Inbound::Lost { why }, &mut self.hub, self.now);
        }
        if self.relay.redis.has_publisher() {
            self.stop_publisher();
        }
    }
}

/// A waker of this poller.
pub(super) fn waker(registry: &mio::Registry, token: mio::Token) -> std::io::Result<Arc<dyn Wake>> {
    Ok(Arc::new(LoopWaker(mio::Waker::new(registry, token)?)))
}
