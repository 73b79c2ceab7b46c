//! TLS at the public listener, by clients of others (curl, openssl) and by one that the tests drive themselves.

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use common::api::{last_id, post};
use common::certificates::Certificates;
use common::dir::TestDir;
use common::events::{big_tick, tick, tick_data};
use common::http::{Conn, compose, find, get};
use common::installed::skipped;
use common::secure::{Secure, client_of, endless_hello, hello, socket};
use common::server::{Setup, wait_for_log};
use common::sse::{Item, Parser};
use common::{DEADLINE, wait_until};

impl Secure {
    fn connect(&self) -> Client {
        Client::connect(self.server.addr(), Arc::new(self.client()))
    }

    fn publish(&self, envelope: &str) {
        last_id(&post(self.admin, envelope.as_bytes()), 1);
    }

    /// curl with the authority's certificate, over this server's public side.
    fn curl(&self, args: &[&str], path: &str) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "20", "--noproxy", "*", "--cacert"]);
        command.arg(self.certificates.authority()).args(args);
        command.arg(format!("https://{}{path}", self.server.addr()));
        command.output().expect("scripts/test installs curl")
    }
}

/// A client over a socket that waits.
struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    parser: Parser,
    items: Vec<Item>,
}

impl Client {
    fn connect(addr: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(config, name).expect("a client");
        Self::of(StreamOwned::new(client, socket(addr)))
    }

    /// One that hardly has room for what it does not read.
    fn cramped(secure: &Secure) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(secure.client()), name).expect("a client");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("SO_RCVBUF");
        socket.connect(&secure.server.addr().into()).expect("the server accepts");
        socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
        Self::of(StreamOwned::new(client, socket.into()))
    }

    /// Asks so often for what is not there that a part of the answers stays with the server, and reads none of them.
    fn leaves_answers(mut self, secure: &Secure) -> Self {
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

    fn shake_hands(&mut self) -> io::Result<()> {
        while self.stream.conn.is_handshaking() {
            self.stream.conn.complete_io(&mut self.stream.sock)?;
        }
        Ok(())
    }

    fn ask(&mut self, path: &str) {
        self.stream.write_all(&compose("GET", path, &[], b"")).expect("it is taken");
    }

    /// The next head.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("ASCII")
    }

    fn open(mut self, path: &str) -> Self {
        self.ask(path);
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        self
    }

    /// The data of the next event.
    fn next(&mut self) -> String {
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
    fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the end is said");
        rest
    }
}

/// Whether the other end closes or resets.
fn ends(socket: &mut TcpStream) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

// ---- clients of others

#[test]
fn curl_speaks_every_version_and_falls_back_to_http_1() {
    if skipped("curl") {
        return;
    }
    let secure = Secure::start();
    secure.publish(&tick(1));
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"], &["--http2"], &["--http1.1"]] {
        let output = secure.curl(version, "/events?lastEventId=earliest&limit=1");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{version:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(said.starts_with("HTTP/1.1 200") && said.contains(&tick_data(1)), "{version:?}: {said}");
    }
    let refused = secure.curl(&["--tlsv1.0", "--tls-max", "1.1"], "/events");
    assert!(!refused.status.success());
}

#[test]
fn only_the_newest_version_where_that_is_wished_for() {
    let secure = Secure::with(|setup| setup.flag("--tls-min-version", "1.3"));
    let config = client_of(&secure.certificates, &[&rustls::version::TLS12]);
    let error = Client::connect(secure.server.addr(), Arc::new(config)).shake_hands().unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    secure.connect().shake_hands().expect("1.3 is spoken");
}

/// RFC 7301 section 3.2: who offers nothing that we speak is told so.
#[test]
fn a_client_of_http_2_alone_is_refused_by_an_alert() {
    let secure = Secure::start();
    let mut config = secure.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = Client::connect(secure.server.addr(), Arc::new(config)).shake_hands().unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    secure.wait_for_closed("tls-handshake", 1.0);
}

