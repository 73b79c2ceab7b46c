//! The publishers that docs/publishing.md prints, run as they stand there: Node's `fetch`, Python's `httpx`, and the
//! `redis` packages of both.
//!
//! What they publish arrives; what is refused is given up at once; what fails for the moment is sent again, the same,
//! after the time that the answer named. `scripts/test` installs the packages; `SSECAST_SKIP_CLIENTS=1` skips this.

mod common;

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use common::dir::TestDir;
use common::installed::{Running, in_project, of_python, skipped};
use common::page::Page;
use common::redis::RedisSetup;
use common::server::{Server, Setup};
use common::site::{Asked, Site};
use common::stream::Stream;

const PAGE: &str = "docs/publishing.md";
const TEST: &str = "tests/publishing.rs";
/// How long a publisher may take: interpreters start slowly on a busy machine.
const PUBLISHER_DEADLINE: Duration = Duration::from_secs(60);

/// Two envelopes as a program of Node and of Python can write them.
const ENVELOPES: &str = r#"[{"eventType":"tick","id":"1","ts":"2026-01-02T03:04:05Z","payload":{"n":1}},
    {"eventType":"tick","id":"2","ts":"2026-01-02T03:04:05Z","payload":{"n":2}}]"#;

/// A file of the page and what calls it, in a directory of their own.
fn publisher(name: &str, file: &str, caller: Option<(&str, &str)>) -> (TestDir, Command) {
    let dir = TestDir::new("publisher");
    dir.write(file, &Page::open(PAGE).example(TEST, name).text);
    let run = caller.map_or(file, |(file, text)| {
        dir.write(file, text);
        file
    });
    let mut command = if file.ends_with(".py") {
        Command::new(of_python("python"))
    } else {
        let modules = in_project("tests/clients/node/node_modules");
        std::os::unix::fs::symlink(modules, dir.path().join("node_modules")).expect("a link");
        Command::new("node")
    };
    command.arg(run).current_dir(dir.path()).env("NO_PROXY", "*").env("no_proxy", "*");
    (dir, command)
}

/// A program that publishes `ENVELOPES` to the URL that it is given, and prints the answer.
fn by_http(name: &str) -> (TestDir, Command) {
    match name {
        "node-http" => {
            let call = format!(
                "import {{ publish }} from './publish.mjs'\n\
                 console.log(JSON.stringify(await publish(process.argv[2], {ENVELOPES})))"
            );
            publisher(name, "publish.mjs", Some(("call.mjs", &call)))
        }
        _ => {
            let call = format!(
                "import json, sys\nfrom publish import publish\n\
                 print(json.dumps(publish(sys.argv[1], {ENVELOPES})))"
            );
            publisher(name, "publish.py", Some(("call.py", &call)))
        }
    }
}

fn is_published_by_http(name: &str) {
    if skipped(name) {
        return;
    }
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let (_dir, mut command) = by_http(name);
    command.arg(format!("http://{}/publish", server.addr()));
    let output = Running::start(command).succeed(PUBLISHER_DEADLINE);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it prints the answer");
    let seen = stream.take(2);
    assert_eq!(
        seen.iter().map(|event| event.data.replace(' ', "")).collect::<Vec<_>>(),
        ["{\"n\":1}", "{\"n\":2}"]
    );
    assert_eq!(answer, json!({"accepted": 2, "via": "local", "lastId": seen[1].id}));
}

/// 503, then 429, then nothing at all, then 202: the same is sent each time, and not before it may be.
fn is_sent_again(name: &str) {
    if skipped(name) {
        return;
    }
    let times = std::sync::Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let site = Site::start(0, move |_: &Asked| {
        let mut times = noted.lock().expect("nobody panics here");
        times.push(Instant::now());
        match times.len() {
            1 => (503, "application/problem+json\r\nRetry-After: 1", "{}".to_owned()),
            2 => (429, "application/problem+json\r\nRetry-After: 1", "{}".to_owned()),
            _ => (202, "application/json", r#"{"accepted":2}"#.to_owned()),
        }
    });
    let (_dir, mut command) = by_http(name);
    command.arg(format!("http://127.0.0.1:{}/publish", site.port()));
    Running::start(command).succeed(PUBLISHER_DEADLINE);
    let bodies: Vec<String> = site.asked("POST /publish").into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let times = times.lock().expect("nobody panics here");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)), "{times:?}");
}

fn is_given_up(name: &str) {
    if skipped(name) {
        return;
    }
    let site = Site::start(0, |_: &Asked| (400, "application/problem+json", r#"{"detail":"no"}"#.to_owned()));
    let (_dir, mut command) = by_http(name);
    command.arg(format!("http://127.0.0.1:{}/publish", site.port()));
    assert!(!Running::start(command).finish(PUBLISHER_DEADLINE).status.success());
    assert_eq!(site.asked("POST /publish").len(), 1);
}

fn is_published_to_redis(name: &str, file: &str) {
    if skipped(name) {
        return;
    }
    let redis = RedisSetup::new().start();
    let run = || {
        let (_dir, mut command) = publisher(name, file, None);
        command.arg(redis.url());
        let output = Running::start(command).succeed(PUBLISHER_DEADLINE);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run().contains("nobody is subscribed"));
    let server = Setup::new().flag("--mode", "redis").flag("--redis-url", redis.url()).start();
    let mut stream = Stream::open(&server);
    common::wait_until("the server is ready", common::DEADLINE, || {
        common::http::get(server.addr(), "/readyz").status == 200
    });
    assert_eq!(run(), "");
    let event = stream.next();
    assert_eq!((event.event.as_str(), event.data.as_str()), ("order-created", ORDER), "{event:?}");
}

/// What clients are shown of the event of both examples.
const ORDER: &str = r#"{"orderId":"7c9e","status":"Pending"}"#;

#[test]
fn the_envelope_is_accepted() {
    let server = Server::start();
    let mut stream = Stream::open_at(&server, "/events?topic=orders");
    let page = Page::open(PAGE);
    common::api::publish(&server, &page.example(TEST, "envelope").text);
    let data: Value = serde_json::from_str(&stream.next().data).expect("the data is JSON");
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    assert_eq!(data, json!({"orderId": id, "oldStatus": "Pending", "newStatus": "Shipped"}));
}

#[test]
fn fetch_of_node_publishes() {
    is_published_by_http("node-http");
}

#[test]
fn fetch_of_node_tries_again() {
    is_sent_again("node-http");
}

#[test]
fn fetch_of_node_gives_up_what_is_refused() {
    is_given_up("node-http");
}

#[test]
fn httpx_of_python_publishes() {
    is_published_by_http("python-http");
}

#[test]
fn httpx_of_python_tries_again() {
    is_sent_again("python-http");
}

#[test]
fn httpx_of_python_gives_up_what_is_refused() {
    is_given_up("python-http");
}

#[test]
fn redis_of_node_publishes() {
    is_published_to_redis("node-redis", "publish.mjs");
}

#[test]
fn redis_of_python_publishes() {
    is_published_to_redis("python-redis", "publish.py");
}
