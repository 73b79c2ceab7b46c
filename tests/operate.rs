//! What an operator relies on: routes, configuration, signals, exit codes, and that neither a full disk
//! nor a lack of descriptors stops the server.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use common::DEADLINE;
use common::api::{assert_alive, clients, clients_of, is_listed, metric, post, publish, publish_lines};
use common::events::{envelope, tick, tick_data, ticks};
use common::http::{Conn, compose, get};
use common::server::{Finished, Server, Setup, Stderr};
use common::sse::Item;
use common::stream::{Stream, data_of};
use common::wait_until;

// ---- health, metrics, statistics

#[test]
fn health_and_readiness_are_told() {
    let server = Server::start();
    assert_eq!(get(server.addr(), "/healthz").status, 200);
    assert_eq!(get(server.addr(), "/readyz").status, 200);
}

/// The metrics of the contract that have a meaning without Redis.
const METRICS: &[(&str, &str)] = &[
    ("broadcast_latency_ms", "histogram"),
    ("ssecast_active_connections", "gauge"),
    ("ssecast_events_sent_total", "counter"),
    ("ssecast_events_published_total", "counter"),
    ("ssecast_transmission_errors_total", "counter"),
    ("ssecast_connections_closed_total", "counter"),
    ("ssecast_broadcast_duration_ms", "histogram"),
    ("ssecast_gaps_total", "counter"),
    ("ssecast_shed_total", "counter"),
    ("ssecast_clock_skew_events_total", "counter"),
    ("ssecast_loop_stalls_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_start_time_seconds", "gauge"),
    ("ssecast_build_info", "gauge"),
    ("ssecast_instance_info", "gauge"),
];

/// One sample line: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Parses the text format 0.0.4, strictly; the type of each metric and its samples.
fn parse_metrics(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    let (mut types, mut samples, mut seen) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    assert!(text.ends_with('\n'), "the last line has an end");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("name and type");
            assert!(["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some_and(|(_, help)| !help.is_empty()), "{line}");
        } else if !line.is_empty() {
            let sample = parse_sample(line);
            let series = line.rsplit_once(' ').expect("a value").0.to_owned();
            assert!(seen.insert(series), "the series comes twice: {line}");
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| sample.0.strip_suffix(suffix))
                .find(|base| types.get(*base).is_some_and(|kind| kind == "histogram"));
            assert!(base.is_some() || types.contains_key(&sample.0), "no type before {line}");
            samples.push(sample);
        }
    }
    (types, samples)
}

fn parse_sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    assert!(named(name), "{line}");
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no closing brace: {line}"));
    let labels = labels
        .split(',')
        .filter(|label| !label.is_empty())
        .map(|label| {
            let (key, quoted) = label.split_once('=').unwrap_or_else(|| panic!("{line}"));
            let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
            assert!(named(key), "{line}");
            (key.to_owned(), inner.unwrap_or_else(|| panic!("no quotes: {line}")).to_owned())
        })
        .collect();
    (name.to_owned(), labels, value)
}

