//! From the bytes of a file or a pipe to envelopes, one by one, as they come.
//!
//! One to a line, or any JSON: an array of them, or several one after another. Which of the two it is, the first
//! line says: it is either a whole object, or the start of something longer. Bytes are cut, never changed. Never
//! looks into an envelope: whether it is one, `envelope` says.
//!
//! Invariant: what is not cut off yet takes at most `limit` bytes and one piece of input.

use std::fmt;
use std::mem;

/// One envelope and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line of the input, from 1.
    pub line: u64,
    /// Its text, without white space around it.
    pub text: Vec<u8>,
}

/// How the envelopes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One a line.
    Lines,
    /// As JSON with any white space: an array, or one after another.
    Json,
}

/// Why no more envelopes can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line of the input, from 1.
    pub line: u64,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What is wrong with the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An envelope is over the limit.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Something else than an object stands where an envelope should.
    NoObject,
    /// A comma is missing or too many, or something follows the array.
    Array,
    /// The input ends in the middle of an envelope or an array.
    Unfinished,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "the envelope is over {limit} bytes; --event-bytes allows more, where the server does"
                )
            }
            Self::NoObject => f.write_str("an envelope is a JSON object and begins with {"),
            Self::Array => {
                f.write_str("the array is not JSON: its envelopes are separated by one comma each")
            }
            Self::Unfinished => f.write_str("the input ends in the middle of this envelope or array"),
        }
    }
}

/// Where in JSON the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte that is no white space.
    Start,
    /// Between envelopes that are in no array.
    Between,
    /// In an array, where an envelope may begin; `true` right after the bracket, where the array may also end.
    Element(bool),
    /// In an array, after an envelope.
    AfterElement,
    /// After the array.
    AfterArray,
    /// In an envelope, so many brackets deep.
    Inside { depth: u32, string: Text },
}

/// Whether a byte of an envelope is in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

/// Cuts envelopes off.
#[derive(Clone, Debug)]
pub struct Records {
    limit: usize,
    /// `None` until the first line says it.
    layout: Option<Layout>,
    /// Whether a byte order mark may still come.
    at_start: bool,
    place: Place,
    is_in_array: bool,
    /// What is not cut off yet.
    pending: Vec<u8>,
    /// The line that the next byte is on.
    line: u64,
    /// The line that the pending record begins on.
    first_line: u64,
}

