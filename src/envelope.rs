//! The event envelope (contract section 2): one JSON object, checked strictly, its payload left alone.
//!
//! Two steps: the object is cut into raw fields, so that a duplicate is seen, then each known field is
//! parsed and checked on its own, so that an error names it. Never re-serialises a value.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::clock::Wall;
use crate::limits::JSON_DEPTH;
use crate::timestamp;

/// Bytes of `eventType`, `id` and `traceId`.
pub const NAME_BYTES: usize = 128;
/// Bytes of `tenant`.
pub const TENANT_BYTES: usize = 64;
/// Topics of one event.
pub const TOPICS: usize = 16;
/// Bytes of one topic.
pub const TOPIC_BYTES: usize = 256;
/// Event names that the server keeps for itself.
pub const RESERVED_NAMES: [&str; 3] = ["ping", "gap", "reset"];

/// The known fields of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What happened; the SSE event name unless it is mapped.
    EventType,
    /// The entity that it happened to.
    Id,
    /// For logs.
    TraceId,
    /// What clients get.
    Payload,
    /// When it was published.
    Ts,
    /// Whose it is.
    Tenant,
    /// Under what it is found.
    Topics,
    /// Which instance published it.
    Origin,
    /// As how-many-eth.
    OriginSeq,
}

impl Field {
    const ALL: [Self; 9] = [
        Self::EventType,
        Self::Id,
        Self::TraceId,
        Self::Payload,
        Self::Ts,
        Self::Tenant,
        Self::Topics,
        Self::Origin,
        Self::OriginSeq,
    ];

    /// The field's name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventType => "eventType",
            Self::Id => "id",
            Self::TraceId => "traceId",
            Self::Payload => "payload",
            Self::Ts => "ts",
            Self::Tenant => "tenant",
            Self::Topics => "topics",
            Self::Origin => "origin",
            Self::OriginSeq => "originSeq",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Whether `null` counts as missing: only where nothing hangs on it, as serialisers write it.
    const fn may_be_null(self) -> bool {
        matches!(self, Self::TraceId)
    }
}

/// Why an envelope is invalid: always the publisher's fault, trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// More than `limits.event_bytes`.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not UTF-8.
    Encoding,
    /// Not one JSON object and nothing else; where and why, without any of the text.
    Json(String),
    /// Nested deeper than [`JSON_DEPTH`].
    TooDeep,
    /// A required field is not there.
    Missing(Field),
    /// A field stands twice; `None` for an unknown one.
    Duplicate(Option<Field>),
    /// A field breaks its rule.
    Invalid(Field, &'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the envelope is over limits.event_bytes ({limit} bytes)"),
            Self::Encoding => f.write_str("the envelope is not UTF-8"),
            Self::Json(what) => write!(f, "the envelope is not one JSON object: {what}"),
            Self::TooDeep => write!(f, "the envelope is nested deeper than {JSON_DEPTH}"),
            Self::Missing(field) => write!(f, "{} is missing", field.name()),
            Self::Duplicate(Some(field)) => write!(f, "{} stands twice", field.name()),
            Self::Duplicate(None) => f.write_str("an unknown field stands twice"),
            Self::Invalid(field, rule) => write!(f, "{} {rule}", field.name()),
        }
    }
}

impl std::error::Error for Error {}

/// A valid envelope.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// All of it, as received, without white space around it.
    pub text: &'a str,
    /// What happened.
    pub event_type: Cow<'a, str>,
    /// The entity.
    pub id: Cow<'a, str>,
    /// For logs.
    pub trace_id: Option<Cow<'a, str>>,
    /// Any JSON value, as received.
    pub payload: &'a str,
    /// When it was published.
    pub ts: Option<Wall>,
    /// The same as the JSON string that it was received as.
    pub ts_text: Option<Cow<'a, str>>,
    /// Whose it is.
    pub tenant: Option<Cow<'a, str>>,
    /// Its topics.
    pub topics: Vec<Cow<'a, str>>,
    /// The instance whose publisher sent it to Redis, and as how-many-eth.
    pub origin: Option<(Cow<'a, str>, u64)>,
}

impl<'a> Envelope<'a> {
    /// Decodes one envelope of at most `limit` bytes.
    ///
    /// # Errors
    /// Says what is wrong, naming the field, and never quotes the text.
    pub fn decode(bytes: &'a [u8], limit: usize) -> Result<Self, Error> {
        let bytes = bytes.trim_ascii();
        if bytes.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
        if nests_deeper_than(JSON_DEPTH, text) {
            return Err(Error::TooDeep);
        }
        let raw: RawFields<'a> = serde_json::from_str(text).map_err(|error| Error::Json(describe(&error)))?;
        if let Some(duplicate) = raw.duplicate {
            return Err(Error::Duplicate(duplicate));
        }
        let origin = raw.optional_text(Field::Origin, NAME_BYTES)?;
        let origin_seq = raw.optional(Field::OriginSeq, "must be a whole number of at least 0")?;
        Ok(Self {
            text,
            event_type: raw.event_type()?,
            id: raw.name(Field::Id)?,
            trace_id: raw.optional_text(Field::TraceId, NAME_BYTES)?,
            payload: raw.get(Field::Payload).ok_or(Error::Missing(Field::Payload))?,
            ts: raw.ts()?,
            ts_text: raw.get(Field::Ts).map(Cow::Borrowed),
            tenant: raw.tenant()?,
            topics: raw.topics()?,
            origin: origin.zip(origin_seq),
        })
    }
}