#[test]
fn metrics_are_prometheus_text_with_all_the_names() {
    let server = Server::start();
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(&server)).collect();
    publish_lines(&server, &ticks(0..5));
    for stream in &mut streams {
        assert_eq!(stream.take(5).len(), 5);
    }
    wait_until("all deliveries are counted", DEADLINE, || {
        metric(&server, "ssecast_events_sent_total") == Some(15.0)
    });
    let response = get(server.addr(), "/metrics");
    let kind = response.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain") && kind.contains("version=0.0.4"), "{kind}");
    let (types, samples) = parse_metrics(&response.text());
    for (name, kind) in METRICS {
        assert_eq!(types.get(*name).map(String::as_str), Some(*kind), "{name}");
    }
    let value = |name: &str, label: Option<(&str, &str)>| {
        let mut found = samples.iter().filter(|(n, labels, _)| {
            n == name && label.is_none_or(|(key, value)| labels.get(key).is_some_and(|v| v == value))
        });
        found.next().map(|(_, _, value)| *value)
    };
    assert_eq!(value("ssecast_events_published_total", Some(("via", "local"))), Some(5.0));
    assert!(value("ssecast_active_connections", None).is_some_and(|n| (3.0..=4.0).contains(&n)));
    assert!(value("process_open_fds", None).is_some_and(|n| n >= 5.0));
    assert!(value("process_resident_memory_bytes", None).is_some_and(|n| n > 100_000.0));
    let started = value("process_start_time_seconds", None).expect("a start time");
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    assert!((now - 3600.0..=now + 2.0).contains(&started), "{started} is not just before {now}");
    assert_eq!(value("ssecast_build_info", Some(("version", env!("CARGO_PKG_VERSION")))), Some(1.0));
    let instance = get(server.addr(), "/stats").json()["instance"].as_str().expect("a name").to_owned();
    assert_eq!(value("ssecast_instance_info", Some(("name", &instance))), Some(1.0));
    for name in ["broadcast_latency_ms", "ssecast_broadcast_duration_ms"] {
        check_histogram(name, &samples);
    }
    assert!(value("broadcast_latency_ms_count", None).is_some_and(|n| n > 0.0));
}

/// Buckets go up, the last is `+Inf` and is the count.
fn check_histogram(name: &str, samples: &[Sample]) {
    let of = |suffix: &str| {
        let full = format!("{name}{suffix}");
        samples.iter().filter(move |(n, _, _)| *n == full)
    };
    let buckets: Vec<(f64, f64)> = of("_bucket")
        .map(|(_, labels, count)| {
            let bound = labels.get("le").expect("a bucket has a bound");
            (bound.parse().unwrap_or_else(|_| panic!("{name}: le={bound}")), *count)
        })
        .collect();
    assert!(buckets.len() > 1, "{name}: {buckets:?}");
    for pair in buckets.windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{name}: {pair:?}");
    }
    let last = buckets.last().expect("checked above");
    assert!(last.0.is_infinite(), "{name}: the last bucket is {last:?}");
    assert_eq!(of("_count").map(|s| s.2).collect::<Vec<_>>(), [last.1], "{name}");
    assert_eq!(of("_sum").count(), 1, "{name}");
}

#[test]
fn a_time_in_the_future_is_counted_as_skew_not_as_latency() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    publish(&server, &tick(1).replace("2024", "2999"));
    stream.next();
    wait_until("the skew is counted", DEADLINE, || {
        metric(&server, "ssecast_clock_skew_events_total") == Some(1.0)
    });
    let sum = metric(&server, "broadcast_latency_ms_sum").expect("a sum");
    assert!((0.0..60_000.0).contains(&sum), "{sum}");
}

#[test]
fn closes_gaps_and_sheds_are_counted() {
    let server = Setup::new().flag("--limits-connections-per-ip", "2").start();
    let mut stream = Stream::resume(&server, "unknown");
    stream.expect_gap("unknown-id");
    let other = Stream::open(&server);
    Stream::open(&server).expect_end();
    drop(other);
    drop(stream);
    wait_until("everything is counted", DEADLINE, || {
        // At the cap an answer may be a 503, which has none of the names.
        let closed = metric(&server, "ssecast_connections_closed_total").unwrap_or_default();
        closed >= 2.0
            && metric(&server, "ssecast_gaps_total") == Some(1.0)
            && metric(&server, "ssecast_shed_total") >= Some(1.0)
    });
}

#[test]
fn stats_are_json() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    publish(&server, &tick(1));
    stream.next();
    let response = get(server.addr(), "/stats");
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let stats = response.json();
    assert_eq!(stats["mode"], "local", "{stats}");
    for key in ["connections", "rates", "latency_ms", "log"] {
        assert!(!stats[key].is_null(), "no {key}: {stats}");
    }
    assert!(!response.text().contains("\"n\":1"), "no payload in statistics");
}

