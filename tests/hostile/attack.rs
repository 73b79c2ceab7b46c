//! One way to attack, repeated until what it costs either side can be measured.

use std::io::Read;
use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::http::{Conn, Pieces};
use crate::common::server::Server;
use crate::watch::{Watch, own_cpu, server_cpu};

/// What is done again and again.
pub(crate) enum How {
    /// Connect, send this in one piece or byte by byte, read to the end.
    Whole(Pieces, Vec<u8>),
    /// Connect, send this, and go with a reset without reading.
    Reset(Vec<u8>),
    /// On one connection send this so many times at once, and read as many answers.
    Pipelined(Vec<u8>, usize),
}

/// An attack with its name.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) how: How,
}

/// What an attack cost, and how often it was repeated for that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) repeats: u64,
    pub(crate) client_cpu: Duration,
    pub(crate) server_cpu: Duration,
    pub(crate) client_bytes: u64,
    pub(crate) server_bytes: u64,
}

/// Both sides have spent at least this before a ratio says anything...
const MEASURABLE: Duration = Duration::from_millis(12);
/// ...but for an attack so dear to us that the client waits, and its time is exact...
const DEAR: Duration = Duration::from_millis(150);
/// ...or one that costs a side nearly nothing.
const REPEATS: u64 = 4_000;
/// Headers of TCP and IP: neither side opens and closes a connection with less than three packets.
const CONNECTION_BYTES: u64 = 3 * 40;

impl Cost {
    /// The server's time on the CPU for each of the client's.
    pub(crate) fn cpu_factor(&self) -> f64 {
        self.server_cpu.as_secs_f64() / self.client_cpu.as_secs_f64()
    }

    /// The server's bytes for each of the client's.
    pub(crate) fn byte_factor(&self) -> f64 {
        self.server_bytes as f64 / self.client_bytes as f64
    }

    fn is_measurable(&self) -> bool {
        self.client_cpu.min(self.server_cpu) >= MEASURABLE || self.server_cpu >= DEAR
    }

    fn count(&mut self, sent: usize, received: usize) {
        self.client_bytes += sent as u64;
        self.server_bytes += received as u64;
    }

    fn count_connection(&mut self) {
        self.client_bytes += CONNECTION_BYTES;
        self.server_bytes += CONNECTION_BYTES;
    }
}

impl Attack {
    /// Attacks from this thread until both sides' costs are measurable.
    pub(crate) fn run(&self, server: &Server, watch: &Watch) -> Cost {
        let mut cost = Cost::default();
        let (client_before, server_before) = (own_cpu(), server_cpu(server));
        let mut kept = None;
        while cost.repeats < REPEATS && !cost.is_measurable() {
            match &self.how {
                How::Whole(pieces, bytes) => self.whole(server, *pieces, bytes, &mut cost),
                How::Reset(bytes) => {
                    let mut conn = Conn::open(server.addr());
                    conn.send(bytes);
                    conn.reset_on_drop();
                    cost.count(bytes.len(), 0);
                    cost.count_connection();
                }
                How::Pipelined(request, at_once) => {
                    let (conn, answer_bytes) = kept.get_or_insert_with(|| self.open(server, request));
                    let sent = request.repeat(*at_once);
                    conn.send(&sent);
                    read_exactly(conn, *answer_bytes * at_once);
                    cost.count(sent.len(), *answer_bytes * at_once);
                }
            }
            cost.repeats += 1;
            // Looking costs time, too.
            if cost.repeats.is_multiple_of(8) || cost.repeats < 8 {
                cost.client_cpu = own_cpu() - client_before;
                cost.server_cpu = server_cpu(server) - server_before;
            }
        }
        cost.client_cpu = own_cpu() - client_before;
        drop(kept);
        // Whoever did not wait for an answer left work behind.
        watch.settle(server);
        cost.server_cpu = server_cpu(server) - server_before;
        cost
    }

    fn whole(&self, server: &Server, pieces: Pieces, bytes: &[u8], cost: &mut Cost) {
        let mut conn = Conn::open(server.addr());
        conn.send_in(pieces, bytes);
        let answer = conn.read_to_end();
        let is_answer = answer.is_empty() || answer.starts_with(b"HTTP/1.1 ");
        assert!(is_answer, "{}: {}", self.name, answer.escape_ascii());
        cost.count(bytes.len(), answer.len());
        cost.count_connection();
    }

    /// Opens a connection, and asks once for the length of the answers.
    fn open(&self, server: &Server, request: &[u8]) -> (Conn, usize) {
        let mut conn = Conn::open(server.addr());
        conn.send(request);
        let answer = conn.read_response("GET");
        assert!(!answer.says_close(), "{}: the connection does not go on", self.name);
        (conn, answer.head.len() + answer.body.len())
    }
}

fn read_exactly(conn: &Conn, mut bytes: usize) {
    let mut socket = conn.socket();
    socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
    let mut chunk = [0; 64 << 10];
    while bytes > 0 {
        let len = bytes.min(chunk.len());
        let read = socket.read(&mut chunk[..len]).expect("answers come");
        assert!(read > 0, "the connection ended before all answers came");
        bytes -= read;
    }
}
