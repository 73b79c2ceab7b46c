//! The k6 scripts of `loadtest/k6`, run by real k6 against a real server for a second or two each.
//!
//! Each has to do something, find everything right and say so by its exit code; and each way of failing has to
//! be seen to fail. `scripts/test` installs k6. Where it is missing that is a failure, not a skip;
//! `SSECAST_SKIP_CLIENTS=1` skips it and says so.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use common::dir::TestDir;
use common::installed::{Running, in_project, of_python, said, skipped};
use common::port::Port;
use common::server::{Server, Setup};

/// How long one run may take: it takes 2 or 3 seconds where nothing else runs.
const RUN_DEADLINE: Duration = Duration::from_secs(60);
/// Bounds on durations that a debug build on a busy machine keeps. What they are worth is not tested here.
const LENIENT: [(&str, &str); 6] = [
    ("P95_MS", "5000"),
    ("P99_MS", "5000"),
    ("PUBLISH_P95_MS", "5000"),
    ("HEALTH_P95_MS", "5000"),
    ("METRICS_P95_MS", "5000"),
    ("CATCH_UP_P95_MS", "5000"),
];
/// k6's exit codes.
const THRESHOLDS_CROSSED: i32 = 99;
const SCRIPT_FAILED: i32 = 107;
const SCRIPT_ABORTED: i32 = 108;
/// The scripts that stock k6 runs.
const STOCK: [&str; 4] = ["stream.js", "publish.js", "mixed.js", "storm.js"];

/// A run of k6 that has ended.
struct Run {
    code: Option<i32>,
    /// What `--summary-export` wrote; null where there was none.
    summary: Value,
    said: String,
}

impl Run {
    /// Runs a script; later variables win.
    fn of(script: &Path, server: &str, variables: &[(&str, &str)]) -> Self {
        let dir = TestDir::new("k6");
        let summary = dir.path().join("summary.json");
        let mut k6 = Command::new(of_python("k6"));
        // Without the variables of whoever runs the tests, and their proxies.
        k6.env_clear().env("HOME", dir.path()).current_dir(dir.path());
        k6.args(["run", "--no-usage-report", "--quiet", "--no-color", "--address", "", "--summary-export"]);
        k6.arg(&summary).args(["-e", &format!("BASE_URL={server}")]);
        for (name, value) in LENIENT.iter().chain(variables) {
            k6.args(["-e", &format!("{name}={value}")]);
        }
        k6.arg(script);
        let output = Running::start(k6).finish(RUN_DEADLINE);
        let summary = fs::read(&summary)
            .map_or(Value::Null, |text| serde_json::from_slice(&text).expect("the summary is JSON"));
        Self { code: output.status.code(), summary, said: said(&output) }
    }

    /// Runs a script of `loadtest/k6` against a server.
    fn stock(script: &str, server: &Server, variables: &[(&str, &str)]) -> Self {
        Self::of(&in_project("loadtest/k6").join(script), &url(server), variables)
    }

    /// A number of a metric.
    fn metric(&self, metric: &str, value: &str) -> f64 {
        let found = self.summary["metrics"][metric][value].as_f64();
        found.unwrap_or_else(|| panic!("no {value} of {metric}; k6 said:\n{}", self.said))
    }

    /// How often a check passed and failed.
    fn check(&self, name: &str) -> (u64, u64) {
        let check = &self.summary["root_group"]["checks"][name];
        let count = |key: &str| check[key].as_u64();
        let counts = count("passes").zip(count("fails"));
        counts.unwrap_or_else(|| panic!("{name:?} was not checked; k6 said:\n{}", self.said))
    }

    /// The run ended as that code says.
    fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "k6 said:\n{}", self.said);
    }

    /// Iterations and these checks happened, and nothing failed.
    fn assert_passed(&self, checks: &[&str]) {
        self.assert_code(0);
        assert!(self.metric("iterations", "count") > 0.0, "{}", self.said);
        assert!(self.metric("checks", "passes") > 0.0, "{}", self.said);
        assert!(self.metric("checks", "fails") == 0.0, "{}", self.said);
        for name in checks {
            assert!(self.check(name).0 > 0, "{name:?} was never checked; k6 said:\n{}", self.said);
        }
        assert!(!self.said.contains("level=error"), "{}", self.said);
    }
}

fn url(server: &Server) -> String {
    format!("http://{}", server.addr())
}

const EVENT_CHECKS: [&str; 7] = [
    "status is 200",
    "Content-Type is text/event-stream",
    "ids are instance-seq-fingerprint",
    "seq only grows",
    "no event is missing",
    "no event comes twice",
    "names and data are as mapped",
];

#[test]
fn streams_are_read_resumed_and_measured() {
    if skipped("k6") {
        return;
    }
    for data in ["payload", "envelope"] {
        let server = Setup::new().flag("--stream-data", data).flag("--stream-heartbeat", "100ms").start();
        let run = Run::stock("stream.js", &server, &[("VUS", "4"), ("LIMIT", "5"), ("DURATION", "1s")]);
        run.assert_passed(&EVENT_CHECKS);
        assert!(run.metric("streams_finished", "count") > 8.0, "nobody resumed:\n{}", run.said);
        assert!(run.metric("ts_to_end_of_stream", "count") > 0.0, "{}", run.said);
        assert!(run.metric("ts_to_end_of_stream", "min") >= 0.0, "{}", run.said);
    }
}