#[test]
fn clients_are_listed_with_their_filters() {
    let server = Server::start();
    let plain = Stream::open(&server);
    let filtered = Stream::open_at(&server, "/events?type=order-created&topic=order/7*");
    wait_until("both are listed", DEADLINE, || clients(&server).len() == 2);
    let list = clients(&server);
    let entry = |stream: &Stream| {
        let address = stream.local_addr().to_string();
        let found = list.iter().find(|client| client["address"] == address.as_str());
        found.unwrap_or_else(|| panic!("{address} is not in {list:?}")).clone()
    };
    assert!(entry(&filtered).to_string().contains("order-created"), "{list:?}");
    assert!(entry(&filtered).to_string().contains("order/7*"), "{list:?}");
    assert!(!entry(&plain).to_string().contains("order-created"), "{list:?}");
}

#[test]
fn clients_are_sorted_by_lag_and_limited() {
    let server = Setup::new().flag("--stream-buffer-bytes", "16777216").start();
    let mut reading: Vec<Stream> = (0..5).map(|_| Stream::open(&server)).collect();
    let lagging = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    let pad = "x".repeat(8000);
    for _ in 0..100 {
        publish(&server, &envelope("pad", "1", &format!("\"{pad}\"")));
    }
    for stream in &mut reading {
        stream.take(100);
    }
    let first = clients_of(&get(server.addr(), "/clients?sort=lag&limit=1"));
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["address"], lagging.local_addr().to_string().as_str(), "{first:?}");
    assert_eq!(clients_of(&get(server.addr(), "/clients?sort=lag&limit=4")).len(), 4);
    assert_eq!(clients_of(&get(server.addr(), "/clients?limit=1000")).len(), 6);
    assert_eq!(clients_of(&get(server.addr(), "/clients")).len(), 6);
}

// ---- command line and configuration

#[test]
fn help_and_version_are_told() {
    let version = Setup::bare().arg("--version").run();
    assert_eq!(version.code, Some(0), "{version:?}");
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    let help = Setup::bare().arg("--help").run();
    assert_eq!(help.code, Some(0), "{help:?}");
    for flag in ["--listen", "--config", "check"] {
        assert!(help.stdout.contains(flag), "{flag} in {}", help.stdout);
    }
}

#[test]
fn check_prints_what_is_in_force() {
    let good = Setup::bare()
        .arg("check")
        .flag("--stream-heartbeat", "17s")
        .env("SSECAST_STREAM_RETRY", "4321ms")
        .run();
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.contains("17s"), "{}", good.stdout);
    assert!(good.stdout.contains("heartbeat") && good.stdout.contains("connections"), "{}", good.stdout);
    let file = Setup::bare().arg("check").config("[limits]\nconnections_per_ip = 4711\n").run();
    assert_eq!(file.code, Some(0), "{file:?}");
    assert!(file.stdout.contains("4711"), "{}", file.stdout);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let cases: Vec<(&str, Setup)> = vec![
        ("stream-heartbaet", Setup::bare().flag("--stream-heartbaet", "1s")),
        ("heartbeat", Setup::bare().flag("--stream-heartbeat", "soon")),
        ("SSECAST_STREAM_HEARTBAET", Setup::bare().env("SSECAST_STREAM_HEARTBAET", "1s")),
        ("HEARTBEAT", Setup::bare().env("SSECAST_STREAM_HEARTBEAT", "soon")),
        ("heartbaet", Setup::bare().config("[stream]\nheartbaet = \"1s\"\n")),
        ("streem", Setup::bare().config("[streem]\nheartbeat = \"1s\"\n")),
        ("nonsense", Setup::bare().config("nonsense = 1\n")),
        ("heartbeat", Setup::bare().config("[stream]\nheartbeat = \"soon\"\n")),
        ("heartbeat_style", Setup::bare().config("[stream]\nheartbeat_style = \"loud\"\n")),
        ("connections", Setup::bare().config("[limits]\nconnections = \"many\"\n")),
        ("instance", Setup::bare().flag("--server-instance", "node-1")),
        ("listen", Setup::bare().flag("--listen", "nowhere")),
        ("mode", Setup::bare().flag("--mode", "remote")),
        ("", Setup::bare().config("[stream\n")),
        ("no-such-file", Setup::bare().flag("--config", "no-such-file.toml")),
        ("event", Setup::bare().config("[[map]]\nevent_type = \"A\"\nevent = \"ping\"\nfields = []\n")),
        ("event", Setup::bare().config("[[map]]\nevent_type = \"A\"\nevent = \"a\\nb\"\nfields = []\n")),
    ];
    for (named, setup) in cases {
        assert_wrong(named, &setup.run());
    }
    assert_wrong("heartbeat", &Setup::bare().arg("check").flag("--stream-heartbeat", "soon").run());
    assert_wrong("heartbaet", &Setup::bare().arg("check").config("[stream]\nheartbaet = \"1s\"\n").run());
    assert_wrong("dance", &Setup::bare().arg("dance").run());
}

