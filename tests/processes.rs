//! Several processes on one port (`server.reuse_port`): who gets a connection is the system's choice, so each test
//! asks until it has seen every process that it means.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use common::api::post;
use common::events::{tick, tick_data};
use common::hosts::Hosts;
use common::http::{compose, find, get, request};
use common::redis::Redis;
use common::server::{Server, Setup, wait_for_log};
use common::stream::{Stream, data_of, id_parts};
use common::{DEADLINE, wait_until};

/// The channel of the default configuration.
const CHANNEL: &str = "orders.events";

/// A process with that name that shares the port of that address.
fn sharing(name: &str, addr: SocketAddr) -> Setup {
    Setup::bare()
        .flag("--listen", &addr.to_string())
        .arg("--server-reuse-port")
        .flag("--server-instance", name)
}

/// Where the system finds a free port.
fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Processes `a` and `b` on one port, each with its way through Redis open.
fn pair_on(redis: &Redis, change: impl Fn(Setup) -> Setup) -> [Server; 2] {
    let start = |name, addr| {
        let setup = sharing(name, addr).flag("--mode", "redis").flag("--redis-url", redis.url());
        change(setup.flag("--redis-publish-timeout", "20s")).start()
    };
    let a = start("a", any_port());
    let b = start("b", a.addr());
    assert_eq!(a.addr(), b.addr());
    wait_for_each(a.addr(), &["a", "b"], "up", |stats| stats["redis"]["up"] == true);
    [a, b]
}

/// Asks for `/stats` until each of these processes was seen like that.
fn wait_for_each(addr: SocketAddr, names: &[&str], what: &str, is_so: impl Fn(&Value) -> bool) {
    let mut missing: BTreeSet<&str> = names.iter().copied().collect();
    wait_until(&format!("each of {names:?} is {what}"), DEADLINE, || {
        let stats = get(addr, "/stats").json();
        if is_so(&stats) {
            missing.remove(stats["instance"].as_str().expect("a name"));
        }
        missing.is_empty()
    });
}

/// The process that sent the event with this id.
fn process_of(id: &str) -> String {
    id_parts(id).0
}

fn ticks_data(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(tick_data).collect()
}

// ---- sharing

#[test]
fn both_get_connections_and_every_stream_gets_every_event() {
    let redis = Redis::start();
    let [a, _b] = pair_on(&redis, |setup| setup);
    let mut streams: Vec<Stream> = (0..64).map(|_| Stream::open(&a)).collect();
    for n in 0..40 {
        let answer = post(a.addr(), tick(n).as_bytes());
        assert_eq!((answer.status, &answer.json()["via"]), (202, &"redis".into()), "{}", answer.text());
    }
    let mut of_process: BTreeMap<String, usize> = BTreeMap::new();
    for stream in &mut streams {
        let events = stream.take(40);
        assert_eq!(data_of(&events), ticks_data(0..40));
        *of_process.entry(process_of(&events[0].id)).or_default() += 1;
    }
    assert_eq!(of_process.keys().collect::<Vec<_>>(), ["a", "b"], "{of_process:?}");
    wait_for_each(a.addr(), &["a", "b"], "publishing", |stats| {
        stats["totals"]["published"]["redis"].as_u64() > Some(0)
    });
}

#[test]
fn whoever_answers_says_its_name() {
    let a = sharing("a", any_port()).start();
    let _b = sharing("b", a.addr()).start();
    let mut names = BTreeSet::new();
    wait_until("both have answered /metrics", DEADLINE, || {
        let text = get(a.addr(), "/metrics").text();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("ssecast_instance_info"));
        names.insert(lines.next().expect("the name").to_owned());
        names.len() == 2
    });
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["{name=\"a\"} 1", "{name=\"b\"} 1"]);
}

