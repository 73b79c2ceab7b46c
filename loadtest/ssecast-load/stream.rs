//! One SSE stream of the generator: connects, checks the answer's head, counts frames, comes back.
//!
//! Invariants: `partial` holds less than one frame; there is a socket unless the stream is `Away` or `Closed`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};

use crate::frames::{self, Frame};
use crate::tally::Tally;
use crate::tls::Tls;

/// What a stream does in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads, and stays.
    Steady,
    /// The same while others come back: it is read first, or its latency would be that of the generator.
    Bystander,
    /// Reads, and reconnects now and then.
    Returning,
    /// Never reads once it is open.
    Stalled,
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the connection.
    Connecting,
    /// Waiting for the end of the answer's head.
    Head,
    /// Counting frames.
    Live,
    /// Ended by us; it may come back.
    Away,
    /// Ended by the server.
    Closed,
}

/// How a stream is opened.
pub(crate) struct Opening<'a> {
    pub(crate) target: SocketAddr,
    pub(crate) source: Ipv4Addr,
    pub(crate) path: &'a str,
    /// SO_RCVBUF, where it is not left to the kernel.
    pub(crate) rcvbuf_bytes: Option<usize>,
    /// TCP_MAXSEG, where it is not left to the kernel.
    pub(crate) mss_bytes: Option<u32>,
    /// Where TLS is spoken.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

pub(crate) struct Stream {
    pub(crate) socket: Option<TcpStream>,
    tls: Option<Box<Tls>>,
    pub(crate) phase: Phase,
    pub(crate) role: Role,
    /// Events that came.
    pub(crate) events: u64,
    /// Sum of the `mix` of their numbers: tells which came, whatever their order.
    pub(crate) digest: u64,
    last_seq: Option<u64>,
    /// The id to resume from.
    last_id: Vec<u8>,
    /// When its head was read: what was published earlier says nothing about latency.
    live_since_ns: u64,
    /// The request until it is sent, then what came of a head or frame that is not whole.
    partial: Vec<u8>,
}

impl Stream {
    /// Starts to connect.
    pub(crate) fn open(opening: &Opening<'_>, role: Role) -> io::Result<Self> {
        let mut stream = Self::new(role);
        stream.connect(opening)?;
        Ok(stream)
    }

    fn new(role: Role) -> Self {
        Self {
            socket: None,
            tls: None,
            phase: Phase::Away,
            role,
            events: 0,
            digest: 0,
            last_seq: None,
            last_id: Vec::new(),
            live_since_ns: 0,
            partial: Vec::new(),
        }
    }

