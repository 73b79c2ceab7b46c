//! Which part of a domain event is public: the `[[map]]` entries.
//!
//! What a map entry does not name as public never leaves: a payload without fields becomes `{}`.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::envelope::Text;

/// One `[[map]]` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The `eventType` as received.
    pub event_type: String,
    /// The SSE event name.
    pub event: String,
    /// The payload's public fields, in the order in which they are sent; `None` makes all of it public.
    pub fields: Option<Vec<String>>,
}

impl Entry {
    /// The map that is in force where no other is configured.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        let entry = |event_type: &str, event: &str, fields: &[&str]| Self {
            event_type: event_type.to_owned(),
            event: event.to_owned(),
            fields: Some(fields.iter().map(|&field| field.to_owned()).collect()),
        };
        vec![
            entry("OrderCreatedDomainEvent", "order-created", &["orderId", "status"]),
            entry(
                "OrderStatusChangedDomainEvent",
                "order-status-changed",
                &["orderId", "oldStatus", "newStatus"],
            ),
        ]
    }
}

/// What becomes of an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Public<'m> {
    /// It has an entry.
    Mapped(&'m Entry),
    /// It has none and passes as it is.
    Unchanged,
    /// It has none, and only mapped events pass (`map_only`).
    Dropped,
}

/// The map in force.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: HashMap<String, Entry>,
    only: bool,
}

impl Map {
    /// A map of `entries`; with `only`, nothing else passes.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Entry>, only: bool) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.event_type.clone(), entry)).collect();
        Self { entries, only }
    }

    /// What becomes of events of this type.
    #[must_use]
    pub fn public(&self, event_type: &str) -> Public<'_> {
        match self.entries.get(event_type) {
            Some(entry) => Public::Mapped(entry),
            None if self.only => Public::Dropped,
            None => Public::Unchanged,
        }
    }
}

/// The JSON object of `fields` only, in their order, each value as it stands in `payload`.
///
/// A field that is not there is left out; one that stands twice counts as the last one does, as it would
/// for a browser; a payload that is no object has no fields.
#[must_use]
pub fn select(payload: &str, fields: &[String]) -> String {
    let values = find(payload, fields);
    let mut out = String::with_capacity(payload.len().min(256));
    out.push('{');
    for (field, value) in fields.iter().zip(values) {
        let Some(value) = value else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&serde_json::Value::from(field.as_str()).to_string());
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// The text of each of `fields` in `payload`.
#[must_use]
pub fn find<'p>(payload: &'p str, fields: &[String]) -> Vec<Option<&'p str>> {
    struct Find<'f>(&'f [String]);
    impl<'de> Visitor<'de> for Find<'_> {
        type Value = Vec<Option<&'de str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = vec![None; self.0.len()];
            // A key may be no text (a lone surrogate); then it is no field of ours.
            while let Some(key) = map.next_key::<&RawValue>()? {
                let key = serde_json::from_str(key.get()).ok();
                let position = key.and_then(|Text(key)| self.0.iter().position(|field| *field == key));
                if let Some(at) = position {
                    values[at] = Some(map.next_value::<&RawValue>()?.get());
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(values)
        }
    }
    let found = serde_json::Deserializer::from_str(payload).deserialize_map(Find(fields));
    found.unwrap_or_else(|_| vec![None; fields.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_public_fields_leave_and_as_they_stand() {
        let payload = r#"{ "secret":"s", "b" : 1.50 , "a":{"x":[1, 2]}, "n":null }"#;
        assert_eq!(
            select(payload, &fields(&["a", "b", "n", "missing"])),
            r#"{"a":{"x":[1, 2]},"b":1.50,"n":null}"#
        );
        assert_eq!(select(payload, &[]), "{}");
    }

    #[test]
    fn a_payload_without_fields_becomes_an_empty_object() {
        for payload in ["42", "\"secret\"", "[1,{\"a\":2}]", "null"] {
            assert_eq!(select(payload, &fields(&["a"])), "{}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_counts_as_the_last() {
        assert_eq!(select(r#"{"a":1,"\u0061":2}"#, &fields(&["a"])), r#"{"a":2}"#);
    }

    #[test]
    fn a_key_that_is_no_text_hides_no_other() {
        assert_eq!(
            select(r#"{"\ud800":1,"a":2,"\udfff":3,"b":4}"#, &fields(&["a", "b"])),
            r#"{"a":2,"b":4}"#
        );
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(select(r#"{"a\"b":1}"#, &fields(&["a\"b"])), r#"{"a\"b":1}"#);
    }

    #[test]
    fn only_mapped_events_pass_where_that_is_asked() {
        let map = Map::new(Entry::built_in(), true);
        assert!(
            matches!(map.public("OrderCreatedDomainEvent"), Public::Mapped(e) if e.event == "order-created")
        );
        assert_eq!(map.public("Other"), Public::Dropped);
        assert_eq!(Map::default().public("Other"), Public::Unchanged);
    }
}