fn assert_wrong(named: &str, finished: &Finished) {
    assert_eq!(finished.code, Some(2), "{named}: {finished:?}");
    let heartbeat = |text: &str| text.to_lowercase().replace('_', "-");
    let said = heartbeat(&finished.stderr);
    assert!(said.contains(&heartbeat(named)), "{named:?} is not named: {}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "[stream]\nretry = \"1s\"\n";
    let from_file = Setup::new().config(file);
    let from_env = Setup::new().config(file).env("SSECAST_STREAM_RETRY", "30s");
    let from_flag =
        Setup::new().config(file).env("SSECAST_STREAM_RETRY", "30s").flag("--stream-retry", "900s");
    for (setup, ms) in [(from_file, 1_000), (from_env, 30_000), (from_flag, 900_000)] {
        let server = setup.start();
        let Item::Retry(retry) = Stream::open(&server).next_item() else { panic!("no retry first") };
        assert!((ms * 8 / 10..=ms * 12 / 10).contains(&retry), "{retry} for {ms}");
    }
}

#[test]
fn the_address_comes_from_environment_and_file_too() {
    let env = Setup::bare().env("SSECAST_SERVER_LISTEN", "127.0.0.1:0").start();
    assert_alive(&env);
    let file = Setup::bare().config("[server]\nlisten = \"127.0.0.1:0\"\n").start();
    assert_alive(&file);
    let long = Setup::bare().arg("serve").flag("--server-listen", "127.0.0.1:0").start();
    assert_alive(&long);
}

#[test]
fn a_port_in_use_has_an_exit_code_of_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("an address").to_string();
    let finished = Setup::bare().flag("--listen", &addr).run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    let server = Server::start();
    let finished = Setup::bare().flag("--listen", &server.addr().to_string()).run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    assert_alive(&server);
}

#[test]
fn publishing_to_the_world_is_not_opened_by_accident() {
    let finished = Setup::bare().flag("--listen", "0.0.0.0:0").run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("open_publish") || finished.stderr.contains("open-publish"));
}

#[test]
fn logs_may_be_json() {
    let server = Setup::new().flag("--log-format", "json").start();
    drop(Stream::open(&server));
    let log = server.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line.is_object(), "{line}");
    }
}

#[test]
fn nobody_can_forge_a_log_line() {
    let server = Setup::new().flag("--log-level", "trace").start();
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("GET", "/events?lastEventId=%22%1b%5b31mforged&type=x", &[], b""));
    conn.read_some(DEADLINE).expect("an answer");
    let bad = post(server.addr(), b"{\"eventType\":\"a\\nFORGED line\",\"id\":\"1\",\"payload\":1}");
    assert_eq!(bad.status, 400);
    assert_alive(&server);
    assert!(!server.log().lines().any(|line| line.starts_with("FORGED")), "{}", server.log());
    assert!(!server.log().contains('\u{1b}'), "{}", server.log());
}

