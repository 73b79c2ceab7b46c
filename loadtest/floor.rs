//! The floor: the least that a server could do to broadcast, as the measure for ssecast.
//!
//! One `send()` per client and event, in one loop over the sockets, and nothing else: no backpressure,
//! filters, history or heartbeat. It trusts its client, so it is good for measuring only.
//!
//! - An event is sent to every stream before its 202 is written and before the next request is read.
//!   With `--per-turn`, all events of one turn of the poll are sent together at its end, in one `send()`
//!   per client: what batching could win at most, and whether the generator can follow it.
//! - Streams are in no epoll set: a client that went away is found by the write that fails.
//! - A client whose socket is full, or takes a part of a frame, is dropped and counted (`GET /stats`).

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use serde_json::value::RawValue;
use slab::Slab;
use socket2::{Domain, SockRef, Socket, Type};
use ssecast::id::{EventId, Fingerprint};

mod descriptors;

const LISTENER: Token = Token(usize::MAX);
const BACKLOG: i32 = 4096;
/// The same as ssecast's defaults.
const NOTSENT_BYTES: u32 = 16 * 1024;
const SNDBUF_BYTES: usize = 256 * 1024;
const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n\
    retry: 3000\n: floor\n\n";

/// What is read of an envelope.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    event_type: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// A connection that has not become a stream.
struct Conn {
    socket: TcpStream,
    input: Vec<u8>,
}

/// What a connection is after its input was worked off.
enum Next {
    Keep,
    Stream,
    Close,
}

/// When frames are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    PerEvent,
    PerTurn,
}

struct Floor {
    sending: Sending,
    streams: Vec<TcpStream>,
    /// Frames that are not sent yet.
    frames: Vec<u8>,
    seq: u64,
    dropped: u64,
}

fn main() -> io::Result<()> {
    descriptors::raise_limit();
    let mut listener = listen(listen_address())?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    eprintln!("floor: listening on {}", listener.local_addr()?);
    let mut events = Events::with_capacity(1024);
    let mut conns = Slab::new();
    let per_turn = std::env::args().any(|arg| arg == "--per-turn");
    let sending = if per_turn { Sending::PerTurn } else { Sending::PerEvent };
    let mut floor = Floor { sending, streams: Vec::new(), frames: Vec::new(), seq: 0, dropped: 0 };
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, &poll, &mut conns)?,
                Token(key) => serve(&mut floor, &poll, &mut conns, key)?,
            }
        }
        floor.send();
    }
}

/// The argument of `--listen`, or any free port of loopback.
fn listen_address() -> SocketAddr {
    let mut args = std::env::args().skip_while(|arg| arg != "--listen").skip(1);
    args.next().and_then(|text| text.parse().ok()).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn accept(listener: &TcpListener, poll: &Poll, conns: &mut Slab<Conn>) -> io::Result<()> {
    loop {
        let mut socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let options = SockRef::from(&socket);
        options.set_send_buffer_size(SNDBUF_BYTES)?;
        options.set_tcp_notsent_lowat(NOTSENT_BYTES)?;
        options.set_tcp_nodelay(true)?;
        let entry = conns.vacant_entry();
        poll.registry().register(&mut socket, Token(entry.key()), Interest::READABLE)?;
        entry.insert(Conn { socket, input: Vec::new() });
    }
}

/// Reads what came on connection `key` and answers every whole request in it.
fn serve(floor: &mut Floor, poll: &Poll, conns: &mut Slab<Conn>, key: usize) -> io::Result<()> {
    let Some(conn) = conns.get_mut(key) else { return Ok(()) };
    let mut next = match read_all(conn) {
        Ok(true) => Next::Keep,
        Ok(false) | Err(_) => Next::Close,
    };
    while let Next::Keep = next {
        let Some((answered, bytes)) = floor.answer(conn) else { break };
        next = answered;
        conn.input.drain(..bytes);
    }
    if let Next::Keep = next {
        return Ok(());
    }
    let mut conn = conns.remove(key);
    poll.registry().deregister(&mut conn.socket)?;
    if let Next::Stream = next {
        floor.streams.push(conn.socket);
    }
    Ok(())
}

/// Reads until the socket is empty; `false` at its end.
fn read_all(conn: &mut Conn) -> io::Result<bool> {
    let mut chunk = [0; 16 * 1024];
    loop {
        match conn.socket.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(n) => conn.input.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

impl Floor {
    /// Answers the first request in the input, if it is whole; also says how many bytes it had.
    fn answer(&mut self, conn: &mut Conn) -> Option<(Next, usize)> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(&conn.input) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) => return None,
            Err(_) => return Some((Next::Close, 0)),
        };
        let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let body_bytes =
            length.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
        let body = conn.input.get(head_bytes..head_bytes + body_bytes)?;
        let path = request.path.unwrap_or_default().split('?').next();
        let (status, text) = match (request.method, path) {
            (Some("GET"), Some("/events")) => {
                let taken = conn.socket.write(STREAM_HEAD).is_ok_and(|n| n == STREAM_HEAD.len());
                return Some((if taken { Next::Stream } else { Next::Close }, head_bytes));
            }
            (Some("POST"), Some("/publish")) => match serde_json::from_slice(body) {
                Ok(envelope) => ("202 Accepted", self.broadcast(&envelope, body)),
                Err(_) => ("400 Bad Request", "{}".to_owned()),
            },
            (Some("GET"), Some("/healthz")) => ("200 OK", "{}".to_owned()),
            (Some("GET"), Some("/stats")) => ("200 OK", self.stats()),
            _ => ("404 Not Found", "{}".to_owned()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        let sent = conn.socket.write((head + &text).as_bytes());
        Some((if sent.is_ok() { Next::Keep } else { Next::Close }, head_bytes + body_bytes))
    }

    fn broadcast(&mut self, envelope: &Envelope<'_>, body: &[u8]) -> String {
        self.seq += 1;
        let id = EventId { instance: "f1000a00", seq: self.seq, fingerprint: Fingerprint::of(body) };
        let frame = format!("id: {id}\nevent: {}\ndata: {}\n\n", envelope.event_type, envelope.payload);
        self.frames.extend_from_slice(frame.as_bytes());
        if self.sending == Sending::PerEvent {
            self.send();
        }
        format!("{{\"accepted\":1,\"via\":\"local\",\"lastId\":\"{id}\"}}")
    }

    /// The loop that everything is compared with.
    fn send(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        let before = self.streams.len();
        let frames = self.frames.as_slice();
        self.streams.retain_mut(|socket| socket.write(frames).is_ok_and(|taken| taken == frames.len()));
        self.dropped += (before - self.streams.len()) as u64;
        self.frames.clear();
    }

    fn stats(&self) -> String {
        format!("{{\"streams\":{},\"events\":{},\"dropped\":{}}}", self.streams.len(), self.seq, self.dropped)
    }
}
