//! `server.trusted_proxies`, and what counts as one address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Child;

use super::common::api::{clients, post_as, problem};
use super::common::dir::TestDir;
use super::common::events::tick;
use super::common::hosts::{Host, Hosts};
use super::common::http::{Conn, compose};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};
use super::limited;

/// The proxy's address; everybody else on loopback is a stranger.
const PROXY: [u8; 4] = [127, 0, 0, 7];

fn behind_a_proxy() -> Setup {
    Setup::new().flag("--server-trusted-proxies", "127.0.0.7,127.0.9.0/24")
}

/// A request by that address with this X-Forwarded-For.
fn open(server: &Server, from: [u8; 4], forwarded: &str) -> Stream {
    let conn = Conn::open_special(server.addr(), Some(from), None);
    Stream::open_on(conn, "/events", &[("X-Forwarded-For", forwarded)])
}

/// The addresses that `/clients` shows.
fn shown(server: &Server) -> Vec<String> {
    let mut shown: Vec<String> = clients(server)
        .iter()
        .map(|client| client["address"].as_str().expect("an address").to_owned())
        .collect();
    shown.sort();
    shown
}

#[test]
fn the_client_of_a_trusted_proxy_is_who_it_says_last() {
    let server = behind_a_proxy().start();
    for (forwarded, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("10.9.9.9, 192.0.2.2", "192.0.2.2"),
        ("spoofed, 192.0.2.3, 127.0.9.4", "192.0.2.3"),
        ("[2001:db8::4]:443", "2001:db8::4"),
    ] {
        let stream = open(&server, PROXY, forwarded);
        assert_eq!(shown(&server), [expected], "{forwarded}");
        drop(stream);
        wait_until("it is gone", DEADLINE, || clients(&server).is_empty());
    }
    let mut lines = Conn::open_special(server.addr(), Some(PROXY), None);
    lines.send(
        b"GET /events HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.5\r\n\r\n",
    );
    lines.read_head().expect("a stream");
    assert_eq!(shown(&server), ["192.0.2.5"], "lines are one list");
}

#[test]
fn the_header_of_a_stranger_is_not_looked_at() {
    let server = behind_a_proxy().start();
    let stream = open(&server, [127, 0, 0, 8], "192.0.2.1");
    assert_eq!(shown(&server), [stream.local_addr().to_string()]);
    let without = Server::start();
    let stream = open(&without, PROXY, "192.0.2.1");
    assert_eq!(shown(&without), [stream.local_addr().to_string()], "nobody is trusted by default");
}

#[test]
fn a_trusted_proxy_without_the_header_is_itself() {
    let server = behind_a_proxy().flag("--limits-connections-per-ip", "1").start();
    let streams: Vec<Stream> =
        ["", "unknown", "nonsense, x"].map(|forwarded| open(&server, PROXY, forwarded)).into();
    let expected: Vec<String> = streams.iter().map(|stream| stream.local_addr().to_string()).collect();
    let mut sorted = expected;
    sorted.sort();
    assert_eq!(shown(&server), sorted, "and is not counted");
}

fn is_shed(stream: &Stream) -> bool {
    stream.head.header("content-length").is_some()
}

#[test]
fn connections_are_counted_for_the_client_and_not_for_the_proxy() {
    let server = behind_a_proxy().flag("--limits-connections-per-ip", "2").start();
    let first: Vec<Stream> = (0..2).map(|_| open(&server, PROXY, "192.0.2.1")).collect();
    assert!(first.iter().all(|stream| !is_shed(stream)));
    assert!(is_shed(&open(&server, PROXY, "192.0.2.1")));
    assert!(is_shed(&open(&server, PROXY, "::ffff:192.0.2.1")), "the same in IPv6");
    // Twenty others come by the same proxy.
    let others: Vec<Stream> = (10..30).map(|n| open(&server, PROXY, &format!("192.0.2.{n}"))).collect();
    assert!(others.iter().all(|stream| !is_shed(stream)));
    assert_eq!(limited(&server, "connections_per_ip"), 2.0);
    drop(first);
    wait_until("there is room again", DEADLINE, || !is_shed(&open(&server, PROXY, "192.0.2.1")));
}

