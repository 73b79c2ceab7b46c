//! Who publishes, and what was accepted. What got no answer may be there or not, and is not kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::common::events::{Random, tick};
use super::common::http::compose;
use super::nodes::{Life, NODES, Nodes};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who took an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Redis, of a server or of a service.
    Redis,
    /// A server, without Redis.
    Fallback(Life),
}

/// An event that was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted {
    pub(crate) number: usize,
    /// When it began to be published.
    pub(crate) began: Instant,
    /// When that was answered.
    pub(crate) ended: Instant,
    pub(crate) by: By,
}

/// See the top of this file.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    next: Arc<AtomicUsize>,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    stopped: Arc<AtomicBool>,
}

impl Ledger {
    /// What was accepted so far.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the publishers end.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    fn publish(&self, publish: impl FnOnce(&str) -> io::Result<By>) -> Result<usize, io::Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let by = publish(&tick(number))?;
        let accepted = Accepted { number, began, ended: Instant::now(), by };
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(accepted);
        Ok(number)
    }

    /// Publishes on random servers, until it is stopped.
    pub(crate) fn publish_by_http(&self, nodes: &Nodes, seed: u64, pace: Duration) {
        let mut random = Random(seed);
        while !self.stopped.load(Ordering::Acquire) {
            if let Some((addr, life)) = nodes.life(random.below(NODES)) {
                // A server that is killed answers nothing.
                let _ = self.publish(|body| post(addr, life, body));
            }
            sleep(pace);
        }
    }

    /// Publishes as a service does, until it is stopped.
    pub(crate) fn publish_by_redis(&self, address: SocketAddr, pace: Duration) {
        let mut socket = None;
        while !self.stopped.load(Ordering::Acquire) {
            if self.publish(|message| publish_once(&mut socket, address, message)).is_err() {
                socket = None;
            }
            sleep(pace);
        }
    }

    /// Publishes the last event; its number.
    pub(crate) fn publish_marker(&self, addr: SocketAddr) -> usize {
        let life = Life { node: NODES, number: 0 };
        self.publish(|body| post(addr, life, body)).expect("all is well")
    }
}

fn post(addr: SocketAddr, life: Life, body: &str) -> io::Result<By> {
    let mut socket = TcpStream::connect_timeout(&addr, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let headers = [("Content-Type", "application/json"), ("Connection", "close")];
    socket.write_all(&compose("POST", "/publish", &headers, body.as_bytes()))?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => {
            assert!(head.starts_with("HTTP/1.1 202 "), "{answer}");
            match serde_json::from_str::<serde_json::Value>(body)?["via"].as_str() {
                Some("redis") => Ok(By::Redis),
                Some("fallback") => Ok(By::Fallback(life)),
                via => panic!("published by {via:?}"),
            }
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn publish_once(
    socket: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    message: &str,
) -> io::Result<By> {
    let socket = match socket {
        Some(socket) => socket,
        None => {
            let new = TcpStream::connect_timeout(&address, PATIENCE)?;
            new.set_nodelay(true)?;
            new.set_read_timeout(Some(PATIENCE))?;
            socket.insert(BufReader::new(new))
        }
    };
    let command =
        format!("*3\r\n$7\r\nPUBLISH\r\n$13\r\norders.events\r\n${}\r\n{message}\r\n", message.len());
    socket.get_mut().write_all(command.as_bytes())?;
    let mut line = String::new();
    socket.read_line(&mut line)?;
    if line.starts_with(':') { Ok(By::Redis) } else { Err(io::Error::other(line)) }
}
