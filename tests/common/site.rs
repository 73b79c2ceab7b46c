//! A small web server of a test: it serves pages to a browser, takes what they report, or stands where a server of
//! ours would and writes down what a proxy sends it.
//!
//! HTTP/1.1 with keep-alive; every answer has a length; a thread per connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Which connection that was, by the order of their beginning.
    pub(crate) connection: usize,
    /// The request line.
    pub(crate) line: String,
    /// Names in lower case, values trimmed.
    pub(crate) headers: Vec<(String, String)>,
    /// The body as text.
    pub(crate) body: String,
}

impl Asked {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What it answers: status, media type, body.
pub(crate) type Answer = (u16, &'static str, String);

/// See the top of this file.
pub(crate) struct Site {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Asked) -> Answer + Send + Sync>,
    asked: Mutex<Vec<Asked>>,
    open: Mutex<Vec<TcpStream>>,
    stopped: Mutex<bool>,
}

impl Site {
    /// Serves on a port of the kernel's choice, or on one that the caller has claimed.
    pub(crate) fn start(port: u16, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            asked: Mutex::default(),
            open: Mutex::default(),
            stopped: Mutex::default(),
        });
        let serving = shared.clone();
        let thread = std::thread::spawn(move || serving.accept(&listener));
        Self { port, shared, thread: Some(thread) }
    }

    /// Where it serves.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All requests so far whose line contains this.
    pub(crate) fn asked(&self, line: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|one| one.line.contains(line)).cloned().collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        for connection in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for (number, connection) in listener.incoming().enumerate() {
            if *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) {
                return;
            }
            let Ok(connection) = connection else { continue };
            if let Ok(copy) = connection.try_clone() {
                self.open.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
            }
            let serving = self.clone();
            std::thread::spawn(move || serving.serve(number, connection));
        }
    }

    fn serve(&self, number: usize, connection: TcpStream) {
        let Ok(mut out) = connection.try_clone() else { return };
        let mut reader = BufReader::new(connection);
        while let Some(asked) = read(&mut reader, number) {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            let (status, kind, body) = (self.answer)(&asked);
            let head = format!(
                "HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
                 Cache-Control: no-store\r\n\r\n",
                body.len()
            );
            let is_last = asked.all("connection").iter().any(|value| value.eq_ignore_ascii_case("close"));
            if out.write_all(format!("{head}{body}").as_bytes()).is_err() || is_last {
                let _ = out.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

fn read(reader: &mut impl BufRead, connection: usize) -> Option<Asked> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let line = lines.next()?;
    let headers: Vec<(String, String)> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { connection, line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
