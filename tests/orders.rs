//! The main job on real input: thousands of order events to a thousand streams.
//!
//! The orders lie beside the project; where they don't, events of the same shape are made from a seed.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use serde_json::value::RawValue;

use common::DEADLINE;
use common::api::{clients, last_id, post_as, publish};
use common::events::Random;
use common::http::{Conn, compose, find};
use common::server::{Server, Setup};
use common::sse::{Event, Item, Parser};
use common::stream::{Stream, assert_consecutive};

const STREAMS: usize = 1000;
const BATCH: usize = 100;
/// So many of the events are published one by one, the others in batches.
const SINGLE: usize = 600;
const RESUMING: usize = 50;
/// How long all of it may take on a busy machine.
const LONG: Duration = Duration::from_secs(240);

/// What must not get out.
const SECRETS: [&[u8]; 4] = [b"customerId", b"estimatedDelivery", b"traceId", b"DomainEvent"];

// ---- the orders

/// The envelopes, one a line.
fn orders() -> Vec<String> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/orders.ndjson"));
    let path = std::env::var_os("SSECAST_ORDERS").map(PathBuf::from);
    let named = path.is_some();
    match std::fs::read_to_string(path.unwrap_or(beside)) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if named => panic!("SSECAST_ORDERS names a file that cannot be read: {error}"),
        Err(_) => made_up_orders(6603, 0x5eed_0001),
    }
}

