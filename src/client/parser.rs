//! Reading the event stream format (WHATWG HTML section 9.2.6): bytes in, items out.
//!
//! Beside the events of the standard it hands out comments and reconnection times, in the order of the stream:
//! they tell a client that the server is alive, and that it was turned away. Parsers made by others keep them for
//! themselves. Never reconnects, and never looks at names or data.
//!
//! Invariant: an unfinished block takes at most `BLOCK_BYTES`, whatever the server sends.

use std::borrow::Cow;
use std::fmt;
use std::mem;

/// Bytes of one block, from an empty line to the next; an event of ssecast may have `limits.event_bytes`.
pub const BLOCK_BYTES: usize = 64 * 1024 * 1024;

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A dispatched event.
    Event(Event),
    /// A reconnection time in milliseconds.
    Retry(u64),
    /// A line that begins with a colon, without it.
    Comment(String),
}

/// A dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event type; `message` where the stream gives none.
    pub name: String,
    /// The data lines, joined by LF.
    pub data: String,
    /// The last event id string at that moment: its own, or that of an earlier block. May be empty.
    pub id: String,
}

/// A block is over the limit; nothing more can be made of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event has over {} MiB", BLOCK_BYTES / (1024 * 1024))
    }
}

impl std::error::Error for TooLarge {}

/// The parser of one connection's stream.
#[derive(Clone, Debug)]
pub struct Parser {
    /// The line that has no end yet.
    line: Vec<u8>,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// No line has ended yet: a byte order mark may stand before the first.
    is_first_line: bool,
    name: String,
    data: String,
    /// The last event id buffer.
    id: String,
    /// The last event id string: the buffer as it was at the end of the last block.
    last_id: String,
    limit: usize,
}

impl Parser {
    /// A parser for a new connection; `last_id` is the last event id string so far.
    #[must_use]
    pub fn new(last_id: &str) -> Self {
        Self::with_limit(last_id, BLOCK_BYTES)
    }

    fn with_limit(last_id: &str, limit: usize) -> Self {
        Self {
            line: Vec::new(),
            after_cr: false,
            is_first_line: true,
            name: String::new(),
            data: String::new(),
            id: last_id.to_owned(),
            last_id: last_id.to_owned(),
            limit,
        }
    }

    /// The last event id string: what a client sends when it comes back.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Takes bytes, split anywhere, and adds what they complete to `out`. A block that is not complete when the
    /// stream ends counts for nothing, as the standard has it.
    ///
    /// # Errors
    /// A block that is too large; the parser is of no use any more.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Item>) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            if mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) else {
                self.line.extend_from_slice(bytes);
                return self.check();
            };
            self.after_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.take_line(&bytes[..end], out);
            } else {
                let mut line = mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.take_line(&line, out);
            }
            self.check()?;
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TooLarge> {
        let held = self.line.len() + self.name.len() + self.data.len() + self.id.len();
        if held > self.limit { Err(TooLarge) } else { Ok(()) }
    }

    fn take_line(&mut self, bytes: &[u8], out: &mut Vec<Item>) {
        let bytes = match mem::take(&mut self.is_first_line) {
            true => bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes),
            false => bytes,
        };
        let line = String::from_utf8_lossy(bytes);
        if line.is_empty() {
            return self.dispatch(out);
        }
        match line.split_once(':') {
            Some(("", comment)) => out.push(Item::Comment(comment.to_owned())),
            Some((field, value)) => self.take_field(field, value.strip_prefix(' ').unwrap_or(value), out),
            None => self.take_field(&Cow::clone(&line), "", out),
        }
    }

    fn take_field(&mut self, field: &str, value: &str, out: &mut Vec<Item>) {
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                // A number that does not fit is a very long time.
                out.push(Item::Retry(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, out: &mut Vec<Item>) {
        let (mut data, name) = (mem::take(&mut self.data), mem::take(&mut self.name));
        if self.last_id != self.id {
            self.id.clone_into(&mut self.last_id);
        }
        // No data line at all: nothing is dispatched, and the id counts all the same.
        if data.pop().is_none() {
            return;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        out.push(Item::Event(Event { name, data, id: self.id.clone() }));
    }
}

#[cfg(test)]
mod tests;
