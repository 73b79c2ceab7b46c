//! A hub with its history, and a client's end of a stream.

use std::io::{self, IoSlice};

use ssecast::clock::{Mono, Now, Wall};
use ssecast::hub::{Hub, Options, Subscription, Wire};
use ssecast::id::Instance;
use ssecast::intake::{BatchFormat, DataStyle, Error, Intake};
use ssecast::key::Key;
use ssecast::mapping::Map;
use ssecast::metrics::Metrics;
use ssecast::scope::Scope;

use crate::stream::{Event, Item, Parser};

/// The hub's name in ids.
pub(crate) const INSTANCE: &str = "node";
/// Bytes of an envelope.
const EVENT_BYTES: usize = 64 * 1024;
const NOW: Now = Now { mono: Mono::ZERO, wall: Wall::from_micros(1_700_000_000_000_000) };
const SENDS: usize = 64;

/// A hub without clients.
pub(crate) struct World {
    hub: Hub,
    intake: Intake,
    generation: u32,
}

/// What the one client was sent.
#[derive(Default)]
struct Sent(Vec<u8>);

impl Wire for Sent {
    fn send(&mut self, _: Key, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let before = self.0.len();
        slices.iter().for_each(|slice| self.0.extend_from_slice(slice));
        Ok(self.0.len() - before)
    }
}

impl World {
    /// A hub that keeps so many events.
    pub(crate) fn new(history_events: usize, data: DataStyle) -> Self {
        let instance = Instance::new(INSTANCE).expect("a valid name");
        let options = Options { history_events, data, ..Options::default() };
        let metrics = Metrics::new(NOW.mono, []);
        let hub = Hub::new(options, instance, metrics, 1, NOW.mono);
        Self { hub, intake: Intake::new(Map::default(), Vec::new(), data, EVENT_BYTES), generation: 0 }
    }

    /// Publishes; gives how many events that were.
    pub(crate) fn publish(&mut self, body: &[u8], format: BatchFormat) -> Result<usize, Error> {
        let batch = self.intake.batch(body, format, &Scope::ALL, NOW.wall, None)?;
        let events: Vec<_> = batch.items.iter().filter_map(|item| item.event.as_ref()).collect();
        events.iter().for_each(|event| self.hub.append(event, NOW));
        Ok(events.len())
    }

    /// All that a client is sent that subscribes now and then goes.
    pub(crate) fn follow(&mut self, subscription: Subscription) -> Vec<u8> {
        self.generation = self.generation.wrapping_add(1);
        let key = Key { index: 0, generation: self.generation };
        self.hub.join(key, Vec::new(), subscription, NOW);
        let mut sent = Sent::default();
        while self.hub.has_ready() {
            self.hub.sweep(SENDS, &mut sent, NOW.mono);
            self.hub.settle(NOW);
        }
        self.hub.close(key, ssecast::hub::CloseReason::Client);
        while self.hub.poll_closed().is_some() {}
        sent.0
    }

    /// The same from the beginning, as events.
    pub(crate) fn history(&mut self) -> Vec<Event> {
        let resume = Some("earliest".to_owned());
        events(&self.follow(Subscription { resume, ..Subscription::default() }))
    }
}

/// The events of a stream, which holds whole frames and begins with `retry`.
pub(crate) fn events(stream: &[u8]) -> Vec<Event> {
    let (mut parser, mut items) = (Parser::default(), Vec::new());
    parser.push(stream, &mut items);
    assert!(parser.is_between_events(), "a frame is cut");
    assert!(matches!(items.first(), Some(Item::Retry(_))), "a stream begins with its reconnection time");
    let events = items.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(event),
        Item::Retry(_) | Item::Comment(_) => None,
    });
    events.collect()
}
