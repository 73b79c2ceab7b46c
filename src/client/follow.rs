//! A stream that survives its connections: it reconnects, resumes, and counts.
//!
//! One step at a time: the caller prints what a step gives, and waits where a step says so. Never writes anywhere
//! and never sleeps.

use std::io::Read;
use std::mem;
use std::time::{Duration, Instant};

use ureq::BodyReader;
use ureq::http::HeaderValue;

use super::error::Error;
use super::http::Client;
use super::parser::{Event, Item, Parser};
use super::reconnect::Reconnect;

/// Bytes that are read at once.
const READ_BYTES: usize = 32 * 1024;
/// Names of the server's own frames, which a limit does not count.
const CONTROL_NAMES: [&str; 2] = ["ping", "gap"];

/// What is followed.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Parameters of the stream, such as its filters.
    pub parameters: Vec<(String, String)>,
    /// The id after which to begin; `earliest` for all that is kept.
    pub since: Option<String>,
    /// End after so many events.
    pub limit: Option<u64>,
    /// A first connection that fails is tried again, too.
    pub wait: bool,
    /// How long to go on without a connection; `None` is for ever.
    pub give_up: Option<Duration>,
}

/// What happened.
#[derive(Debug)]
pub enum Step {
    /// The stream is open.
    Connected {
        /// The id that it goes on after.
        after: Option<String>,
        /// It was open before.
        again: bool,
    },
    /// This came.
    Items(Vec<Item>),
    /// The stream is gone: call again after this time.
    Lost {
        /// Why.
        error: Error,
        /// How long to wait.
        wait: Duration,
    },
    /// All events that were asked for are here.
    Done,
    /// It is of no use to go on.
    Failed(Error),
}

/// See the top of this file.
pub struct Follow {
    client: Client,
    wish: Wish,
    reconnect: Reconnect,
    state: State,
    /// The last event id string, as the standard has it.
    last_id: String,
    /// Events that are still wanted.
    left: Option<u64>,
    has_connected: bool,
    /// Since when there has been no stream.
    lost_at: Option<Instant>,
    buffer: Vec<u8>,
}

enum State {
    /// No connection.
    Away,
    /// A stream is being read.
    Open(Box<Stream>),
}

struct Stream {
    reader: BodyReader<'static>,
    parser: Parser,
    /// Whether anything but a reconnection time has come: a server that turns a client away sends that alone.
    has_begun: bool,
}

impl Follow {
    /// Follows what `wish` says. Connects at the first step.
    #[must_use]
    pub fn new(client: Client, wish: Wish) -> Self {
        Self {
            last_id: wish.since.clone().unwrap_or_default(),
            left: wish.limit,
            client,
            wish,
            reconnect: Reconnect::default(),
            state: State::Away,
            has_connected: false,
            lost_at: None,
            buffer: vec![0; READ_BYTES],
        }
    }

    /// The id to go on after.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Waits for what comes next.
    pub fn step(&mut self) -> Step {
        if self.left == Some(0) {
            return Step::Done;
        }
        match mem::replace(&mut self.state, State::Away) {
            State::Away => match self.connect() {
                Ok(step) => step,
                Err(error) => self.lose(error),
            },
            State::Open(stream) => match self.read(stream) {
                Ok(items) => Step::Items(items),
                Err(error) => self.lose(error),
            },
        }
    }

    fn connect(&mut self) -> Result<Step, Error> {
        let left = self.left.map(|left| left.to_string());
        let mut parameters: Vec<(&str, &str)> =
            self.wish.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(left) = &left {
            parameters.push(("limit", left));
        }
        // What cannot stand in a header is none of our ids, and would be unknown anyway.
        let id = Some(&self.last_id).filter(|id| !id.is_empty());
        let header = id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
        let body = self.client.stream(&parameters, header.as_ref())?;
        let again = mem::replace(&mut self.has_connected, true);
        let parser = Parser::new(&self.last_id);
        let stream = Stream { reader: body.into_reader(), parser, has_begun: false };
        self.state = State::Open(Box::new(stream));
        Ok(Step::Connected { after: id.cloned(), again })
    }

    fn read(&mut self, mut stream: Box<Stream>) -> Result<Vec<Item>, Error> {
        let bytes = match stream.reader.read(&mut self.buffer) {
            Ok(0) if !stream.has_begun => return Err(Error::TurnedAway),
            Ok(0) => return Err(Error::Ended),
            Ok(bytes) => bytes,
            Err(error) => return Err(self.client.with_silence(Error::of_io(&error))),
        };
        let mut items = Vec::new();
        stream.parser.push(&self.buffer[..bytes], &mut items)?;
        self.take_note(&mut stream, &mut items);
        self.state = State::Open(stream);
        Ok(items)
    }

    /// Counts events, leaves out those that nobody wants any more, and remembers where to go on.
    fn take_note(&mut self, stream: &mut Stream, items: &mut Vec<Item>) {
        stream.parser.last_id().clone_into(&mut self.last_id);
        let mut wanted = items.len();
        for (place, item) in items.iter().enumerate() {
            match item {
                Item::Retry(millis) => self.reconnect.handle_retry(*millis),
                Item::Event(event) if !is_control(event) => {
                    let Some(left) = &mut self.left else { continue };
                    *left -= 1;
                    if *left == 0 {
                        event.id.clone_into(&mut self.last_id);
                        wanted = place + 1;
                        break;
                    }
                }
                Item::Event(_) | Item::Comment(_) => {}
            }
        }
        items.truncate(wanted);
        if !stream.has_begun && items.iter().any(|item| !matches!(item, Item::Retry(_))) {
            stream.has_begun = true;
            self.reconnect.handle_stream();
            self.lost_at = None;
        }
    }

    fn lose(&mut self, error: Error) -> Step {
        let now = Instant::now();
        let lost_at = *self.lost_at.get_or_insert(now);
        let is_first = !self.has_connected && !self.wish.wait;
        let is_refused_at_first = is_first && error.retry_after().is_none();
        let is_too_long = self.wish.give_up.is_some_and(|most| now.duration_since(lost_at) >= most);
        if !error.may_pass() || is_refused_at_first || is_too_long {
            return Step::Failed(error);
        }
        let wait = self.reconnect.handle_loss(error.retry_after(), fastrand::f64());
        Step::Lost { error, wait }
    }
}

/// Whether it is one of the server's own frames.
#[must_use]
pub fn is_control(event: &Event) -> bool {
    CONTROL_NAMES.contains(&event.name.as_str())
}
