//! `ssecast publish`, against a real server that restarts, and against one that answers by a script what a real one
//! would only by chance.

mod common;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use common::DEADLINE;
use common::api::metric;
use common::command::{Ended, Running, run, ssecast};
use common::dir::TestDir;
use common::events::{TS, big_tick, envelope, tick, tick_data, ticks};
use common::port::Port;
use common::scripted::{Answer, Scripted, answer};
use common::server::{BINARY, Server, Setup};
use common::stream::{Stream, data_of};
use common::tokens::{SECRET, claims, hs256};

/// A stream from the first event on.
fn all(server: &Server) -> Stream {
    Stream::open_at(server, "/events?lastEventId=earliest")
}

fn publish(server: &Server, args: &[&str]) -> Ended {
    let url = server.addr().to_string();
    run([&["publish", "--url", &url], args].concat())
}

fn accepted(server: &Server) -> f64 {
    metric(server, "ssecast_events_published_total").unwrap_or(0.0)
}

/// The answer to a batch of so many.
fn taken(count: usize) -> Answer {
    let body = format!(r#"{{"accepted":{count},"via":"local","lastId":"i-{count}-0000000000000000"}}"#);
    answer("202 Accepted", "Content-Type: application/json\r\n", &body)
}

#[test]
fn a_file_of_lines_arrives_whole_and_in_order() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    let file = dir.write("events.ndjson", &ticks(0..2500));
    let ended = publish(&server, &[file.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.starts_with("2 500 events accepted in 3 batches, "), "{}", ended.stdout);
    let events = all(&server).take(2500);
    let expected: Vec<String> = (0..2500).map(tick_data).collect();
    assert_eq!(data_of(&events), expected);
    assert!(ended.stdout.contains(&format!("last id {}", events[2499].id)), "{}", ended.stdout);
}

#[test]
fn json_of_every_form_is_published_byte_for_byte() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    let one = "{\n  \"eventType\": \"a\",\n  \"id\": \"1\",\n  \"payload\": {\n    \"n\": 1.50\n  }\n}\n";
    let array = format!("[\n{},\n\n{one}]\n", envelope("b", "1", "[1,\n2]"));
    let several = format!("{one}{one}");
    for (name, text) in [("one.json", one), ("array.json", &array), ("several.json", &several)] {
        let file = dir.write(name, text);
        let ended = publish(&server, &["--quiet", file.to_str().unwrap()]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""), "{name}");
    }
    let payload = "{\n    \"n\": 1.50\n  }";
    assert_eq!(data_of(&all(&server).take(5)), [payload, "[1,\n2]", payload, payload, payload]);
}

#[test]
fn flags_make_one_event() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    let file = dir.write("payload.json", " {\"b\":1.0,\n\"a\":[]} \n");
    let mut stream = Stream::open_at(&server, "/events?topic=customerId/*&lastEventId=earliest");
    let payload = format!("@{}", file.display());
    let topics = ["--topic", "customerId/1", "--topic", "other"];
    for payload in ["\"text with \\\"quotes\\\"\"", &payload] {
        let args = [
            "--event-type",
            "tick \u{e9}\"",
            "--id",
            "1\\",
            "--trace-id",
            "t",
            "--ts",
            TS,
            "--payload",
            payload,
        ];
        let ended = publish(&server, &[&args[..], &topics].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.starts_with("1 event accepted; last id "), "{}", ended.stdout);
    }
    let events = stream.take(2);
    assert_eq!(events[0].event, "tick \u{e9}\"");
    assert_eq!(data_of(&events), ["\"text with \\\"quotes\\\"\"", "{\"b\":1.0,\n\"a\":[]}"]);
    for (args, expected) in [
        (&["--event-type", "a", "--id", "1", "--payload", "text"][..], "a text is in quotes of its own"),
        (&["--event-type", "ping", "--id", "1", "--payload", "1"], "reserved names"),
        (&["--event-type", "a", "--id", "1", "--payload", "@/nowhere"], "--payload @/nowhere: "),
        (&["--event-type", "a", "--id", "1", "--payload", "1", "--ts", "now"], "ts must be"),
        (&["--event-type", "a", "--id", "1"], "--payload"),
        (&["--topic", "a"], "--event-type"),
        (&["--event-type", "a", "--id", "1", "--payload", "1", "file"], "cannot be used with"),
        (&["/nowhere.ndjson"], "/nowhere.ndjson: "),
        (&["--url", "ftp://x", "-"], "only http:// and https://"),
    ] {
        let ended = run([&["publish"], args].concat());
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(accepted(&server), 2.0);
}

