//! The bus between those who publish and the log: which way an event goes.
//!
//! The loop hands it every published batch and does not ask which mode is in force.

mod mode;

pub use mode::Mode;

use crate::clock::Now;
use crate::event::Subject;
use crate::hub::Hub;
use crate::intake::Batch;

/// The way that a published batch took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The local log.
    Local,
}

impl Via {
    /// The name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
        }
    }
}

/// What became of a published batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Envelopes that were accepted.
    pub accepted: usize,
    /// The way that they took.
    pub via: Via,
    /// The id of the last frame, where this node gave it one.
    pub last_id: Option<String>,
}

/// The last event that was published here, for people who look for theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEvent {
    /// Its SSE event name.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
}

/// The bus.
#[derive(Debug)]
pub struct Bus {
    mode: Mode,
    last: Option<LastEvent>,
}

impl Bus {
    /// A bus in this mode.
    #[must_use]
    pub const fn new(mode: Mode) -> Self {
        Self { mode, last: None }
    }

    /// The mode in force.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The last event that was published here.
    #[must_use]
    pub const fn last(&self) -> Option<&LastEvent> {
        self.last.as_ref()
    }

    /// Publishes a batch: when the receipt is there, its events are in the local log.
    pub fn publish(&mut self, batch: &Batch, hub: &mut Hub, now: Now) -> Receipt {
        for event in &batch.events {
            hub.append(event, now);
            let (id, trace) = (&*event.subject.id, event.subject.trace_id.as_deref().unwrap_or_default());
            log::debug!(event = event.name(), id, trace; "published");
        }
        if let Some(event) = batch.events.last() {
            self.last = Some(LastEvent { name: event.name().to_owned(), subject: event.subject.clone() });
        }
        let via = Via::Local;
        let accepted = batch.accepted();
        let metrics = hub.metrics_mut();
        *metrics.published.entry(via.name()).or_default() += accepted as u64;
        metrics.map_dropped += batch.dropped as u64;
        let last_id = (!batch.events.is_empty()).then(|| hub.log().last_id().to_string());
        Receipt { accepted, via, last_id }
    }
}
