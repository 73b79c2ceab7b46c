//! The TOML file: its text to values by key, each with its line.
//!
//! Does not read the file system, and knows of a key only its name.

use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, SECTIONS, find};
use super::suggest;
use super::value::{Value, quote};

/// What a file's text says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    /// Values with their key's place in the table and their line, counted from 1.
    pub(super) values: Vec<(usize, usize, Value)>,
    /// What is wrong, with its line.
    pub(super) problems: Vec<(usize, String)>,
}

/// Parses the text of a file. A wrong key does not hide the others.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    match DeTable::parse(text) {
        Ok(table) => walk(table.get_ref(), "", text, &mut parsed),
        Err(error) => {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            parsed.problems.push((line, format!("is no TOML: {}", error.message())));
        }
    }
    parsed.values.sort_by_key(|(_, line, _)| *line);
    parsed.problems.sort();
    parsed
}

/// Reads one TOML value, as a flag or a variable has it for the map.
pub(super) fn inline_value(text: &str) -> Result<Value, String> {
    let value = DeValue::parse(text).map_err(|error| format!("is no TOML: {}", error.message()))?;
    Ok(convert(value.get_ref()))
}

/// Takes the keys of `table`, which stands at `prefix`.
fn walk(table: &DeTable<'_>, prefix: &str, text: &str, parsed: &mut Parsed) {
    for (name, value) in table {
        let line = line_of(text, name.span().start);
        let name = format!("{prefix}{}", name.get_ref());
        if let Some(index) = find(&name) {
            parsed.values.push((index, line, convert(value.get_ref())));
            continue;
        }
        let section = SECTIONS.iter().any(|section| !section.name.is_empty() && section.name == name);
        match value.get_ref() {
            DeValue::Table(inner) if section => walk(inner, &format!("{name}."), text, parsed),
            _ if section => {
                parsed.problems.push((line, format!("{name} is a section, with keys of its own: [{name}]")));
            }
            DeValue::Table(_) if prefix.is_empty() => {
                let sections = SECTIONS.iter().map(|section| section.name);
                let hint = suggest::hint(&name, sections);
                parsed.problems.push((line, format!("unknown section {}{hint}", quote(&name))));
            }
            _ => {
                let hint = suggest::hint(&name, KEYS.iter().map(|key| key.name));
                parsed.problems.push((line, format!("unknown key {}{hint}", quote(&name))));
            }
        }
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&b| b == b'\n').count()
}

fn convert(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("an integer that is too large"), Value::Integer),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Array(items) => Value::List(items.iter().map(|item| convert(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let parts =
                table.iter().map(|(key, value)| (key.get_ref().to_string(), convert(value.get_ref())));
            Value::Table(parts.collect())
        }
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_with_their_lines() {
        let parsed =
            parse("map_only = true\n\n[stream]\nheartbeat = \"5s\"\n[[map]]\nevent = \"a\"\n[[map]]\n");
        assert_eq!(parsed.problems, []);
        let found: Vec<(&str, usize)> =
            parsed.values.iter().map(|(index, line, _)| (KEYS[*index].name, *line)).collect();
        assert_eq!(found, [("map_only", 1), ("stream.heartbeat", 4), ("map", 5)]);
    }

    #[test]
    fn dotted_and_inline_forms_are_the_same() {
        let plain = parse("[stream]\ndata = \"payload\"\n").values;
        assert_eq!(plain[0].2, parse("stream.data = \"payload\"").values[0].2);
        assert_eq!(plain[0].2, parse("stream = { data = \"payload\" }").values[0].2);
    }

    #[test]
    fn what_is_unknown_is_named_with_its_line_and_the_nearest_key() {
        let parsed = parse("[stream]\nhartbeat = 1\n[limit]\nheaders = 3\n[quux.a]\nb = 1\n");
        let texts: Vec<String> =
            parsed.problems.iter().map(|(line, text)| format!("{line}: {text}")).collect();
        assert_eq!(
            texts,
            [
                "2: unknown key \"stream.hartbeat\"; did you mean stream.heartbeat?",
                "3: unknown section \"limit\"; did you mean limits?",
                "5: unknown section \"quux\"",
            ]
        );
        assert_eq!(parse("stream = 5").problems[0].1, "stream is a section, with keys of its own: [stream]");
        assert_eq!(
            parse("heartbeat = \"5s\"").problems[0].1,
            "unknown key \"heartbeat\"; did you mean stream.heartbeat?"
        );
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        let (line, text) = parse("map_only = true\n[stream\n").problems.remove(0);
        assert_eq!(line, 2);
        assert!(text.starts_with("is no TOML: "), "{text}");
        assert_eq!(parse("map_only = true\nmap_only = true\n").problems[0].0, 2);
        assert!(inline_value("[{").is_err());
    }
}
