//! Envelopes: what is accepted keeps every rule of the contract, its payload byte for byte, and what keeps every
//! rule is accepted.
//!
//! Input: the envelope.

use serde_json::Value;
use ssecast::envelope::{Envelope, Error, NAME_BYTES, RESERVED_NAMES, TENANT_BYTES, TOPIC_BYTES, TOPICS};
use ssecast::limits::JSON_DEPTH;

use crate::oracle::json;

/// So large that an input rarely is, and small enough that some are.
const LIMIT: usize = 2048;

/// Decodes the input.
pub fn run(data: &[u8]) {
    match Envelope::decode(data, LIMIT) {
        Ok(envelope) => check(data, &envelope),
        Err(error) => check_refusal(data, &error),
    }
}

fn check(data: &[u8], envelope: &Envelope<'_>) {
    let text = str::from_utf8(data.trim_ascii()).expect("what is accepted is UTF-8");
    assert_eq!(envelope.text, text, "the text");
    assert!(text.len() <= LIMIT && json::depth(text) <= JSON_DEPTH, "a bound");
    let members = json::members(text).expect("what is accepted is an object");
    let all = |name: &str| {
        members.iter().filter(|(key, _)| key == name).map(|(_, value)| *value).collect::<Vec<_>>()
    };
    for (name, _) in &members {
        assert_eq!(all(name).len(), 1, "{name:?} stands twice");
    }
    let one = |name: &str| all(name).first().copied();
    let string = |name: &str| one(name).map(|value| serde_json::from_str::<String>(value).expect("a string"));

    assert_eq!(one("payload"), Some(envelope.payload), "the payload");
    assert!(text.contains(envelope.payload), "the payload is no part of the text");
    let (event_type, id) = (string("eventType"), string("id"));
    assert_eq!(event_type.as_deref(), Some(&*envelope.event_type), "eventType");
    assert_eq!(id.as_deref(), Some(&*envelope.id), "id");
    for name in event_type.iter().chain(&id) {
        assert!(is_name(name), "{name:?}");
    }
    assert!(!RESERVED_NAMES.contains(&&*envelope.event_type), "a reserved name");
    let trace_id = one("traceId").filter(|value| *value != "null").and_then(|_| string("traceId"));
    assert_eq!(trace_id.as_deref(), envelope.trace_id.as_deref(), "traceId");
    assert_eq!(string("tenant").as_deref(), envelope.tenant.as_deref(), "tenant");
    assert!(
        envelope.tenant.as_deref().is_none_or(|tenant| (1..=TENANT_BYTES).contains(&tenant.len())),
        "tenant"
    );
    let topics: Vec<String> =
        one("topics").map(|topics| serde_json::from_str(topics).expect("strings")).unwrap_or_default();
    assert_eq!(topics, envelope.topics, "topics");
    assert!(topics.len() <= TOPICS && topics.iter().all(|topic| topic.len() <= TOPIC_BYTES), "topics");
    assert_eq!(one("ts"), envelope.ts_text.as_deref(), "ts");
    assert_eq!(envelope.ts.is_some(), one("ts").is_some(), "ts");
    let origin = string("origin").zip(one("originSeq").map(|seq| seq.parse::<u64>().expect("a number")));
    assert_eq!(origin, envelope.origin.as_ref().map(|(name, seq)| (name.to_string(), *seq)), "origin");
}

/// Nothing valid is refused, as far as plain `serde_json` can tell.
fn check_refusal(data: &[u8], error: &Error) {
    let said = error.to_string();
    assert!(!said.is_empty() && !said.contains(['\r', '\n']), "{said:?}");
    let data = data.trim_ascii();
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(text) else { return };
    let Some(members) = json::members(text) else { return };
    let is_twice = |name: &str| members.iter().filter(|(key, _)| key == name).count() > 1;
    let is_string = |name: &str, most: usize| value[name].as_str().is_some_and(|text| text.len() <= most);
    let may_be = |name: &str, is_right: bool| value.get(name).is_none() || is_right;
    let is_valid = text.len() <= LIMIT
        && json::depth(text) <= JSON_DEPTH
        && !members.iter().any(|(name, _)| is_twice(name))
        && ["eventType", "id"].iter().all(|name| value[name].as_str().is_some_and(is_name))
        && !RESERVED_NAMES.iter().any(|name| value["eventType"] == *name)
        && value.get("payload").is_some()
        && may_be("traceId", value["traceId"].is_null() || is_string("traceId", NAME_BYTES))
        && may_be("tenant", value["tenant"] != "" && is_string("tenant", TENANT_BYTES))
        && may_be("topics", are_topics(&value["topics"]))
        // Which times there are is not known here.
        && value.get("ts").is_none()
        && may_be("origin", is_string("origin", NAME_BYTES))
        && may_be("originSeq", value["originSeq"].is_u64());
    assert!(!is_valid, "refused, and valid: {said}");
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn are_topics(topics: &Value) -> bool {
    let is_topic = |topic: &Value| topic.as_str().is_some_and(|topic| topic.len() <= TOPIC_BYTES);
    topics.as_array().is_some_and(|topics| topics.len() <= TOPICS && topics.iter().all(is_topic))
}
