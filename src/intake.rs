//! From what was published to events: envelopes decoded, mapped, encoded.
//!
//! All or nothing: one invalid envelope refuses the batch that it is in. Never touches the log.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::clock::Wall;
use crate::envelope::{self, Envelope};
use crate::event::{Audience, Event, Subject};
use crate::id::Fingerprint;
use crate::mapping::{self, Map, Public};
use crate::sse;
use crate::timestamp;

/// What becomes the `data` of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataStyle {
    /// The envelope's payload.
    Payload,
    /// The whole envelope.
    Envelope,
}

/// How a publisher wrote several envelopes into one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFormat {
    /// One envelope or an array of them (`application/json`).
    Json,
    /// One envelope a line (`application/x-ndjson`).
    Lines,
}

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The body holds no envelope at all.
    Empty,
    /// The body is not an envelope or an array.
    Malformed(envelope::Error),
    /// The envelope at this place, counted from 0, is invalid.
    Envelope {
        /// Its place; `None` where the body is a single envelope.
        index: Option<usize>,
        /// What is wrong.
        error: envelope::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no envelope in the body"),
            Self::Malformed(error) | Self::Envelope { error, .. } => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// What a batch became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The events to be broadcast, in order.
    pub events: Vec<Event>,
    /// Valid envelopes that `map_only` keeps from being broadcast.
    pub dropped: usize,
}

impl Batch {
    /// How many envelopes the batch held.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.events.len() + self.dropped
    }
}

/// The rules by which envelopes become events; cheap to clone, to be used off the loop as well.
#[derive(Clone, Debug)]
pub struct Intake {
    map: Arc<Map>,
    topics_from_payload: Arc<[String]>,
    data: DataStyle,
    event_bytes: usize,
}

impl Intake {
    /// Rules of these options; `topics_from_payload` names payload fields that become topics.
    #[must_use]
    pub fn new(map: Map, topics_from_payload: Vec<String>, data: DataStyle, event_bytes: usize) -> Self {
        Self { map: Arc::new(map), topics_from_payload: topics_from_payload.into(), data, event_bytes }
    }

    /// The events of a published body. An envelope without `ts` gets `now`.
    ///
    /// # Errors
    /// The first envelope that is invalid, and its place.
    pub fn batch(&self, body: &[u8], format: BatchFormat, now: Wall) -> Result<Batch, Error> {
        let body = body.trim_ascii();
        if body.is_empty() {
            return Err(Error::Empty);
        }
        match format {
            BatchFormat::Lines => {
                let lines = body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
                self.collect(lines.filter(|line| !line.is_empty()), now)
            }
            BatchFormat::Json if body.starts_with(b"[") => {
                if std::str::from_utf8(body).is_err() {
                    return Err(Error::Malformed(envelope::Error::Encoding));
                }
                let elements: Vec<&RawValue> = serde_json::from_slice(body)
                    .map_err(|error| Error::Malformed(envelope::Error::Json(envelope::describe(&error))))?;
                if elements.is_empty() {
                    return Err(Error::Empty);
                }
                self.collect(elements.iter().map(|element| element.get().as_bytes()), now)
            }
            BatchFormat::Json => {
                let mut batch = Batch::default();
                self.add(body, now, &mut batch).map_err(|error| Error::Envelope { index: None, error })?;
                Ok(batch)
            }
        }
    }