#[test]
fn openssl_is_refused_to_agree_on_keys_anew() {
    if skipped("openssl") {
        return;
    }
    let secure = Secure::start();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-tls1_2", "-connect", &secure.server.addr().to_string(), "-CAfile"]);
    command.arg(secure.certificates.authority());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("scripts/test installs openssl");
    let mut input = child.stdin.take().expect("a pipe");
    wait_until("keys are agreed on", DEADLINE, || {
        secure.metric("ssecast_tls_handshakes_total{kind=\"full\"}") == 1.0
    });
    // A line with an R asks for it, twice; the second time is one too many.
    for _ in 0..2 {
        let _ = input.write_all(b"R\n");
        let _ = input.flush();
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert_eq!(secure.metric("ssecast_tls_handshakes_total{kind=\"full\"}"), 1.0);
    secure.connect().shake_hands().expect("it goes on");
}

// ---- streams

#[test]
fn a_stream_ends_with_a_word() {
    let mut secure = Secure::with(|setup| setup.flag("--server-drain", "1s"));
    let mut limited = secure.connect().open("/events?limit=2");
    let mut drained = secure.connect().open("/events");
    for n in 0..2 {
        secure.publish(&tick(n));
        assert_eq!(limited.next(), tick_data(n));
    }
    limited.read_to_end();
    secure.server.signal(Signal::TERM);
    let rest = drained.read_to_end();
    assert!(find(&rest, b"retry: ").is_some() && find(&rest, tick_data(1).as_bytes()).is_some());
    assert_eq!(secure.server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn an_answer_ends_with_a_word() {
    let secure = Secure::start();
    let mut client = secure.connect();
    client
        .stream
        .write_all(&compose("GET", "/nothing", &[("Connection", "close")], b""))
        .expect("it is taken");
    let answer = client.read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
    // Two at once are answered in order, and so is one in pieces.
    let mut client = secure.connect();
    client.stream.write_all(&compose("HEAD", "/events", &[], b"")).expect("it is taken");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    let mut client = secure.connect();
    for byte in compose("GET", "/nothing", &[("Connection", "close")], b"") {
        client.stream.write_all(&[byte]).expect("it is taken");
        client.stream.flush().expect("it is taken");
    }
    assert!(client.read_to_end().starts_with(b"HTTP/1.1 404"));
}

#[test]
fn who_comes_back_is_known_again() {
    let secure = Secure::start();
    for (version, resumed) in [(&rustls::version::TLS13, 1.0), (&rustls::version::TLS12, 2.0)] {
        let config = Arc::new(client_of(&secure.certificates, &[version]));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::connect(secure.server.addr(), Arc::clone(&config)).open("/events");
            assert_eq!(client.stream.conn.handshake_kind(), Some(kind), "{version:?}");
            // The ticket comes with the first bytes, or before.
            client.stream.conn.send_close_notify();
            let _ = client.stream.flush();
        }
        assert_eq!(secure.metric("ssecast_tls_handshakes_total{kind=\"resumed\"}"), resumed);
    }
}

/// One that does not read is closed and named, and holds little; one that reads again gets every byte in order.
#[test]
fn a_slow_client_is_held_to_its_bound_and_one_that_reads_again_gets_everything() {
    let secure = Secure::with(|setup| {
        setup.flag("--stream-buffer-bytes", "1MiB").flag("--stream-sndbuf-bytes", "16KiB")
    });
    let mut late = secure.connect().open("/events");
    let stalled = secure.connect().open("/events");
    for n in 0..12 {
        secure.publish(&big_tick(n, 50_000));
    }
    // It is blocked, with a part of a record waiting.
    wait_until("clients lag", DEADLINE, || {
        get(secure.admin, "/clients").text().matches("\"blocked\":true").count() == 2
    });
    for n in 0..12 {
        assert!(late.next().starts_with(&format!("{{\"n\":{n},")), "{n}");
    }
    for n in 12..60 {
        secure.publish(&big_tick(n, 50_000));
        assert!(late.next().starts_with(&format!("{{\"n\":{n},")), "{n}");
    }
    secure.wait_for_closed("overrun", 1.0);
    drop(stalled);
}

#[test]
fn a_client_that_takes_nothing_for_long_is_closed() {
    let secure = Secure::with(|setup| {
        setup.flag("--stream-stall-timeout", "300ms").flag("--stream-sndbuf-bytes", "16KiB")
    });
    let _stalled = secure.connect().open("/events");
    // More than the sockets hold.
    for n in 0..200 {
        secure.publish(&big_tick(n, 50_000));
        if secure.closed("stalled") + secure.closed("overrun") > 0.0 {
            return;
        }
    }
    wait_until("it is closed", DEADLINE, || secure.closed("stalled") + secure.closed("overrun") == 1.0);
}

/// The last bytes of a stream that is over may still be with the server when it is told to end.
#[test]
fn a_server_that_ends_gives_the_last_bytes_first() {
    let mut secure =
        Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB").flag("--server-drain", "5s"));
    let mut over = Vec::new();
    // Until one is too long to be taken, those before it were taken in part.
    for kib in (4..).step_by(4) {
        let client = Client::cramped(&secure).open("/events?limit=1");
        secure.publish(&big_tick(kib, kib * 1024));
        let is_blocked = || get(secure.admin, "/clients").text().contains("\"blocked\":true");
        wait_until("it is sent", DEADLINE, || {
            secure.closed("limit") == (over.len() + 1) as f64 || is_blocked()
        });
        if is_blocked() {
            break;
        }
        over.push((kib, client));
    }
    wait_until("the one that was blocked is gone", DEADLINE, || {
        get(secure.admin, "/clients").text().contains("\"total\":0")
    });
    secure.server.signal(Signal::TERM);
    wait_for_log(&secure.server, 0, "draining");
    for (kib, client) in over.iter_mut().rev() {
        assert!(client.next().starts_with(&format!("{{\"n\":{kib},")));
        client.read_to_end();
    }
    assert_eq!(secure.server.wait_for_exit(DEADLINE), 0);
}

// ---- hostile ones

/// It is gone when its stream is to begin, and left a part of the answers before it.
#[test]
fn a_client_that_resets_as_its_stream_begins_is_closed_and_no_more() {
    let secure = Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB"));
    let mut client = Client::cramped(&secure).leaves_answers(&secure);
    // What it asks for and that it is gone come at once.
    secure.server.signal(Signal::STOP);
    client.ask("/events");
    SockRef::from(&client.stream.sock).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(client);
    secure.server.signal(Signal::CONT);
    secure.wait_for_closed("client", 1.0);
    secure.connect().open("/events");
}

#[test]
fn a_diagnosis_behind_answers_that_are_not_taken_is_given_up_as_late() {
    let secure = Secure::with(|setup| setup.flag("--stream-sndbuf-bytes", "16KiB"));
    let mut client = Client::cramped(&secure).leaves_answers(&secure);
    client.ask("/diagnose");
    secure.wait_for_closed("write-timeout", 1.0);
    assert_eq!(secure.metric("ssecast_transmission_errors_total"), 0.0);
    assert!(secure.connect().open("/diagnose").read_to_end().ends_with(b"\n\n"));
}

#[test]
fn plain_http_is_told_that_this_is_tls() {
    let secure = Secure::start();
    let answer = get(secure.server.addr(), "/events");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("this port speaks TLS"), "{}", answer.text());
    let mut conn = Conn::open(secure.server.addr());
    conn.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(conn.read_response("GET").status, 400);
    secure.wait_for_closed("tls-plaintext", 2.0);
    assert_eq!(get(secure.admin, "/healthz").status, 200, "the admin side is in the clear");
}

#[test]
fn the_program_knows_that_it_is_well_where_nothing_but_tls_is_spoken() {
    let certificates = Certificates::new();
    let text = |path: std::path::PathBuf| path.to_str().expect("a path of a test").to_owned();
    let (cert, key) = (text(certificates.server_certificate()), text(certificates.server_key()));
    let secure = |setup: Setup| setup.flag("--tls-cert-file", &cert).flag("--tls-key-file", &key);
    let server = secure(Setup::new()).start();
    let health = || Setup::bare().arg("health").flag("--listen", &server.addr().to_string());
    let finished = secure(health()).run();
    assert_eq!((finished.code, finished.stderr), (Some(0), String::new()));
    let finished = health().run();
    assert!(finished.code == Some(1) && finished.stderr.contains("400"), "{finished:?}");
}

#[test]
fn a_handshake_that_stalls_is_given_up_in_time() {
    let secure = Secure::with(|setup| setup.flag("--limits-head-timeout", "400ms"));
    let start = Instant::now();
    let hello = hello(secure.client());
    let [mut silent, mut half, mut whole, mut trickling] = [(); 4].map(|()| socket(secure.server.addr()));
    half.write_all(&hello[..hello.len() / 2]).expect("it is taken");
    whole.write_all(&hello).expect("it is taken");
    for byte in &hello[..40] {
        if trickling.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for socket in [&mut silent, &mut half, &mut whole, &mut trickling] {
        assert!(ends(socket));
    }
    assert!(start.elapsed() < DEADLINE);
    secure.wait_for_closed("tls-timeout", 3.0);
    secure.wait_for_closed("silent", 1.0);
}

/// Records that are not complete are held like requests that are not.
#[test]
fn unfinished_records_count_as_requests_do() {
    const BUDGET: usize = 1 << 20;
    let secure = Secure::with(|setup| {
        setup
            .flag("--limits-parser-bytes", &BUDGET.to_string())
            .flag("--limits-body-bytes", "64 KiB")
            .flag("--limits-event-bytes", "64 KiB")
            .flag("--limits-head-timeout", "60s")
    });
    let held = || secure.metric("ssecast_parser_bytes");
    // In the handshake...
    let half: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut socket = socket(secure.server.addr());
            socket.write_all(&endless_hello()).expect("it is taken");
            socket
        })
        .collect();
    wait_until("all of it is counted", DEADLINE, || held() >= 20.0 * 16_384.0);
    assert!(held() < 24.0 * 16_384.0, "{}", held());
    // ...and after it.
    let mut client = secure.connect();
    client.shake_hands().expect("it is served");
    client.stream.sock.write_all(&[23, 3, 3, 0x40, 0]).expect("it is taken");
    client.stream.sock.write_all(&[7; 16_000]).expect("it is taken");
    wait_until("that is counted, too", DEADLINE, || held() >= 20.0 * 16_384.0 + 16_000.0);
    drop((half, client));
    wait_until("nothing is held", DEADLINE, || held() < 4096.0);

    // More than there is room for: who holds the most goes, and the others are served.
    let mut greedy: Vec<TcpStream> = (0..100).map(|_| socket(secure.server.addr())).collect();
    for socket in &mut greedy {
        let _ = socket.write_all(&endless_hello());
        assert!(held() <= BUDGET as f64);
    }
    wait_until("some of them are closed", DEADLINE, || secure.closed("memory") >= 30.0);
    assert!(held() > BUDGET as f64 / 2.0, "and no more than have to be: {}", held());
    secure.connect().open("/events");
}