#[test]
fn without_the_key_on_both_the_address_is_in_use() {
    for (first, second) in [(false, false), (true, false), (false, true)] {
        let with = |setup: Setup, shares| if shares { setup.arg("--server-reuse-port") } else { setup };
        let server = with(Setup::new(), first).start();
        let finished = with(Setup::bare().flag("--listen", &server.addr().to_string()), second).run();
        assert_eq!(finished.code, Some(98), "{finished:?}");
        assert!(finished.stderr.contains("--server-reuse-port"), "{finished:?}");
        assert_eq!(get(server.addr(), "/healthz").status, 200);
    }
}

#[test]
fn port_0_is_a_free_one_for_each() {
    let (a, b) = (sharing("a", any_port()).start(), sharing("b", any_port()).start());
    assert_ne!(a.addr(), b.addr());
}

// ---- modes

#[test]
fn a_mode_that_keeps_events_to_one_process_is_warned_of() {
    const WARNING: &str = "never reaches the clients of the others";
    for (mode, warns) in
        [("local", true), ("dual", true), ("dry-run", true), ("fanout", false), ("redis", false)]
    {
        let checked = Setup::bare().arg("check").arg("--server-reuse-port").flag("--mode", mode).run();
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert_eq!(checked.stderr.contains(WARNING), warns, "{mode}: {}", checked.stderr);
        assert!(!checked.stdout.contains(WARNING), "it stays a file");
        let alone = Setup::bare().arg("check").flag("--mode", mode).run();
        assert_eq!((alone.code, alone.stderr.as_str()), (Some(0), ""), "{mode}");
    }
    let server = sharing("a", any_port()).start();
    assert!(server.log().contains(WARNING), "{}", server.log());
    for (mode, warns) in [("redis", false), ("dual", true), ("dual", false), ("fanout", false)] {
        let logged = server.log().len();
        let body = format!(r#"{{"mode":"{mode}"}}"#);
        let headers = [("Content-Type", "application/json"), ("Connection", "close")];
        let answer = request(server.addr(), "PUT", "/admin/mode", &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        if warns {
            wait_for_log(&server, logged, WARNING);
        } else {
            assert!(!server.log()[logged..].contains(WARNING), "{mode}: {}", server.log());
        }
    }
}

// ---- the end of one

#[test]
fn clients_of_one_that_is_killed_go_on_at_the_other_and_lose_nothing() {
    let redis = Redis::start();
    let [a, b] = pair_on(&redis, |setup| setup);
    let mut streams: Vec<Stream> = (0..40).map(|_| Stream::open(&a)).collect();
    let send = |numbers: std::ops::Range<usize>| {
        for n in numbers {
            redis.publish(CHANNEL, tick(n).as_bytes());
        }
    };
    send(0..1);
    let of_a: Vec<bool> = streams.iter_mut().map(|stream| process_of(&stream.take(1)[0].id) == "a").collect();
    assert!(of_a.contains(&true) && of_a.contains(&false), "{of_a:?}");
    send(1..100);
    a.signal(Signal::KILL);
    send(100..200);
    for (stream, is_of_a) in streams.iter_mut().zip(of_a) {
        let mut events = Vec::new();
        if is_of_a {
            events = stream.rest();
            *stream = Stream::resume(&b, &stream.last_id);
        }
        events.extend(stream.take(199 - events.len()));
        assert!(data_of(&events) == ticks_data(1..200), "{:?}", data_of(&events));
    }
}

/// What a client met that asked once.
enum Visit {
    Answered,
    Failed(io::Error),
}

/// Connects, asks, and reads the whole answer, or the beginning of a stream.
fn visit(addr: SocketAddr, target: &str) -> Visit {
    let ask = || {
        let mut socket = TcpStream::connect_timeout(&addr, DEADLINE)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.write_all(&compose("GET", target, &[("Connection", "close")], b""))?;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            match socket.read(&mut chunk)? {
                0 => break,
                read => answer.extend_from_slice(&chunk[..read]),
            }
            if find(&answer, b"\r\n\r\nretry: ").is_some() {
                break;
            }
        }
        if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    };
    match ask() {
        Ok(()) => Visit::Answered,
        Err(error) => Visit::Failed(error),
    }
}

/// What a client waits between two visits.
const PACE: Duration = Duration::from_millis(3);

/// Has clients connect one after another, in four threads, while `act` runs; how many did, and what went wrong.
fn visit_while(addr: SocketAddr, act: impl FnOnce()) -> (usize, Vec<io::Error>) {
    let stop = AtomicBool::new(false);
    let visits: Vec<Visit> = std::thread::scope(|threads| {
        let clients: Vec<_> = ["/healthz", "/events", "/healthz", "/events"]
            .map(|target| {
                let stop = &stop;
                threads.spawn(move || {
                    let mut visits = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        visits.push(visit(addr, target));
                        std::thread::sleep(PACE);
                    }
                    visits
                })
            })
            .into();
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        stop.store(true, Ordering::Relaxed);
        let visits = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        visits
    });
    let count = visits.len();
    let failed = visits.into_iter().filter_map(|visit| match visit {
        Visit::Answered => None,
        Visit::Failed(error) => Some(error),
    });
    (count, failed.collect())
}