#[test]
fn what_trickles_is_sent_at_once() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let url = server.addr().to_string();
    let mut command = Running::start(ssecast(["publish", "--url", &url, "-"]));
    for n in 0..3 {
        // Half a line is no event yet.
        let line = tick(n) + "\n";
        command.write(&line[..20]);
        command.write(&line[20..]);
        assert_eq!(stream.next().data, tick_data(n));
    }
    command.close_input();
    let ended = command.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("3 events accepted in 3 batches"), "{}", ended.stdout);
}

#[test]
fn a_refused_batch_is_the_end_and_its_line_is_named() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    // A line end of its own kind, and empty lines: lines are those of the file, not the places of a batch.
    let text = format!("{}\r\n\n{}\n\n{}\n{}\n", tick(0), tick(1), "{\"eventType\":\"a\"}", tick(2));
    let file = dir.write("events.ndjson", &text);
    let ended = publish(&server, &["--batch-events", "2", file.to_str().unwrap()]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error: line 5: the server answered 400 Bad Request: id is missing"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("none of the 2 events of lines 5 to 6 was accepted"), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 events accepted"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--skip 2"), "{}", ended.stderr);
    assert_eq!(accepted(&server), 2.0);
    // Mended, it goes on where it stopped.
    let file = dir.write("events.ndjson", &text.replace("{\"eventType\":\"a\"}", &tick(9)));
    let ended = publish(&server, &["--skip", "2", file.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(data_of(&all(&server).take(4)), [0, 1, 9, 2].map(tick_data));
}

#[test]
fn what_is_no_json_is_found_in_the_file() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    for (text, expected) in [
        (format!("[{},\n{}\n{}]", tick(0), tick(1), tick(2)), "error: line 3: the array is not JSON"),
        (format!("[{},\n{}", tick(0), tick(1)), "error: line 2: the input ends in the middle"),
        (format!("{}\nnonsense\n", tick(0)), "error: line 2: the server answered 400"),
    ] {
        let file = dir.write("events", &text);
        let ended = publish(&server, &[file.to_str().unwrap()]);
        assert_eq!(ended.code, 3, "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{text}: {}", ended.stderr);
    }
    let file = dir.write("events", &big_tick(1, 300 * 1024));
    let ended = publish(&server, &[file.to_str().unwrap()]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("--event-bytes allows more, where the server does"), "{}", ended.stderr);
    let ended = publish(&server, &["--event-bytes", "1MiB", file.to_str().unwrap()]);
    assert!(ended.stderr.contains("the server answered 413"), "{}", ended.stderr);
    assert!(ended.stderr.contains("line 1: "), "{}", ended.stderr);
    for empty in ["", "[]", "\n \n"] {
        let file = dir.write("events", empty);
        let ended = publish(&server, &[file.to_str().unwrap()]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "0 events accepted\n"), "{}", ended.stderr);
    }
}

