//! The load generator, `ssecast-load`, against a real server for a second or two each: it finds nothing wrong
//! where nothing is, and says so where something is.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use common::dir::TestDir;
use common::installed::{Running, said};
use common::port::Port;
use common::redis::Redis;
use common::server::{Server, Setup};

/// How long one run may take: it takes a second or two where nothing else runs.
const RUN_DEADLINE: Duration = Duration::from_secs(60);

/// A run that has ended.
struct Run {
    output: Output,
    /// The line that `--json` appended; null where there is none.
    record: Value,
}

impl Run {
    fn of(scenario: &str, target: SocketAddr, arguments: &str) -> Self {
        let dir = TestDir::new("load");
        let json = dir.path().join("result.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssecast-load"));
        command.args([scenario, "--target", &target.to_string()]).arg("--json").arg(&json);
        command.args(arguments.split_whitespace());
        let output = Running::start(command).finish(RUN_DEADLINE);
        let record = fs::read(&json).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
        Self { output, record }
    }

    /// A run that has to be clean.
    fn clean(scenario: &str, server: &Server, arguments: &str) -> Self {
        let pid = server.pid();
        let run = Self::of(scenario, server.addr(), &format!("--pid {pid} {arguments}"));
        assert!(run.output.status.success(), "{scenario}: {}", said(&run.output));
        for fault in ["missing", "duplicate", "unordered", "gaps", "closed"] {
            assert_eq!(run.find(fault).unwrap_or(0.0), 0.0, "{scenario}: {fault}");
        }
        run
    }

    fn find(&self, metric: &str) -> Option<f64> {
        let metrics = self.record["metrics"].as_array()?;
        metrics.iter().find(|found| found["name"] == metric)?["value"].as_f64()
    }

    fn get(&self, metric: &str) -> f64 {
        self.find(metric).unwrap_or_else(|| panic!("no {metric}: {}", said(&self.output)))
    }
}

/// The example of this name: cargo builds examples before it runs tests, unless it is told to run just one.
fn example(name: &str) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_ssecast-load"));
    let path = beside.parent().expect("a folder").join("examples").join(name);
    if !path.is_file() {
        let built = Command::new(env!("CARGO")).args(["build", "--locked", "--example", name]).status();
        assert!(built.is_ok_and(|status| status.success()) && path.is_file(), "{name} cannot be built");
    }
    path
}

/// The bare floor, which keeps nothing of the past.
struct Floor {
    child: Child,
    address: SocketAddr,
}

