//! An event stream parser after WHATWG HTML section 9.2.6, written for the tests alone.
//!
//! Beside the events of the standard it hands out comments and `retry`, in the order of the stream. It
//! never looks at ids or names: what they mean is the tests' business. Its own tests are in `parser.rs`.

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A dispatched event.
    Event(Event),
    /// A reconnection time in milliseconds.
    Retry(u64),
    /// A line that began with a colon, without it.
    Comment(String),
}

/// A dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The name; `message` when the stream gave none.
    pub(crate) event: String,
    /// The data lines, joined by LF.
    pub(crate) data: String,
    /// The last event id when it was dispatched.
    pub(crate) id: String,
    /// Whether the id came with this very event.
    pub(crate) has_id: bool,
    /// How many data lines there were.
    pub(crate) data_lines: usize,
}

/// The parser: bytes in, items out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    started: bool,
    event_type: String,
    data: String,
    data_lines: usize,
    id: String,
    has_id: bool,
}

impl Parser {
    /// Takes bytes, split anywhere.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<Item>) {
        for &byte in bytes {
            let skipped_lf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                _ if skipped_lf => {}
                b'\r' | b'\n' => self.end_of_line(out),
                _ => self.line.push(byte),
            }
        }
    }

    /// Everything of `bytes` at once.
    pub(crate) fn parse(bytes: &[u8]) -> Vec<Item> {
        let (mut parser, mut out) = (Self::default(), Vec::new());
        parser.push(bytes, &mut out);
        out
    }

    /// Whether the bytes so far end at the end of a block: nothing is half done.
    pub(crate) fn is_between_events(&self) -> bool {
        self.line.is_empty() && self.data_lines == 0 && self.event_type.is_empty() && !self.has_id
    }

    fn end_of_line(&mut self, out: &mut Vec<Item>) {
        let mut line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if !std::mem::replace(&mut self.started, true)
            && let Some(rest) = line.strip_prefix('\u{feff}')
        {
            line = rest.to_owned();
        }
        if line.is_empty() {
            return self.dispatch(out);
        }
        match line.split_once(':') {
            Some(("", comment)) => out.push(Item::Comment(comment.to_owned())),
            Some((field, value)) => self.field(field, value.strip_prefix(' ').unwrap_or(value), out),
            None => self.field(&line, "", out),
        }
    }

    fn field(&mut self, name: &str, value: &str, out: &mut Vec<Item>) {
        match name {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
                self.data_lines += 1;
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.id);
                self.has_id = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                out.extend(value.parse().ok().map(Item::Retry));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, out: &mut Vec<Item>) {
        let mut data = std::mem::take(&mut self.data);
        let event_type = std::mem::take(&mut self.event_type);
        let has_id = std::mem::take(&mut self.has_id);
        let data_lines = std::mem::take(&mut self.data_lines);
        if data.is_empty() {
            return;
        }
        data.pop();
        let event = if event_type.is_empty() { "message".to_owned() } else { event_type };
        out.push(Item::Event(Event { event, data, id: self.id.clone(), has_id, data_lines }));
    }
}
