//! The kinds of values: how each is read into `Config`, written out of it, and described.
//!
//! A kind carries its range and the place in `Config`, so that a key of the table is complete and an
//! error can say what is allowed. Relations between keys are in `validate`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::Choice;
use super::value::{Value, needs_unit, parse_duration, parse_size, quote, show_duration, show_size};
use super::{Config, Endpoint, access, file, map};
use crate::auth::{KeySource, TokenHash};
use crate::id::Instance;
use crate::mapping::Entry;
use crate::redis::Target;

/// A place in `Config`.
pub(super) struct Field<T> {
    pub(super) get: fn(&Config) -> &T,
    pub(super) get_mut: fn(&mut Config) -> &mut T,
}

/// What a value may be, and where it goes.
pub(super) enum Kind {
    /// `true` or `false`; a bare flag is `true`.
    Switch(Field<bool>),
    /// A number of things.
    Count(Field<usize>, RangeInclusive<u64>),
    /// A number of bytes.
    Size(Field<usize>, RangeInclusive<u64>),
    /// A time, inclusive bounds.
    Duration(Field<Duration>, RangeInclusive<Duration>),
    /// As `Duration`; "off" and 0 become zero.
    DurationOrOff(Field<Duration>, RangeInclusive<Duration>),
    /// As `Duration`; "off" becomes `None`, and 0 is an error since it could mean either.
    AgeOrOff(Field<Option<Duration>>, RangeInclusive<Duration>),
    /// One of a few names.
    Choice(Choice),
    /// Strings that each pass the check, which says what is wrong with one.
    List(Field<Vec<String>>, &'static str, fn(&str) -> Result<(), &'static str>),
    /// An IP address and a port.
    Address(Field<SocketAddr>),
    /// Where a listener is; empty becomes `None`.
    Endpoint(Field<Option<Endpoint>>),
    /// The mode of a file, in octal.
    FileMode(Field<u32>),
    /// A name of this server; empty becomes `None`.
    Instance(Field<Option<Instance>>),
    /// The `[[map]]` entries.
    Map(Field<Vec<Entry>>),
    /// Text that passes the check, which says what is wrong with it and never quotes it.
    Text(Field<String>, &'static str, fn(&str) -> Result<(), &'static str>),
    /// The path of a file; empty becomes `None`.
    Path(Field<Option<PathBuf>>),
    /// Where Redis is.
    Target(Field<Target>),
    /// Static tokens.
    Tokens(Field<Vec<TokenHash>>),
    /// Sources of the keys of JSON Web Tokens.
    JwtKeys(Field<Vec<KeySource>>),
}

impl Kind {
    /// Reads `value` into `config`; the error says what is wrong, not what is allowed.
    pub(super) fn read(&self, value: &Value, config: &mut Config) -> Result<(), String> {
        match self {
            Self::Switch(field) => *(field.get_mut)(config) = read_switch(value)?,
            Self::Count(field, range) => *(field.get_mut)(config) = in_usize(read_count(value)?, range)?,
            Self::Size(field, range) => *(field.get_mut)(config) = in_usize(read_size(value)?, range)?,
            Self::Duration(field, range) => {
                *(field.get_mut)(config) = in_range(read_duration(value)?, range)?;
            }
            Self::DurationOrOff(field, range) => {
                let read = if is_off(value) { Duration::ZERO } else { read_duration(value)? };
                *(field.get_mut)(config) = if read.is_zero() { read } else { in_range(read, range)? };
            }
            Self::AgeOrOff(field, range) => {
                *(field.get_mut)(config) =
                    if is_off(value) { None } else { Some(in_range(read_duration(value)?, range)?) };
            }
            Self::Choice(choice) => {
                let name = value.text().ok_or("is not a string")?;
                if !(choice.set)(config, name) {
                    return Err("is no such name".to_owned());
                }
            }
            Self::List(field, _, check) => *(field.get_mut)(config) = read_list(value, *check)?,
            Self::Address(field) => *(field.get_mut)(config) = read_address(value)?,
            Self::Endpoint(field) => {
                let text = value.text().ok_or("is not a string")?;
                *(field.get_mut)(config) = if text.is_empty() { None } else { Some(Endpoint::parse(text)?) };
            }
            Self::FileMode(field) => *(field.get_mut)(config) = read_file_mode(value)?,
            Self::Instance(field) => *(field.get_mut)(config) = read_instance(value)?,
            Self::Map(field) => *(field.get_mut)(config) = read_map(value)?,
            Self::Text(field, _, check) => {
                let text = value.text().ok_or("is not a string")?;
                check(text)?;
                text.clone_into((field.get_mut)(config));
            }
            Self::Path(field) => {
                let text = value.text().ok_or("is not a string")?;
                *(field.get_mut)(config) = (!text.is_empty()).then(|| PathBuf::from(text));
            }
            Self::Target(field) => {
                *(field.get_mut)(config) = Target::parse(value.text().ok_or("is not a string")?)?;
            }
            Self::Tokens(field) => *(field.get_mut)(config) = access::read_tokens(value)?,
            Self::JwtKeys(field) => *(field.get_mut)(config) = read_keys(value)?,
        }
        Ok(())
    }

