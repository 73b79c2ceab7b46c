//! Two listeners: the public one has the streams, the admin one (`server.admin_listen`) everything; an address or a
//! socket file.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use common::api::{assert_idle, last_id, post, problem};
use common::dir::TestDir;
use common::events::{tick, tick_data};
use common::http::{Conn, compose, get, request};
use common::installed::skipped;
use common::server::{Server, Setup};
use common::stream::Stream;
use common::{DEADLINE, wait_until};

/// What is on the admin side only, with a method that each takes.
const HIDDEN: [(&str, &str); 10] = [
    ("POST", "/publish"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/stats"),
    ("GET", "/clients"),
    ("GET", "/recent"),
    ("GET", "/"),
    ("GET", "/page/page.js"),
    ("PUT", "/admin/mode"),
];

/// How long the end of a connection may take that was closed at once.
const TOLD: Duration = Duration::from_millis(200);

/// A server whose admin side has a port of its own.
fn apart() -> Setup {
    Setup::new().flag("--server-admin-listen", "127.0.0.1:0")
}

/// A folder with a place for a socket file.
struct Place {
    dir: TestDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: TestDir::new("socket") }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// A server with its admin side there.
    fn setup(&self) -> Setup {
        Setup::new().flag("--server-admin-listen", &format!("unix:{}", self.path().display()))
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).expect("the server listens there");
        stream.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
        stream
    }

    /// The whole answer to one request; empty when there was none.
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut stream = self.connect();
        let headers = [headers, &[("Connection", "close")]].concat();
        let _ = stream.write_all(&compose(method, target, &headers, body));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).expect("text")
    }

    fn get(&self, target: &str) -> String {
        self.ask("GET", target, &[], b"")
    }
}

/// The status of a whole answer.
fn status(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1)?.parse().ok()
}

// ---- what is where