/// Filters may be long: the list stays a bounded answer to a short question.
#[test]
fn a_list_of_clients_is_bounded_in_bytes() {
    let server = Server::start();
    let long = format!("/events?{}", format!("topic={}&", "x".repeat(1_500)).repeat(5));
    let streams: Vec<Stream> = (0..100).map(|_| Stream::open_at(&server, &long)).collect();
    let response = get(server.addr(), "/clients?limit=1000&sort=age");
    assert!(response.body.len() < 300 * 1024, "{} bytes", response.body.len());
    let json = response.json();
    assert_eq!(json["total"], 100);
    assert!((10..100).contains(&clients_of(&response).len()));
    drop(streams);
}

// ---- signals

/// A publish whose body is not complete: it holds a drain open.
fn half_a_publish(server: &Server, body: &str) -> Conn {
    let mut conn = Conn::open(server.addr());
    let whole = compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes());
    conn.send(&whole[..whole.len() - 5]);
    conn
}

#[test]
fn a_drain_tells_every_stream_when_to_come_back_and_ends_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Setup::new().flag("--server-drain", "1s").start();
        let mut streams: Vec<Stream> = (0..20).map(|_| Stream::open(&server)).collect();
        publish(&server, &tick(1));
        server.signal(signal);
        let mut retries = BTreeSet::new();
        for stream in &mut streams {
            assert_eq!(stream.next().data, tick_data(1));
            let farewell = stream.try_next_item(DEADLINE);
            assert!(matches!(farewell, Ok(Some(Item::Retry(_)))), "{farewell:?} instead of a retry");
            stream.expect_end();
            retries.extend(stream.retry);
        }
        assert!(retries.len() > 1, "all would come back at once: {retries:?}");
        assert_eq!(server.wait_for_exit(DEADLINE), 0);
    }
}