impl Records {
    /// Envelopes of at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            layout: None,
            at_start: true,
            place: Place::Start,
            is_in_array: false,
            pending: Vec::new(),
            line: 1,
            first_line: 1,
        }
    }

    /// How the envelopes are written, as soon as that is known.
    #[must_use]
    pub const fn layout(&self) -> Option<Layout> {
        self.layout
    }

    /// Takes the next bytes and adds the envelopes that they complete to `out`.
    ///
    /// # Errors
    /// What is wrong, and on which line; those before it are in `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Record>) -> Result<(), Error> {
        match self.layout {
            None => {
                self.pending.extend_from_slice(bytes);
                self.decide(false, out)
            }
            Some(Layout::Lines) => self.push_lines(bytes, out),
            Some(Layout::Json) => self.push_json(bytes, out),
        }
    }

    /// The input has ended.
    ///
    /// # Errors
    /// As `push`, and when it ended in the middle.
    pub fn finish(&mut self, out: &mut Vec<Record>) -> Result<(), Error> {
        if self.layout.is_none() {
            self.decide(true, out)?;
        }
        if self.layout == Some(Layout::Lines) {
            return self.push_lines(b"\n", out);
        }
        match self.place {
            Place::Start | Place::Between | Place::AfterArray => Ok(()),
            Place::Inside { .. } => Err(Error { line: self.first_line, kind: ErrorKind::Unfinished }),
            Place::Element(_) | Place::AfterElement => Err(self.error(ErrorKind::Unfinished)),
        }
    }

    /// Looks for the first line, and goes on with what is pending when it is there.
    fn decide(&mut self, is_all: bool, out: &mut Vec<Record>) -> Result<(), Error> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self.at_start {
            if !is_all && self.pending.len() < MARK.len() && MARK.starts_with(&self.pending) {
                return Ok(());
            }
            if self.pending.starts_with(MARK) {
                self.pending.drain(..MARK.len());
            }
            self.at_start = false;
        }
        let Some(start) = self.pending.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            self.line += memchr::memchr_iter(b'\n', &self.pending).count() as u64;
            self.pending.clear();
            return Ok(());
        };
        let end = memchr::memchr(b'\n', &self.pending[start..]).map(|end| start + end);
        let layout = match (self.pending[start], end) {
            (b'[', _) => Layout::Json,
            (b'{', Some(end)) => layout_of_first_line(&self.pending[start..end]),
            (b'{', None) if is_all => layout_of_first_line(&self.pending[start..]),
            (b'{', None) if self.pending.len() - start <= self.limit => return Ok(()),
            (b'{', None) => Layout::Json,
            _ => Layout::Lines,
        };
        self.layout = Some(layout);
        let pending = mem::take(&mut self.pending);
        self.push(&pending, out)
    }

    fn push_lines(&mut self, mut bytes: &[u8], out: &mut Vec<Record>) -> Result<(), Error> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.pending.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let text = self.pending.trim_ascii();
            if text.len() > self.limit {
                return Err(self.error(ErrorKind::TooLarge { limit: self.limit }));
            }
            if !text.is_empty() {
                out.push(Record { line: self.line, text: text.to_vec() });
            }
            self.pending.clear();
            self.line += 1;
        }
        if self.pending.is_empty() {
            bytes = bytes.trim_ascii_start();
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > self.limit {
            return Err(self.error(ErrorKind::TooLarge { limit: self.limit }));
        }
        Ok(())
    }

    fn push_json(&mut self, bytes: &[u8], out: &mut Vec<Record>) -> Result<(), Error> {
        for &byte in bytes {
            if let Place::Inside { depth, string } = self.place {
                self.pending.push(byte);
                if self.pending.len() > self.limit {
                    let kind = ErrorKind::TooLarge { limit: self.limit };
                    return Err(Error { line: self.first_line, kind });
                }
                self.place = inside(depth, string, byte);
                if matches!(self.place, Place::Inside { depth: 0, .. }) {
                    out.push(Record { line: self.first_line, text: mem::take(&mut self.pending) });
                    self.place = if self.is_in_array { Place::AfterElement } else { Place::Between };
                }
            } else if !byte.is_ascii_whitespace() {
                self.place = self.outside(byte)?;
            }
            self.line += u64::from(byte == b'\n');
        }
        Ok(())
    }

    /// What a byte between envelopes leads to.
    fn outside(&mut self, byte: u8) -> Result<Place, Error> {
        Ok(match (self.place, byte) {
            (Place::Start, b'[') => {
                self.is_in_array = true;
                Place::Element(true)
            }
            (Place::Start | Place::Between | Place::Element(_), b'{') => {
                self.first_line = self.line;
                self.pending.push(byte);
                Place::Inside { depth: 1, string: Text::Outside }
            }
            (Place::Element(true) | Place::AfterElement, b']') => Place::AfterArray,
            (Place::AfterElement, b',') => Place::Element(false),
            (Place::AfterElement | Place::AfterArray, _) | (Place::Element(_), b',' | b']') => {
                return Err(self.error(ErrorKind::Array));
            }
            _ => return Err(self.error(ErrorKind::NoObject)),
        })
    }

    const fn error(&self, kind: ErrorKind) -> Error {
        Error { line: self.line, kind }
    }
}

/// Where the byte after `byte` of an envelope stands; at depth 0 the envelope is complete.
const fn inside(depth: u32, string: Text, byte: u8) -> Place {
    let (depth, string) = match (string, byte) {
        (Text::Escaped, _) => (depth, Text::Inside),
        (Text::Inside, b'\\') => (depth, Text::Escaped),
        (Text::Inside, b'"') => (depth, Text::Outside),
        (Text::Outside, b'"') => (depth, Text::Inside),
        (Text::Outside, b'{' | b'[') => (depth.saturating_add(1), string),
        (Text::Outside, b'}' | b']') => (depth - 1, string),
        _ => (depth, string),
    };
    Place::Inside { depth, string }
}