    /// The value in `config` as TOML.
    pub(super) fn write(&self, config: &Config) -> String {
        match self {
            Self::Switch(field) => (field.get)(config).to_string(),
            Self::Count(field, _) => (field.get)(config).to_string(),
            Self::Size(field, _) => write_size(*(field.get)(config) as u64),
            Self::Duration(field, _) => quote(&show_duration(*(field.get)(config))),
            Self::DurationOrOff(field, _) => {
                let value = (field.get)(config);
                write_or_off((!value.is_zero()).then_some(*value))
            }
            Self::AgeOrOff(field, _) => write_or_off(*(field.get)(config)),
            Self::Choice(choice) => quote((choice.get)(config)),
            Self::List(field, ..) => {
                let quoted: Vec<String> = (field.get)(config).iter().map(|item| quote(item)).collect();
                format!("[{}]", quoted.join(", "))
            }
            Self::Address(field) => quote(&(field.get)(config).to_string()),
            Self::Endpoint(field) => {
                quote(&(field.get)(config).as_ref().map(Endpoint::to_string).unwrap_or_default())
            }
            Self::FileMode(field) => quote(&format!("{:04o}", (field.get)(config))),
            Self::Instance(field) => {
                quote((field.get)(config).as_ref().map(Instance::as_str).unwrap_or_default())
            }
            Self::Map(field) => map::write((field.get)(config)),
            Self::Text(field, ..) => quote((field.get)(config)),
            Self::Path(field) => {
                let path = (field.get)(config).as_ref();
                quote(&path.map(|path| path.to_string_lossy()).unwrap_or_default())
            }
            Self::Target(field) => quote((field.get)(config).text()),
            Self::Tokens(field) => access::write_tokens((field.get)(config)),
            Self::JwtKeys(field) => access::write_keys((field.get)(config), false),
        }
    }

    /// The value in `config` as TOML, with what is secret in it masked.
    pub(super) fn write_masked(&self, config: &Config) -> String {
        match self {
            Self::Target(field) => quote(&(field.get)(config).masked()),
            Self::Text(field, ..) if (field.get)(config).is_empty() => quote(""),
            Self::Tokens(field) if (field.get)(config).is_empty() => "[]".to_owned(),
            Self::Tokens(_) => "[\"***\"]".to_owned(),
            Self::JwtKeys(field) => access::write_keys((field.get)(config), true),
            _ => quote("***"),
        }
    }

