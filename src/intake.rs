//! From what was published to events: envelopes decoded, mapped, encoded.
//!
//! All or nothing: one invalid envelope refuses the batch that it is in. Never touches the log.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::clock::Wall;
use crate::envelope::{self, Envelope};
use crate::event::{Audience, Event, Origin, Subject};
use crate::id::Fingerprint;
use crate::mapping::{self, Map, Public};
use crate::scope::{Beyond, Scope};
use crate::sse;
use crate::stamp::{self, Mark, STAMP_BYTES};
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
    /// The envelope at this place is for others than the publisher may speak to.
    Beyond {
        /// Its place; `None` where the body is a single envelope.
        index: Option<usize>,
        /// What it is beyond.
        beyond: Beyond,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no envelope in the body"),
            Self::Malformed(error) | Self::Envelope { error, .. } => error.fmt(f),
            Self::Beyond { beyond: Beyond::Tenant, .. } => {
                f.write_str("tenant: not the one that may be published for")
            }
            Self::Beyond { beyond: Beyond::Topic, .. } => {
                f.write_str("topics: not those that may be published about")
            }
        }
    }
}

impl std::error::Error for Error {}

/// What is wrong with one envelope of a batch.
enum Fault {
    Invalid(envelope::Error),
    Beyond(Beyond),
}

impl Fault {
    /// The fault, of the envelope at this place.
    fn at(self, index: Option<usize>) -> Error {
        match self {
            Self::Invalid(error) => Error::Envelope { index, error },
            Self::Beyond(beyond) => Error::Beyond { index, beyond },
        }
    }
}

impl From<envelope::Error> for Fault {
    fn from(error: envelope::Error) -> Self {
        Self::Invalid(error)
    }
}

/// What a batch became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// An item for each envelope, in order.
    pub items: Vec<Item>,
}

impl Batch {
    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let items = self.items.capacity() * size_of::<Item>();
        items + self.items.iter().map(Item::memory_bytes).sum::<usize>()
    }
}

impl Item {
    fn memory_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, Event::memory_bytes);
        event + self.stamped.as_ref().map_or(0, |text| text.len())
    }
}

/// What an envelope became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is broadcast; `None` where `map_only` keeps it from being.
    pub event: Option<Event>,
    /// The envelope for Redis, stamped, where a publisher numbers it.
    pub stamped: Option<Arc<str>>,
}

/// Who publishes, and the number of the first envelope of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Numbering<'a> {
    /// The name of the instance.
    pub origin: &'a str,
    /// The number that comes next.
    pub next: u64,
}