#[test]
fn publishing_is_accepted_and_refused() {
    if skipped("k6") {
        return;
    }
    let variables = [("DURATION", "1s"), ("INVALID_RATE", "20"), ("BATCH", "20"), ("MAX_DROPPED", "1000")];
    let run = Run::stock("publish.js", &Server::start(), &variables);
    run.assert_passed(&["publish is answered 202", "lastId grows", "invalid: index in a batch"]);
    assert!(run.metric("events_published", "count") > 100.0, "{}", run.said);
}

#[test]
fn everything_at_once() {
    if skipped("k6") {
        return;
    }
    let variables = [
        ("VUS", "12"),
        ("RAMP", "500ms"),
        ("HOLD", "1s"),
        ("LIMIT", "4"),
        ("TOPICS", "4"),
        ("PAUSE", "100ms"),
        ("POLL", "100ms"),
    ];
    let run = Run::stock("mixed.js", &Server::start(), &variables);
    run.assert_passed(&EVENT_CHECKS);
    run.assert_passed(&["/healthz is 200", "/metrics counts connections", "/stats counts streams"]);
}

#[test]
fn a_storm_of_reconnects_loses_nothing() {
    if skipped("k6") {
        return;
    }
    let server = Server::start();
    for filter in ["none", "topic"] {
        let variables = [("VUS", "20"), ("ROUNDS", "2"), ("INTERVAL", "600ms"), ("FILTER", filter)];
        let run = Run::stock("storm.js", &server, &variables);
        run.assert_passed(&EVENT_CHECKS);
        assert_eq!(run.metric("storm_complete", "passes"), 40.0, "{}", run.said);
    }
}

