//! The `[[map]]` entries: reading, checking and writing them.
//!
//! Maps nothing: `mapping` does.

use super::suggest;
use super::value::{Value, quote};
use crate::envelope::{NAME_BYTES, RESERVED_NAMES};
use crate::mapping::Entry;

/// What an entry consists of.
const PARTS: [&str; 3] = ["event_type", "event", "fields"];

/// Reads a map from an array of tables; the error says which entry is wrong and why.
pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let Value::List(items) = value else {
        return Err("is not an array of tables".to_owned());
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let entry = read_entry(item).map_err(|why| format!("entry {}: {why}", index + 1))?;
        if entries.iter().any(|earlier| earlier.event_type == entry.event_type) {
            return Err(format!(
                "entry {}: event_type {} has an entry already",
                index + 1,
                quote(&entry.event_type)
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// A map as a TOML array of inline tables, one a line.
pub(super) fn write(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "[]".to_owned();
    }
    let lines: String = entries.iter().map(|entry| format!("  {},\n", write_entry(entry))).collect();
    format!("[\n{lines}]")
}

fn read_entry(item: &Value) -> Result<Entry, String> {
    let Value::Table(parts) = item else {
        return Err("is not a table".to_owned());
    };
    if let Some((name, _)) = parts.iter().find(|(name, _)| !PARTS.contains(&name.as_str())) {
        return Err(format!("unknown key {}{}", quote(name), suggest::hint(name, PARTS)));
    }
    let part = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let text = |name: &str| {
        let value = part(name).ok_or_else(|| format!("{name} is missing"))?;
        let text = value.text().ok_or_else(|| format!("{name} must be a string"))?;
        check_name(text).map_err(|why| format!("{name} {} {why}", value.shown()))?;
        Ok::<String, String>(text.to_owned())
    };
    Ok(Entry {
        event_type: text("event_type")?,
        event: text("event")?,
        fields: part("fields").map(read_fields).transpose()?,
    })
}

/// The rule of event names (contract, section 2).
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_BYTES {
        return Err("must have 1 to 128 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("must have no control characters");
    }
    if RESERVED_NAMES.contains(&name) {
        return Err("is reserved: ping, gap and reset are the server's own");
    }
    Ok(())
}

fn read_fields(value: &Value) -> Result<Vec<String>, String> {
    let Value::List(items) = value else {
        return Err("fields must be an array of strings".to_owned());
    };
    let mut fields: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let field = item.text().ok_or("fields must be an array of strings")?;
        if fields.iter().any(|earlier| earlier == field) {
            return Err(format!("fields has {} twice", item.shown()));
        }
        fields.push(field.to_owned());
    }
    Ok(fields)
}

fn write_entry(entry: &Entry) -> String {
    let fields = entry.fields.as_ref().map(|fields| {
        let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
        format!(", fields = [{}]", quoted.join(", "))
    });
    let (event_type, event) = (quote(&entry.event_type), quote(&entry.event));
    format!("{{ event_type = {event_type}, event = {event}{} }}", fields.unwrap_or_default())
}
