//! What systemd and the server say to each other: messages to a supervisor (sd_notify(3)), and a listener that was
//! handed over and outlives the process (sd_listen_fds(3)).

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use common::api::{assert_alive, post};
use common::dir::TestDir;
use common::events::tick;
use common::http::{Conn, compose, get};
use common::installed::{Running, said};
use common::port::Port;
use common::server::{BINARY, Server, Setup, wait_for_log};
use common::stream::Stream;
use common::{DEADLINE, wait_until};

/// A supervisor, as far as it listens.
struct Supervisor {
    name: String,
    socket: UnixDatagram,
}

impl Supervisor {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ssecast-test-supervisor-{}-{number}", std::process::id());
        let address = UnixAddr::from_abstract_name(&name).expect("a short name is a name");
        let socket = UnixDatagram::bind_addr(&address).expect("nobody else has the name");
        Self { name, socket }
    }

    /// A server that is told to talk to this one.
    fn setup(&self) -> Setup {
        Setup::new().env("NOTIFY_SOCKET", &format!("@{}", self.name))
    }

    /// What comes within this time, if anything.
    fn hear_within(&self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).expect("a timeout can be set");
        let mut buffer = [0; 4096];
        let bytes = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..bytes].to_vec()).expect("text"))
    }

    /// The next message that is not for the watchdog.
    fn hear(&self) -> String {
        loop {
            let message = self.hear_within(DEADLINE).expect("a message");
            if !message.contains("WATCHDOG=1\n") {
                return message;
            }
        }
    }

    /// Forgets what has come so far.
    fn forget(&self) {
        while self.hear_within(Duration::from_millis(1)).is_some() {}
    }
}

fn value<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in {message:?}"))
}

// ---- messages

#[test]
fn the_supervisor_hears_each_step_of_a_life() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.setup().config("[stream]\nheartbeat = \"10s\"\n").start();
    let ready = supervisor.hear();
    assert!(ready.starts_with("READY=1\n"), "{ready}");
    let status = value(&ready, "STATUS");
    assert!(status.starts_with(&format!("listening on {}, mode local", server.addr())), "{status}");
    assert_alive(&server);

    for (config, result) in [
        ("[stream]\nheartbeat = \"20s\"\n", "listening on "),
        ("[stream]\nheartbeet = \"20s\"\n", "configuration not reloaded, the old one stays: "),
    ] {
        std::fs::write(server.config_path(), config).expect("the test's own file");
        server.signal(Signal::HUP);
        let reloading = supervisor.hear();
        assert!(reloading.starts_with("RELOADING=1\n"), "{reloading}");
        // It is no part of a second older than what the kernel says now; a machine that slept has an older clock.
        let micros: f64 = value(&reloading, "MONOTONIC_USEC").parse().expect("a number");
        let uptime = std::fs::read_to_string("/proc/uptime").expect("the kernel tells");
        let uptime: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        assert!(micros / 1e6 > 0.0 && micros / 1e6 <= uptime + 1.0, "{micros} {uptime}");
        let done = supervisor.hear();
        assert!(done.starts_with("READY=1\n") && value(&done, "STATUS").starts_with(result), "{done}");
    }

    server.signal(Signal::TERM);
    let stopping = supervisor.hear();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    let micros: u64 = value(&stopping, "EXTEND_TIMEOUT_USEC").parse().expect("a number");
    assert!(micros >= 7_000_000, "server.drain and two seconds more: {micros}");
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn nothing_is_ready_before_the_way_from_redis_is_open_or_was_waited_for() {
    let supervisor = Supervisor::new();
    // A Redis that takes connections and never says a word.
    let (_mute, addr) = listener();
    let setup = supervisor.setup().flag("--mode", "redis").env("WATCHDOG_USEC", "400000");
    let before = Instant::now();
    let server = setup.flag("--redis-url", &format!("redis://{addr}")).start();
    assert!(
        hear_watchdog(&supervisor).contains("STATUS=waiting for Redis\n"),
        "it is watched from the start"
    );
    assert!(supervisor.hear().starts_with("READY=1\n"));
    assert!(before.elapsed() >= Duration::from_secs(1), "{:?}", before.elapsed());
    assert_alive(&server);
}

/// A watchdog that is fed every 200 ms.
fn watched(supervisor: &Supervisor) -> Server {
    let server = supervisor.setup().env("WATCHDOG_USEC", "400000").start();
    assert!(supervisor.hear().starts_with("READY=1\n"));
    server
}

fn hear_watchdog(supervisor: &Supervisor) -> String {
    let message = supervisor.hear_within(DEADLINE).expect("the watchdog is fed");
    assert!(message.starts_with("WATCHDOG=1\n"), "{message}");
    message
}

#[test]
fn a_loop_that_hangs_does_not_feed_the_watchdog() {
    let supervisor = Supervisor::new();
    let server = watched(&supervisor);
    let _stream = Stream::open(&server);
    wait_until("the status tells of the stream", DEADLINE, || {
        hear_watchdog(&supervisor).contains("open streams: 1\n")
    });
    server.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", server.pid());
    wait_until("it has stopped", DEADLINE, || {
        let stat = std::fs::read_to_string(&stat).expect("it is there");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    });
    supervisor.forget();
    assert_eq!(supervisor.hear_within(Duration::from_secs(2)), None);
    server.signal(Signal::CONT);
    hear_watchdog(&supervisor);
}

