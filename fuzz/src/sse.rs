//! Streams: a client sees the event name and the data that were published, and nothing else, whatever is in them.
//!
//! Input: a byte that chooses the style of the data, one with the length of the event name, one for the cut, the
//! name, then the payload: JSON as it is, anything else as a string.

use serde_json::Value;
use serde_json::value::RawValue;
use ssecast::id::{EventId, Fingerprint};
use ssecast::intake::{BatchFormat, DataStyle};
use ssecast::sse::{self, GapReason};

use crate::stream::{Event, Item, Parser};
use crate::world::{World, events};

/// Encodes what the input says and reads it back.
pub fn run(data: &[u8]) {
    let Some((&[flags, name_len, cut], rest)) = data.split_first_chunk() else { return };
    let (name, payload) = rest.split_at(usize::from(name_len).min(rest.len()));
    let (name, payload) = (String::from_utf8_lossy(name), String::from_utf8_lossy(payload));
    if !name.chars().any(char::is_control) && !name.is_empty() {
        frame(&name, &payload, usize::from(cut));
    }
    gap(&payload);
    published(flags, &name, &payload);
}

/// One frame, made of any text, in two pieces, between two others.
fn frame(name: &str, data: &str, cut: usize) {
    let id = EventId { instance: "node", seq: 7, fingerprint: Fingerprint::of(data.as_bytes()) };
    let mut stream = Vec::new();
    sse::encode_greeting(3000, &mut stream);
    sse::encode_id(&id, &mut stream);
    let start = stream.len();
    sse::encode_body(name, data, &mut stream);
    assert_eq!(sse::event_name(&stream[start..]), name, "the name is found again");
    sse::encode_ping(&id, "2026-01-31T12:00:00.000Z", &mut stream);

    let (mut parser, mut items) = (Parser::default(), Vec::new());
    let (first, second) = stream.split_at(cut % (stream.len() + 1));
    parser.push(first, &mut items);
    parser.push(second, &mut items);
    let [Item::Retry(3000), Item::Comment(_), Item::Event(event), Item::Event(ping)] = &items[..] else {
        panic!("something broke out: {items:?}");
    };
    same(event, name, data);
    assert_eq!((event.id.clone(), &ping.id), (id.to_string(), &event.id), "the id");
    assert_eq!(ping.event, "ping");
}

/// What a client asked for is told back in a gap.
fn gap(requested: &str) {
    let mut stream = b"retry: 1\n\n".to_vec();
    sse::encode_gap(GapReason::UnknownId, Some(requested), None, &mut stream);
    let events = events(&stream);
    let [gap] = &events[..] else { panic!("something broke out: {events:?}") };
    assert_eq!((gap.event.as_str(), gap.has_id, gap.data_lines), ("gap", false, 1));
    let data: Value = serde_json::from_str(&gap.data).expect("the data of a gap is JSON");
    assert_eq!(data["requested"], requested);
}

/// The whole way: published, logged, swept, read.
fn published(flags: u8, name: &str, payload: &str) {
    let style = if flags & 1 == 1 { DataStyle::Envelope } else { DataStyle::Payload };
    let is_json = serde_json::from_str::<&RawValue>(payload).is_ok();
    let payload = if is_json { payload.trim_ascii().to_owned() } else { Value::from(payload).to_string() };
    let envelope = format!(
        r#"{{"eventType":{},"id":"1","payload":{payload},"ts":"2026-01-31T12:00:00Z"}}"#,
        Value::from(name)
    );
    let mut world = World::new(100, style);
    let body = match flags & 2 {
        0 => envelope.clone(),
        _ => format!("[{envelope},{envelope}]"),
    };
    let Ok(count) = world.publish(body.as_bytes(), BatchFormat::Json) else { return };
    let events = world.history();
    assert_eq!(events.len(), count, "{events:?}");
    for (place, event) in events.iter().enumerate() {
        same(event, name, if style == DataStyle::Envelope { &envelope } else { &payload });
        let id = EventId::parse(&event.id).expect("an id of ours");
        assert_eq!((id.seq, id.fingerprint), (place as u64 + 1, Fingerprint::of(envelope.as_bytes())));
    }
}

fn same(event: &Event, name: &str, data: &str) {
    assert_eq!(event.event, name, "the name");
    assert_eq!(event.data, data.replace("\r\n", "\n").replace('\r', "\n"), "the data");
    assert!(event.has_id, "no id");
}
