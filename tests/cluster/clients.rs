//! Many clients in one thread: each connects to any server, stays or leaves as it likes, and resumes by
//! `Last-Event-ID` on any other one, as browsers behind a load balancer do.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::Value;

use super::common::events::Random;
use super::common::http::{compose, find};
use super::common::sse::{Item, Parser};
use super::common::{DEADLINE, wait_until};
use super::history::{Entry, History};
use super::nodes::{Life, NODES, Nodes};

/// How long a client stays at most, and how long it is away at most, in milliseconds.
const STAYS: usize = 3000;
const AWAY: usize = 300;
/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(5);

/// What the clients do.
const ROAM: usize = 0;
const GO_HOME: usize = 1;
const ARE_HOME: usize = 2;
const COME_BACK: usize = 3;

/// See the top of this file.
pub(crate) struct Crowd {
    phase: Arc<AtomicUsize>,
    marker: Arc<AtomicUsize>,
    missing: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<Vec<History>>,
}

impl Crowd {
    /// Lets them roam.
    pub(crate) fn gather(count: usize, seed: u64, nodes: Nodes) -> Self {
        let phase = Arc::new(AtomicUsize::new(ROAM));
        let marker = Arc::new(AtomicUsize::new(usize::MAX));
        let missing = Arc::<Mutex<Vec<String>>>::default();
        let mut work = Work {
            clients: (0..count).map(|_| Client::new()).collect(),
            random: Random(seed),
            nodes,
            poll: Poll::new().expect("a poller"),
            buffer: vec![0; 64 * 1024],
        };
        let (shared, wanted, names) = (phase.clone(), marker.clone(), missing.clone());
        let thread = std::thread::spawn(move || work.run(&shared, &wanted, &names));
        Self { phase, marker, missing, thread }
    }

    /// Lets all of them leave.
    pub(crate) fn send_home(&self) {
        self.phase.store(GO_HOME, Ordering::Release);
        wait_until("all have left", DEADLINE, || self.phase.load(Ordering::Acquire) == ARE_HOME);
    }

    /// Lets all of them resume once more and read until that event; what each got.
    pub(crate) fn bring_back_until(self, marker: usize) -> Vec<History> {
        self.marker.store(marker, Ordering::Release);
        self.phase.store(COME_BACK, Ordering::Release);
        let end = Instant::now() + DEADLINE;
        while !self.thread.is_finished() {
            let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            assert!(Instant::now() < end, "the last event did not come to {missing:?}");
            std::thread::sleep(TICK);
        }
        self.thread.join().expect("the clients do not panic")
    }
}

struct Connection {
    socket: TcpStream,
    life: Life,
    /// Bytes of the head so far; `None` once it was read.
    head: Option<Vec<u8>>,
    is_fresh: bool,
    parser: Parser,
}

struct Client {
    connection: Option<Connection>,
    last_id: String,
    /// When it connects, or leaves.
    due: Instant,
    history: History,
    seen: HashSet<usize>,
}

