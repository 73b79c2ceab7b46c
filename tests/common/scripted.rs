//! A server that answers each request with what the test has written down, byte for byte, and keeps what was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Certificates;
use super::{DEADLINE, wait_until};

/// See the top of this file. The last answer is given again and again.
pub(crate) struct Scripted {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A connection, with TLS or without.
trait Duplex: Read + Write + Send {}

impl<T: Read + Write + Send> Duplex for T {}

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
        Self::serve(answers, |socket| Some(Box::new(socket)))
    }

    /// The same over TLS, with the server's certificate of these.
    pub(crate) fn start_tls(answers: Vec<Answer>, certificates: &Certificates) -> Self {
        let chain = CertificateDer::from_pem_file(certificates.server_certificate()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(certificates.server_key()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("they belong together");
        let config = Arc::new(config);
        Self::serve(answers, move |mut socket| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            tls.complete_io(&mut socket).ok()?;
            Some(Box::new(StreamOwned::new(tls, socket)))
        })
    }

    fn serve(
        answers: Vec<Answer>,
        open: impl Fn(TcpStream) -> Option<Box<dyn Duplex>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it listens");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            let (mut held, mut answered) = (Vec::new(), 0);
            loop {
                let Ok((socket, _)) = listener.accept() else { return };
                let _ = socket.set_read_timeout(Some(Duration::from_secs(5)));
                let Some(mut socket) = open(socket) else { continue };
                let Some(request) = read(&mut *socket) else { continue };
                kept.lock().expect("nobody panics with it").push(request);
                let bytes = match &answers[answered.min(answers.len() - 1)] {
                    Answer::Close(bytes) | Answer::Hold(bytes) => bytes,
                };
                let _ = socket.write_all(bytes.as_bytes()).and_then(|()| socket.flush());
                if matches!(&answers[answered.min(answers.len() - 1)], Answer::Hold(_)) {
                    held.push(socket);
                }
                answered += 1;
            }
        });
        Self { addr, requests }
    }

    /// The URL of this path on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
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
fn read(socket: &mut dyn Duplex) -> Option<String> {
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