#[test]
fn while_one_drains_everybody_who_connects_is_answered() {
    let redis = Redis::start();
    let [mut a, b] = pair_on(&redis, |setup| setup.flag("--server-drain", "3s"));
    let addr = a.addr();
    let mut streams: Vec<Stream> = (0..40).map(|_| Stream::open(&a)).collect();
    redis.publish(CHANNEL, tick(1).as_bytes());
    let of_a: Vec<bool> = streams.iter_mut().map(|stream| process_of(&stream.take(1)[0].id) == "a").collect();
    assert!(of_a.contains(&true) && of_a.contains(&false), "{of_a:?}");
    let (visits, failed) = visit_while(addr, || {
        std::thread::sleep(Duration::from_millis(300));
        a.signal(Signal::TERM);
        wait_for_log(&a, 0, "the port is left to the other processes");
        let answers: Vec<u16> = (0..50).map(|_| get(addr, "/readyz").status).collect();
        assert_eq!(answers, [200; 50], "it still gets connections");
        assert!(a.is_running(), "its clients are not all told yet");
        assert_eq!(a.wait_for_exit(DEADLINE), 0);
    });
    assert!(failed.is_empty(), "{} of {visits} failed: {failed:?}", failed.len());
    assert!(visits > 100, "only {visits}");
    redis.publish(CHANNEL, tick(2).as_bytes());
    for (stream, is_of_a) in streams.iter_mut().zip(of_a) {
        if is_of_a {
            stream.expect_end();
            let retry_ms = stream.retry.expect("it was told when to come back");
            assert!(retry_ms <= 3_600, "{retry_ms} ms, though another one is there");
            *stream = Stream::resume(&b, &stream.last_id);
        }
        assert_eq!(stream.next().data, tick_data(2));
    }
}

#[test]
fn one_without_clients_still_lets_in_who_knocked() {
    let mut a = sharing("a", any_port()).flag("--server-drain", "off").start();
    let _b = sharing("b", a.addr()).start();
    let (visits, failed) = visit_while(a.addr(), || {
        a.signal(Signal::TERM);
        assert_eq!(a.wait_for_exit(DEADLINE), 0);
    });
    assert!(failed.is_empty(), "{} of {visits} failed: {failed:?}", failed.len());
}