#[test]
fn a_loop_under_load_feeds_the_watchdog() {
    let supervisor = Supervisor::new();
    // Fed every second: with a deadline of two nobody would be killed.
    let server = supervisor.setup().env("WATCHDOG_USEC", "2000000").start();
    let streams: Vec<Stream> = (0..50).map(|_| Stream::open(&server)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (addr, is_over) = (server.addr(), &is_over);
            scope.spawn(move || {
                let batch: Vec<String> = (0..100).map(|n| tick(worker * 1000 + n)).collect();
                while !is_over.load(Ordering::Relaxed) {
                    post(addr, format!("[{}]", batch.join(",")).as_bytes());
                }
            });
        }
        supervisor.forget();
        hear_watchdog(&supervisor);
        for _ in 0..4 {
            let before = Instant::now();
            hear_watchdog(&supervisor);
            assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    drop(streams);
}

/// It is not to be killed for what a client may do to it.
#[test]
fn a_server_out_of_descriptors_feeds_the_watchdog() {
    let supervisor = Supervisor::new();
    let server = watched(&supervisor);
    server.limit_descriptors(Some(3));
    let _waiting = Conn::open(server.addr());
    supervisor.forget();
    for _ in 0..3 {
        hear_watchdog(&supervisor);
    }
    server.limit_descriptors(None);
    wait_until("it serves again", DEADLINE, || {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/healthz", &[], b""));
        conn.read_head().is_some_and(|head| head.status == 200)
    });
}

// ---- a listener that is handed over

/// A listener as systemd has it, and the address.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    (listener, addr)
}

#[test]
fn who_connects_while_the_service_restarts_waits() {
    let (listener, addr) = listener();
    // Where it is told to listen counts for nothing.
    let start = || Setup::new().listener(&listener).flag("--server-drain", "1s").start();
    let mut first = start();
    assert_eq!(first.addr(), addr);
    let mut stream = Stream::open(&first);
    let ask = || {
        let mut conn = Conn::open(addr);
        conn.send(&compose("GET", "/healthz", &[("Connection", "close")], b""));
        conn
    };
    assert_eq!(ask().read_head().expect("an answer").status, 200);

    first.signal(Signal::TERM);
    wait_for_log(&first, 0, "who comes now waits for the next process");
    let mut waiting: Vec<Conn> = (0..20).map(|_| ask()).collect();
    stream.rest();
    assert_eq!(first.wait_for_exit(DEADLINE), 0);
    waiting.extend((0..20).map(|_| ask()));

    let second = start();
    assert_eq!(second.addr(), addr);
    for conn in &mut waiting {
        assert_eq!(conn.read_head().expect("nobody is refused").status, 200);
    }
    assert_alive(&second);
}

#[test]
fn a_socket_beyond_loopback_does_not_open_publishing_by_the_way() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let refused = Setup::new().listener(&listener).run();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for text in ["(socket activation)", "auth.open_publish = true"] {
        assert!(refused.stderr.contains(text), "{text} is not in {}", refused.stderr);
    }
    let port = listener.local_addr().expect("it is bound").port();
    let server = Setup::new().listener(&listener).arg("--auth-open-publish").start();
    assert!(server.log().contains(&format!("listening on 0.0.0.0:{port}")), "{}", server.log());
}

#[test]
fn sockets_that_nobody_would_serve_are_refused() {
    let (listener, _) = listener();
    let with = |prelude: &str| Setup::new().listener_by(&listener, prelude).run();
    let two = "exec 3<&0 4<&0; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=ssecast.socket:public";
    let refused = with(two);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("nobody would serve \"ssecast.socket\""), "{}", refused.stderr);

    let refused = with("exec 3</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("cannot be listened on"), "{}", refused.stderr);
}

/// With a variable for another process there is nothing to take (sd_listen_fds(3)).
#[test]
fn sockets_for_another_process_are_left_alone() {
    let (listener, addr) = listener();
    let prelude = "exec 3<&0 </dev/null; export LISTEN_PID=1 LISTEN_FDS=1";
    let server = Setup::new().listener_by(&listener, prelude).start();
    assert_ne!(server.addr(), addr);
}

#[test]
fn it_is_started_by_the_real_tool_when_the_first_client_comes() {
    let port = Port::any();
    let addr: SocketAddr = ([127, 0, 0, 1], port.number()).into();
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["--listen", &addr.to_string(), "--fdname=public", BINARY]);
    if Command::new("systemd-socket-activate").arg("--version").output().is_err() {
        eprintln!("SKIPPED: systemd-socket-activate is not there; Debian's package systemd has it");
        return;
    }
    // It execs the server, which then has its process id.
    let running = Running::start(activate);
    wait_until("the tool listens", DEADLINE, || std::net::TcpStream::connect(addr).is_ok());
    assert_eq!(get(addr, "/healthz").status, 200);
    let output = running.end(Signal::TERM, DEADLINE);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains(&format!("listening on {addr}")), "{}", said(&output));
}

#[test]
fn a_socket_called_admin_takes_the_place_of_the_admin_address() {
    let (listener, addr) = listener();
    let prelude = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=admin";
    let server = Setup::new().listener_by(&listener, prelude).start();
    assert_ne!(server.addr(), addr, "the public one is as configured");
    assert_eq!(get(addr, "/healthz").status, 200);
    assert_eq!(get(server.addr(), "/healthz").status, 404);
}

#[test]
fn a_socket_file_is_handed_over_as_well() {
    let dir = TestDir::new("handed");
    let path = dir.path().join("a.sock");
    let listener = UnixListener::bind(&path).expect("a short path");
    let prelude = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=admin";
    let mut server = Setup::new().listener_by(&listener, prelude).start();
    assert_eq!(get(server.addr(), "/healthz").status, 404);
    let mut admin = UnixStream::connect(&path).expect("it listens");
    admin.write_all(&compose("GET", "/readyz", &[("Connection", "close")], b"")).expect("it reads");
    let mut answer = String::new();
    admin.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(path.exists(), "the file belongs to whoever made it");
}