#[test]
fn batches_stay_within_what_the_server_takes() {
    let (server, dir) = (Setup::new().flag("--limits-body-bytes", "300KiB").start(), TestDir::new("publish"));
    let lines: String = (0..40).map(|n| big_tick(n, 50_000) + "\n").collect();
    let file = dir.write("events.ndjson", &lines);
    let ended = publish(&server, &["--batch-bytes", "300KiB", file.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("40 events accepted in 7 batches"), "{}", ended.stdout);
    assert_eq!(accepted(&server), 40.0);
}

#[test]
fn a_server_without_room_is_asked_again_until_the_time_is_over() {
    let full = answer("429 Too Many Requests", "Retry-After: 1\r\n", "");
    let ending = answer("503 Service Unavailable", "Retry-After: 0\r\n", "");
    let server = Scripted::start(vec![full.clone(), ending, taken(1)]);
    let one = ["--event-type=a", "--id=1", "--payload=1"];
    let url = server.url("");
    let start = Instant::now();
    let ended = run([&["publish", "--url", &url], &one[..]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1 event accepted; last id i-1-0000000000000000\n"));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(ended.stderr.contains("429 Too Many Requests; again in 1."), "{}", ended.stderr);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:?}");

    let server = Scripted::start(vec![full]);
    let url = server.url("");
    let ended = run([&["publish", "--url", &url, "--retry-for", "1500ms"], &one[..]].concat());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("error: ") && server.requests().len() == 2, "{}", ended.stderr);
}

#[test]
fn a_batch_whose_fate_is_unknown_is_not_sent_again_unasked() {
    for lost in [Answer::Close(String::new()), answer("502 Bad Gateway", "", "")] {
        let dir = TestDir::new("publish");
        let file = dir.write("events.ndjson", &ticks(0..6));
        let server = Scripted::start(vec![taken(2), lost.clone(), taken(2)]);
        let url = server.url("");
        let args = ["publish", "--url", &url, "--batch-events", "2", file.to_str().unwrap()];
        let ended = run(args);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let expected = "the 2 events of lines 3 to 4 may have been accepted or not";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("again: --skip 2;") && ended.stderr.contains("out: --skip 4."),
            "{}",
            ended.stderr
        );
        assert_eq!(server.requests().len(), 2);

        let server = Scripted::start(vec![taken(2), lost, taken(2)]);
        let url = server.url("");
        let args = ["publish", "--url", &url, "--batch-events=2", "--at-least-once", file.to_str().unwrap()];
        let ended = run(args);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.starts_with("6 events accepted in 3 batches"), "{}", ended.stdout);
        let requests = server.requests();
        assert!(requests.len() == 4 && requests[1] == requests[2], "{requests:?}");
    }
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let port = Port::any();
    let address = format!("127.0.0.1:{}", port.number());
    let start = || Setup::bare().flag("--listen", &address).start();
    let mut server = start();
    let mut stream = Stream::open(&server);
    let mut command = Running::start(ssecast(["publish", "--url", &address, "-"]));
    command.write(&(tick(1) + "\n"));
    assert_eq!(stream.next().data, tick_data(1));
    server.signal(Signal::KILL);
    server.wait_for_exit(DEADLINE);
    command.write(&(tick(2) + "\n"));
    command.wait_for_stderr("connection refused; again in");
    let server = start();
    let mut stream = all(&server);
    assert_eq!(stream.next().data, tick_data(2));
    command.close_input();
    let ended = command.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("2 events accepted in 2 batches"), "{}", ended.stdout);
}