#[test]
fn a_client_counts_the_same_directly_and_by_a_proxy() {
    let server = behind_a_proxy().flag("--limits-connections-per-ip", "1").start();
    let direct = Conn::open_special(server.addr(), Some([127, 0, 0, 8]), None);
    let _direct = Stream::open_on(direct, "/events", &[]);
    assert!(is_shed(&open(&server, PROXY, "127.0.0.8")));
}

/// A proxy keeps its connections, and sends requests of many clients on each.
#[test]
fn requests_of_one_connection_may_be_of_many_clients() {
    let server = behind_a_proxy()
        .flag("--limits-publish-rate-per-ip", "1")
        .flag("--limits-connections-per-ip", "1")
        .start();
    let mut conn = Conn::open_special(server.addr(), Some(PROXY), None);
    let mut publish = |client: &str| {
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", client)];
        conn.send(&compose("POST", "/publish", &headers, tick(1).as_bytes()));
        let response = conn.read_response("POST");
        if response.says_close() {
            conn = Conn::open_special(server.addr(), Some(PROXY), None);
        }
        response.status
    };
    let statuses = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2"].map(&mut publish);
    assert_eq!(statuses, [202, 202, 429, 202, 429], "two addresses of one network are one client");
}

#[test]
fn ipv6_counts_by_its_network() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: there is no IPv6 here");
        return;
    }
    // By the header, as loopback has one IPv6 address only.
    let server = Setup::bare()
        .flag("--listen", "[::1]:0")
        .flag("--server-trusted-proxies", "::1")
        .flag("--limits-connections-per-ip", "2")
        .start();
    let open =
        |forwarded: &str| Stream::open_with(server.addr(), "/events", &[("X-Forwarded-For", forwarded)]);
    let _streams = [open("2001:db8:0:1::1"), open("2001:db8:0:1:ffff::2")];
    assert!(is_shed(&open("2001:db8:0:1:8000::3")));
    assert!(!is_shed(&open("2001:db8:0:2::3")));
}

/// The same with addresses of their own, on a network of their own.
#[test]
fn clients_of_one_ipv6_network_share_a_cap() {
    let Some(hosts) = Hosts::new() else {
        eprintln!("SKIPPED: IPv6 clients were not tried, network namespaces cannot be made here");
        return;
    };
    let add = |host: &Host, ip: &str| host.configure(&format!("-6 addr add {ip}/48 dev cable nodad"));
    let clients = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1:8000::3", "2001:db8:0:2::1"];
    if !add(&hosts.server, "2001:db8::1") || !clients.iter().all(|ip| add(&hosts.client, ip)) {
        eprintln!("SKIPPED: IPv6 clients were not tried, there is no IPv6 here");
        return;
    }
    let server = Setup::bare()
        .shell(&hosts.server.shell())
        .flag("--listen", "[2001:db8::1]:0")
        .arg("--auth-open-publish")
        .flag("--limits-connections-per-ip", "2")
        .start();
    let url = format!("http://{}/events", server.addr());
    let mut streams: Vec<Child> = Vec::new();
    for (at, ip) in clients.iter().enumerate() {
        let mut curl = hosts.client.curl(&["--max-time", "60", "--interface", ip, &url]);
        let mut lines = BufReader::new(curl.stdout.take().expect("piped")).lines();
        let first = lines.next().expect("a line").expect("text");
        assert!(first.starts_with("retry: "), "{first}");
        let second = lines.next().map(|line| line.expect("text"));
        let is_open = second.is_some_and(|line| line == ": connected");
        assert_eq!(is_open, at != 2, "{ip}: the third of one network is shed");
        streams.push(curl);
    }
    for mut curl in streams {
        curl.kill().expect("our own child");
        curl.wait().expect("it ends");
    }
}

#[test]
fn the_mode_cannot_be_changed_by_a_proxy_however_trusted() {
    let server = behind_a_proxy().start();
    let body = br#"{"mode":"local"}"#;
    for (from, headers, status) in [
        (PROXY, vec![("X-Forwarded-For", "127.0.0.1")], 403),
        (PROXY, vec![("Forwarded", "for=127.0.0.1")], 403),
        ([127, 0, 0, 1], vec![("X-Forwarded-For", "127.0.0.1")], 403),
        ([127, 0, 0, 1], vec![], 200),
    ] {
        let mut conn = Conn::open_special(server.addr(), Some(from), None);
        let mut all = vec![("Content-Type", "application/json"), ("Content-Length", "16")];
        all.extend(headers);
        conn.send(&[&compose("PUT", "/admin/mode", &all, b"")[..], body].concat());
        let response = conn.read_response("PUT");
        assert_eq!(response.status, status);
        if status == 403 {
            problem(&response);
        }
    }
}

