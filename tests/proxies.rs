//! nginx, HAProxy and Caddy in front of two servers, with the configuration that docs/proxies.md prints.
//!
//! What is shown of each: events pass without delay, 20 tabs share one HTTP/2 connection, quiet streams stay,
//! streams survive the end of one server and of both, clients that go are gone, addresses cannot be forged.
//! `scripts/test` installs the proxies; `SSECAST_SKIP_CLIENTS=1` skips all of it and says so.

mod common;
#[path = "proxies/front.rs"]
mod front;

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use common::api::{clients, metric, post};
use common::dir::TestDir;
use common::events::{envelope, tick};
use common::installed::{Running, in_project};
use common::port::Port;
use common::redis::{Redis, RedisSetup};
use common::server::{Server, Setup};
use common::site::Site;
use common::window::Window;
use common::{DEADLINE, wait_until};
use front::{Front, Kind};

/// What the issue allows from publish to receipt.
const LATENCY_MS: f64 = 50.0;
const TABS: usize = 20;
/// How long a script may take: interpreters start slowly on a busy machine.
const SCRIPT_DEADLINE: Duration = Duration::from_secs(90);

/// Two servers on one Redis, on ports that stay theirs, and a proxy before them.
struct Scene {
    front: Front,
    servers: [Option<Server>; 2],
    ports: [Port; 2],
    redis: Redis,
    flags: Vec<String>,
}