#[test]
fn the_public_side_has_the_stream_and_says_nothing_of_the_rest() {
    let server = apart().start();
    let unknown = problem(&get(server.addr(), "/nothing"));
    for (method, path) in HIDDEN {
        for method in [method, "GET", "HEAD", "OPTIONS", "DELETE"] {
            let answer = request(server.addr(), method, path, &[("Connection", "close")], b"");
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.header("allow"), None, "{method} {path}");
            if method != "HEAD" {
                assert_eq!(problem(&answer), unknown, "{method} {path} differs from what is nowhere");
            }
        }
    }
    assert_eq!(unknown["detail"], "nothing is here; there are /events, /diagnose");
    let mut conn = Conn::open(server.addr());
    conn.send(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(conn.read_response("OPTIONS").header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(request(server.addr(), "OPTIONS", "/events", &[], b"").status, 204);
    assert_eq!(request(server.addr(), "POST", "/events", &[("Connection", "close")], b"").status, 405);
}

#[test]
fn the_admin_side_has_everything() {
    let server = apart().start();
    let admin = server.admin_addr();
    let mut streams = [server.addr(), admin].map(|addr| Stream::open_with(addr, "/events", &[]));
    last_id(&post(admin, tick(1).as_bytes()), 1);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
    }
    for path in ["/healthz", "/readyz", "/metrics", "/stats", "/clients", "/recent", "/", "/page/page.js"] {
        assert_eq!(get(admin, path).status, 200, "{path}");
    }
    let headers = [("Content-Type", "application/json"), ("Connection", "close")];
    let answer = request(admin, "PUT", "/admin/mode", &headers, br#"{"mode":"local"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(get(admin, "/nothing").text().contains("/publish"));
    let listed = get(admin, "/clients").text();
    for stream in &streams {
        assert!(listed.contains(&stream.local_addr().to_string()), "{listed}");
    }
}

/// Elsewhere `/stats` and `/clients` are for this machine only where streams need a token; the door decides here.
#[test]
fn whoever_reaches_the_admin_side_sees_everything() {
    let server = apart().flag("--auth-subscribe-tokens", "subscriber-of-events").start();
    for target in ["/stats", "/clients", "/metrics"] {
        let forwarded = [("X-Forwarded-For", "192.0.2.1")];
        assert_eq!(request(server.admin_addr(), "GET", target, &forwarded, b"").status, 200, "{target}");
        assert_eq!(request(server.addr(), "GET", target, &[], b"").status, 404, "{target}");
    }
}

#[test]
fn without_an_admin_side_everything_is_in_one_place() {
    let server = Server::start();
    assert_eq!(get(server.addr(), "/metrics").status, 200);
    assert!(!server.log().contains("admin side"), "{}", server.log());
}

// ---- the socket file

#[test]
fn curl_asks_at_the_socket_file() {
    if skipped("curl") {
        return;
    }
    let place = Place::new();
    let server = place.setup().start();
    let curl = |args: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20", "-w", "\n%{http_code}", "--unix-socket"]).arg(place.path());
        let output = command.args(args).output().expect("scripts/test installs curl");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (body, code) = text.rsplit_once('\n').expect("the code has a line");
        (code.to_owned(), body.to_owned())
    };
    assert_eq!(curl(&["http://localhost/healthz"]), ("200".into(), r#"{"status":"ok"}"#.into()));
    let mut stream = Stream::open(&server);
    let json = ["-H", "Content-Type: application/json"];
    let (code, body) = curl(&[&json[..], &["http://a/publish", "-d", &tick(1)]].concat());
    assert_eq!(code, "202", "{body}");
    assert_eq!(stream.next().data, tick_data(1));
    let (code, body) = curl(&["http://a/events?lastEventId=earliest&limit=1"]);
    assert!(code == "200" && body.contains(&tick_data(1)), "{code} {body}");
    let mode = [&json[..], &["-X", "PUT", "http://a/admin/mode", "-d", r#"{"mode":"local"}"#]].concat();
    assert_eq!(curl(&mode).0, "200");
    for header in ["Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "Origin: https://a.example"] {
        assert_eq!(curl(&[&mode[..], &["-H", header]].concat()).0, "403", "{header}");
    }
}

#[test]
fn who_comes_by_the_socket_file_is_listed_and_counts_for_no_address() {
    let place = Place::new();
    let server = place.setup().flag("--limits-connections-per-ip", "1").start();
    let mut streams: Vec<UnixStream> = (0..3).map(|_| place.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&compose("GET", "/events", &[], b"")).expect("it is read");
    }
    let mut body = String::new();
    wait_until("three streams are listed", DEADLINE, || {
        body = place.get("/clients");
        body.contains(r#""total":3"#)
    });
    assert_eq!(body.matches(r#""address":"unix""#).count(), 3, "{body}");
    let _one = Stream::open(&server);
    let mut second = Stream::open(&server);
    second.expect_end();
}

#[test]
fn the_socket_file_has_its_mode_whatever_the_umask_and_goes_at_the_end() {
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    for (flag, umask, expected) in [(None, "0077", 0o660), (None, "0", 0o660), (Some("0600"), "0", 0o600)] {
        let place = Place::new();
        let mut setup = place.setup().shell(&format!("umask {umask}"));
        if let Some(flag) = flag {
            setup = setup.flag("--server-admin-socket-mode", flag);
        }
        let mut server = setup.start();
        assert_eq!(mode(&place.path()), expected);
        assert_eq!(status(&place.get("/healthz")), Some(200));
        server.signal(Signal::TERM);
        assert_eq!(server.wait_for_exit(DEADLINE), 0);
        assert!(!place.path().exists());
    }
}

#[test]
fn a_socket_file_that_was_left_is_replaced() {
    let place = Place::new();
    let mut killed = place.setup().start();
    killed.signal(Signal::KILL);
    killed.wait_for_exit(DEADLINE);
    assert!(place.path().exists());
    let server = place.setup().start();
    assert_eq!(status(&place.get("/healthz")), Some(200));
    assert!(server.log().contains("is replaced"), "{}", server.log());
}

#[test]
fn a_socket_file_in_use_is_an_address_in_use() {
    let place = Place::new();
    let _server = place.setup().start();
    let finished = place.setup().run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    assert!(finished.stderr.contains("server.admin_listen: unix:"), "{finished:?}");
    assert_eq!(status(&place.get("/healthz")), Some(200), "the first one goes on");
    // So is one of another program that is too busy to accept.
    let other = Place::new();
    let _listener = UnixListener::bind(other.path()).expect("a free name");
    assert_eq!(other.setup().run().code, Some(98));
}

#[test]
fn a_file_that_is_no_socket_stays() {
    let place = Place::new();
    place.dir.write("admin.sock", "precious");
    let finished = place.setup().run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no socket"), "{finished:?}");
    assert_eq!(fs::read(place.path()).expect("it is there"), b"precious");
}

#[test]
fn an_admin_address_in_use_is_an_address_in_use() {
    let server = Server::start();
    let finished = Setup::new().flag("--server-admin-listen", &server.addr().to_string()).run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    assert!(finished.stderr.contains("server.admin_listen"), "{finished:?}");
}

// ---- who may start

#[test]
fn publishing_that_others_reach_is_refused_at_start() {
    let check = |flags: &[(&str, &str)]| {
        let setup =
            flags.iter().fold(Setup::bare().arg("check"), |setup, (name, value)| setup.flag(name, value));
        let finished = setup.run();
        (finished.code, finished.stderr)
    };
    let (code, text) = check(&[("--listen", "0.0.0.0:80")]);
    assert_eq!(code, Some(2), "{text}");
    for way in ["server.admin_listen", "auth.publish_tokens", "auth.open_publish"] {
        assert!(text.contains(way), "{way} is not in {text}");
    }
    let (code, text) = check(&[("--server-admin-listen", "0.0.0.0:81")]);
    assert!(code == Some(2) && text.contains("error: server.admin_listen"), "{text}");
    for admin in ["127.0.0.1:81", "[::1]:81", "unix:/run/a.sock"] {
        let (code, text) = check(&[("--listen", "0.0.0.0:80"), ("--server-admin-listen", admin)]);
        assert_eq!((code, text.as_str()), (Some(0), ""), "{admin}");
    }
}

#[test]
fn who_listens_everywhere_with_an_admin_side_of_its_own_publishes_there_only() {
    let place = Place::new();
    let setup = Setup::bare().flag("--listen", "0.0.0.0:0");
    let server = setup.flag("--server-admin-listen", &format!("unix:{}", place.path().display())).start();
    let public = SocketAddr::from(([127, 0, 0, 1], server.addr().port()));
    let mut stream = Stream::open_with(public, "/events", &[]);
    assert_eq!(post(public, tick(1).as_bytes()).status, 404);
    let json = [("Content-Type", "application/json")];
    assert_eq!(status(&place.ask("POST", "/publish", &json, tick(2).as_bytes())), Some(202));
    assert_eq!(stream.next().data, tick_data(2));
}

// ---- caps and descriptors

#[test]
fn the_admin_side_answers_when_the_public_one_is_full() {
    let server = apart().flag("--limits-connections", "2").start();
    let admin = server.admin_addr();
    let _full: Vec<Stream> = (0..2).map(|_| Stream::open(&server)).collect();
    let mut shed = Stream::open(&server);
    shed.expect_end();
    // Also when there is no more room for those who are told so.
    let _silent: Vec<Conn> = (0..60).map(|_| Conn::open(server.addr())).collect();
    for _ in 0..10 {
        assert_eq!(get(admin, "/healthz").status, 200);
    }
    last_id(&post(admin, tick(1).as_bytes()), 1);
    assert_eq!(get(admin, "/stats").json()["connections"]["streams"], 2);
}

#[test]
fn the_admin_side_has_a_cap_of_its_own() {
    let server = apart().flag("--limits-admin-connections", "2").start();
    let admin = server.admin_addr();
    let full: Vec<Stream> = (0..2).map(|_| Stream::open_with(admin, "/events", &[])).collect();
    let answer = get(admin, "/healthz");
    assert_eq!(answer.status, 503, "{}", answer.text());
    let mut public: Vec<Stream> = (0..5).map(|_| Stream::open(&server)).collect();
    drop(full);
    wait_until("there is room again", DEADLINE, || get(admin, "/healthz").status == 200);
    last_id(&post(admin, tick(1).as_bytes()), 1);
    for stream in &mut public {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

/// EMFILE at both listeners: each comes back by itself.
#[test]
fn both_sides_survive_a_lack_of_descriptors() {
    let place = Place::new();
    let server = place.setup().start();
    let mut stream = Stream::open(&server);
    let text = place.get("/metrics");
    let open = text.lines().find_map(|line| line.strip_prefix("process_open_fds ")?.parse::<f64>().ok());
    server.limit_descriptors(Some(open.expect("a gauge") as u64 + 1));
    let mut conns: Vec<Conn> = (0..20).map(|_| Conn::open(server.addr())).collect();
    let unix: Vec<UnixStream> = (0..20).map(|_| place.connect()).collect();
    let ended = conns.iter_mut().filter_map(|conn| conn.ends_within(TOLD).then_some(())).count();
    assert!(ended >= 15, "who finds no descriptor is told at once: {ended}");
    let is_told = |mut conn: UnixStream| {
        conn.set_read_timeout(Some(TOLD)).expect("SO_RCVTIMEO");
        conn.read(&mut [0]).ok() == Some(0)
    };
    let ended = unix.into_iter().map(is_told).filter(|told| *told).count();
    assert!(ended >= 15, "at the socket file, too: {ended}");
    assert_idle(&server);

    server.limit_descriptors(None);
    let mut fresh = Stream::open(&server);
    let json = [("Content-Type", "application/json")];
    wait_until("it takes an event", DEADLINE, || {
        status(&place.ask("POST", "/publish", &json, tick(1).as_bytes())) == Some(202)
    });
    for stream in [&mut stream, &mut fresh] {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

/// However few descriptors there are, both sides serve somebody.
#[test]
fn few_descriptors_are_shared() {
    let server = apart().shell("ulimit -n 100").start();
    let admin = server.admin_addr();
    let mut flood: Vec<Conn> = (0..100).map(|_| Conn::open(server.addr())).collect();
    for conn in &mut flood {
        conn.send(&compose("GET", "/events", &[], b""));
    }
    assert_eq!(get(admin, "/healthz").status, 200);
}

// ---- ending

#[test]
fn both_sides_are_drained() {
    let mut server = apart().flag("--server-drain", "3s").start();
    let admin = server.admin_addr();
    let mut streams = [server.addr(), admin].map(|addr| Stream::open_with(addr, "/events", &[]));
    server.signal(Signal::TERM);
    wait_until("it is not ready", DEADLINE, || get(admin, "/readyz").status == 503);
    assert_eq!(get(admin, "/healthz").status, 200);
    for stream in &mut streams {
        stream.expect_end();
        assert!(stream.retry.is_some());
    }
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

/// The port is left to the others; the admin side has none.
#[test]
fn processes_on_one_port_have_admin_sides_of_their_own() {
    let places = [Place::new(), Place::new()];
    let start = |place: &Place, name, addr: SocketAddr| {
        let setup = Setup::bare().flag("--listen", &addr.to_string()).flag("--server-instance", name);
        let setup = setup.arg("--server-reuse-port").flag("--server-drain", "3s");
        setup.flag("--server-admin-listen", &format!("unix:{}", place.path().display())).start()
    };
    let mut a = start(&places[0], "a", ([127, 0, 0, 1], 0).into());
    let _b = start(&places[1], "b", a.addr());
    for (place, name) in places.iter().zip(["a", "b"]) {
        let answer = place.get("/stats");
        let body: Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        assert_eq!(body["instance"], name);
    }
    let _streams: Vec<Stream> = (0..20).map(|_| Stream::open_with(a.addr(), "/events", &[])).collect();
    a.signal(Signal::TERM);
    wait_until("the port is left", DEADLINE, || a.log().contains("the port is left"));
    assert_eq!(status(&places[0].get("/readyz")), Some(503), "its admin side still answers");
    assert_eq!(a.wait_for_exit(DEADLINE), 0);
    assert!(!places[0].path().exists());
    assert_eq!(status(&places[1].get("/readyz")), Some(200));
    assert!(UnixStream::connect(places[1].path()).is_ok());
}

#[test]
fn a_silent_client_of_the_socket_file_is_closed() {
    let place = Place::new();
    let _server = place.setup().flag("--limits-head-timeout", "200ms").start();
    let mut silent = place.connect();
    let start = Instant::now();
    assert_eq!(silent.read(&mut [0]).expect("an end"), 0);
    assert!(start.elapsed() < DEADLINE);
    assert_eq!(status(&place.get("/healthz")), Some(200));
}

/// What is counted is counted once, on whichever side.
#[test]
fn connections_of_both_sides_are_counted() {
    let server = apart().start();
    let admin = server.admin_addr();
    let open = || get(admin, "/stats").json()["connections"]["open"].as_u64().expect("a number");
    let before = open();
    let streams = [server.addr(), admin, admin].map(|addr| Stream::open_with(addr, "/events", &[]));
    assert_eq!(open(), before + 3);
    drop(streams);
    wait_until("they are gone", DEADLINE, || open() == before);
}
