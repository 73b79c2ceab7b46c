//! The rules of contract section 2, one by one.

use super::*;

const LIMIT: usize = 4096;

fn decode(text: &str) -> Result<Envelope<'_>, Error> {
    Envelope::decode(text.as_bytes(), LIMIT)
}

/// A valid envelope with `fields` added.
fn with(fields: &str) -> String {
    format!(r#"{{"eventType":"a","id":"1","payload":null{fields}}}"#)
}

fn error_of(text: &str) -> String {
    decode(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_full_envelope_is_decoded() {
    let text = r#" {"eventType":"OrderCreated","id":"7","traceId":"t","payload": {"b":1.50,"a":[1e999]} ,
        "ts":"1970-01-01T00:00:01Z","tenant":"x","topics":["o/1","o/2"],"origin":"n","originSeq":9,"other":{}} "#;
    let envelope = decode(text).unwrap();
    assert_eq!(envelope.text, text.trim());
    assert_eq!(envelope.payload, r#"{"b":1.50,"a":[1e999]}"#);
    assert_eq!((&*envelope.event_type, &*envelope.id), ("OrderCreated", "7"));
    assert_eq!(envelope.ts, Some(Wall::from_micros(1_000_000)));
    assert_eq!(envelope.trace_id.as_deref(), Some("t"));
    assert_eq!(envelope.tenant.as_deref(), Some("x"));
    assert_eq!(envelope.topics, ["o/1", "o/2"]);
    assert_eq!(envelope.origin, Some(("n".into(), 9)));
}

#[test]
fn each_broken_rule_names_its_field() {
    let long = "x".repeat(129);
    for (text, error) in [
        (r#"{"id":"1","payload":1}"#.to_owned(), "eventType is missing"),
        (r#"{"eventType":"a","payload":1}"#.to_owned(), "id is missing"),
        (r#"{"eventType":"a","id":"1"}"#.to_owned(), "payload is missing"),
        (r#"{"eventType":"","id":"1","payload":1}"#.to_owned(), "eventType must be 1 to 128"),
        (r#"{"eventType":1,"id":"1","payload":1}"#.to_owned(), "eventType must be a string"),
        (r#"{"eventType":null,"id":"1","payload":1}"#.to_owned(), "eventType must be a string"),
        (format!(r#"{{"eventType":"{long}","id":"1","payload":1}}"#), "eventType must be 1 to 128"),
        (format!(r#"{{"eventType":"a","id":"{long}","payload":1}}"#), "id must be 1 to 128"),
        (r#"{"eventType":"a\u000ab","id":"1","payload":1}"#.to_owned(), "eventType must hold no control"),
        (r#"{"eventType":"a","id":"1\r","payload":1}"#.to_owned(), "id must hold no control"),
        (r#"{"eventType":"a","id":"1\u0085","payload":1}"#.to_owned(), "id must hold no control"),
        (r#"{"eventType":"ping","id":"1","payload":1}"#.to_owned(), "eventType is one of the reserved"),
        (r#"{"eventType":"\ud800","id":"1","payload":1}"#.to_owned(), "eventType must be a string"),
        (with(r#","id":"2""#), "id stands twice"),
        (with(r#","payload":2"#), "payload stands twice"),
        (with(r#","\u0069d":"2""#), "id stands twice"),
        (with(r#","other":1,"other":2"#), "an unknown field stands twice"),
        (with(r#","ts":"2026-01-31 12:00:00Z""#), "ts must be an RFC 3339"),
        (with(r#","ts":1"#), "ts must be a string"),
        (with(r#","ts":null"#), "ts must be a string"),
        (with(r#","tenant":null"#), "tenant must be a string"),
        (with(r#","tenant":"""#), "tenant must not be empty"),
        (with(&format!(r#","tenant":"{}""#, "x".repeat(65))), "tenant is too long"),
        (with(r#","topics":"a""#), "topics must be an array"),
        (with(r#","topics":null"#), "topics must be an array"),
        (with(&format!(r#","topics":[{}"t"]"#, r#""t","#.repeat(16))), "topics must be at most 16"),
        (with(&format!(r#","topics":["{}"]"#, "x".repeat(257))), "topics must each be at most 256"),
        (with(r#","originSeq":-1"#), "originSeq must be a whole number"),
        (with(&format!(r#","traceId":"{long}""#)), "traceId is too long"),
        (with("") + "x", "the envelope is not one JSON object: trailing characters (column 42)"),
        (with("") + "\n\nx", "the envelope is not one JSON object: trailing characters (line 3, column 1)"),
        ("nonsense".to_owned(), "the envelope is not one JSON object: expected value (column 2)"),
        ("[]".to_owned(), "the envelope is not one JSON object: it is a value of another type"),
        ("\u{feff}{}".to_owned(), "the envelope is not one JSON object: expected value"),
        (with(r#","n":NaN"#), "the envelope is not one JSON object: expected value"),
        ("{".to_owned(), "the envelope is not one JSON object: it ends too early"),
        (" ".repeat(9), "the envelope is not one JSON object: it ends too early"),
        ("x".repeat(LIMIT + 1), "the envelope is over limits.event_bytes (4096 bytes)"),
    ] {
        let got = error_of(&text);
        assert!(got.starts_with(error), "{text}: {got}");
    }
    assert_eq!(Envelope::decode(b"{\"id\":\"\xff\"}", LIMIT).unwrap_err(), Error::Encoding);
}

#[test]
fn null_is_missing_where_nothing_hangs_on_it() {
    let text = with(r#","traceId":null"#);
    let envelope = decode(&text).unwrap();
    assert!(envelope.trace_id.is_none());
    assert_eq!(envelope.payload, "null");
}

#[test]
fn depth_counts_brackets_outside_of_strings() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"eventType":"a","id":"1","payload":{open}{close}}}"#)
    };
    assert!(decode(&nested(JSON_DEPTH)).is_ok());
    assert_eq!(decode(&nested(JSON_DEPTH + 1)).unwrap_err(), Error::TooDeep);
    let in_string = format!(r#"{{"eventType":"a","id":"1","payload":"\"{}"}}"#, "[".repeat(200));
    assert!(decode(&in_string).is_ok());
}