impl Client {
    fn new() -> Self {
        Self {
            connection: None,
            last_id: String::new(),
            due: Instant::now(),
            history: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Connects; `None` when nobody is there.
    fn connect(&mut self, addr: SocketAddr, life: Life) -> Option<&mut TcpStream> {
        let mut socket = std::net::TcpStream::connect_timeout(&addr, DEADLINE).ok()?;
        let id = [("Last-Event-ID", self.last_id.as_str())];
        let is_fresh = self.last_id.is_empty();
        let headers = if is_fresh { &[][..] } else { &id[..] };
        socket.write_all(&compose("GET", "/events", headers, b"")).ok()?;
        socket.set_nonblocking(true).ok()?;
        let socket = TcpStream::from_std(socket);
        let parser = Parser::default();
        Some(
            &mut self
                .connection
                .insert(Connection { socket, life, head: Some(Vec::new()), is_fresh, parser })
                .socket,
        )
    }

    /// Reads all there is; whether the connection goes on.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            let Some(connection) = &mut self.connection else { return true };
            match connection.socket.read(buffer) {
                Ok(0) => return false,
                Ok(read) => self.take(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        let mut items = Vec::new();
        match &mut connection.head {
            None => connection.parser.push(bytes, &mut items),
            Some(head) => {
                head.extend_from_slice(bytes);
                let Some(end) = find(head, b"\r\n\r\n") else { return };
                assert!(head.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(head));
                let rest = head.split_off(end + 4);
                let (life, is_fresh) = (connection.life, connection.is_fresh);
                connection.head = None;
                connection.parser.push(&rest, &mut items);
                self.history.push(Entry::Connected { life, is_fresh, at: Instant::now() });
            }
        }
        for item in items {
            let Item::Event(event) = item else { continue };
            if event.has_id {
                event.id.clone_into(&mut self.last_id);
            }
            let data = || serde_json::from_str::<Value>(&event.data).expect("data is JSON");
            match event.event.as_str() {
                "tick" => {
                    let number =
                        data()["n"].as_u64().and_then(|n| usize::try_from(n).ok()).expect("a number");
                    self.seen.insert(number);
                    self.history.push(Entry::Event { number });
                }
                "gap" => {
                    let reason = data()["reason"].as_str().unwrap_or_default().to_owned();
                    self.history.push(Entry::Gap { reason, at: Instant::now() });
                }
                _ => {}
            }
        }
    }
}

struct Work {
    clients: Vec<Client>,
    random: Random,
    nodes: Nodes,
    poll: Poll,
    buffer: Vec<u8>,
}

impl Work {
    fn run(
        &mut self,
        phase: &AtomicUsize,
        marker: &AtomicUsize,
        missing: &Mutex<Vec<String>>,
    ) -> Vec<History> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, Some(TICK)).expect("the poller works");
            for event in &events {
                self.read(event.token().0);
            }
            match phase.load(Ordering::Acquire) {
                GO_HOME => {
                    self.clients.iter_mut().for_each(|client| client.connection = None);
                    phase.store(ARE_HOME, Ordering::Release);
                }
                ARE_HOME => {}
                COME_BACK => {
                    self.connect_due(false);
                    let marker = marker.load(Ordering::Acquire);
                    let waiting =
                        self.clients.iter().enumerate().filter(|(_, client)| !client.seen.contains(&marker));
                    let waiting: Vec<String> = waiting
                        .map(|(index, client)| {
                            format!("{index} at {:?}", client.connection.as_ref().map(|c| c.life))
                        })
                        .collect();
                    if waiting.is_empty() {
                        return self
                            .clients
                            .iter_mut()
                            .map(|client| std::mem::take(&mut client.history))
                            .collect();
                    }
                    *missing.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
                }
                _ => self.connect_due(true),
            }
        }
    }

    fn read(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if !client.read(&mut self.buffer) {
            client.connection = None;
            client.due = soon(&mut self.random, AWAY);
        }
    }

    /// Connects those who are due, and lets those leave who are.
    fn connect_due(&mut self, may_leave: bool) {
        let now = Instant::now();
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if client.due > now {
                continue;
            }
            if client.connection.is_some() {
                if may_leave {
                    client.connection = None;
                    client.due = soon(&mut self.random, AWAY);
                }
                continue;
            }
            client.due = soon(&mut self.random, STAYS);
            let Some((addr, life)) = self.nodes.life(self.random.below(NODES)) else {
                client.due = soon(&mut self.random, AWAY);
                continue;
            };
            match client.connect(addr, life) {
                Some(socket) => self
                    .poll
                    .registry()
                    .register(socket, Token(index), Interest::READABLE)
                    .expect("a socket can be polled"),
                None => client.due = soon(&mut self.random, AWAY),
            }
        }
    }
}

fn soon(random: &mut Random, within_ms: usize) -> Instant {
    let millis = u64::try_from(random.below(within_ms)).expect("small");
    Instant::now() + Duration::from_millis(millis)
}