#[test]
fn a_server_that_is_not_there_is_an_error_with_what_to_do() {
    let port = Port::any();
    let address = format!("127.0.0.1:{}", port.number());
    let ended = run(["publish", "--url", &address, "--event-type=a", "--id=1", "--payload=1"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("connection refused"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("ssecast serve --listen {address}")), "{}", ended.stderr);
    for (status, advice) in [
        ("401 Unauthorized", "--token-file"),
        ("403 Forbidden", "token"),
        ("404 Not Found", "server.admin_listen"),
    ] {
        let server = Scripted::start(vec![answer(status, "", "")]);
        let ended = run(["publish", "--url", &server.url(""), "--event-type=a", "--id=1", "--payload=1"]);
        assert_eq!(ended.code, 1, "{status}: {}", ended.stderr);
        assert!(ended.stderr.contains(advice), "{}", ended.stderr);
    }
}

#[test]
fn a_token_lets_it_publish_and_says_for_whom() {
    let server = Setup::new().config(&format!("[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n")).start();
    let token = hs256(&claims(json!({ "publish": true, "topics": ["orders/*"] })));
    let event = ["--event-type=a", "--id=1", "--payload=1", "--topic"];
    let publish = |args: &[&str]| self::publish(&server, &[&event[..], args].concat());
    let ended = publish(&["orders/1", "--token", &token]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = publish(&["other", "--token", &token]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("403 Forbidden") && ended.stderr.contains("topics"), "{}", ended.stderr);
    for args in [&["orders/1"][..], &["orders/1", "--token", "wrong"]] {
        let ended = publish(args);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("401 Unauthorized"), "{}", ended.stderr);
        assert!(ended.stderr.contains("give a token with --token-file FILE"), "{}", ended.stderr);
    }
}

#[test]
fn a_dry_run_names_every_wrong_line_and_sends_nothing() {
    let dir = TestDir::new("publish");
    let good = dir.write("good.ndjson", &ticks(0..1200));
    let ended = run(["publish", "--dry-run", "--url", "http://127.0.0.1:1", good.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1200 events are valid; nothing was sent\n"));
    let text = format!(
        "{}\n\nnonsense\n{{\"eventType\":\"gap\",\"id\":\"1\",\"payload\":1}}\n{}\n",
        tick(0),
        tick(1)
    );
    let bad = dir.write("bad.ndjson", &text);
    let ended = run(["publish", "--dry-run", bad.to_str().unwrap()]);
    assert_eq!(ended.code, 3);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines[0].starts_with("line 3: the envelope is not one JSON object"), "{}", ended.stderr);
    assert!(lines[1].starts_with("line 4: eventType is one of the reserved names"), "{}", ended.stderr);
    assert_eq!(lines[2], "error: 2 of 4 events are invalid; nothing was sent");
    let many = dir.write("many.ndjson", &"{}\n".repeat(50));
    let ended = run(["publish", "--dry-run", many.to_str().unwrap()]);
    assert!(ended.stderr.contains("\nand 30 more\n"), "{}", ended.stderr);
    let array = dir.write("array.json", &format!("[\n{},\n{{}}\n]", tick(0)));
    let ended = run(["publish", "--dry-run", array.to_str().unwrap()]);
    assert!(ended.stderr.starts_with("line 3: eventType is missing"), "{}", ended.stderr);
}

#[test]
fn a_rate_is_not_exceeded() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    let file = dir.write("events.ndjson", &ticks(0..60));
    let start = Instant::now();
    let ended = publish(&server, &["--rate", "100", file.to_str().unwrap()]);
    // The first ones go at once; the last ones after what those before them have used up.
    assert!(start.elapsed() >= Duration::from_millis(500), "{}", ended.stdout);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("60 events accepted in 12 batches"), "{}", ended.stdout);
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let (server, dir) = (Server::start(), TestDir::new("publish"));
    let file = dir.write("events.ndjson", &ticks(0..3000));
    let line = format!("{BINARY} publish --url {} {}", server.addr(), file.display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    let ended = Running::start(script).end();
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(ended.stdout.contains("1 000 events, ") && ended.stdout.contains(" % of "), "{:?}", ended.stdout);
    // It is gone when the summary comes.
    assert!(ended.stdout.contains("\r\u{1b}[K3 000 events accepted in 3 batches"), "{:?}", ended.stdout);
}

#[test]
fn a_signal_ends_it_after_the_batch_under_way() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let url = server.addr().to_string();
    let mut command = Running::start(ssecast(["publish", "--url", &url, "-"]));
    command.write(&(tick(1) + "\n"));
    assert_eq!(stream.next().data, tick_data(1));
    command.signal(Signal::INT);
    // Before its input ends: then it would be done, and not stopped.
    command.wait_for_stderr("stopped");
    let ended = command.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped\n  1 event accepted"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--skip 1"), "{}", ended.stderr);
}

#[test]
fn a_large_input_is_never_held_as_a_whole() {
    const EVENTS: usize = 300;
    let server = Setup::new().flag("--stream-history-bytes", "1MiB").start();
    let url = server.addr().to_string();
    let mut command = Running::start(ssecast(["publish", "--url", &url, "-"]));
    for n in 0..EVENTS {
        command.write(&(big_tick(n, 100_000) + "\n"));
    }
    common::wait_until("all of it is published", DEADLINE, || accepted(&server) >= EVENTS as f64);
    let status = fs::read_to_string(format!("/proc/{}/status", command.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 20_000, "{kib} KiB for an input of 30 MB");
    command.close_input();
    assert_eq!(command.end().code, 0);
}