/// A proxy on this machine that comes by a socket file, and operators whom the limits on strangers do not keep out.
#[test]
fn by_a_socket_file() {
    let dir = TestDir::new("socket");
    let path = dir.path().join("admin.sock");
    let _server = Setup::new()
        .flag("--server-admin-listen", &format!("unix:{}", path.display()))
        .flag("--server-trusted-proxies", "unix")
        .flag("--limits-accept-rate", "1")
        .flag("--limits-connections-per-ip", "1")
        .start();
    let ask = |target: &str, forwarded: &str| {
        let mut socket = UnixStream::connect(&path).expect("the socket file is there");
        let headers = [("X-Forwarded-For", forwarded), ("Connection", "close")];
        socket.write_all(&compose("GET", target, &headers, b"")).expect("it reads");
        socket
    };
    let streams = [ask("/events", "192.0.2.1"), ask("/events", "192.0.2.1")];
    wait_until("both streams are there, by name", DEADLINE, || {
        let mut answer = String::new();
        ask("/clients", "").read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.matches("\"address\":\"192.0.2.1\"").count() == 2
    });
    drop(streams);
}

#[test]
fn the_log_names_the_client() {
    let server = behind_a_proxy().flag("--log-level", "debug").start();
    drop(open(&server, PROXY, "192.0.2.77"));
    wait_until("both lines", DEADLINE, || {
        let log = server.log();
        let of = |what: &str| log.lines().any(|line| line.contains(what) && line.contains("192.0.2.77"));
        of("stream opened") && of("stream closed")
    });
}

/// A client behind a proxy that sends a list of its own of great length.
#[test]
fn a_long_list_is_not_searched_to_its_end() {
    let server = behind_a_proxy().start();
    let long = format!("192.0.2.1{}", ",127.0.0.7".repeat(1400));
    let _stream = open(&server, PROXY, &long);
    assert_eq!(shown(&server), ["127.0.0.7"]);
}

#[test]
fn entries_that_are_no_proxies_are_refused_at_start() {
    for entry in ["localhost", "10.0.0.1/8", "0.0.0.0/33", "::ffff:10.0.0.0/104"] {
        let finished = Setup::bare().flag("--server-trusted-proxies", entry).arg("check").run();
        assert_eq!(finished.code, Some(2), "{entry}");
        assert!(finished.stderr.contains("server.trusted_proxies"), "{}", finished.stderr);
    }
}

/// curl as a client of its own, from several addresses of loopback.
#[test]
fn curl_from_several_addresses() {
    let server = Setup::new().flag("--limits-connections-per-ip", "2").start();
    let url = format!("http://{}/events?limit=1", server.addr());
    let curl = |from: &str, timeout: &str| {
        std::process::Command::new("curl")
            .args(["-sN", "--noproxy", "*", "--max-time", timeout, "--interface", from, &url])
            .stdout(std::process::Stdio::piped())
            .spawn()
    };
    let Ok(first) = curl("127.0.0.21", "20") else {
        eprintln!("SKIPPED: there is no curl here");
        return;
    };
    let second = curl("127.0.0.21", "20").expect("curl");
    wait_until("two streams", DEADLINE, || clients(&server).len() == 2);
    let shed = curl("127.0.0.21", "20").expect("curl").wait_with_output().expect("it ends");
    let shed = String::from_utf8(shed.stdout).expect("text");
    assert!(shed.starts_with("retry: ") && !shed.contains("connected"), "{shed}");
    let other = curl("127.0.0.22", "20").expect("curl");
    wait_until("the other address", DEADLINE, || clients(&server).len() == 3);
    assert_eq!(post_as(server.addr(), "application/json", tick(1).as_bytes()).status, 202);
    for one in [first, second, other] {
        let output = one.wait_with_output().expect("curl ends with the stream");
        assert!(String::from_utf8(output.stdout).expect("text").contains("event: tick"));
    }
}