/// The text of each known field, in the order of `Field::ALL`.
#[derive(Default)]
struct RawFields<'a> {
    values: [Option<&'a RawValue>; Field::ALL.len()],
    /// The first field that stands twice.
    duplicate: Option<Option<Field>>,
}

impl<'a> RawFields<'a> {
    /// The field's text; a `null` that counts as missing is `None`.
    fn get(&self, field: Field) -> Option<&'a str> {
        let text = self.values[field as usize]?.get();
        (text != "null" || !field.may_be_null()).then_some(text)
    }

    fn optional<T: Deserialize<'a>>(&self, field: Field, rule: &'static str) -> Result<Option<T>, Error> {
        let parse = |text| serde_json::from_str(text).map_err(|_| Error::Invalid(field, rule));
        self.get(field).map(parse).transpose()
    }

    fn text(&self, field: Field) -> Result<Option<Cow<'a, str>>, Error> {
        Ok(self.optional::<Text<'a>>(field, "must be a string")?.map(|text| text.0))
    }

    fn optional_text(&self, field: Field, limit: usize) -> Result<Option<Cow<'a, str>>, Error> {
        let text = self.text(field)?;
        if text.as_ref().is_some_and(|text| text.len() > limit) {
            return Err(Error::Invalid(field, "is too long"));
        }
        Ok(text)
    }

    fn name(&self, field: Field) -> Result<Cow<'a, str>, Error> {
        let name = self.text(field)?.ok_or(Error::Missing(field))?;
        if name.is_empty() || name.len() > NAME_BYTES {
            return Err(Error::Invalid(field, "must be 1 to 128 bytes long"));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::Invalid(field, "must hold no control character"));
        }
        Ok(name)
    }

    fn event_type(&self) -> Result<Cow<'a, str>, Error> {
        let name = self.name(Field::EventType)?;
        if RESERVED_NAMES.contains(&name.as_ref()) {
            return Err(Error::Invalid(Field::EventType, "is one of the reserved names ping, gap and reset"));
        }
        Ok(name)
    }

    fn ts(&self) -> Result<Option<Wall>, Error> {
        let Some(text) = self.text(Field::Ts)? else { return Ok(None) };
        let rule = "must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z";
        timestamp::parse(&text).map(Some).ok_or(Error::Invalid(Field::Ts, rule))
    }

    fn tenant(&self) -> Result<Option<Cow<'a, str>>, Error> {
        let tenant = self.optional_text(Field::Tenant, TENANT_BYTES)?;
        if tenant.as_ref().is_some_and(|tenant| tenant.is_empty()) {
            return Err(Error::Invalid(Field::Tenant, "must not be empty: leave it out for everybody"));
        }
        Ok(tenant)
    }

    fn topics(&self) -> Result<Vec<Cow<'a, str>>, Error> {
        let rule = "must be an array of strings";
        let topics: Vec<Text<'a>> = self.optional(Field::Topics, rule)?.unwrap_or_default();
        if topics.len() > TOPICS {
            return Err(Error::Invalid(Field::Topics, "must be at most 16"));
        }
        if topics.iter().any(|topic| topic.0.len() > TOPIC_BYTES) {
            return Err(Error::Invalid(Field::Topics, "must each be at most 256 bytes long"));
        }
        Ok(topics.into_iter().map(|topic| topic.0).collect())
    }
}

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = RawFields::default();
                let mut unknown = HashSet::new();
                while let Some(Text(key)) = map.next_key()? {
                    let twice = match Field::from_name(&key) {
                        Some(field) => {
                            let twice = fields.values[field as usize].replace(map.next_value()?).is_some();
                            twice.then_some(Some(field))
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                            (!unknown.insert(key)).then_some(None)
                        }
                    };
                    fields.duplicate = fields.duplicate.or(twice);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string, borrowed where it holds no escape.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AnyText)
    }
}

/// Whether brackets outside of strings are open more than `limit` deep.
fn nests_deeper_than(limit: usize, json: &str) -> bool {
    let bytes = json.as_bytes();
    if memchr::memchr2_iter(b'{', b'[', bytes).count() <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What the parser disliked and where, without what it read.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = match error.classify() {
        Category::Eof => "it ends too early",
        Category::Data => "it is a value of another type",
        // What was expected, in the parser's fixed words; its "ident" is one of `true`, `false` and `null`.
        Category::Syntax | Category::Io => match text.split(" at line ").next().unwrap_or_default() {
            "expected ident" => "expected value",
            what => what,
        },
    };
    // An envelope is mostly one line, of a text that has lines of its own.
    match (error.line(), error.column()) {
        (1, column) => format!("{what} (column {column})"),
        (line, column) => format!("{what} (line {line}, column {column})"),
    }
}

#[cfg(test)]
mod tests;
