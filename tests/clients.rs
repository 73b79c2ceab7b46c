//! Clients that nobody here wrote read the stream: curl, Node's `eventsource`, Python's `httpx-sse`.
//!
//! Each is closed by the server again and again (`limit=`), reconnects, resumes, and must end with every
//! event once and in order. The clients that docs/clients.md prints are in `clients/examples.rs`. `scripts/test`
//! installs what they need. A client that is missing is a failure, not a skip (but for the toolchains that
//! `scripts/test` leaves out); `SSECAST_SKIP_CLIENTS=1` skips them and says so.

mod common;
#[path = "clients/examples.rs"]
mod examples;

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use common::api::{publish, publish_lines};
use common::events::{order_changed, order_created, tick, tick_data};
use common::installed::{Running, in_project, of_python, skipped};
use common::server::{Server, Setup};
use common::sse::{Item, Parser};
use common::stream::id_parts;

const EVENTS: usize = 40;
const PER_CONNECTION: usize = 7;
/// How long one client may take: interpreters start slowly on a busy machine.
const CLIENT_DEADLINE: Duration = Duration::from_secs(90);

/// One event as a client saw it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    event: String,
    data: String,
    id: String,
}

/// A server whose clients come back at once.
fn server() -> Server {
    Setup::new().flag("--stream-retry", "50ms").start()
}

fn url(server: &Server) -> String {
    format!("http://{}/events?limit={PER_CONNECTION}&lastEventId=earliest", server.addr())
}

/// Publishes the first half before a client comes and the second while it reads.
fn publish_half(server: &Server, half: usize) {
    for n in half * EVENTS / 2..(half + 1) * EVENTS / 2 {
        match n % 4 {
            0 => publish(server, &order_created(&format!("order-{n}"))),
            1 => publish(server, &order_changed(&format!("order-{n}"), "Pending", "\u{e9}\u{1f600}")),
            2 => publish(server, &common::events::envelope("lines", "1", &format!("{{\n\"n\":\r\n{n}\r}}"))),
            _ => publish_lines(server, &(tick(n) + "\n")),
        };
    }
}

/// Every event once, in order, ids up by one.
fn assert_complete(seen: &[Seen]) {
    assert_eq!(seen.len(), EVENTS, "{seen:#?}");
    let first = id_parts(&seen[0].id).1;
    for (n, seen) in seen.iter().enumerate() {
        let (event, data) = match n % 4 {
            0 => ("order-created", format!(r#"{{"orderId":"order-{n}","status":"Pending"}}"#)),
            1 => (
                "order-status-changed",
                format!(
                    r#"{{"orderId":"order-{n}","oldStatus":"Pending","newStatus":"{}"}}"#,
                    "\u{e9}\u{1f600}"
                ),
            ),
            2 => ("lines", format!("{{\n\"n\":\n{n}\n}}")),
            _ => ("tick", tick_data(n)),
        };
        assert_eq!((seen.event.as_str(), &seen.data), (event, &data), "event {n}");
        assert_eq!(id_parts(&seen.id).1, first + n as u64, "event {n}");
    }
}

/// Runs a client to its end while the second half is published.
fn run(server: &Server, client: Command) -> Output {
    publish_half(server, 0);
    let running = Running::start(client);
    publish_half(server, 1);
    running.succeed(CLIENT_DEADLINE)
}

/// The events of a script's output, and how often it lost its connection.
fn parse_output(output: &Output) -> (Vec<Seen>, usize) {
    let (mut seen, mut lost) = (Vec::new(), 0);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if value["lost"] == true {
            lost += 1;
            continue;
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        seen.push(Seen { event: text("event"), data: text("data"), id: text("id") });
    }
    (seen, lost)
}

#[test]
fn curl_reads_and_resumes() {
    if skipped("curl") {
        return;
    }
    let server = server();
    let mut seen: Vec<Seen> = Vec::new();
    let mut connections = 0;
    publish_half(&server, 0);
    while seen.len() < EVENTS {
        let mut curl = Command::new("curl");
        curl.args([
            "--no-buffer",
            "--silent",
            "--show-error",
            "--fail",
            "--noproxy",
            "*",
            "--max-time",
            "60",
        ]);
        if let Some(last) = seen.last() {
            curl.args(["--header", &format!("Last-Event-ID: {}", last.id)]);
        }
        // The last connection would wait for more than there is.
        let limit = PER_CONNECTION.min(EVENTS - seen.len());
        curl.arg(url(&server).replace(&format!("limit={PER_CONNECTION}"), &format!("limit={limit}")));
        let running = Running::start(curl);
        if connections == 0 {
            publish_half(&server, 1);
        }
        let output = running.succeed(CLIENT_DEADLINE);
        for item in Parser::parse(&output.stdout) {
            if let Item::Event(event) = item {
                seen.push(Seen { event: event.event, data: event.data, id: event.id });
            }
        }
        connections += 1;
    }
    assert_eq!(connections, EVENTS.div_ceil(PER_CONNECTION));
    assert_complete(&seen);
}

#[test]
fn the_eventsource_package_of_node_reads_and_resumes() {
    if skipped("Node's eventsource") {
        return;
    }
    let package = in_project("tests/clients/node/node_modules/eventsource");
    assert!(package.is_dir(), "the eventsource package is not installed; scripts/test installs it");
    let server = server();
    let mut node = Command::new("node");
    node.arg(in_project("tests/clients/node/read.mjs")).arg(url(&server)).arg(EVENTS.to_string());
    node.args(["order-created", "order-status-changed", "lines", "tick", "gap"]);
    let (seen, lost) = parse_output(&run(&server, node));
    assert_complete(&seen);
    assert!(lost >= EVENTS / PER_CONNECTION, "it was closed only {lost} times");
}

#[test]
fn httpx_sse_of_python_reads_and_resumes() {
    if skipped("Python's httpx-sse") {
        return;
    }
    let server = server();
    let mut client = Command::new(of_python("python"));
    client.arg(in_project("tests/clients/python/read.py")).arg(url(&server)).arg(EVENTS.to_string());
    let (seen, lost) = parse_output(&run(&server, client));
    assert_complete(&seen);
    assert!(lost >= EVENTS / PER_CONNECTION, "it was closed only {lost} times");
}