/// A stream's client has little to say, and no record that is longer.
#[test]
fn a_stream_holds_no_long_record() {
    let secure = Secure::start();
    let mut client = secure.connect().open("/events");
    client.stream.sock.write_all(&[23, 3, 3, 0x40, 0]).expect("it is taken");
    client.stream.sock.write_all(&[7; 3000]).expect("it is taken");
    secure.publish(&tick(1));
    assert_eq!(client.next(), tick_data(1), "it may still be complete in time");
    let _ = client.stream.sock.write_all(&[7; 8000]);
    secure.wait_for_closed("input", 1.0);
}

#[test]
fn a_client_that_vanishes_or_says_nonsense_is_closed_and_counted() {
    let secure = Secure::start();
    let hello = hello(secure.client());
    let mut vanishing = socket(secure.server.addr());
    vanishing.write_all(&hello).expect("it is taken");
    vanishing.read_exact(&mut [0; 5]).expect("our part of the handshake");
    drop(vanishing);
    secure.wait_for_closed("tls-handshake", 1.0);
    let mut endless = vec![22, 3, 1, 64, 0, 1, 0, 255, 255];
    endless.resize(40_000, 22);
    let nonsense: [&[u8]; 6] = [
        &[0; 100],
        &[255; 100],
        b"\x16\x03\x01\x00\x05hello",
        b"*1\r\n$4\r\nPING\r\n",
        &[21, 3, 3, 0, 2, 2, 40],
        &endless,
    ];
    for bytes in nonsense {
        let mut socket = socket(secure.server.addr());
        let _ = socket.write_all(bytes);
        assert!(ends(&mut socket), "{:?}", &bytes[..5]);
    }
    secure.wait_for_closed("tls-handshake", 1.0 + nonsense.len() as f64);
    secure.connect().shake_hands().expect("others are served");
}

