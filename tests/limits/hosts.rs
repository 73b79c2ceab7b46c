//! `server.hosts`: who is not asked for does not answer (RFC 9110 section 15.5.20).

use super::common::api::{post, problem};
use super::common::events::tick;
use super::common::http::{Conn, compose};
use super::common::server::{Server, Setup, wait_for_log};
use super::common::stream::Stream;

const ROUTES: [(&str, &str); 10] = [
    ("GET", "/events"),
    ("HEAD", "/events"),
    ("POST", "/publish"),
    ("GET", "/metrics"),
    ("GET", "/stats"),
    ("GET", "/clients"),
    ("PUT", "/admin/mode"),
    ("GET", "/"),
    ("OPTIONS", "/events"),
    ("OPTIONS", "*"),
];

fn server() -> Server {
    Setup::new().flag("--server-hosts", "shop.example,api.example:8443,[::1]").start()
}

/// The answer to this head, without a body.
fn ask(server: &Server, head: &str) -> super::common::http::Response {
    let mut conn = Conn::open(server.addr());
    conn.send(format!("{head}\r\n\r\n").as_bytes());
    let response = conn.read_response(head.split(' ').next().expect("a method"));
    if response.status == 421 {
        assert!(response.says_close() && conn.ends_within(super::common::DEADLINE), "{head}");
        if !head.starts_with("HEAD") {
            problem(&response);
        }
    }
    response
}

#[test]
fn requests_for_other_hosts_are_misdirected_on_every_route() {
    let server = server();
    for (method, target) in ROUTES {
        for host in
            ["evil.example", "evil.example:8443", "127.0.0.1", "localhost", "api.example", "shop.example.x"]
        {
            let line = format!("{method} {target} HTTP/1.1\r\nHost: {host}");
            assert_eq!(ask(&server, &line).status, 421, "{line}");
        }
        let line = format!("{method} {target} HTTP/1.0");
        assert_eq!(ask(&server, &line).status, 421, "{line}: no host at all");
    }
    assert_eq!(super::common::api::metric(&server, "ssecast_active_connections"), None, "nor for our own");
}

#[test]
fn the_absolute_form_wins_over_host() {
    let server = server();
    for (line, status) in [
        ("GET http://shop.example/stats HTTP/1.1\r\nHost: evil.example", 200),
        ("GET http://SHOP.example.:1/stats HTTP/1.1\r\nHost: evil.example", 200),
        ("GET http://evil.example/stats HTTP/1.1\r\nHost: shop.example", 421),
        ("GET http://evil.example/stats HTTP/1.0", 421),
        ("GET http://shop.example/stats HTTP/1.0", 200),
        ("GET /stats HTTP/1.1\r\nHost: Shop.Example.:99", 200),
        ("GET /stats HTTP/1.1\r\nHost: api.example:8443", 200),
        ("GET /stats HTTP/1.1\r\nHost: api.example:8444", 421),
        ("GET /stats HTTP/1.1\r\nHost: [0:0:0:0:0:0:0:1]:5", 200),
        ("GET /stats HTTP/1.1\r\nHost: [::2]", 421),
    ] {
        assert_eq!(ask(&server, line).status, status, "{line}");
    }
}

#[test]
fn probes_come_by_any_name() {
    let server = server();
    for (target, host) in [("/healthz", "10.1.2.3:8080"), ("/readyz", "node-7"), ("/healthz", "[fe80::1]")] {
        assert_eq!(ask(&server, &format!("GET {target} HTTP/1.1\r\nHost: {host}")).status, 200);
    }
}

/// A page of evil.example whose name now leads to 127.0.0.1: the browser takes all of this for its own origin.
#[test]
fn dns_rebinding_reads_and_publishes_nothing() {
    let server = server();
    let mut stream = Stream::open_with(server.addr(), "http://shop.example/events", &[]);
    let mut page = Conn::open(server.addr());
    let envelope = tick(666);
    page.send(
        format!(
            "POST /publish HTTP/1.1\r\nHost: evil.example:{}\r\nOrigin: http://evil.example\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{envelope}",
            server.addr().port(),
            envelope.len()
        )
        .as_bytes(),
    );
    assert_eq!(page.read_response("POST").status, 421);
    let mut publisher = Conn::open(server.addr());
    let body = tick(1);
    publisher.send(&compose(
        "POST",
        "http://shop.example/publish",
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    ));
    assert_eq!(publisher.read_response("POST").status, 202);
    assert_eq!(stream.next().data, super::common::events::tick_data(1));
}

#[test]
fn without_a_list_all_are_answered_and_a_reload_brings_one() {
    let server = Setup::new().config("[server]\n").start();
    assert_eq!(ask(&server, "GET /stats HTTP/1.1\r\nHost: anything.example").status, 200);
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 202);
    std::fs::write(server.config_path(), "[server]\nhosts = [\"shop.example\"]\n").expect("our own file");
    server.signal(rustix::process::Signal::HUP);
    wait_for_log(&server, 0, "configuration reloaded");
    assert_eq!(ask(&server, "GET /stats HTTP/1.1\r\nHost: anything.example").status, 421);
    assert_eq!(ask(&server, "GET /stats HTTP/1.1\r\nHost: shop.example").status, 200);
}

#[test]
fn entries_that_are_no_hosts_are_refused_at_start() {
    for entry in ["http://shop.example", "*.shop.example", "::1", "shop.example:0x50", "shop.example/"] {
        let finished = Setup::bare().flag("--server-hosts", entry).arg("check").run();
        assert_eq!(finished.code, Some(2), "{entry}");
        assert!(finished.stderr.contains("server.hosts"), "{}", finished.stderr);
    }
}
