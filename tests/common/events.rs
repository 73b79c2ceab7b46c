//! Envelopes as a publisher writes them.

use serde_json::json;

/// A point in time that every envelope with a fixed `ts` carries, so that it has the same bytes everywhere.
pub(crate) const TS: &str = "2024-05-06T07:08:09.123Z";

/// An envelope of a type that no map knows, payload as given.
pub(crate) fn envelope(event_type: &str, id: &str, payload: &str) -> String {
    format!(r#"{{"eventType":"{event_type}","id":"{id}","payload":{payload},"ts":"{TS}"}}"#)
}

/// The `n`th of many small ones: event `tick`, payload `{"n":n}`.
pub(crate) fn tick(n: usize) -> String {
    envelope("tick", &format!("tick-{n}"), &format!(r#"{{"n":{n}}}"#))
}

/// The data that `tick(n)` becomes.
pub(crate) fn tick_data(n: usize) -> String {
    format!(r#"{{"n":{n}}}"#)
}

/// Many ticks as the body of one NDJSON publish.
pub(crate) fn ticks(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|n| tick(n) + "\n").collect()
}

/// A tick whose payload is filled up to about `bytes`.
pub(crate) fn big_tick(n: usize, bytes: usize) -> String {
    envelope("tick", &format!("tick-{n}"), &format!(r#"{{"n":{n},"pad":"{}"}}"#, "x".repeat(bytes)))
}

/// The two built-in order events, with fields that must not get out.
pub(crate) fn order_created(order: &str) -> String {
    json!({
        "eventType": "OrderCreatedDomainEvent",
        "id": order,
        "traceId": "9e3779b97f4a7c15",
        "payload": {
            "customerId": "secret-customer",
            "status": "Pending",
            "orderId": order,
            "estimatedDelivery": "2016-10-20",
        },
        "ts": TS,
    })
    .to_string()
}

/// See `order_created`.
pub(crate) fn order_changed(order: &str, from: &str, to: &str) -> String {
    json!({
        "eventType": "OrderStatusChangedDomainEvent",
        "id": order,
        "payload": { "orderId": order, "customerId": "secret-customer", "newStatus": to, "oldStatus": from },
        "ts": TS,
    })
    .to_string()
}

/// A small generator of repeatable randomness (SplitMix64); a failing test prints its seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a bound fits in 64 bits");
        usize::try_from(self.next() % bound).expect("less than a usize")
    }
}
