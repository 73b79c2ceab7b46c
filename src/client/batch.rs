//! Envelopes put together into one request, and how many may be.
//!
//! Never changes an envelope: one a line, or as the elements of an array.

use super::records::{Layout, Record};

/// How much one request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Envelopes.
    pub events: usize,
    /// Bytes of its body.
    pub bytes: usize,
}

/// One request's envelopes.
#[derive(Clone, Debug)]
pub struct Batch {
    layout: Layout,
    body: Vec<u8>,
    /// The line of each envelope in the input.
    lines: Vec<u64>,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, body: Vec::new(), lines: Vec::new() }
    }

    /// Whether `record` fits as well. The first one always does: whether it is too large, others say.
    #[must_use]
    pub fn has_room(&self, record: &Record, bounds: Bounds) -> bool {
        // Its separator, and the brackets.
        let bytes = self.body.len() + record.text.len() + 3;
        self.lines.is_empty() || (self.lines.len() < bounds.events && bytes <= bounds.bytes)
    }

    /// Adds an envelope.
    pub fn add(&mut self, record: &Record) {
        let separator = match self.layout {
            Layout::Lines => b'\n',
            Layout::Json => b',',
        };
        if !self.lines.is_empty() {
            self.body.push(separator);
        } else if self.layout == Layout::Json {
            self.body.push(b'[');
        }
        self.body.extend_from_slice(&record.text);
        self.lines.push(record.line);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The media type of the body.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self.layout {
            Layout::Lines => "application/x-ndjson",
            Layout::Json => "application/json",
        }
    }

    /// The body of the request, and the line of each envelope in it.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<u8>, Vec<u64>) {
        if self.layout == Layout::Json && !self.lines.is_empty() {
            self.body.push(b']');
        }
        (self.body, self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(layout: Layout, bounds: Bounds, texts: &[&str]) -> (usize, String) {
        let mut batch = Batch::new(layout);
        for (n, text) in texts.iter().enumerate() {
            let record = Record { line: n as u64 + 1, text: text.as_bytes().to_vec() };
            if !batch.has_room(&record, bounds) {
                break;
            }
            batch.add(&record);
        }
        let (body, lines) = batch.into_parts();
        assert_eq!(lines, (1..=lines.len() as u64).collect::<Vec<_>>());
        (lines.len(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn envelopes_stay_as_they_are() {
        let bounds = Bounds { events: 10, bytes: 1000 };
        assert_eq!(filled(Layout::Lines, bounds, &["{1}", "{2}"]), (2, "{1}\n{2}".into()));
        assert_eq!(filled(Layout::Json, bounds, &["{1}", "{\n2}"]), (2, "[{1},{\n2}]".into()));
        assert_eq!(filled(Layout::Json, bounds, &["{1}"]), (1, "[{1}]".into()));
    }

    #[test]
    fn a_request_stays_within_its_bounds() {
        for layout in [Layout::Lines, Layout::Json] {
            assert_eq!(filled(layout, Bounds { events: 2, bytes: 1000 }, &["{}"; 5]).0, 2);
            for bytes in 3..40 {
                let (events, body) = filled(layout, Bounds { events: 100, bytes }, &["{12345}"; 5]);
                assert!(events == 1 || body.len() <= bytes, "{bytes}: {body}");
            }
            assert_eq!(filled(layout, Bounds { events: 2, bytes: 1 }, &["{12345}"]).0, 1);
        }
    }
}
