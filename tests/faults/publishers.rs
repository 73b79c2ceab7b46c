//! Who publishes numbered events all the time: one by HTTP, on one server after the other, and one by PUBLISH, as
//! a service does. Both keep what was accepted.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::common::api::post;
use super::common::events::tick;

/// How long the service waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who took an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A server, through Redis.
    Redis(usize),
    /// A server, without Redis.
    Fallback(usize),
    /// Redis itself.
    Service,
}

/// An event that was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted {
    /// Its number.
    pub(crate) number: usize,
    /// When it began to be published.
    pub(crate) began: Instant,
    /// How long that took.
    pub(crate) took: Duration,
    /// Who took it.
    pub(crate) by: By,
}

/// What was accepted, and which numbers were given.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    next: Arc<AtomicUsize>,
    accepted: Arc<Mutex<Vec<Accepted>>>,
}

impl Ledger {
    /// The number of a new event.
    pub(crate) fn number(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// What was accepted so far.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<Accepted>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of those that fit were accepted so far.
    pub(crate) fn count(&self, fits: impl Fn(&Accepted) -> bool) -> usize {
        self.lock().iter().filter(|accepted| fits(accepted)).count()
    }

    /// An event that began to be published then was accepted.
    pub(crate) fn note(&self, number: usize, began: Instant, by: By) {
        self.lock().push(Accepted { number, began, took: began.elapsed(), by });
    }

    /// Publishes an event by HTTP, which must be accepted; its number, and how it went.
    pub(crate) fn publish_at(&self, node: usize, addr: SocketAddr) -> (usize, By) {
        let (number, began) = (self.number(), Instant::now());
        let answer = post(addr, tick(number).as_bytes());
        assert_eq!(answer.status, 202, "event {number} at server {node}: {}", answer.text());
        let by = match answer.json()["via"].as_str() {
            Some("redis") => By::Redis(node),
            Some("fallback") => By::Fallback(node),
            via => panic!("event {number} went by {via:?}"),
        };
        self.note(number, began, by);
        (number, by)
    }
}

/// Publishes by HTTP, alternately on all servers, until it is stopped.
pub(crate) fn publish_by_http(
    nodes: Vec<SocketAddr>,
    ledger: Ledger,
    pace: Duration,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    spawn(move || {
        for (node, addr) in nodes.into_iter().enumerate().cycle() {
            if stop.load(Ordering::Acquire) {
                return;
            }
            ledger.publish_at(node, addr);
            sleep(pace);
        }
    })
}

/// Publishes by PUBLISH where it is told to, until it is stopped. What was not answered may be there or not.
pub(crate) fn publish_by_redis(
    service: Arc<Mutex<Option<SocketAddr>>>,
    ledger: Ledger,
    pace: Duration,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    spawn(move || {
        let mut link: Option<Link> = None;
        while !stop.load(Ordering::Acquire) {
            // It is held while a message is on its way: who changes it knows that none is.
            let address = service.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(address) = *address {
                let (number, began) = (ledger.number(), Instant::now());
                match publish_once(&mut link, address, &tick(number)) {
                    Ok(()) => ledger.note(number, began, By::Service),
                    Err(_) => link = None,
                }
            }
            drop(address);
            sleep(pace);
        }
    })
}

fn publish_once(link: &mut Option<Link>, address: SocketAddr, message: &str) -> io::Result<()> {
    if link.as_ref().is_none_or(|link| link.address != address) {
        *link = Some(Link::open(address)?);
    }
    let Some(link) = link else { return Ok(()) };
    link.ask(&["PUBLISH", "orders.events", message]).map(drop)
}

/// A connection to Redis as the user `harness`, which `Redis::kill_clients` leaves alone.
pub(crate) struct Link {
    address: SocketAddr,
    socket: BufReader<TcpStream>,
}

impl Link {
    /// Connects and logs in.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut link = Self { address, socket: BufReader::new(socket) };
        link.ask(&["AUTH", "harness", "harness"])?;
        link.ask(&["CLIENT", "SETNAME", "harness"])?;
        Ok(link)
    }

    /// The answer of one line to a command.
    pub(crate) fn ask(&mut self, words: &[&str]) -> io::Result<String> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.socket.get_mut().write_all(command.as_bytes())?;
        let mut line = String::new();
        self.socket.read_line(&mut line)?;
        match line.as_bytes().first() {
            Some(b'+' | b':') => Ok(line),
            Some(_) => Err(io::Error::other(line)),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}