/// `sse.js` with the stand-in for the extension: all of the script but the times that it measures.
#[test]
fn the_script_for_the_extension_works_with_a_stand_in() {
    if skipped("k6") {
        return;
    }
    let dir = TestDir::new("k6-sse");
    let lib = dir.path().join("lib");
    fs::create_dir(&lib).expect("the test's own directory can be written");
    for file in fs::read_dir(in_project("loadtest/k6/lib")).expect("the library is there") {
        let file = file.expect("the library can be listed");
        fs::copy(file.path(), lib.join(file.file_name())).expect("a file can be copied");
    }
    let stand_in = fs::read_to_string(in_project("tests/k6/sse-stand-in.js")).expect("it is there");
    dir.write("sse-stand-in.js", &stand_in);
    let script = include_str!("../loadtest/k6/sse.js");
    let import = r#"import sse from "k6/x/sse";"#;
    assert_eq!(script.matches(import).count(), 1, "the script imports the extension");
    let script = dir.write("sse.js", &script.replace(import, r#"import sse from "./sse-stand-in.js";"#));

    let server = Setup::new().flag("--stream-heartbeat", "200ms").start();
    let variables = [("VUS", "4"), ("LIMIT", "10"), ("DURATION", "1s"), ("HEARTBEAT", "200ms")];
    let run = Run::of(&script, &url(&server), &variables);
    run.assert_passed(&EVENT_CHECKS);
    run.assert_passed(&["as many events as limit says", "heartbeats come", "heartbeats come in time"]);
    assert!(run.metric("event_latency", "count") > 0.0, "{}", run.said);
}

#[test]
fn the_script_for_the_extension_lacks_nothing_but_the_extension() {
    if skipped("k6") {
        return;
    }
    let script = in_project("loadtest/k6/sse.js");
    let run = Run::of(&script, "http://127.0.0.1:9", &[]);
    run.assert_code(SCRIPT_FAILED);
    let errors: Vec<&str> = run.said.lines().filter(|line| line.contains("level=error")).collect();
    let [error] = errors[..] else { panic!("one error was expected: {}", run.said) };
    assert!(error.contains("unknown module: k6/x/sse"), "{error}");
}

#[test]
fn the_checks_of_the_library_can_fail() {
    if skipped("k6") {
        return;
    }
    let run = Run::of(&in_project("tests/k6/library.js"), "http://127.0.0.1:9", &[]);
    run.assert_code(0);
    assert!(run.metric("checks", "passes") > 50.0, "{}", run.said);
    assert!(run.metric("checks", "fails") == 0.0, "{}", run.said);
}

#[test]
fn a_run_fails_where_events_do_not_come() {
    if skipped("k6") {
        return;
    }
    let nothing_else = "map_only = true\n[[map]]\nevent_type = 'other'\nevent = 'other'\n";
    let server = Setup::new().config(nothing_else).start();
    let variables = [("VUS", "2"), ("LIMIT", "3"), ("DURATION", "1s"), ("TIMEOUT", "1500ms")];
    let run = Run::stock("stream.js", &server, &variables);
    run.assert_code(THRESHOLDS_CROSSED);
    let (passes, fails) = run.check("as many events as limit says");
    assert!(passes == 0 && fails > 0, "{}", run.said);
}

#[test]
fn a_run_fails_by_each_threshold() {
    if skipped("k6") {
        return;
    }
    let server = Server::start();
    let short = [("VUS", "2"), ("DURATION", "1s"), ("LIMIT", "3"), ("MISSED", "5"), ("LIVE", "2")];
    let rounds = [("ROUNDS", "1"), ("INTERVAL", "300ms"), ("RAMP", "500ms"), ("HOLD", "0s"), ("TOPICS", "2")];
    for (script, threshold, metric) in [
        ("stream.js", "P95_MS", "ts_to_end_of_stream"),
        ("publish.js", "P95_MS", "http_req_duration{name:publish one}"),
        ("mixed.js", "HEALTH_P95_MS", "http_req_duration{name:GET /healthz}"),
        ("storm.js", "CATCH_UP_P95_MS", "storm_catch_up"),
    ] {
        let run = Run::stock(script, &server, &[&short[..], &rounds, &[(threshold, "0")]].concat());
        run.assert_code(THRESHOLDS_CROSSED);
        let crossed = run.said.lines().find(|line| line.contains("have been crossed")).unwrap_or_default();
        assert!(crossed.contains(metric), "{crossed:?} of {script}");
    }
}

#[test]
fn a_run_ends_at_once_where_it_makes_no_sense() {
    if skipped("k6") {
        return;
    }
    let port = Port::any();
    let nobody = format!("http://127.0.0.1:{}", port.number());
    for script in STOCK {
        let path = in_project("loadtest/k6").join(script);
        let run = Run::of(&path, &nobody, &[]);
        run.assert_code(SCRIPT_ABORTED);
        assert!(run.said.contains("BASE_URL says where the server is"), "{script}: {}", run.said);

        let run = Run::of(&path, &nobody, &[("VUS", "many")]);
        run.assert_code(SCRIPT_FAILED);
        assert!(run.said.contains(r#"VUS=\"many\" is not a whole number"#), "{script}: {}", run.said);
    }
}

/// The options that a script reads, with their defaults as the source has them.
fn options_read(source: &str) -> Vec<(&str, &str, &str)> {
    let kinds = ["vus", "whole", "rate", "seconds", "share", "millis", "choice", "address"];
    let calls = kinds.iter().flat_map(|kind| source.match_indices(kind).map(move |(at, _)| (*kind, at)));
    calls
        .filter_map(|(kind, at)| {
            let (name, rest) = source[at + kind.len()..].strip_prefix("(\"")?.split_once('"')?;
            let default = rest.strip_prefix(", ")?.split([',', ')']).next()?;
            Some((kind, name, default.trim_matches('"')))
        })
        .collect()
}

/// The options that a script's first comment lists, with their defaults: `//     NAME  default  what it is`.
fn options_listed(source: &str) -> Vec<(&str, &str)> {
    let lines = source.lines().take_while(|line| line.starts_with("//"));
    lines
        .filter_map(|line| {
            let mut words = line.strip_prefix("//     ")?.split_whitespace();
            let name = words.next().filter(|name| {
                name.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'0'..=b'9'))
            })?;
            Some((name, words.next()?))
        })
        .collect()
}

/// `200ms` or `10s` as a number of seconds.
fn in_seconds(text: &str) -> Option<f64> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse::<f64>().ok().map(|millis| millis / 1000.0),
        None => text.strip_suffix('s')?.parse().ok(),
    }
}

#[test]
fn each_script_lists_its_options_with_their_defaults() {
    let shared = fs::read_to_string(in_project("loadtest/k6/lib/server.js")).expect("it is there");
    let shared = options_read(&shared);
    assert_eq!(shared.len(), 3, "{shared:?}");
    for script in STOCK.into_iter().chain(["sse.js"]) {
        let source = fs::read_to_string(in_project("loadtest/k6").join(script)).expect("it is there");
        let mut read = [options_read(&source), shared.clone()].concat();
        // METRICS_P95_MS bounds two routes.
        read.sort_unstable();
        read.dedup();
        let listed = options_listed(&source);
        assert_eq!(read.len(), listed.len(), "{script} reads {read:?} and lists {listed:?}");
        for (kind, name, default) in read {
            let value = listed.iter().find(|(listed, _)| *listed == name).map(|(_, value)| *value);
            let value = value.unwrap_or_else(|| panic!("{script} does not list {name}"));
            let is_same =
                if kind == "seconds" { in_seconds(value) == default.parse().ok() } else { value == default };
            assert!(is_same, "{script} lists {value} for {name}, whose default is {default}");
        }
    }
}

#[test]
fn the_documentation_names_each_script() {
    let readme = fs::read_to_string(in_project("loadtest/README.md")).expect("it is there");
    for script in STOCK.into_iter().chain(["sse.js"]) {
        assert!(readme.contains(&format!("loadtest/k6/{script}")), "{script}");
    }
}
