//! A client of TLS that the tests drive themselves, and what these tests ask of a server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::common::api::{last_id, post};
use super::common::http::{compose, find};
use super::common::secure::{Secure, socket};
use super::common::sse::{Item, Parser};
use super::common::{DEADLINE, wait_until};

impl Secure {
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.server.addr(), Arc::new(self.client()))
    }

    pub(crate) fn publish(&self, envelope: &str) {
        last_id(&post(self.admin, envelope.as_bytes()), 1);
    }

    /// curl with the authority's certificate, over this server's public side.
    pub(crate) fn curl(&self, args: &[&str], path: &str) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "20", "--noproxy", "*", "--cacert"]);
        command.arg(self.certificates.authority()).args(args);
        command.arg(format!("https://{}{path}", self.server.addr()));
        command.output().expect("scripts/test installs curl")
    }
}

/// A client over a socket that waits.
pub(crate) struct Client {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
    parser: Parser,
    items: Vec<Item>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(config, name).expect("a client");
        Self::of(StreamOwned::new(client, socket(addr)))
    }

    /// One that hardly has room for what it does not read.
    pub(crate) fn cramped(secure: &Secure) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(secure.client()), name).expect("a client");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("SO_RCVBUF");
        socket.connect(&secure.server.addr().into()).expect("the server accepts");
        socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
        Self::of(StreamOwned::new(client, socket.into()))
    }

    /// Asks so often for what is not there that a part of the answers stays with the server, and reads none of them.
    pub(crate) fn leaves_answers(mut self, secure: &Secure) -> Self {
        let request = compose("GET", "/nothing", &[], b"");
        let last = compose("GET", "/nothing", &[("Connection", "close")], b"");
        let mut other = secure.connect();
        other.stream.write_all(&last).expect("it is taken");
        // Less than what has a server read no further request.
        let count = 56 * 1024 / other.read_to_end().len();
        self.stream.write_all(&request.repeat(count)).expect("it is taken");
        wait_until("all is answered", DEADLINE, || {
            secure.metric("ssecast_requests_total{status=\"404\"}") == (count + 1) as f64
        });
        self
    }

    fn of(stream: StreamOwned<ClientConnection, TcpStream>) -> Self {
        Self { stream, parser: Parser::default(), items: Vec::new() }
    }

    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        while self.stream.conn.is_handshaking() {
            self.stream.conn.complete_io(&mut self.stream.sock)?;
        }
        Ok(())
    }

    pub(crate) fn ask(&mut self, path: &str) {
        self.stream.write_all(&compose("GET", path, &[], b"")).expect("it is taken");
    }

    /// The next head.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("ASCII")
    }

    pub(crate) fn open(mut self, path: &str) -> Self {
        self.ask(path);
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        self
    }

    /// The data of the next event.
    pub(crate) fn next(&mut self) -> String {
        loop {
            while !self.items.is_empty() {
                if let Item::Event(event) = self.items.remove(0)
                    && event.event != "ping"
                {
                    return event.data;
                }
            }
            let mut chunk = [0; 16 * 1024];
            let read = self.stream.read(&mut chunk).expect("an event");
            assert!(read > 0, "the stream ended");
            self.parser.push(&chunk[..read], &mut self.items);
        }
    }

    /// Reads to the end, which has to be said (RFC 8446 section 6.1), or it would be an error.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the end is said");
        rest
    }
}

/// Whether the other end closes or resets.
pub(crate) fn ends(socket: &mut TcpStream) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