    fn collect<'b>(&self, envelopes: impl Iterator<Item = &'b [u8]>, now: Wall) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for (index, envelope) in envelopes.enumerate() {
            let added = self.add(envelope, now, &mut batch);
            added.map_err(|error| Error::Envelope { index: Some(index), error })?;
        }
        Ok(batch)
    }

    fn add(&self, envelope: &[u8], now: Wall, batch: &mut Batch) -> Result<(), envelope::Error> {
        let mut envelope = Envelope::decode(envelope, self.event_bytes)?;
        let completed;
        if envelope.ts.is_none() {
            completed = with_ts(envelope.text, now);
            let ts_text = Some(format!("\"{}\"", timestamp::format(now)).into());
            envelope = Envelope { text: &completed, ts: Some(now), ts_text, ..envelope };
        }
        match self.event(&envelope) {
            Some(event) => batch.events.push(event),
            None => batch.dropped += 1,
        }
        Ok(())
    }

    /// The event of an envelope; `None` when `map_only` drops it.
    #[must_use]
    pub fn event(&self, envelope: &Envelope<'_>) -> Option<Event> {
        let (name, public_payload) = match self.map.public(&envelope.event_type) {
            Public::Dropped => return None,
            Public::Unchanged => (&*envelope.event_type, None),
            Public::Mapped(entry) => {
                let payload = entry.fields.as_ref().map(|fields| mapping::select(envelope.payload, fields));
                (entry.event.as_str(), Some(payload.map_or(Cow::Borrowed(envelope.payload), Cow::Owned)))
            }
        };
        let data = match (self.data, public_payload) {
            (DataStyle::Payload, None) => Cow::Borrowed(envelope.payload),
            (DataStyle::Payload, Some(payload)) => payload,
            (DataStyle::Envelope, None) => Cow::Borrowed(envelope.text),
            (DataStyle::Envelope, Some(payload)) => Cow::Owned(public_envelope(envelope, name, &payload)),
        };
        let mut body = Vec::with_capacity("event: \ndata: \n\n".len() + name.len() + data.len());
        sse::encode_body(name, &data, &mut body);
        Some(Event {
            body,
            fingerprint: Fingerprint::of(envelope.text.as_bytes()),
            ts: envelope.ts,
            audience: Audience {
                tenant: envelope.tenant.as_deref().map(Box::from),
                topics: self.topics(envelope),
            },
            subject: Subject {
                id: (&*envelope.id).into(),
                trace_id: envelope.trace_id.as_deref().map(Box::from),
            },
        })
    }

    /// The envelope's own topics and those made of its payload (`customerId/42`).
    fn topics(&self, envelope: &Envelope<'_>) -> Vec<Box<str>> {
        let mut topics: Vec<Box<str>> = envelope.topics.iter().map(|topic| Box::from(&**topic)).collect();
        if self.topics_from_payload.is_empty() {
            return topics;
        }
        let values = mapping::find(envelope.payload, &self.topics_from_payload);
        for (field, value) in self.topics_from_payload.iter().zip(values) {
            let Some(value) = value.and_then(plain) else { continue };
            let topic = format!("{field}/{value}");
            if topic.len() <= envelope::TOPIC_BYTES {
                topics.push(topic.into());
            }
        }
        topics
    }
}