    /// Puts the value that `from` has into `to`.
    pub(super) fn copy(&self, from: &Config, to: &mut Config) {
        match self {
            Self::Switch(field) => *(field.get_mut)(to) = *(field.get)(from),
            Self::Count(field, _) | Self::Size(field, _) => *(field.get_mut)(to) = *(field.get)(from),
            Self::Duration(field, _) | Self::DurationOrOff(field, _) => {
                *(field.get_mut)(to) = *(field.get)(from);
            }
            Self::AgeOrOff(field, _) => *(field.get_mut)(to) = *(field.get)(from),
            Self::Choice(choice) => {
                (choice.set)(to, (choice.get)(from));
            }
            Self::List(field, ..) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Address(field) => *(field.get_mut)(to) = *(field.get)(from),
            Self::Endpoint(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::FileMode(field) => *(field.get_mut)(to) = *(field.get)(from),
            Self::Instance(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Map(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Text(field, ..) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Path(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Target(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::Tokens(field) => (field.get_mut)(to).clone_from((field.get)(from)),
            Self::JwtKeys(field) => (field.get_mut)(to).clone_from((field.get)(from)),
        }
    }

    /// What is allowed, in words.
    pub(super) fn syntax(&self) -> String {
        let duration = |range: &RangeInclusive<Duration>| {
            let (from, to) = (show_duration(*range.start()), show_duration(*range.end()));
            format!("a duration with its unit, such as \"15s\" or \"500ms\", from {from} to {to}")
        };
        match self {
            Self::Switch(_) => "true or false".to_owned(),
            Self::Count(_, range) => format!("an integer from {} to {}", range.start(), range.end()),
            Self::Size(_, range) => format!(
                "a size, such as \"256 KiB\", or an integer of bytes, from {} to {}",
                show_size(*range.start()),
                show_size(*range.end())
            ),
            Self::Duration(_, range) => duration(range),
            Self::DurationOrOff(_, range) => format!("{}, or \"off\" (or 0)", duration(range)),
            Self::AgeOrOff(_, range) => format!("{}, or \"off\"", duration(range)),
            Self::Choice(choice) => {
                let names: Vec<String> = (choice.names)().into_iter().map(quote).collect();
                names.join(", ")
            }
            Self::List(_, what, _) => {
                format!("an array of {what}; in a flag or variable, separated by commas")
            }
            Self::Address(_) => {
                "an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
            }
            Self::Endpoint(_) => {
                "an IP address and a port, unix: and the path of a socket file, or empty".to_owned()
            }
            Self::FileMode(_) => "a mode in octal, such as \"0660\", from 0000 to 0777".to_owned(),
            Self::Instance(_) => "1 to 32 of the characters A-Z a-z 0-9 . _, or empty".to_owned(),
            Self::Map(_) => {
                "an array of tables {event_type = \"...\", event = \"...\", fields = [\"...\"]}; \
                             in a flag or variable, the same array as inline TOML"
                    .to_owned()
            }
            Self::Text(_, what, _) => (*what).to_owned(),
            Self::Path(_) => "the path of a file, or empty".to_owned(),
            Self::Target(_) => {
                "redis://[user:password@]host[:port], rediss:// with TLS, redis+unix:///path, or \
                                host:port,password=...,ssl=true"
                    .to_owned()
            }
            Self::Tokens(_) => "an array of up to 1000 tokens of 16 characters or more, or of their hashes \
                                (\"sha256:...\"); in a flag or variable, separated by commas"
                .to_owned(),
            Self::JwtKeys(_) => {
                "an array of tables {alg = \"...\", key_file = \"...\"}; in a flag or variable, the \
                                 same array as inline TOML"
                    .to_owned()
            }
        }
    }

    /// What stands for the value in `--help`.
    pub(super) const fn placeholder(&self) -> &'static str {
        match self {
            Self::Switch(_) => "BOOL",
            Self::Count(..) => "N",
            Self::Size(..) => "SIZE",
            Self::Duration(..) | Self::DurationOrOff(..) | Self::AgeOrOff(..) => "TIME",
            Self::Choice(_) => "NAME",
            Self::List(..) => "LIST",
            Self::Address(_) | Self::Endpoint(_) => "ADDRESS",
            Self::FileMode(_) => "MODE",
            Self::Instance(_) => "NAME",
            Self::Map(_) => "TOML",
            Self::Text(..) => "TEXT",
            Self::Path(_) => "FILE",
            Self::Target(_) => "URL",
            Self::Tokens(_) => "LIST",
            Self::JwtKeys(_) => "TOML",
        }
    }
}

fn read_switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Word(word) if word == "true" => Ok(true),
        Value::Word(word) if word == "false" => Ok(false),
        Value::Text(text) if text == "true" || text == "false" => {
            Err("is a string: leave out the quotes".into())
        }
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn read_count(value: &Value) -> Result<u64, String> {
    let number = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::Word(word) if word.bytes().all(|b| b.is_ascii_digit()) => word.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| "is not such an integer".to_owned())
}

fn read_size(value: &Value) -> Result<u64, String> {
    match value {
        Value::Integer(number) => u64::try_from(*number).map_err(|_| "is negative".to_owned()),
        Value::Word(text) | Value::Text(text) => parse_size(text),
        _ => Err("is not a size".to_owned()),
    }
}

fn read_duration(value: &Value) -> Result<Duration, String> {
    match value {
        Value::Integer(0) => Ok(Duration::ZERO),
        Value::Integer(number) => Err(needs_unit(&number.to_string())),
        Value::Word(text) | Value::Text(text) => parse_duration(text),
        _ => Err("is not a duration".to_owned()),
    }
}

fn read_list(value: &Value, check: fn(&str) -> Result<(), &'static str>) -> Result<Vec<String>, String> {
    let items = match value {
        Value::Word(word) if word.trim().is_empty() => Vec::new(),
        Value::Word(word) => word.split(',').map(|item| Value::Word(item.trim().to_owned())).collect(),
        Value::List(items) => items.clone(),
        _ => return Err("is not an array".to_owned()),
    };
    let mut list: Vec<String> = Vec::with_capacity(items.len());
    for item in &items {
        let text = item.text().ok_or_else(|| format!("has {}, which is not a string", item.shown()))?;
        check(text).map_err(|why| format!("has {}, which {why}", item.shown()))?;
        if list.iter().any(|earlier| earlier == text) {
            return Err(format!("has {} twice", item.shown()));
        }
        list.push(text.to_owned());
    }
    Ok(list)
}

fn read_address(value: &Value) -> Result<SocketAddr, String> {
    let text = value.text().ok_or("is not a string")?;
    text.trim()
        .parse()
        .map_err(|_| "is not an address with its port (host names are not looked up)".to_owned())
}

fn read_file_mode(value: &Value) -> Result<u32, String> {
    let text = value.text().ok_or("is not a string")?;
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| is_octal && mode <= 0o777);
    mode.ok_or_else(|| "is no such mode".to_owned())
}

fn read_instance(value: &Value) -> Result<Option<Instance>, String> {
    match value.text() {
        Some("") => Ok(None),
        Some(name) => Instance::new(name).map(Some).ok_or_else(|| "is not such a name".to_owned()),
        None => Err("is not a string".to_owned()),
    }
}

fn read_keys(value: &Value) -> Result<Vec<KeySource>, String> {
    match value {
        Value::Word(word) => access::read_keys(&file::inline_value(word)?),
        value => access::read_keys(value),
    }
}

fn read_map(value: &Value) -> Result<Vec<Entry>, String> {
    match value {
        Value::Word(word) => map::read(&file::inline_value(word)?),
        value => map::read(value),
    }
}

fn is_off(value: &Value) -> bool {
    value.text().is_some_and(|text| text.trim() == "off")
}

fn in_usize(number: u64, range: &RangeInclusive<u64>) -> Result<usize, String> {
    usize::try_from(in_range(number, range)?).map_err(|_| "is too large for this machine".to_owned())
}

fn in_range<T: PartialOrd>(value: T, range: &RangeInclusive<T>) -> Result<T, String> {
    if value < *range.start() {
        Err("is too small".to_owned())
    } else if value > *range.end() {
        Err("is too large".to_owned())
    } else {
        Ok(value)
    }
}

fn write_size(bytes: u64) -> String {
    let shown = show_size(bytes);
    if shown.ends_with('B') { quote(&shown) } else { shown }
}

fn write_or_off(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "\"off\"".to_owned(), |duration| quote(&show_duration(duration)))
}