#[test]
fn a_drain_that_falls_behind_still_tells_every_stream() {
    let mut server = Setup::new().flag("--server-drain", "2s").start();
    let mut streams: Vec<Stream> = (0..40).map(|_| Stream::open(&server)).collect();
    for stream in &mut streams {
        while !matches!(stream.next_item(), Item::Comment(_)) {}
        stream.retry = None;
    }
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    // The machine is busy elsewhere for a while: that is the fault here, not a wait for something.
    server.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(600));
    server.signal(Signal::CONT);
    let ends = streams.iter_mut().map(|stream| (stream.rest(), stream.retry));
    let untold = ends.filter(|(_, retry)| retry.is_none()).count();
    assert_eq!(untold, 0, "of 40 streams ended without a retry");
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_drain_of_no_time_still_tells_every_stream() {
    let mut server = Setup::new().flag("--server-drain", "off").start();
    let mut streams: Vec<Stream> = (0..600).map(|_| Stream::open(&server)).collect();
    publish(&server, &tick(1));
    server.signal(Signal::TERM);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
        let farewell = stream.try_next_item(DEADLINE);
        assert!(matches!(farewell, Ok(Some(Item::Retry(_)))), "{farewell:?} instead of a retry");
        stream.expect_end();
    }
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_server_without_clients_drains_at_once() {
    let mut server = Setup::new().flag("--server-drain", "60s").start();
    assert_alive(&server);
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn while_draining_it_is_not_ready_and_takes_no_new_streams() {
    let mut server = Setup::new().flag("--server-drain", "8s").start();
    let mut stream = Stream::open(&server);
    let body = tick(1);
    let mut publisher = half_a_publish(&server, &body);
    let mut streams: Vec<Stream> = (0..30).map(|_| Stream::open(&server)).collect();
    server.signal(Signal::TERM);
    wait_until("it is not ready", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    let response = get(server.addr(), "/readyz");
    assert_eq!(response.status, 503);
    assert!(response.text().contains("draining"), "{}", response.text());
    let mut late = Stream::open(&server);
    late.expect_end();
    assert!(late.retry.is_some_and(|ms| (5_000..=15_000).contains(&ms)), "{:?}", late.retry);
    // A publish that had begun is finished.
    publisher.send(&body.as_bytes()[body.len() - 5..]);
    assert_eq!(publisher.read_response("POST").status, 202);
    stream.rest();
    assert!(stream.retry.is_some());
    for stream in &mut streams {
        stream.rest();
    }
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn a_publish_that_had_begun_is_finished_where_nothing_else_holds_the_drain_open() {
    let mut server = Server::start();
    let body = tick(1);
    let mut publisher = half_a_publish(&server, &body);
    wait_until("its head was read", DEADLINE, || metric(&server, "ssecast_open_connections") >= Some(2.0));
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || server.log().contains("draining"));
    publisher.send(&body.as_bytes()[body.len() - 5..]);
    assert_eq!(publisher.read_response("POST").status, 202);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
}

#[test]
fn nobody_can_hold_a_drain_open_for_longer_than_it_lasts() {
    let mut server =
        Setup::new().flag("--server-drain", "1s").flag("--stream-buffer-bytes", "16777216").start();
    // A stream that takes nothing, a connection without a request, one between two requests, half a head,
    // and half a body.
    let _stalled = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    for _ in 0..50 {
        publish(&server, &envelope("pad", "1", &format!("\"{}\"", "x".repeat(20_000))));
    }
    let _silent = Conn::open(server.addr());
    let mut idle = Conn::open(server.addr());
    idle.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(idle.read_response("GET").status, 200);
    let mut half_a_head = Conn::open(server.addr());
    half_a_head.send(b"GET /healthz HTTP/1.1\r\n");
    let _half_a_body = half_a_publish(&server, &tick(1));
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_does_not_delay_a_drain() {
    let mut server = Setup::new().flag("--server-drain", "60s").start();
    let mut idle = Conn::open(server.addr());
    idle.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(idle.read_response("GET").status, 200);
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Setup::new().flag("--server-drain", "120s").start();
    let _streams: Vec<Stream> = (0..50).map(|_| Stream::open(&server)).collect();
    server.signal(Signal::TERM);
    wait_until("it drains", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    server.signal(Signal::TERM);
    server.wait_for_exit(Duration::from_secs(10));
}

#[test]
fn a_reload_changes_the_map_and_a_bad_file_changes_nothing() {
    let map = |event: &str, field: &str| {
        format!("[[map]]\nevent_type = \"Thing\"\nevent = \"{event}\"\nfields = [\"{field}\"]\n")
    };
    let mut server = Setup::new().config(&map("first", "a")).start();
    let mut stream = Stream::open(&server);
    let mut next = |server: &Server| {
        publish(server, &envelope("Thing", "1", r#"{"a":1,"b":2}"#));
        let event = stream.next();
        (event.event, event.data)
    };
    let first = ("first".to_owned(), "{\"a\":1}".to_owned());
    assert_eq!(next(&server), first);

    for bad in ["[stream\n", "[stream]\nheartbaet = \"1s\"\n", "[[map]]\nevent_type = 1\n"] {
        let logged = server.log().len();
        std::fs::write(server.config_path(), bad).expect("the file can be written");
        server.signal(Signal::HUP);
        wait_until("the refusal is logged", DEADLINE, || server.log().len() > logged);
        assert_eq!(next(&server), first, "after {bad:?}");
    }

    std::fs::write(server.config_path(), map("second", "b")).expect("the file can be written");
    server.signal(Signal::HUP);
    wait_until("the new map is in force", DEADLINE, || {
        next(&server) == ("second".to_owned(), "{\"b\":2}".to_owned())
    });
    assert!(server.is_running());
}

#[test]
fn a_reload_without_a_file_is_harmless() {
    let mut server = Server::start();
    let mut stream = Stream::open(&server);
    for _ in 0..3 {
        server.signal(Signal::HUP);
    }
    publish(&server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
    assert!(server.is_running());
}

// ---- standard error and descriptors

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    for stderr in [Stderr::Broken, Stderr::Full, Stderr::Closed] {
        let mut server = Setup::new().flag("--log-level", "trace").stderr(stderr).start();
        for n in 0..50 {
            let mut stream = Stream::open(&server);
            publish(&server, &tick(n));
            assert_eq!(stream.next().data, tick_data(n));
            assert_eq!(post(server.addr(), b"nonsense").status, 400);
        }
        server.signal(Signal::HUP);
        assert_alive(&server);
        server.signal(Signal::TERM);
        assert_eq!(server.wait_for_exit(DEADLINE), 0);
    }
}

#[test]
fn descriptors_return_to_where_they_were() {
    let server = Server::start();
    let open = |server: &Server| metric(server, "process_open_fds").expect("a gauge");
    let before = open(&server);
    let streams: Vec<Stream> = (0..100).map(|_| Stream::open(&server)).collect();
    assert!(open(&server) >= before + 100.0);
    drop(streams);
    wait_until("all descriptors are free again", DEADLINE, || open(&server) <= before);
}

/// Opens far more streams than the server can have, then leaves; the server must survive and serve.
fn flood_and_recover(server: &mut Server) {
    let mut served = Stream::open(server);
    let mut flood = Vec::new();
    for _ in 0..200 {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/events", &[], b""));
        flood.push(conn);
    }
    assert!(server.is_running());
    // Those that are served stay served.
    let answered =
        flood.iter_mut().map(|conn| conn.read_some(Duration::from_millis(20))).filter(Result::is_ok).count();
    assert!(answered >= 20, "only {answered} of 200 got an answer");
    drop(flood);
    wait_until("it serves again", DEADLINE, || {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose("GET", "/healthz", &[("Connection", "close")], b""));
        let answer = conn.try_read_response("GET", Duration::from_secs(1));
        matches!(answer, Ok(Some(response)) if response.status == 200)
    });
    wait_until("only one stream is left", DEADLINE, || clients(server).len() == 1);
    let mut fresh = Stream::open(server);
    publish(server, &tick(1));
    assert_eq!(served.next().data, tick_data(1));
    assert_eq!(fresh.next().data, tick_data(1));
    assert!(is_listed(server, fresh.local_addr()));
}

#[test]
fn a_low_descriptor_limit_sheds_and_recovers() {
    let mut server = Setup::new().shell("ulimit -n 128").start();
    flood_and_recover(&mut server);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut server = Setup::new().shell("ulimit -n 128").flag("--limits-connections", "10000").start();
    flood_and_recover(&mut server);
}

/// EMFILE (accept(2)): an edge-triggered listener stays silent after it, even when descriptors are free
/// again, so the server has to come back to it by itself, without spinning until then.
#[test]
fn accepting_without_a_free_descriptor_is_survived() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let open = metric(&server, "process_open_fds").expect("a gauge");
    server.limit_descriptors(Some(open as u64 + 2));
    let mut conns: Vec<Conn> = (0..30).map(|_| Conn::open(server.addr())).collect();
    let ended =
        conns.iter_mut().filter_map(|conn| conn.ends_within(Duration::from_millis(100)).then_some(()));
    assert!(ended.count() >= 20, "who finds no descriptor is told at once");
    let before = server.cpu_time();
    std::thread::sleep(Duration::from_millis(500));
    let spent = server.cpu_time() - before;
    assert!(spent < Duration::from_millis(250), "it spins: {spent:?} of 500 ms");

    server.limit_descriptors(None);
    let mut fresh = Stream::open(&server);
    publish(&server, &tick(1));
    for stream in [&mut stream, &mut fresh] {
        assert_eq!(stream.next().data, tick_data(1));
    }
    assert!(metric(&server, "ssecast_connections_closed_total{reason=\"refused\"}") >= Some(20.0));
}

#[test]
fn the_soft_descriptor_limit_is_raised() {
    let server = Setup::new().shell("ulimit -Sn 64").start();
    let mut streams: Vec<Stream> = (0..200).map(|_| Stream::open(&server)).collect();
    publish(&server, &tick(1));
    for stream in &mut streams {
        assert_eq!(data_of(&stream.take(1)), [tick_data(1)]);
    }
}