impl Scene {
    fn new(kind: Kind, flags: &[&str], changes: &[(&str, &str)]) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (ports, redis) = ([Port::any(), Port::any()], RedisSetup::new().start());
        // Before the proxy, which would find nobody and remember that for a while.
        let servers = [0, 1].map(|which| Some(launch(&ports[which], &redis, &flags)));
        let front = Front::start(kind, [ports[0].number(), ports[1].number()], changes);
        Self { front, servers, ports, redis, flags }
    }

    /// Starts a server on its port again.
    fn restart(&mut self, which: usize) {
        self.servers[which] = Some(launch(&self.ports[which], &self.redis, &self.flags));
    }

    /// Kills a server with -9.
    fn kill(&mut self, which: usize) {
        self.servers[which] = None;
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    /// Publishes past the proxy.
    fn publish(&self, envelope: &str) {
        let server = self.running().next().expect("a server runs");
        assert_eq!(post(server.addr(), envelope.as_bytes()).status, 202);
    }

    /// Publishes through the proxy, a second time if it says that it found nobody; whether once was enough.
    fn publish_through(&self, envelope: &str) -> bool {
        match self.try_publish_through(envelope).as_str() {
            "202" => true,
            "502" => {
                assert_eq!(self.try_publish_through(envelope), "202");
                false
            }
            other => panic!("a publish was answered with {other}"),
        }
    }

    fn try_publish_through(&self, envelope: &str) -> String {
        let mut curl = self.front.curl();
        curl.args(["--write-out", "%{http_code}", "--output", "/dev/null", "--data", envelope]);
        curl.args(["--header", "Content-Type: application/json"])
            .arg(format!("{}/publish", self.front.origin()));
        String::from_utf8_lossy(&Running::start(curl).succeed(DEADLINE).stdout).into_owned()
    }

    /// Waits until the streams of all servers are so many.
    fn wait_for_streams(&self, count: usize) {
        wait_until(&format!("{count} streams"), DEADLINE, || {
            self.running().map(|server| clients(server).len()).sum::<usize>() == count
        });
    }

    /// Waits until the servers that run have handed so many events to the kernel.
    fn wait_for_deliveries(&self, count: usize) {
        wait_until(&format!("{count} deliveries"), DEADLINE, || {
            let sent = self.running().filter_map(|server| metric(server, "ssecast_events_sent_total"));
            sent.sum::<f64>() >= count as f64
        });
    }

    /// Waits until the proxy knows that no server is there, and answers itself.
    fn wait_for_answer_of_its_own(&self, begin: &str) {
        let url = format!("{}/events", self.front.origin());
        wait_until(&format!("an answer with {begin:?}"), DEADLINE, || {
            let mut curl = self.front.curl();
            curl.args(["--no-buffer", "--max-time", "3", &url]);
            Running::start(curl).finish(DEADLINE).stdout.starts_with(begin.as_bytes())
        });
    }

    /// Runs `tabs.mjs`.
    fn tabs(&self, origin: &str, tabs: usize, events: usize, pause: Duration) -> std::process::Output {
        let mut node = node();
        node.arg(in_project("tests/proxies/tabs.mjs")).arg(origin);
        node.args([tabs.to_string(), events.to_string(), pause.as_millis().to_string()]);
        node.env("CA", self.front.certificates().authority());
        Running::start(node).finish(SCRIPT_DEADLINE)
    }

    /// Runs `tabs.mjs`, which has to succeed; what it printed.
    fn good_tabs(&self, origin: &str, tabs: usize, events: usize, pause: Duration) -> Value {
        let output = self.tabs(origin, tabs, events, pause);
        let said = common::installed::said(&output);
        assert!(output.status.success(), "{said}\n{}", self.front.log());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// Starts `sources.mjs`.
    fn sources(&self, dir: &TestDir, count: usize) -> Running {
        let script = fs::read_to_string(in_project("tests/proxies/sources.mjs")).expect("it is there");
        let script = dir.write("sources.mjs", &script);
        let modules = in_project("tests/clients/node/node_modules");
        std::os::unix::fs::symlink(modules, dir.path().join("node_modules")).expect("a link");
        let mut node = node();
        node.arg(script).arg(format!("{}/events", self.front.origin())).arg(count.to_string());
        node.env("NODE_EXTRA_CA_CERTS", self.front.certificates().authority());
        Running::start(node)
    }
}

/// Node, for a script that comes by `localhost`: before version 20 it tries one address only, and a Debian machine lists
/// `::1` for that name, where no proxy of these tests listens.
fn node() -> Command {
    let mut node = Command::new("node");
    node.arg("--dns-result-order=ipv4first");
    node
}

/// Starts a server on a port.
fn launch(port: &Port, redis: &Redis, flags: &[String]) -> Server {
    let setup =
        Setup::bare().flag("--listen", &format!("127.0.0.1:{}", port.number())).flag("--mode", "redis");
    let setup = setup.flag("--redis-url", redis.url()).flag("--cors-origins", "*");
    let server = flags.iter().fold(setup, |setup, flag| setup.arg(flag)).start();
    wait_until("the server is ready", DEADLINE, || common::http::get(server.addr(), "/readyz").status == 200);
    server
}

fn median(latencies: &Value) -> f64 {
    let list = latencies.as_array().expect("a list");
    let mut numbers: Vec<f64> = list.iter().map(|value| value.as_f64().expect("a number")).collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Published and received on one HTTP/2 connection, beside the same without a proxy.
fn events_pass_without_delay(kind: Kind) {
    let scene = Scene::new(kind, &[], &[]);
    let direct = format!("http://{}", scene.running().next().expect("a server runs").addr());
    let pause = Duration::from_millis(20);
    let through = median(&scene.good_tabs(&scene.front.origin(), 1, 40, pause)["latencies"]);
    let past = median(&scene.good_tabs(&direct, 1, 40, pause)["latencies"]);
    eprintln!("{kind:?}: {through:.1} ms through the proxy, {past:.1} ms past it (medians of 40)");
    // What the machine needs for itself is no delay of the proxy's.
    assert!(through < LATENCY_MS.max(3.0 * past), "{through} ms through the proxy, {past} ms past it");
}

fn twenty_tabs_share_a_connection(kind: Kind) {
    let scene = Scene::new(kind, &[], &[]);
    let seen = scene.good_tabs(&scene.front.origin(), TABS, 10, Duration::ZERO);
    let tabs = seen["tabs"].as_array().expect("a list");
    assert_eq!(tabs.len(), TABS);
    for tab in tabs {
        assert_eq!(tab["status"], 200, "{tab}");
        assert_eq!(tab["ids"].as_array().map(Vec::len), Some(10), "{tab}");
        assert_eq!(tab["headers"]["content-encoding"], Value::Null, "not compressed: {tab}");
        assert_eq!(tab["headers"]["content-type"], "text/event-stream", "{tab}");
    }
    // The script has ended without a word: its streams are closed at the servers, too.
    scene.wait_for_streams(0);
}

/// Heartbeats keep a stream beyond the timeouts of the proxy, which are real.
fn quiet_streams_stay(kind: Kind) {
    let pause = Duration::from_secs(5);
    let short: &[(&str, &str)] = if kind == Kind::Caddy { &[] } else { &[("60s", "2s")] };
    let scene = Scene::new(kind, &["--stream-heartbeat=500ms"], short);
    scene.good_tabs(&scene.front.origin(), 1, 1, pause);
    if kind != Kind::Caddy {
        let silent = Scene::new(kind, &["--stream-heartbeat-style=off"], short);
        let output = silent.tabs(&silent.front.origin(), 1, 1, pause);
        assert!(!output.status.success(), "the timeout was not there: nothing was shown");
    }
}

fn the_end_of_a_server_is_survived(kind: Kind) {
    let flags = ["--stream-retry=200ms", "--stream-heartbeat=1h"];
    let mut scene = Scene::new(kind, &flags, &[("retry: 5000", "retry: 300")]);
    let dir = TestDir::new("sources");
    let sources = scene.sources(&dir, 6);
    scene.wait_for_streams(6);
    let of_the_first = clients(scene.servers[0].as_ref().expect("it runs")).len();
    scene.publish(&tick(1));
    scene.wait_for_deliveries(6);
    // One ends: its clients go on at the other one.
    scene.kill(0);
    // Whoever publishes through the proxy does not notice, or once, as the page says of Caddy.
    let refused = (2..6).filter(|n| !scene.publish_through(&tick(*n))).count();
    assert!(refused == 0 || refused == 1 && kind == Kind::Caddy, "{refused} publishes were refused");
    scene.wait_for_streams(6);
    scene.publish(&tick(6));
    // Six to those who were there from the beginning, five to those who came.
    scene.wait_for_deliveries(6 * 6 - of_the_first);
    // Both are gone: the proxy tells them to come back, and a new one has no history.
    scene.kill(1);
    scene.wait_for_answer_of_its_own("retry: 300");
    scene.restart(0);
    scene.wait_for_streams(6);
    scene.publish(&tick(7));
    scene.publish(&envelope("end", "1", "1"));
    let output = sources.succeed(SCRIPT_DEADLINE);
    let got: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let expected: Value = serde_json::json!([1, 2, 3, 4, 5, 6, "unknown-id", 7]);
    assert_eq!(got, Value::Array(vec![expected; 6]));
}

/// What a proxy sends: the address of the client and nothing that it claims, over connections that are kept.
fn servers_learn_the_address(kind: Kind) {
    let answer = |_: &common::site::Asked| (202, "application/json", "{}".to_owned());
    let servers = [Site::start(0, answer), Site::start(0, answer)];
    let front = Front::start(kind, [servers[0].port(), servers[1].port()], &[]);
    let publish = format!("{}/publish", front.origin());
    let mut curl = front.curl();
    curl.args(["--fail", "--ipv4", "--interface", "127.0.0.9"]);
    curl.args(["--header", "X-Forwarded-For: 192.0.2.66", "--data", "{}"]);
    curl.args(vec![&publish; 6]);
    Running::start(curl).succeed(DEADLINE);
    let mut connections = 0;
    let mut all = Vec::new();
    for server in &servers {
        let asked = server.asked("POST /publish HTTP/1.1");
        let mut numbers: Vec<usize> = asked.iter().map(|asked| asked.connection).collect();
        numbers.sort_unstable();
        numbers.dedup();
        connections += numbers.len();
        all.extend(asked);
    }
    assert_eq!(all.len(), 6);
    for asked in &all {
        assert_eq!(asked.all("x-forwarded-for"), ["127.0.0.9"], "{asked:?}");
        assert_eq!(asked.all("x-forwarded-proto"), ["https"], "{asked:?}");
    }
    assert!(connections <= 2, "{connections} connections for 6 publishes");
    // What is for inside stays there.
    for path in ["/metrics", "/stats", "/clients", "/admin/mode", "/"] {
        let mut curl = front.curl();
        curl.args(["--output", "/dev/null", "--write-out", "%{http_code}"]);
        curl.arg(format!("{}{path}", front.origin()));
        assert_eq!(Running::start(curl).succeed(DEADLINE).stdout, b"404", "{path}");
    }
}

/// Servers that trust the proxy list the client itself, whatever it claims to be.
fn servers_list_the_client(kind: Kind) {
    let scene = Scene::new(kind, &["--server-trusted-proxies=127.0.0.1"], &[]);
    let mut curl = scene.front.curl();
    curl.args([
        "--no-buffer",
        "--ipv4",
        "--interface",
        "127.0.0.9",
        "--header",
        "X-Forwarded-For: 192.0.2.66",
    ]);
    let _stream = Running::start({
        curl.arg(format!("{}/events", scene.front.origin()));
        curl
    });
    scene.wait_for_streams(1);
    let listed = scene.running().flat_map(clients).next().expect("there is one");
    let address = listed["address"].as_str().unwrap_or_default();
    assert!(address.starts_with("127.0.0.9"), "{listed}");
}

/// What docs/proxies.md has an operator ask: the probes come one by one.
fn the_way_is_diagnosed(kind: Kind) {
    let scene = Scene::new(kind, &[], &[]);
    let mut curl = scene.front.curl();
    curl.args(["--no-buffer", "--write-out", "\n%{http_code} %{time_starttransfer} %{time_total}"]);
    curl.arg(format!("{}/diagnose", scene.front.origin()));
    let output = Running::start(curl).succeed(DEADLINE);
    let said = String::from_utf8_lossy(&output.stdout);
    let (probes, measured) = said.trim_end().rsplit_once('\n').expect("what curl measured comes last");
    let measured: Vec<f64> = measured.split(' ').map(|number| number.parse().expect("a number")).collect();
    let &[status, first, last] = measured.as_slice() else { panic!("{measured:?}") };
    assert!(probes.contains("event: end") && status == 200.0, "{said}");
    assert!(last - first > 1.0, "all of it came at once, {first} to {last} s after it was asked for");
}

/// A real browser with 20 streams on one page: over HTTP/1.1 it would open six.
fn a_browser_has_twenty_tabs(kind: Kind) {
    let scene = Scene::new(kind, &[], &[]);
    let page = fs::read_to_string(in_project("tests/proxies/tabs.html")).expect("it is there");
    let site = Site::start(0, move |asked| match asked.line.as_str() {
        line if line.starts_with("GET /?") => (200, "text/html", page.clone()),
        _ => (200, "application/json", "{}".to_owned()),
    });
    let url = format!("http://127.0.0.1:{}/?url={}/events", site.port(), scene.front.origin());
    let Some(_browser) = Window::open(&url) else { return };
    let reports =
        |what: &str| site.asked("POST /report").iter().filter(|asked| asked.body.contains(what)).count();
    wait_until("20 tabs are open", SCRIPT_DEADLINE, || reports("opened") >= TABS);
    scene.wait_for_streams(TABS);
    scene.publish(&tick(7));
    wait_until("20 tabs have the event", SCRIPT_DEADLINE, || reports("\"n\":7") == TABS);
    assert_eq!(reports("opened"), TABS, "no tab had to connect twice");
}

/// The tests of a proxy.
macro_rules! proxy {
    ($name:ident, $kind:expr, $($test:ident),+) => {
        mod $name {
            $(
                #[test]
                fn $test() {
                    if !crate::common::installed::skipped(stringify!($name)) {
                        super::$test($kind);
                    }
                }
            )+
        }
    };
    ($name:ident, $kind:expr) => {
        proxy!(
            $name,
            $kind,
            events_pass_without_delay,
            twenty_tabs_share_a_connection,
            quiet_streams_stay,
            the_end_of_a_server_is_survived,
            servers_learn_the_address,
            servers_list_the_client,
            the_way_is_diagnosed,
            a_browser_has_twenty_tabs
        );
    };
}

proxy!(nginx, crate::Kind::Nginx);
proxy!(haproxy, crate::Kind::Haproxy);
proxy!(caddy, crate::Kind::Caddy);