/// The envelope with a time stamp where it had none.
fn with_ts(text: &str, now: Wall) -> String {
    let object = text.strip_suffix('}').unwrap_or(text).trim_ascii_end();
    format!(r#"{object},"ts":"{}"}}"#, timestamp::format(now))
}

/// A mapped envelope: its public name and payload, and nothing that was not asked to be public.
fn public_envelope(envelope: &Envelope<'_>, name: &str, payload: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!(r#"{{"eventType":{},"id":{}"#, text(name), text(&envelope.id));
    if let Some(trace_id) = &envelope.trace_id {
        out += &format!(r#","traceId":{}"#, text(trace_id));
    }
    out += &format!(r#","payload":{payload}"#);
    if let Some(ts) = &envelope.ts_text {
        out += &format!(r#","ts":{ts}"#);
    }
    out.push('}');
    out
}

/// A JSON string's or number's text; other values make no topic.
fn plain(json: &str) -> Option<String> {
    match serde_json::from_str(json).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(_) => Some(json.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_micros(1_000_000);

    fn intake(data: DataStyle) -> Intake {
        Intake::new(Map::new(mapping::Entry::built_in(), false), vec!["customerId".into()], data, 4096)
    }

    fn one(text: &str, data: DataStyle) -> Event {
        let batch = intake(data).batch(text.as_bytes(), BatchFormat::Json, NOW).unwrap();
        batch.events.into_iter().next().unwrap()
    }

    fn body(event: &Event) -> &str {
        std::str::from_utf8(&event.body).unwrap()
    }

    const ORDER: &str = r#"{"eventType":"OrderCreatedDomainEvent","id":"1","traceId":"t","payload":{"orderId":"1","customerId":42,"status":"new"},"ts":"2026-01-31T12:00:00.000Z"}"#;

    #[test]
    fn an_order_shows_only_its_public_fields() {
        let event = one(ORDER, DataStyle::Payload);
        assert_eq!(body(&event), "event: order-created\ndata: {\"orderId\":\"1\",\"status\":\"new\"}\n\n");
        assert_eq!(event.fingerprint, Fingerprint::of(ORDER.as_bytes()));
        let topics: Vec<&str> = event.audience.topics.iter().map(|topic| &**topic).collect();
        assert_eq!(topics, ["customerId/42"]);

        let event = one(ORDER, DataStyle::Envelope);
        let data = r#"{"eventType":"order-created","id":"1","traceId":"t","payload":{"orderId":"1","status":"new"},"ts":"2026-01-31T12:00:00.000Z"}"#;
        assert_eq!(body(&event), format!("event: order-created\ndata: {data}\n\n"));
    }

    #[test]
    fn other_events_pass_as_they_are() {
        let text = r#"{"eventType":"x","id":"1","payload":{"b":1.0,
"a":2},"ts":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(body(&one(text, DataStyle::Payload)), "event: x\ndata: {\"b\":1.0,\ndata: \"a\":2}\n\n");
        let enveloped = one(text, DataStyle::Envelope);
        assert_eq!(body(&enveloped), format!("event: x\ndata: {}\n\n", text.replace('\n', "\ndata: ")));
    }

    #[test]
    fn a_missing_ts_is_filled_in() {
        let event = one(r#"{"eventType":"x","id":"1","payload":1 }"#, DataStyle::Envelope);
        let text = r#"{"eventType":"x","id":"1","payload":1,"ts":"1970-01-01T00:00:01.000Z"}"#;
        assert_eq!(body(&event), format!("event: x\ndata: {text}\n\n"));
        assert_eq!(event.ts, Some(NOW));
        assert_eq!(event.fingerprint, Fingerprint::of(text.as_bytes()));
    }

    #[test]
    fn batches_are_all_or_nothing() {
        let intake = intake(DataStyle::Payload);
        let batch = |text: &str, format| intake.batch(text.as_bytes(), format, NOW);
        let good = r#"{"eventType":"x","id":"1","payload":1}"#;
        let lines = batch(&format!("{good}\r\n\n{good}"), BatchFormat::Lines).unwrap();
        assert_eq!(lines, batch(&format!("[{good} , {good}]"), BatchFormat::Json).unwrap());
        assert_eq!((lines.accepted(), lines.events.len()), (2, 2));

        let bad = batch(&format!("{good}\n{{}}"), BatchFormat::Lines).unwrap_err();
        assert_eq!(bad, batch(&format!("[{good},{{}}]"), BatchFormat::Json).unwrap_err());
        assert!(matches!(bad, Error::Envelope { index: Some(1), .. }), "{bad:?}");
        assert!(matches!(batch("{}", BatchFormat::Json), Err(Error::Envelope { index: None, .. })));
        assert_eq!(batch(" \r\n", BatchFormat::Lines), Err(Error::Empty));
        assert_eq!(batch("[]", BatchFormat::Json), Err(Error::Empty));
        assert!(matches!(batch("[{}", BatchFormat::Json), Err(Error::Malformed(_))));
        assert!(matches!(batch(&format!("{good}{good}"), BatchFormat::Json), Err(Error::Envelope { .. })));
    }
}