/// Orders of the same shape: each is created and then goes through some of its states.
fn made_up_orders(count: usize, seed: u64) -> Vec<String> {
    const STATES: [&str; 5] = ["created", "approved", "invoiced", "shipped", "delivered"];
    let mut random = Random(seed);
    let mut open: Vec<(String, String, usize)> = Vec::new();
    let guid = |random: &mut Random| {
        let (a, b) = (random.next(), random.next());
        let last = b & 0xffff_ffff_ffff;
        format!("{:08x}-{:04x}-{:04x}-{:04x}-{last:012x}", a >> 32, a >> 16 & 0xffff, a & 0xffff, b >> 48)
    };
    (0..count)
        .map(|n| {
            let ts = format!("2017-{:02}-{:02}T{:02}:{:02}:06.{:03}Z", n / 560 + 1, n / 20 % 28 + 1, n / 60 % 24, n % 60, n % 1000);
            let trace = format!("{:016x}{:016x}", random.next(), random.next());
            let (kind, id, payload) = if open.is_empty() || random.below(4) == 0 {
                let (order, customer) = (guid(&mut random), guid(&mut random));
                let payload = format!(
                    r#"{{"orderId":"{order}","status":"created","customerId":"{customer}","estimatedDelivery":"2017-12-01"}}"#
                );
                open.push((order.clone(), customer, 0));
                ("OrderCreatedDomainEvent", order, payload)
            } else {
                let at = random.below(open.len());
                let (order, customer, state) = &mut open[at];
                let (old, new) = (STATES[*state], STATES[*state + 1]);
                *state += 1;
                let payload = format!(
                    r#"{{"orderId":"{order}","oldStatus":"{old}","newStatus":"{new}","customerId":"{customer}"}}"#
                );
                let (order, done) = (order.clone(), *state + 1 == STATES.len());
                if done {
                    open.swap_remove(at);
                }
                ("OrderStatusChangedDomainEvent", order, payload)
            };
            format!(r#"{{"eventType":"{kind}","id":"{id}","traceId":"{trace}","payload":{payload},"ts":"{ts}"}}"#)
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    event_type: &'a str,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    order_id: &'a RawValue,
    status: Option<&'a RawValue>,
    old_status: Option<&'a RawValue>,
    new_status: Option<&'a RawValue>,
}

/// The public form of an order event, made here on its own: name and data.
fn public_form(envelope: &str) -> (String, String) {
    let Envelope { event_type, payload } = serde_json::from_str(envelope).expect("an order event");
    match (event_type, payload.status, payload.old_status, payload.new_status) {
        ("OrderCreatedDomainEvent", Some(status), None, None) => {
            let data = format!(r#"{{"orderId":{},"status":{status}}}"#, payload.order_id);
            ("order-created".to_owned(), data)
        }
        ("OrderStatusChangedDomainEvent", None, Some(old), Some(new)) => {
            let data = format!(r#"{{"orderId":{},"oldStatus":{old},"newStatus":{new}}}"#, payload.order_id);
            ("order-status-changed".to_owned(), data)
        }
        _ => panic!("an order event of another shape: {envelope}"),
    }
}

/// Publishes all of it: batches of lines, then one by one on one connection, then batches again.
fn publish_all(server: &Server, orders: &[String]) {
    let single = orders.len() / 2..(orders.len() / 2 + SINGLE).min(orders.len());
    let batches = |part: &[String]| {
        for batch in part.chunks(BATCH) {
            let body = batch.join("\n");
            last_id(&post_as(server.addr(), "application/x-ndjson", body.as_bytes()), batch.len());
        }
    };
    batches(&orders[..single.start]);
    let mut conn = Conn::open(server.addr());
    for order in &orders[single.clone()] {
        conn.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], order.as_bytes()));
        last_id(&conn.read_response("POST"), 1);
    }
    batches(&orders[single.end..]);
}

fn assert_is_public_form(events: &[Event], orders: &[String]) {
    assert_eq!(events.len(), orders.len());
    for (event, order) in events.iter().zip(orders) {
        let (name, data) = public_form(order);
        assert_eq!((&event.event, &event.data), (&name, &data));
    }
}

// ---- a thousand streams on one thread

/// One of many streams that must all carry the same bytes after what comes first.
struct Reader {
    socket: TcpStream,
    first: Vec<u8>,
    started: bool,
    position: usize,
}

/// All streams, and the bytes that any of them got first: every other must repeat them.
///
/// Comparing bytes instead of parsing a thousand times keeps the reader faster than the server. The bytes
/// themselves are then parsed once and compared with the orders.
struct Readers {
    poll: Poll,
    readers: Vec<Reader>,
    shared: Vec<u8>,
}

impl Readers {
    /// Opens the streams and waits until each has its head and its first comment.
    fn open(server: &Server, count: usize) -> Self {
        let poll = Poll::new().expect("a poll");
        let readers = (0..count)
            .map(|n| {
                let socket = std::net::TcpStream::connect(server.addr()).expect("the server accepts");
                socket.set_nonblocking(true).expect("a socket that does not block");
                let mut socket = TcpStream::from_std(socket);
                socket.write_all(&compose("GET", "/events", &[], b"")).expect("a request fits");
                poll.registry().register(&mut socket, Token(n), Interest::READABLE).expect("a registration");
                Reader { socket, first: Vec::new(), started: false, position: 0 }
            })
            .collect();
        let mut all = Self { poll, readers, shared: Vec::new() };
        all.read_until("every stream has begun", |all| all.readers.iter().all(|reader| reader.started));
        all
    }

    fn read_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + LONG;
        let mut events = Events::with_capacity(1024);
        let mut chunk = vec![0; 256 * 1024];
        while !done(self) {
            assert!(Instant::now() < end, "not within {LONG:?}: {what}");
            self.poll.poll(&mut events, Some(Duration::from_millis(50))).expect("a poll");
            for event in &events {
                self.read(event.token().0, &mut chunk);
            }
        }
    }

    fn read(&mut self, number: usize, chunk: &mut [u8]) {
        loop {
            match self.readers[number].socket.read(chunk) {
                Ok(0) => panic!("stream {number} was closed at byte {}", self.readers[number].position),
                Ok(read) => self.handle_bytes(number, &chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("stream {number}: {error}"),
            }
        }
    }

    fn handle_bytes(&mut self, number: usize, bytes: &[u8]) {
        let reader = &mut self.readers[number];
        if reader.started {
            return self.compare(number, bytes);
        }
        reader.first.extend_from_slice(bytes);
        let Some(end) = end_of_beginning(&reader.first) else { return };
        let rest = reader.first.split_off(end);
        reader.started = true;
        self.compare(number, &rest);
    }

    fn compare(&mut self, number: usize, bytes: &[u8]) {
        let position = &mut self.readers[number].position;
        let known = (self.shared.len() - *position).min(bytes.len());
        let same = self.shared[*position..*position + known] == bytes[..known];
        assert!(same, "stream {number} differs from the others after byte {position}");
        self.shared.extend_from_slice(&bytes[known..]);
        *position += bytes.len();
    }
}

/// Where a stream's head, `retry` and comment end; checks them.
fn end_of_beginning(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = &bytes[head..];
    let comment = find(text, b"\n:")? + 1;
    let end = comment + find(&text[comment..], b"\n\n")? + 2;
    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&bytes[..head]));
    let first = Parser::parse(&text[..end]);
    assert!(matches!(first[..], [Item::Retry(_), Item::Comment(_)]), "{first:?}");
    Some(head + end)
}

fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
    let enough = limit.maximum.is_none_or(|most| most > STREAMS as u64 + 100);
    assert!(enough, "this test needs {STREAMS} sockets; the hard descriptor limit is {:?}", limit.maximum);
}

#[test]
fn a_thousand_streams_get_every_order_in_order_with_only_its_public_fields() {
    raise_descriptor_limit();
    let orders = orders();
    // A ping takes a number, also where nobody is sent it: none must fall into the test.
    let server =
        Setup::new().flag("--stream-heartbeat", "30m").flag("--stream-buffer-bytes", "67108864").start();
    let mut readers = Readers::open(&server, STREAMS);
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            publish_all(&server, &orders);
            // The last frame on every stream.
            publish(&server, r#"{"eventType":"the-end","id":"1","payload":"over"}"#);
        });
        readers.read_until("every stream has the end", |all| {
            all.shared.ends_with(b"data: \"over\"\n\n")
                && all.readers.iter().all(|reader| reader.position == all.shared.len())
        });
        publisher.join().expect("the publisher does not panic");
    });
    for secret in SECRETS {
        assert!(find(&readers.shared, secret).is_none(), "{:?}", String::from_utf8_lossy(secret));
    }
    let mut events: Vec<Event> = Parser::parse(&readers.shared)
        .into_iter()
        .map(|item| match item {
            Item::Event(event) => event,
            other => panic!("{other:?} between events"),
        })
        .collect();
    assert_consecutive(&events);
    assert_eq!(events.pop().map(|event| event.event), Some("the-end".to_owned()));
    assert_is_public_form(&events, &orders);
    assert_eq!(clients(&server).len(), STREAMS, "nobody was closed");
}

#[test]
fn streams_cut_anywhere_and_resumed_lack_and_double_nothing() {
    let orders = orders();
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let (server, orders) = (&server, &orders);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..RESUMING)
            .map(|number| {
                let seed = 0xc07_0000 + number as u64;
                scope.spawn(move || read_with_cuts(server, seed, orders.len()))
            })
            .collect();
        publish_all(server, orders);
        let mut cuts = 0;
        for (number, reader) in readers.into_iter().enumerate() {
            let (events, cut) = reader.join().unwrap_or_else(|_| panic!("reader {number} failed"));
            assert_is_public_form(&events, orders);
            cuts += cut;
        }
        assert!(cuts > RESUMING, "only {cuts} cuts");
    });
}

/// Reads all events on as many connections as a seeded random cuts them into, mostly within a frame; the
/// events and how often it was cut.
fn read_with_cuts(server: &Server, seed: u64, count: usize) -> (Vec<Event>, usize) {
    let mut random = Random(seed);
    let (mut events, mut cuts, mut last_id) = (Vec::new(), 0, String::new());
    let end = Instant::now() + LONG;
    loop {
        // The query stays as it is on every connection, as that of an EventSource; the header wins.
        let headers = [("Last-Event-ID", last_id.as_str())];
        let headers = if last_id.is_empty() { &[][..] } else { &headers };
        let mut stream = Stream::open_with(server.addr(), "/events?lastEventId=earliest", headers);
        let cut_at = 1 + random.below(200_000);
        while stream.raw.len() < cut_at {
            assert!(Instant::now() < end, "seed {seed:#x}: {} of {count} within {LONG:?}", events.len());
            match stream.try_next_item(DEADLINE) {
                Ok(Some(Item::Event(event))) => {
                    last_id.clone_from(&event.id);
                    assert_ne!(event.event, "gap", "seed {seed:#x}: {event:?}");
                    if event.event != "ping" {
                        events.push(event);
                    }
                }
                Ok(Some(_)) => {}
                other => panic!("seed {seed:#x}: {other:?} after {} events", events.len()),
            }
            if events.len() == count {
                return (events, cuts);
            }
        }
        cuts += 1;
    }
}

#[test]
fn made_up_orders_have_the_shape_of_real_ones() {
    let orders = made_up_orders(2000, 7);
    assert_eq!(orders, made_up_orders(2000, 7), "the same seed, the same orders");
    for order in &orders {
        let (_, data) = public_form(order);
        assert!(order.contains("customerId") && !data.contains("customerId"));
    }
    let created = orders.iter().filter(|order| order.contains("OrderCreated")).count();
    assert!((300..1000).contains(&created), "{created}");
}
