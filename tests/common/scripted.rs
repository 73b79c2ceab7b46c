//! A server that answers each request with what the test has written down, byte for byte, and keeps what was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{DEADLINE, wait_until};

/// See the top of this file. The last answer is given again and again.
pub(crate) struct Scripted {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What a connection is answered, and how it ends.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These bytes, then the connection is closed.
    Close(String),
    /// These bytes, then silence.
    Hold(String),
}

/// An answer with this status, these further header lines and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Answer {
    Answer::Close(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// The head of a stream and what follows.
pub(crate) fn stream(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{body}")
}

impl Scripted {
    /// Listens and answers, one connection after another.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it listens");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            let mut held = Vec::new();
            for n in 0.. {
                let Ok((mut socket, _)) = listener.accept() else { return };
                let Some(request) = read(&mut socket) else { continue };
                kept.lock().expect("nobody panics with it").push(request);
                let answer = &answers[n.min(answers.len() - 1)];
                match answer {
                    Answer::Close(bytes) => drop(socket.write_all(bytes.as_bytes())),
                    Answer::Hold(bytes) => {
                        let _ = socket.write_all(bytes.as_bytes());
                        held.push(socket);
                    }
                }
            }
        });
        Self { addr, requests }
    }

    /// The URL of this path on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Everything that was asked so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics with it").clone()
    }

    /// Waits for so many requests.
    pub(crate) fn wait_for_requests(&self, count: usize) -> Vec<String> {
        wait_until(&format!("{count} requests"), DEADLINE, || self.requests().len() >= count);
        self.requests()
    }
}

/// One request: its head, and a body of the length that it names.
fn read(socket: &mut TcpStream) -> Option<String> {
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let read = socket.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
