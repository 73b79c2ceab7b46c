//! One envelope from flags.
//!
//! The payload goes in byte for byte. Whether the envelope is valid, the server's own code says.

use std::fs::File;
use std::io::Read;

use clap::ArgMatches;
use serde_json::Value;

use crate::envelope::{Envelope, Field};

/// The envelope, on one line where its payload is.
pub(super) fn of_flags(matches: &ArgMatches, event_bytes: usize) -> Result<String, String> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let payload = payload(text("payload").unwrap_or_default(), event_bytes)?;
    let mut fields = Vec::new();
    for (field, flag) in [
        (Field::EventType, "event-type"),
        (Field::Id, "id"),
        (Field::TraceId, "trace-id"),
        (Field::Ts, "ts"),
        (Field::Tenant, "tenant"),
    ] {
        if let Some(value) = text(flag) {
            fields.push(format!("\"{}\":{}", field.name(), Value::from(value)));
        }
    }
    if let Some(topics) = matches.get_many::<String>("topic") {
        let topics: Vec<Value> = topics.map(|topic| Value::from(topic.as_str())).collect();
        fields.push(format!("\"{}\":{}", Field::Topics.name(), Value::from(topics)));
    }
    fields.push(format!("\"{}\":{}", Field::Payload.name(), payload));
    let envelope = format!("{{{}}}", fields.join(","));
    Envelope::decode(envelope.as_bytes(), event_bytes).map_err(|error| error.to_string())?;
    Ok(envelope)
}

/// The JSON that the flag holds or names.
fn payload(text: &str, event_bytes: usize) -> Result<String, String> {
    let (json, what) = match text.strip_prefix('@') {
        None => (text.to_owned(), "--payload".to_owned()),
        Some(path) => {
            let wrong = |why: String| format!("--payload @{path}: {why}");
            let mut json = String::new();
            let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
            let limit = event_bytes as u64 + 1;
            file.take(limit).read_to_string(&mut json).map_err(|error| wrong(error.to_string()))?;
            (json, format!("--payload @{path}"))
        }
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&json) {
        Ok(_) => Ok(json.trim().to_owned()),
        Err(error) if !text.starts_with('@') => {
            Err(format!("{what} is not JSON: {error}; a text is in quotes of its own: '\"text\"'"))
        }
        Err(error) => Err(format!("{what} is not JSON: {error}")),
    }
}
