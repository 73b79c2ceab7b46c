//! A client of `/events` that reads at its own pace and remembers where it was.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::DEADLINE;
use super::http::{Conn, Response, TimedOut, compose};
use super::server::Server;
use super::sse::{Event, Item, Parser};

/// An open stream.
pub(crate) struct Stream {
    conn: Conn,
    /// The head of the answer.
    pub(crate) head: Response,
    parser: Parser,
    queue: VecDeque<Item>,
    /// Every byte after the head.
    pub(crate) raw: Vec<u8>,
    /// The id of the last event that was taken, as EventSource keeps it.
    pub(crate) last_id: String,
    /// The last reconnection time that was seen, in milliseconds.
    pub(crate) retry: Option<u64>,
}

impl Stream {
    /// Opens a live stream of everything.
    pub(crate) fn open(server: &Server) -> Self {
        Self::open_at(server, "/events")
    }

    /// Opens a stream by its target.
    pub(crate) fn open_at(server: &Server, target: &str) -> Self {
        Self::open_with(server.addr(), target, &[])
    }

    /// Opens a stream and resumes it by the header.
    pub(crate) fn resume(server: &Server, id: &str) -> Self {
        Self::open_with(server.addr(), "/events", &[("Last-Event-ID", id)])
    }

    /// Opens a stream with headers.
    pub(crate) fn open_with(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        Self::open_on(Conn::open(addr), target, headers)
    }

    /// Opens a stream on a connection that has special properties.
    pub(crate) fn open_on(mut conn: Conn, target: &str, headers: &[(&str, &str)]) -> Self {
        conn.send(&compose("GET", target, headers, b""));
        let head = conn.read_head().expect("a stream answers");
        assert_eq!(head.status, 200, "{target}: {:?}", String::from_utf8_lossy(&conn.read_to_end()));
        let kind = head.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{target}: {kind:?}");
        Self {
            conn,
            head,
            parser: Parser::default(),
            queue: VecDeque::new(),
            raw: Vec::new(),
            last_id: String::new(),
            retry: None,
        }
    }

    /// Our own address, as the server sees it.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.conn.local_addr()
    }

    /// The connection beneath.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// The next item of any kind; `None` at the end of the stream.
    pub(crate) fn try_next_item(&mut self, deadline: Duration) -> Result<Option<Item>, TimedOut> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(item) = self.queue.pop_front() {
                match &item {
                    Item::Event(event) => event.id.clone_into(&mut self.last_id),
                    Item::Retry(ms) => self.retry = Some(*ms),
                    Item::Comment(_) => {}
                }
                return Ok(Some(item));
            }
            let bytes = self.conn.read_some(end.saturating_duration_since(Instant::now()))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.raw.extend_from_slice(&bytes);
            let mut items = Vec::new();
            self.parser.push(&bytes, &mut items);
            self.queue.extend(items);
        }
    }

    /// The next item of any kind, which must come.
    pub(crate) fn next_item(&mut self) -> Item {
        self.try_next_item(DEADLINE)
            .unwrap_or_else(|TimedOut| panic!("nothing within {DEADLINE:?} after {:?}", self.tail()))
            .unwrap_or_else(|| panic!("the stream ended after {:?}", self.tail()))
    }

    /// The next event, of whatever name; comments and `retry` are passed over.
    pub(crate) fn next_of_any_name(&mut self) -> Event {
        loop {
            if let Item::Event(event) = self.next_item() {
                return event;
            }
        }
    }

    /// The next event that is no ping.
    pub(crate) fn next(&mut self) -> Event {
        // Pings come more often than the deadline of each item.
        let end = Instant::now() + DEADLINE;
        loop {
            let event = self.next_of_any_name();
            if event.event != "ping" {
                return event;
            }
            assert!(Instant::now() < end, "only pings within {DEADLINE:?} after {:?}", self.tail());
        }
    }

    /// The next `count` events that are no pings.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The next ping.
    pub(crate) fn next_ping(&mut self) -> Event {
        let event = self.next_of_any_name();
        assert_eq!(event.event, "ping", "{event:?}");
        event
    }

    /// The next event must be a `gap`; its data.
    pub(crate) fn expect_gap(&mut self, reason: &str) -> Value {
        let gap = self.next();
        assert_eq!(gap.event, "gap", "{gap:?}");
        assert!(!gap.has_id, "a gap has no id: {gap:?}");
        let data: Value = serde_json::from_str(&gap.data).expect("the data of a gap is JSON");
        assert_eq!(data["reason"], reason, "{data}");
        data
    }

    /// Reads to the end; the events that still came, without pings.
    pub(crate) fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.try_next_item(DEADLINE) {
                Ok(Some(Item::Event(event))) if event.event != "ping" => events.push(event),
                Ok(Some(_)) => {}
                Ok(None) => return events,
                Err(TimedOut) => panic!("the stream does not end; after {:?}", self.tail()),
            }
        }
    }

    /// Nothing more may come but the end.
    pub(crate) fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "came instead of the end: {rest:?}");
    }

    /// Whether the last byte so far ended a frame.
    pub(crate) fn is_between_events(&self) -> bool {
        self.parser.is_between_events()
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.raw[self.raw.len().saturating_sub(400)..]).into_owned()
    }
}

/// The parts of an id: instance, sequence number, fingerprint.
pub(crate) fn id_parts(id: &str) -> (String, u64, String) {
    let parts: Vec<&str> = id.split('-').collect();
    let [instance, seq, fingerprint] = parts[..] else { panic!("no id: {id:?}") };
    let named = instance.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    assert!(named && (1..=32).contains(&instance.len()), "a bad instance: {id:?}");
    let hex = fingerprint.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    assert!(hex && fingerprint.len() == 16, "a bad fingerprint: {id:?}");
    assert!(seq.bytes().all(|b| b.is_ascii_digit()), "a bad number: {id:?}");
    (instance.to_owned(), seq.parse().expect("a number"), fingerprint.to_owned())
}

/// The data of events, for comparing.
pub(crate) fn data_of(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

/// Checks that ids go up by one from each event to the next.
pub(crate) fn assert_consecutive(events: &[Event]) {
    for pair in events.windows(2) {
        let ((a, before, _), (b, after, _)) = (id_parts(&pair[0].id), id_parts(&pair[1].id));
        assert_eq!((a, before + 1), (b, after), "{} then {}", pair[0].id, pair[1].id);
    }
}