/// A first line that is a whole object is the first of many; anything else goes on in the next line.
fn layout_of_first_line(line: &[u8]) -> Layout {
    let (mut depth, mut string) = (0, Text::Outside);
    let line = line.trim_ascii();
    for (at, &byte) in line.iter().enumerate() {
        let Place::Inside { depth: next_depth, string: next_string } = inside(depth, string, byte) else {
            break;
        };
        (depth, string) = (next_depth, next_string);
        if depth == 0 {
            return if at + 1 == line.len() { Layout::Lines } else { Layout::Json };
        }
    }
    Layout::Json
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cut = (Option<Layout>, Vec<(u64, String)>, Option<(u64, ErrorKind)>);

    fn feed(pieces: &[&[u8]], limit: usize) -> Cut {
        let (mut records, mut out) = (Records::new(limit), Vec::new());
        let mut result = Ok(());
        for piece in pieces {
            result = result.and_then(|()| records.push(piece, &mut out));
        }
        result = result.and_then(|()| records.finish(&mut out));
        let texts =
            out.into_iter().map(|record| (record.line, String::from_utf8(record.text).unwrap())).collect();
        (records.layout(), texts, result.err().map(|error| (error.line, error.kind)))
    }

    /// Cut at every place and byte by byte: always the same.
    fn cut(text: &str) -> Cut {
        let whole = feed(&[text.as_bytes()], 100);
        for at in 0..=text.len() {
            assert_eq!(
                feed(&[&text.as_bytes()[..at], &text.as_bytes()[at..]], 100),
                whole,
                "{text:?} at {at}"
            );
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(feed(&bytes, 100), whole, "{text:?} byte by byte");
        whole
    }

    fn good(text: &str) -> (Layout, Vec<(u64, String)>) {
        let (layout, records, error) = cut(text);
        assert_eq!(error, None, "{text:?}");
        (layout.unwrap(), records)
    }

    fn at(records: &[(u64, &str)]) -> Vec<(u64, String)> {
        records.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
    }

    #[test]
    fn one_a_line() {
        let text = "\u{feff}\n{\"a\":\"}\\\"\"}\r\n\n  {\"b\":[{}]}  \n{not json\n{\"c\":1}";
        let expected =
            at(&[(2, "{\"a\":\"}\\\"\"}"), (4, "{\"b\":[{}]}"), (5, "{not json"), (6, "{\"c\":1}")]);
        assert_eq!(good(text), (Layout::Lines, expected));
        assert_eq!(good("{}"), (Layout::Lines, at(&[(1, "{}")])));
        assert_eq!(good("null\n{}\n").0, Layout::Lines);
    }

    #[test]
    fn an_array_and_objects_over_several_lines() {
        let text = "[\n  {\"a\":\"]},{\\\\\"},\n  {\n\"b\": [1,\n2]}\n]\n";
        let expected = at(&[(2, "{\"a\":\"]},{\\\\\"}"), (3, "{\n\"b\": [1,\n2]}")]);
        assert_eq!(good(text), (Layout::Json, expected));
        assert_eq!(good(" [ ] "), (Layout::Json, vec![]));
        assert_eq!(good("[{},{}]").1.len(), 2);
        let expected = at(&[(1, "{\n}"), (3, "{\"a\":{}}")]);
        assert_eq!(good("{\n}\n{\"a\":{}}"), (Layout::Json, expected));
        assert_eq!(good("{}{}\n{}").1, at(&[(1, "{}"), (1, "{}"), (2, "{}")]));
    }

    #[test]
    fn an_empty_input_has_no_envelopes() {
        for text in ["", "\n\n", "\u{feff}", " "] {
            assert_eq!(cut(text), (None, vec![], None), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_found_on_its_line() {
        for (text, line, kind) in [
            ("[{}\n{}]", 2, ErrorKind::Array),
            ("[{},\n,{}]", 2, ErrorKind::Array),
            ("[{},\n]", 2, ErrorKind::Array),
            ("[{}]\n\n{}", 3, ErrorKind::Array),
            ("[\n1]", 2, ErrorKind::NoObject),
            ("[[{}]]", 1, ErrorKind::NoObject),
            ("{\n}\nx", 3, ErrorKind::NoObject),
            ("[\n{}", 2, ErrorKind::Unfinished),
            ("[{},\n\n{\"a\":\n", 3, ErrorKind::Unfinished),
            ("{\"a\":\n\"", 1, ErrorKind::Unfinished),
        ] {
            assert_eq!(cut(text).2, Some((line, kind)), "{text:?}");
        }
        assert_eq!(cut("[{},\n1]").1.len(), 1);
    }

    #[test]
    fn an_endless_envelope_is_given_up() {
        for start in ["{", "{}\n{", "[{", "{}\n\n\n"] {
            let (mut records, mut out) = (Records::new(100), Vec::new());
            records.push(start.as_bytes(), &mut out).unwrap();
            let error = (0..1000).find_map(|_| records.push(b"xxxxxxxxxx", &mut out).err());
            let error = error.unwrap_or_else(|| panic!("{start}"));
            assert_eq!(error.kind, ErrorKind::TooLarge { limit: 100 }, "{start}");
            assert!(records.pending.len() <= 110, "{start}");
        }
        let line = format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(100));
        assert_eq!(feed(&[line.as_bytes()], 100).2, Some((2, ErrorKind::TooLarge { limit: 100 })));
        let fits = format!("{{\"a\":\"{}\"}}\n", "x".repeat(92));
        assert_eq!(feed(&[fits.as_bytes()], 100).1[0].1.len(), 100);
    }

    #[test]
    fn white_space_without_end_takes_no_memory() {
        let (mut records, mut out) = (Records::new(100), Vec::new());
        for _ in 0..1000 {
            records.push(b"          ", &mut out).unwrap();
        }
        assert!(records.pending.len() <= 100, "{}", records.pending.len());
    }
}