impl Floor {
    fn start() -> Self {
        let mut command = Command::new(example("floor"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the floor can be started");
        let mut line = String::new();
        let stderr = child.stderr.take().expect("it is piped");
        BufReader::new(stderr).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
        Self { child, address: address.expect("an address") }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn events_one_at_a_time_at_a_rate_and_in_bursts() {
    let server = Server::start();
    let run = Run::clean("fanout", &server, "--streams 200 --events 10");
    assert_eq!(run.get("deliveries"), 2_000.0);
    for metric in
        ["opened_per_s", "deliveries_per_s", "cpu_us_per_delivery", "latency_p999_us", "rss_end_bytes"]
    {
        assert!(run.get(metric) > 0.0, "{metric}");
    }
    assert!(run.get("latency_p50_us") <= run.get("latency_p99_us"));
    let paced = Run::clean("fanout", &server, "--streams 20 --events 30 --rate 100 --publishers 3");
    assert!(paced.get("deliveries") >= 20.0 * 25.0);
    let burst = Run::clean("burst", &server, "--streams 50 --events 16 --rounds 2");
    assert_eq!((burst.get("deliveries"), burst.get("events_per_burst")), (1_600.0, 16.0));
}

#[test]
fn topics_slow_streams_idle_streams_and_health() {
    let server = Server::start();
    assert_eq!(Run::clean("topics", &server, "--streams 100 --events 50").get("deliveries"), 50.0);
    let by_tenant = Setup::new().arg("--auth-open-tenants").start();
    assert_eq!(Run::clean("tenants", &by_tenant, "--streams 100 --events 50").get("deliveries"), 50.0);
    assert!(
        Run::of("tenants", server.addr(), "--streams 5 --events 5 --patience 2").record["error"].is_string()
    );
    let slow = Run::clean("slow", &server, "--streams 20 --stalled 10 --events 10");
    assert_eq!((slow.get("stalled_open_measured"), slow.get("stalled_blocked_measured")), (10.0, 10.0));
    assert_eq!((slow.get("stalled_open_overrun"), slow.get("stalled_closed")), (0.0, 10.0));
    assert!(Run::clean("idle", &server, "--streams 100").get("server_descriptors") > 100.0);
    assert!(
        Run::clean("health", &server, "--streams 50 --events 20 --rate 50").get("health_requests") > 10.0
    );
}

#[test]
fn streams_that_come_back_lack_nothing() {
    let server = Server::start();
    let churn = Run::clean("churn", &server, "--streams 100 --seconds 2 --churn 50");
    assert!(churn.get("reconnects") > 50.0);
    let storm = Run::clean("storm", &server, "--streams 200 --live 10 --seconds 1 --back 30");
    assert!(storm.get("deliveries") >= 200.0 * 30.0);
    assert!(storm.get("storm_latency_ratio") > 0.0);
}

#[test]
fn a_soak_samples_and_gives_all_descriptors_back() {
    let server = Setup::new().flag("--stream-buffer-bytes", "16KiB").start();
    let run = Run::clean(
        "soak",
        &server,
        "--streams 50 --stalled 5 --seconds 4 --rate 200 --bytes 2000 --churn 20",
    );
    let samples = run.record["samples"].as_array().expect("samples");
    assert!(
        samples.len() >= 3 && samples.iter().all(|sample| sample["rss_bytes"].as_u64() > Some(0)),
        "{samples:?}"
    );
    assert_eq!(run.get("descriptors_before"), run.get("descriptors_after"));
    assert!(run.get("restalled") > 0.0, "stalled streams are closed, and come back");
    assert!(run.find("rss_slope_pct_per_hour").is_some());
}

#[test]
fn events_through_redis() {
    let redis = Redis::start();
    let server = Setup::new().flag("--mode", "redis").flag("--redis-url", redis.url()).start();
    let url = redis.url();
    let burst = Run::clean("burst", &server, &format!("--streams 20 --events 50 --rounds 2 --redis {url}"));
    assert_eq!(burst.record["via_redis"], true);
    let ingest = Run::clean("ingest", &server, &format!("--events 500 --redis {url}"));
    assert!(ingest.get("events_per_s") > 0.0);
    let fanout = Run::clean("fanout", &server, "--streams 20 --events 10");
    assert_eq!(fanout.get("fallbacks"), 0.0);
}

#[test]
fn what_a_server_loses_is_missing_and_the_run_fails() {
    let floor = Floor::start();
    let clean = Run::of("fanout", floor.address, "--streams 20 --events 5");
    assert!(clean.output.status.success(), "{}", said(&clean.output));
    let arguments = "--streams 50 --seconds 2 --churn 50 --rate 50 --patience 1";
    let run = Run::of("churn", floor.address, arguments);
    assert_eq!(run.output.status.code(), Some(1), "{}", said(&run.output));
    assert!(run.get("missing") > 0.0 && run.get("wrong_streams") > 0.0);
    assert!(
        run.record["error"].as_str().is_some_and(|error| error.contains("deliveries")),
        "{}",
        run.record["error"]
    );
}

#[test]
fn a_stream_that_gets_anothers_event_fails_the_run() {
    let floor = Floor::start();
    let run = Run::of("topics", floor.address, "--streams 5 --events 5 --patience 2");
    assert_eq!(run.output.status.code(), Some(1));
    assert!(
        said(&run.output).contains("did not reach just the stream that it concerns"),
        "{}",
        said(&run.output)
    );
}

#[test]
fn a_server_that_is_not_there_is_said_in_a_line() {
    let port = Port::any();
    let run = Run::of("fanout", SocketAddr::from(([127, 0, 0, 1], port.number())), "--streams 1");
    assert_eq!(run.output.status.code(), Some(1));
    assert_eq!(said(&run.output).lines().count(), 1, "{}", said(&run.output));
}