#[test]
fn a_connection_to_one_that_drains_ends_with_its_next_answer() {
    let mut server = sharing("a", any_port()).flag("--server-drain", "2s").start();
    let stream = Stream::open(&server);
    let mut conn = common::http::Conn::open(server.addr());
    for (is_draining, status) in [(false, 200), (true, 503)] {
        if is_draining {
            server.signal(Signal::TERM);
            wait_for_log(&server, 0, "draining");
        }
        conn.send(&compose("GET", "/readyz", &[], b""));
        let answer = conn.read_response("GET");
        assert_eq!((answer.status, answer.says_close()), (status, is_draining));
    }
    drop(stream);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

// ---- two hosts

/// Asks so many times at once from the other host.
fn ask_from_afar(hosts: &Hosts, addr: SocketAddr, count: usize) -> Vec<Child> {
    let url = format!("http://{addr}/healthz");
    (0..count).map(|_| hosts.client.curl(&["-f", "--max-time", "20", &url])).collect()
}

/// All but so many got the answer.
fn assert_answered(clients: Vec<Child>, but: usize) {
    let answers: Vec<(Option<i32>, String)> = clients
        .into_iter()
        .map(|client| {
            let output = client.wait_with_output().expect("curl ends");
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        })
        .collect();
    let ok = (Some(0), r#"{"status":"ok"}"#.to_owned());
    let failed = answers.iter().filter(|answer| **answer != ok).count();
    assert!(failed <= but, "{failed} failed: {answers:?}");
}

/// Processes `a` and `b` on one port of the server's host.
fn pair_afar(hosts: &Hosts) -> [Server; 2] {
    let start =
        |name, addr| sharing(name, addr).arg("--auth-open-publish").shell(&hosts.server.shell()).start();
    let a = start("a", hosts.server.address(0));
    let b = start("b", a.addr());
    [a, b]
}

/// SYN cookies (RFC 4987 section 3.6): what a process began that is gone, the other one finishes. Only one
/// connection may the system begin without, even where there is no room at all for such.
#[test]
fn who_connects_slowly_to_one_that_leaves_comes_to_the_other() {
    for _ in 0..10 {
        let Some(hosts) = Hosts::new() else {
            eprintln!("SKIPPED: slow connections were not tried, network namespaces cannot be made here");
            return;
        };
        let [a, _b] = pair_afar(&hosts);
        hosts.hold_back_the_server();
        a.signal(Signal::TERM);
        wait_for_log(&a, 0, "leaving the port");
        // The answer has to come after the listener was closed, and before the client asks again: a second later.
        std::thread::sleep(Duration::from_millis(400));
        let asked = Instant::now();
        let clients = ask_from_afar(&hosts, a.addr(), 20);
        wait_for_log(&a, 0, "the port is left");
        hosts.let_the_server_speak();
        if asked.elapsed() < Duration::from_millis(950) {
            return assert_answered(clients, 1);
        }
        for client in clients {
            client.wait_with_output().expect("curl ends");
        }
    }
    panic!("the machine is too busy to try this");
}

/// `net.ipv4.tcp_migrate_req` (Linux 5.14), as docs/processes.md recommends it.
#[test]
fn who_waits_at_one_that_is_killed_comes_to_the_other_where_the_system_is_told_so() {
    let hosts = Hosts::new().filter(|hosts| hosts.server.set("net.ipv4.tcp_migrate_req", 1));
    let Some(hosts) = hosts else {
        eprintln!("SKIPPED: tcp_migrate_req was not tried, network namespaces cannot be made here");
        return;
    };
    let [a, _b] = pair_afar(&hosts);
    a.signal(Signal::STOP);
    let mut clients = ask_from_afar(&hosts, a.addr(), 20);
    wait_until("all have an answer or wait at the one that hangs", DEADLINE, || {
        let goes_on = |client: &mut Child| matches!(client.try_wait(), Ok(None));
        let ended = clients.iter_mut().map(goes_on).filter(|goes_on| !goes_on).count();
        let queued = |line: &String| line.split_whitespace().nth(1)?.parse::<usize>().ok();
        let waiting: usize = hosts.server.sockets(&["-l"]).iter().filter_map(queued).sum();
        ended + waiting == 20 && ended < 20
    });
    a.signal(Signal::KILL);
    assert_answered(clients, 0);
}
