//! HTTP/1.1 as bytes on a socket: what a test sends is exactly what the server gets.
//!
//! It never repairs a message and never retries.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::DEADLINE;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The status line without its line end.
    pub(crate) status_line: String,
    /// The status code.
    pub(crate) status: u16,
    /// Names as received, values trimmed.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, as far as its length says.
    pub(crate) body: Vec<u8>,
    /// The head as received, with the empty line.
    pub(crate) head: Vec<u8>,
}

impl Response {
    /// The value of the one header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.headers);
        value
    }

    /// Whether a comma-separated header has this element, letters of any case.
    pub(crate) fn header_has(&self, name: &str, element: &str) -> bool {
        self.header(name)
            .is_some_and(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(element)))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// Whether the server says that it closes the connection.
    pub(crate) fn says_close(&self) -> bool {
        self.header_has("connection", "close")
    }
}

/// How a message leaves: in one piece or in as many as it has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// One write.
    Whole,
    /// A write per byte, without Nagle.
    Bytes,
}

impl Pieces {
    /// Both ways.
    pub(crate) const BOTH: [Self; 2] = [Self::Whole, Self::Bytes];
}

/// A connection to the server.
pub(crate) struct Conn {
    socket: TcpStream,
    unread: Vec<u8>,
    ended: bool,
}

impl Conn {
    /// Connects.
    pub(crate) fn open(addr: SocketAddr) -> Self {
        Self::of(TcpStream::connect_timeout(&addr, DEADLINE).expect("the server accepts"))
    }

    /// Connects from another loopback address, or with a small receive buffer.
    pub(crate) fn open_special(addr: SocketAddr, from: Option<[u8; 4]>, receive: Option<usize>) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        if let Some(bytes) = receive {
            socket.set_recv_buffer_size(bytes).expect("SO_RCVBUF");
        }
        if let Some(ip) = from {
            socket.bind(&SockAddr::from(SocketAddr::from((ip, 0)))).expect("all of 127/8 is loopback");
        }
        socket.connect_timeout(&SockAddr::from(addr), DEADLINE).expect("the server accepts");
        Self::of(socket.into())
    }

    fn of(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("TCP_NODELAY");
        socket.set_write_timeout(Some(DEADLINE)).expect("SO_SNDTIMEO");
        Self { socket, unread: Vec::new(), ended: false }
    }

    /// The socket beneath.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Our own address, as the server sees it.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("a connected socket has an address")
    }

    /// Sends; a server that has closed already is no failure here: the answer will tell.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.send_in(Pieces::Whole, bytes);
    }

    /// Sends in pieces. A write that nobody takes within the deadline is left alone as well.
    pub(crate) fn send_in(&mut self, pieces: Pieces, bytes: &[u8]) {
        let size = if pieces == Pieces::Whole { bytes.len().max(1) } else { 1 };
        for piece in bytes.chunks(size) {
            if self.socket.write_all(piece).is_err() {
                return;
            }
        }
    }

    /// Sends and says whether the other side still took it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Lets the end of this connection be a reset.
    pub(crate) fn reset_on_drop(&mut self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// Says that we send nothing more.
    pub(crate) fn half_close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Reads once more; `false` at the end of the stream (a reset is an end too).
    fn fill(&mut self, end: Instant) -> Result<bool, TimedOut> {
        if self.ended {
            return Ok(false);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TimedOut);
        }
        self.socket.set_read_timeout(Some(left)).expect("SO_RCVTIMEO");
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(0) => self.ended = true,
            Ok(read) => self.unread.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(TimedOut);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.ended = true,
        }
        Ok(!self.ended)
    }

    /// What has come and was not taken, waiting for more when there is nothing; empty at the end.
    pub(crate) fn read_some(&mut self, deadline: Duration) -> Result<Vec<u8>, TimedOut> {
        let end = Instant::now() + deadline;
        while self.unread.is_empty() && self.fill(end)? {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads a head; `None` when the connection ended before its first byte.
    pub(crate) fn read_head(&mut self) -> Option<Response> {
        self.try_read_head(DEADLINE).expect("an answer within the deadline")
    }

    fn try_read_head(&mut self, deadline: Duration) -> Result<Option<Response>, TimedOut> {
        let end = Instant::now() + deadline;
        let length = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill(end)? {
                let rest = String::from_utf8_lossy(&self.unread);
                assert!(self.unread.is_empty(), "closed within a head: {rest:?}");
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.unread.drain(..length).collect();
        Ok(Some(parse_head(head)))
    }

    /// Reads an answer to a request of that method; `None` when the connection ended without one.
    pub(crate) fn try_read_response(
        &mut self,
        method: &str,
        deadline: Duration,
    ) -> Result<Option<Response>, TimedOut> {
        let end = Instant::now() + deadline;
        let Some(mut response) = self.try_read_head(deadline)? else { return Ok(None) };
        if method == "HEAD" || response.status < 200 || matches!(response.status, 204 | 304) {
            return Ok(Some(response));
        }
        assert!(response.header("transfer-encoding").is_none(), "chunked? {:?}", response.headers);
        let length = response.header("content-length").map(|n| n.parse::<usize>().expect("a length"));
        while self.unread.len() < length.unwrap_or(usize::MAX) {
            if !self.fill(end)? {
                break;
            }
        }
        let length = length.unwrap_or(self.unread.len());
        assert!(self.unread.len() >= length, "closed within a body of {length} bytes");
        response.body = self.unread.drain(..length).collect();
        Ok(Some(response))
    }

    /// Reads an answer that must come.
    pub(crate) fn read_response(&mut self, method: &str) -> Response {
        self.try_read_response(method, DEADLINE)
            .unwrap_or_else(|TimedOut| panic!("no answer to {method} within {DEADLINE:?}"))
            .expect("an answer before the connection ends")
    }

    /// Waits for the end of the connection; what still came before it.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let end = Instant::now() + DEADLINE;
        while self.fill(end).expect("the server closes the connection within the deadline") {}
        std::mem::take(&mut self.unread)
    }

    /// Waits until something can be read or the connection ended, and says whether it ended.
    pub(crate) fn ends_within(&mut self, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        loop {
            match self.fill(end) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(TimedOut) => return false,
            }
        }
    }
}

/// A deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOut;

/// The place of `needle` in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn parse_head(head: Vec<u8>) -> Response {
    let text = String::from_utf8(head.clone()).expect("a head is ASCII");
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let status_line = lines.next().unwrap_or_default().to_owned();
    assert!(
        status_line.starts_with("HTTP/1.1 ") || status_line.starts_with("HTTP/1.0 "),
        "no status line: {status_line:?}"
    );
    let status = status_line[9..12].parse().expect("a status code");
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            assert!(!name.is_empty() && !name.contains(' '), "a bad header name: {line:?}");
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    Response { status_line, status, headers, body: Vec::new(), head }
}

/// One request on a connection of its own.
pub(crate) fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut conn = Conn::open(addr);
    conn.send(&compose(method, target, headers, body));
    conn.read_response(method)
}

/// `GET target`.
pub(crate) fn get(addr: SocketAddr, target: &str) -> Response {
    request(addr, "GET", target, &[("Connection", "close")], b"")
}

/// The bytes of a request with `Host`, and `Content-Length` where there is a body.
pub(crate) fn compose(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