#[test]
fn a_client_may_end_before_it_asks() {
    let secure = Secure::start();
    let mut client = secure.connect();
    client.shake_hands().expect("it is served");
    client.stream.conn.send_close_notify();
    client.stream.flush().expect("it is taken");
    client.read_to_end();
    secure.wait_for_closed("client", 1.0);
}

#[test]
fn floods_of_the_protocol_itself_are_cut_off() {
    let secure = Secure::start();
    // New keys, again and again (RFC 8446 section 4.6.3).
    let mut client = secure.connect().open("/events");
    let mut sent = 0;
    while sent < 10_000 && client.stream.conn.refresh_traffic_keys().is_ok() && client.stream.flush().is_ok()
    {
        sent += 1;
    }
    secure.wait_for_closed("tls-error", 1.0);
    assert!(sent < 10_000);
    // A byte to a record, which is more than a stream's client has to say.
    let mut client = secure.connect().open("/events");
    for _ in 0..20_000 {
        if client.stream.write_all(b"x").and_then(|()| client.stream.flush()).is_err() {
            break;
        }
    }
    secure.wait_for_closed("input", 1.0);
    // What cannot be opened.
    let mut client = secure.connect().open("/events");
    client
        .stream
        .sock
        .write_all(&[23, 3, 3, 0, 20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
        .expect("sent");
    secure.wait_for_closed("tls-error", 2.0);
}

#[test]
fn many_handshakes_at_once_stop_nobody() {
    let secure = Secure::start();
    let mut stream = secure.connect().open("/events");
    let config = Arc::new(secure.client());
    let hello = hello(secure.client());
    let mut half: Vec<TcpStream> = (0..300).map(|_| socket(secure.server.addr())).collect();
    for socket in &mut half {
        socket.write_all(&hello).expect("it is taken");
    }
    for n in 0..20 {
        secure.publish(&tick(n));
        assert_eq!(stream.next(), tick_data(n));
    }
    for socket in &mut half {
        socket.read_exact(&mut [0; 5]).expect("each gets its answer");
    }
    drop(half);
    Client::connect(secure.server.addr(), config).open("/events");
}

// ---- certificates

/// The certificate that a new client is shown.
fn shown(secure: &Secure, trusted: &Certificates) -> CertificateDer<'static> {
    let mut client =
        Client::connect(secure.server.addr(), Arc::new(client_of(trusted, rustls::DEFAULT_VERSIONS)));
    client.shake_hands().expect("the certificate is good");
    client.stream.conn.peer_certificates().expect("it is shown")[0].clone().into_owned()
}

#[test]
fn a_reload_takes_a_new_certificate_and_drops_no_stream() {
    let secure = Secure::start();
    let mut stream = secure.connect().open("/events");
    let before = shown(&secure, &secure.certificates);
    let other = Certificates::new();
    let copy =
        |from: std::path::PathBuf, to: std::path::PathBuf| std::fs::copy(from, to).expect("they are ours");
    copy(other.server_certificate(), secure.certificates.server_certificate());

    // The key does not belong to it yet.
    secure.server.signal(Signal::HUP);
    wait_for_log(&secure.server, 0, "not reloaded");
    assert!(secure.server.log().contains("is not the key to the certificate"), "{}", secure.server.log());
    assert_eq!(shown(&secure, &secure.certificates), before);

    copy(other.server_key(), secure.certificates.server_key());
    secure.server.signal(Signal::HUP);
    wait_for_log(&secure.server, 0, "configuration reloaded");
    assert_ne!(shown(&secure, &other), before);
    secure.publish(&tick(1));
    assert_eq!(stream.next(), tick_data(1));
}

#[test]
fn what_is_wrong_with_a_file_is_said_at_start_and_by_check() {
    let (one, other, dir) = (Certificates::new(), Certificates::new(), TestDir::new("tls"));
    let text = |path: std::path::PathBuf| path.to_str().expect("a path of a test").to_owned();
    let empty = text(dir.write("empty.pem", "nothing\n"));
    let (cert, key) = (text(one.server_certificate()), text(one.server_key()));
    let missing = text(dir.path().join("missing.pem"));
    for (cert, key, parts) in [
        (&empty, &key, ["tls.cert_file", "empty.pem: holds no certificate"]),
        (&missing, &key, ["tls.cert_file", "missing.pem: cannot be read"]),
        (&cert, &missing, ["tls.key_file", "missing.pem: cannot be read"]),
        (&cert, &empty, ["tls.key_file", "empty.pem: holds no private key"]),
        (&cert, &text(other.server_key()), ["tls.key_file", "is not the key to the certificate"]),
    ] {
        for command in ["serve", "check"] {
            let setup = Setup::bare().arg(command).flag("--listen", "127.0.0.1:0");
            let finished = setup.flag("--tls-cert-file", cert).flag("--tls-key-file", key).run();
            assert_eq!(finished.code, Some(2), "{finished:?}");
            assert!(parts.iter().all(|part| finished.stderr.contains(part)), "{parts:?}: {finished:?}");
        }
    }
    let finished = Setup::bare().arg("check").flag("--tls-cert-file", &cert).run();
    assert!(finished.code == Some(2) && finished.stderr.contains("belong together"), "{finished:?}");
}
