//! Orders as a shop publishes them: made up, the same in every run, and shaped like real ones.

use ssecast::event::Event;
use ssecast::hub::DataStyle;
use ssecast::intake::{BatchFormat, Intake};
use ssecast::limits::Limits;
use ssecast::mapping::{Entry, Map};
use ssecast::scope::Scope;
use ssecast::timestamp;

use super::START;
use ssecast::clock::Wall;

const STATUSES: [&str; 7] =
    ["created", "approved", "invoiced", "processing", "shipped", "delivered", "canceled"];

/// A source of orders.
pub(crate) struct Orders {
    random: fastrand::Rng,
    /// Milliseconds since the first order.
    millis: i64,
}

impl Orders {
    pub(crate) fn new() -> Self {
        Self { random: fastrand::Rng::with_seed(20_260_101), millis: 0 }
    }

    /// The next event's envelope, of an order of this customer: half of them are new orders.
    pub(crate) fn envelope(&mut self, customer: &str) -> String {
        let (id, trace, is_new) = (self.guid(), self.random.u128(..), self.random.bool());
        let at = self.random.usize(1..STATUSES.len());
        self.millis += self.random.i64(1..2_000);
        let ts = timestamp::format(Wall::from_micros(START.as_micros() + self.millis * 1_000));
        let (name, change) = if is_new {
            let delivery = format!("2026-02-{:02}", self.random.u8(1..29));
            let change =
                format!(r#""status":"created","customerId":"{customer}","estimatedDelivery":"{delivery}""#);
            ("OrderCreatedDomainEvent", change)
        } else {
            let (old, new) = (STATUSES[at - 1], STATUSES[at]);
            let change = format!(r#""oldStatus":"{old}","newStatus":"{new}","customerId":"{customer}""#);
            ("OrderStatusChangedDomainEvent", change)
        };
        format!(
            r#"{{"eventType":"{name}","id":"{id}","traceId":"{trace:032x}","payload":{{"orderId":"{id}",{change}}},"ts":"{ts}"}}"#
        )
    }

    /// Envelopes of orders of as many customers.
    pub(crate) fn envelopes(&mut self, count: usize) -> Vec<String> {
        let of_somebody = |orders: &mut Self| {
            let customer = orders.guid();
            orders.envelope(&customer)
        };
        (0..count).map(|_| of_somebody(self)).collect()
    }

    /// Events without topics.
    pub(crate) fn events(&mut self, count: usize) -> Vec<Event> {
        let envelopes = self.envelopes(count);
        envelopes.iter().map(|envelope| event(envelope, &intake(&[]))).collect()
    }

    /// An event of each of these customers, each found under its customer's topic.
    pub(crate) fn events_of(&mut self, customers: &[String]) -> Vec<Event> {
        let intake = intake(&["customerId"]);
        customers.iter().map(|customer| event(&self.envelope(customer), &intake)).collect()
    }

    /// Customers.
    pub(crate) fn customers(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.guid()).collect()
    }

    fn guid(&mut self) -> String {
        let hex = format!("{:032x}", self.random.u128(..));
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}

/// The built-in map, and topics from these fields of the payload.
pub(crate) fn intake(topics_from_payload: &[&str]) -> Intake {
    let topics = topics_from_payload.iter().map(|&field| field.to_owned()).collect();
    let map = Map::new(Entry::built_in(), false);
    Intake::new(map, topics, DataStyle::Payload, Limits::default().event_bytes)
}

fn event(envelope: &str, intake: &Intake) -> Event {
    let batch = intake
        .batch(envelope.as_bytes(), BatchFormat::Json, &Scope::ALL, START, None)
        .expect("orders are valid");
    batch.items.into_iter().next().and_then(|item| item.event).expect("the map drops nothing")
}