/// What a message from Redis became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What may be broadcast; `None` where `map_only` keeps it from being.
    pub event: Option<Event>,
    /// The envelope's fingerprint.
    pub fingerprint: Fingerprint,
    /// The instance that published it, and as how-many-eth; `None` for what services publish themselves.
    pub origin: Option<(Box<str>, u64)>,
    /// Whether the publisher's clients were shown it before it came through Redis.
    pub mark: Option<Mark>,
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

    /// The events of a published body. An envelope without `ts` gets `now`; with `numbering`, each is stamped
    /// for Redis.
    ///
    /// # Errors
    /// The first envelope that is invalid or beyond the publisher's `scope`, and its place.
    pub fn batch(
        &self,
        body: &[u8],
        format: BatchFormat,
        scope: &Scope,
        now: Wall,
        numbering: Option<Numbering<'_>>,
    ) -> Result<Batch, Error> {
        let body = body.trim_ascii();
        if body.is_empty() {
            return Err(Error::Empty);
        }
        match format {
            BatchFormat::Lines => {
                let lines = body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
                self.collect(lines.filter(|line| !line.is_empty()), scope, now, numbering)
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
                let envelopes = elements.iter().map(|element| element.get().as_bytes());
                self.collect(envelopes, scope, now, numbering)
            }
            BatchFormat::Json => {
                let item = self.item(body, scope, now, numbering).map_err(|fault| fault.at(None))?;
                Ok(Batch { items: vec![item] })
            }
        }
    }

    fn collect<'b>(
        &self,
        envelopes: impl Iterator<Item = &'b [u8]>,
        scope: &Scope,
        now: Wall,
        mut numbering: Option<Numbering<'_>>,
    ) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for (index, envelope) in envelopes.enumerate() {
            let item = self.item(envelope, scope, now, numbering);
            batch.items.push(item.map_err(|fault| fault.at(Some(index)))?);
            if let Some(numbering) = &mut numbering {
                numbering.next += 1;
            }
        }
        Ok(batch)
    }

    fn item(
        &self,
        bytes: &[u8],
        scope: &Scope,
        now: Wall,
        numbering: Option<Numbering<'_>>,
    ) -> Result<Item, Fault> {
        let mut envelope = Envelope::decode(bytes, self.event_bytes)?;
        if *scope != Scope::ALL {
            scope.allows_publishing(&self.audience(&envelope)).map_err(Fault::Beyond)?;
        }
        let prepared;
        if numbering.is_some()
            && let Cow::Owned(text) = stamp::prepare(envelope.text)
        {
            prepared = text;
            envelope = Envelope::decode(prepared.as_bytes(), self.event_bytes)?;
        }
        let completed;
        if envelope.ts.is_none() {
            let ts_text = ["\"", &timestamp::format(now), "\""].concat();
            completed = with_ts(envelope.text, &ts_text);
            let ts_text = Some(ts_text.into());
            envelope = Envelope { text: &completed, ts: Some(now), ts_text, ..envelope };
        }
        let Some(Numbering { origin, next }) = numbering else {
            return Ok(Item { event: self.event(&envelope, Origin::NONE), stamped: None });
        };
        let text: Arc<str> = stamp::stamp(envelope.text, origin, next).into();
        let event = self.event(&Envelope { text: &text, ..envelope }, Origin::of(origin));
        Ok(Item { event, stamped: Some(text) })
    }

    /// The event of a message from Redis: one envelope, which our own publisher may have stamped.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn message(&self, bytes: &[u8]) -> Result<Message, envelope::Error> {
        let bytes = bytes.trim_ascii();
        if bytes.len() > self.event_bytes + STAMP_BYTES + stamp::MARK_BYTES {
            return Err(envelope::Error::TooLarge { limit: self.event_bytes });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| envelope::Error::Encoding)?;
        let (text, mark) = stamp::unmark(text);
        // A publisher's stamp does not count: what it accepted is accepted everywhere.
        let envelope = Envelope::decode(text.as_bytes(), self.event_bytes + STAMP_BYTES)?;
        if text.len() > self.event_bytes && envelope.origin.is_none() {
            return Err(envelope::Error::TooLarge { limit: self.event_bytes });
        }
        let origin = envelope.origin.as_ref().map(|(instance, seq)| (Box::from(&**instance), *seq));
        let number = origin.as_ref().map_or(Origin::NONE, |(instance, _)| Origin::of(instance));
        let event = self.event(&envelope, number);
        let fingerprint = match &event {
            Some(event) => event.fingerprint,
            None => Fingerprint::of(text.as_bytes()),
        };
        Ok(Message { event, fingerprint, mark: mark.filter(|_| origin.is_some()), origin })
    }

    /// The event of an envelope that the publisher `origin` numbered; `None` when `map_only` drops it.
    #[must_use]
    pub fn event(&self, envelope: &Envelope<'_>, origin: Origin) -> Option<Event> {
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
            audience: self.audience(envelope),
            subject: Subject {
                id: (&*envelope.id).into(),
                trace_id: envelope.trace_id.as_deref().map(Box::from),
            },
            origin,
            idempotency: envelope.ts.map(|ts| idempotency(envelope, ts)),
        })
    }

    fn audience(&self, envelope: &Envelope<'_>) -> Audience {
        Audience { tenant: envelope.tenant.as_deref().map(Box::from), topics: self.topics(envelope) }
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

/// A hash of the key by which two envelopes are the same event (contract section 2), within their tenant: no tenant
/// can keep an event from another one by publishing its like first.
fn idempotency(envelope: &Envelope<'_>, ts: Wall) -> u64 {
    let kind = xxhash_rust::xxh3::xxh3_64(envelope.event_type.as_bytes());
    let key = xxhash_rust::xxh3::xxh3_64_with_seed(envelope.id.as_bytes(), kind ^ ts.as_micros() as u64);
    match &envelope.tenant {
        Some(tenant) => xxhash_rust::xxh3::xxh3_64_with_seed(tenant.as_bytes(), key),
        None => key,
    }
}

/// The envelope with a time stamp, a JSON string, where it had none.
fn with_ts(text: &str, ts: &str) -> String {
    let object = text.strip_suffix('}').unwrap_or(text).trim_ascii_end();
    [object, r#","ts":"#, ts, "}"].concat()
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
        let batch = intake(data).batch(text.as_bytes(), BatchFormat::Json, &Scope::ALL, NOW, None).unwrap();
        batch.items.into_iter().next().unwrap().event.unwrap()
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
        let batch = |text: &str, format| intake.batch(text.as_bytes(), format, &Scope::ALL, NOW, None);
        let good = r#"{"eventType":"x","id":"1","payload":1}"#;
        let lines = batch(&format!("{good}\r\n\n{good}"), BatchFormat::Lines).unwrap();
        assert_eq!(lines, batch(&format!("[{good} , {good}]"), BatchFormat::Json).unwrap());
        assert_eq!(lines.items.len(), 2);

        let bad = batch(&format!("{good}\n{{}}"), BatchFormat::Lines).unwrap_err();
        assert_eq!(bad, batch(&format!("[{good},{{}}]"), BatchFormat::Json).unwrap_err());
        assert!(matches!(bad, Error::Envelope { index: Some(1), .. }), "{bad:?}");
        assert!(matches!(batch("{}", BatchFormat::Json), Err(Error::Envelope { index: None, .. })));
        assert_eq!(batch(" \r\n", BatchFormat::Lines), Err(Error::Empty));
        assert_eq!(batch("[]", BatchFormat::Json), Err(Error::Empty));
        assert!(matches!(batch("[{}", BatchFormat::Json), Err(Error::Malformed(_))));
        assert!(matches!(batch(&format!("{good}{good}"), BatchFormat::Json), Err(Error::Envelope { .. })));
    }

    #[test]
    fn what_goes_to_redis_comes_back_as_the_same_event() {
        for text in [
            ORDER,
            r#"{"eventType":"x","id":"1","payload":1}"#,
            "{\"eventType\":\"x\",\n\"id\":\"1\",\"payload\":{\"a\":1.50,\r\n\"b\":[]},\"origin\":\"y\",\"originSeq\":9 }",
        ] {
            for data in [DataStyle::Payload, DataStyle::Envelope] {
                let numbering = Some(Numbering { origin: "node", next: 7 });
                let batch = intake(data)
                    .batch(text.as_bytes(), BatchFormat::Json, &Scope::ALL, NOW, numbering)
                    .unwrap();
                let Item { event, stamped } = batch.items.into_iter().next().unwrap();
                let stamped = stamped.unwrap();
                assert!(!stamped.contains(['\r', '\n']), "{stamped}");
                let message = intake(data).message(stamped.as_bytes()).unwrap();
                assert_eq!((&message.event, message.mark), (&event, None), "{text}");
                assert_eq!(message.origin, Some(("node".into(), 7)));
                let mark = Mark { after: stamp::After::Event(Fingerprint(3)), is_again: false };
                let marked = intake(data).message(stamp::mark(&stamped, mark).as_bytes()).unwrap();
                assert_eq!(marked, Message { mark: Some(mark), ..message });
            }
        }
    }

    #[test]
    fn a_stamp_does_not_count_against_the_limit() {
        let limit = |bytes| Intake::new(Map::default(), Vec::new(), DataStyle::Payload, bytes);
        let text = r#"{"eventType":"x","id":"1","payload":1}"#;
        let tight = limit(text.len());
        let numbering = Some(Numbering { origin: &"i".repeat(32), next: u64::MAX - 1 });
        let batch = tight.batch(text.as_bytes(), BatchFormat::Json, &Scope::ALL, NOW, numbering).unwrap();
        assert!(tight.message(batch.items[0].stamped.as_ref().unwrap().as_bytes()).is_ok());
        assert!(tight.message(text.as_bytes()).is_ok());
        assert!(matches!(
            limit(text.len() - 1).message(text.as_bytes()),
            Err(envelope::Error::TooLarge { limit }) if limit == text.len() - 1
        ));
    }
}