    /// Starts to connect, to go on after the last event that came. The socket is reset at its end, so that no
    /// port waits in TIME_WAIT.
    pub(crate) fn connect(&mut self, opening: &Opening<'_>) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_linger(Some(Duration::ZERO))?;
        if let Some(bytes) = opening.rcvbuf_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = opening.mss_bytes {
            socket.set_tcp_mss(bytes)?;
        }
        socket.bind(&SocketAddr::from((opening.source, 0)).into())?;
        match socket.connect(&opening.target.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        self.tls = opening.tls.as_ref().map(Tls::new).transpose()?.map(Box::new);
        self.socket = Some(TcpStream::from_std(socket.into()));
        self.phase = Phase::Connecting;
        self.partial.clear();
        let Opening { path, target, .. } = opening;
        write!(self.partial, "GET {path} HTTP/1.1\r\nHost: {target}\r\nAccept: text/event-stream\r\n")?;
        if !self.last_id.is_empty() {
            self.partial.extend_from_slice(b"Last-Event-ID: ");
            self.partial.extend_from_slice(&self.last_id);
            self.partial.extend_from_slice(b"\r\n");
        }
        self.partial.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Goes away, without a word.
    pub(crate) fn leave(&mut self) {
        self.socket = None;
        self.phase = Phase::Away;
    }

    /// Whether it can go on where it was.
    pub(crate) fn can_resume(&self) -> bool {
        self.phase == Phase::Live && !self.last_id.is_empty()
    }

    /// The connection stands, or has failed: sends the request.
    pub(crate) fn handle_connected(&mut self) -> io::Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        let taken = match &mut self.tls {
            Some(tls) => tls.ask(&self.partial, socket).map(|()| self.partial.len())?,
            None => socket.write(&self.partial)?,
        };
        if taken < self.partial.len() {
            return Err(io::Error::other("a stream's request was sent in part"));
        }
        self.partial = Vec::new();
        self.phase = Phase::Head;
        Ok(())
    }

    /// The server has ended it.
    pub(crate) fn handle_end(&mut self) {
        self.socket = None;
        self.phase = Phase::Closed;
    }

    /// Reads into `buf` and counts, until the socket is empty.
    ///
    /// A read that fills less than `buf` has emptied the socket, so no second one is made to learn that
    /// (epoll(7) allows it for streams), unless `ended` says that an end is behind it.
    pub(crate) fn handle_readable(
        &mut self,
        buf: &mut [u8],
        ended: bool,
        epoch: Instant,
        tally: &mut Tally,
    ) -> io::Result<()> {
        while let Some(socket) = &mut self.socket {
            let kept = self.partial.len();
            buf[..kept].copy_from_slice(&self.partial);
            self.partial.clear();
            let read = match &mut self.tls {
                Some(tls) => tls.read(&mut buf[kept..], socket),
                None => socket.read(&mut buf[kept..]),
            };
            let filled = match read {
                Ok(0) => kept,
                Ok(taken) => kept + taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.partial.extend_from_slice(&buf[..kept]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => kept,
                Err(error) => return Err(error),
            };
            if filled == kept {
                self.handle_end();
                tally.closed += 1;
                return Ok(());
            }
            let used = self.handle_bytes(&buf[..filled], epoch, tally)?;
            self.partial.extend_from_slice(&buf[used..filled]);
            // What is opened at once is a record, not what the socket had.
            if filled < buf.len() && !ended && self.tls.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes what is whole of `bytes`; returns how much that was.
    fn handle_bytes(&mut self, bytes: &[u8], epoch: Instant, tally: &mut Tally) -> io::Result<usize> {
        let mut used = 0;
        let now = Instant::now();
        let now_ns = nanos(now.duration_since(epoch));
        if self.phase == Phase::Head {
            used = check_head(bytes)?;
            if used == 0 {
                return Ok(0);
            }
            self.phase = Phase::Live;
            self.live_since_ns = now_ns;
            tally.opened += 1;
        }
        let (live_since_ns, role) = (self.live_since_ns, self.role);
        let mut last_id: &[u8] = &[];
        used += frames::scan(&bytes[used..], |frame| match frame {
            // What came with the head: nobody waits for what a stream gets that does not read.
            Frame::Event { .. } if role == Role::Stalled => {}
            Frame::Event { id, seq, stamp } => {
                last_id = id;
                tally.events += 1;
                tally.last_receipt = now;
                if stamp.sent_ns >= live_since_ns {
                    tally.record_latency(role, now_ns.saturating_sub(stamp.sent_ns));
                }
                tally.unordered += u64::from(self.last_seq.is_some_and(|last| last >= seq));
                self.last_seq = Some(seq);
                self.events += 1;
                self.digest = self.digest.wrapping_add(mix(stamp.number));
            }
            Frame::Ping { id } => {
                last_id = id;
                tally.pings += 1;
            }
            // A stalled one that comes back has missed what is no longer kept.
            Frame::Gap => tally.gaps += u64::from(role != Role::Stalled),
            Frame::Other => {}
        });
        if !last_id.is_empty() {
            self.last_id.clear();
            self.last_id.extend_from_slice(last_id);
        }
        Ok(used)
    }
}

/// Spreads an event's number over 64 bits, so that sums of different sets differ (SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whole nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The length of a stream's head, 0 while it is not whole; an error where it is not that of a stream.
fn check_head(bytes: &[u8]) -> io::Result<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = response.parse(bytes).map_err(io::Error::other)? else {
        return Ok(0);
    };
    let is_event_stream = response.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("content-type") && header.value.starts_with(b"text/event-stream")
    });
    if response.code == Some(200) && is_event_stream {
        Ok(head_bytes)
    } else {
        Err(io::Error::other(format!("a stream was answered with {:?}, no event stream", response.code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_stream_is_taken() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
        assert_eq!(check_head(head).unwrap(), head.len());
        assert_eq!(check_head(&head[..head.len() - 1]).unwrap(), 0);
        assert!(check_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n").is_err());
        assert!(check_head(b"HTTP/1.1 503 No\r\nContent-Type: text/event-stream\r\n\r\n").is_err());
    }

    /// A busy server sends the first events together with the head; a run that counted them ended too early, and
    /// said that others had lost theirs.
    #[test]
    fn what_a_stalled_stream_gets_does_not_count() {
        let stamp = crate::payload::Stamp { number: 1, sent_ns: 0 };
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
        let data = crate::payload::payload(stamp, crate::payload::BYTES_MIN);
        write!(bytes, "id: a-1-00\nevent: {}\ndata: {data}\n\n", crate::payload::EVENT_TYPE).unwrap();
        for (role, events) in [(Role::Steady, 1), (Role::Stalled, 0)] {
            let mut tally = Tally::new();
            let mut stream = Stream { phase: Phase::Head, ..Stream::new(role) };
            assert_eq!(stream.handle_bytes(&bytes, Instant::now(), &mut tally).unwrap(), bytes.len());
            assert_eq!((tally.opened, tally.events, stream.events), (1, events, events), "{role:?}");
        }
    }

    #[test]
    fn the_digest_tells_sets_apart() {
        let digest = |numbers: &[u64]| numbers.iter().fold(0_u64, |sum, n| sum.wrapping_add(mix(*n)));
        assert_eq!(digest(&[1, 2, 3]), digest(&[3, 1, 2]));
        assert_ne!(digest(&[1, 2, 3]), digest(&[1, 1, 4]));
        assert_ne!(digest(&[2, 2]), digest(&[1, 3]));
    }
}
