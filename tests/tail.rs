//! `ssecast tail`, against a real server that is cut off, killed and restarted, and against one that answers by a
//! script what a real one would only by chance.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use common::api::{clients, publish, publish_lines};
use common::certificates::Certificates;
use common::command::{Ended, Running, run, ssecast};
use common::dir::TestDir;
use common::events::{envelope, order_created, tick, tick_data, ticks};
use common::port::Port;
use common::proxy::FaultProxy;
use common::scripted::{Answer, Scripted, answer, stream};
use common::server::{BINARY, Server, Setup};
use common::tokens::{SECRET, hs256, seconds_from_now};
use common::{DEADLINE, wait_until};

/// Follows a server; the stream is open when this returns.
fn follow(server: &Server, args: &[&str]) -> Running {
    let before = clients(server).len();
    let url = server.addr().to_string();
    let running = Running::start(ssecast([&["tail", &url], args].concat()));
    wait_until("the stream is open", DEADLINE, || clients(server).len() > before);
    running
}

/// Lines of `--json`.
fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The numbers of ticks among lines of `--json`.
fn numbers(text: &str) -> Vec<usize> {
    let objects = objects(text);
    let ticks = objects.iter().filter(|object| object["event"] == "tick");
    ticks.map(|object| usize::try_from(object["data"]["n"].as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn events_are_shown_in_aligned_lines_until_a_signal_ends_it() {
    let server = Server::start();
    let tail = follow(&server, &[]);
    publish(&server, &order_created("7c9e"));
    let last = publish(&server, &envelope("lines", "1", "{\n\"n\":\r\n1\r}"));
    tail.wait_for_lines(5);
    tail.signal(Signal::INT);
    let Ended { code, stdout, stderr } = tail.end();
    assert_eq!(code, 130, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let (time, rest) = lines[0].split_at("12:00:00.000Z".len());
    assert!(time.ends_with('Z') && time.as_bytes()[2] == b':', "{stdout}");
    assert_eq!(rest, "  order-created         {\"orderId\":\"7c9e\",\"status\":\"Pending\"}");
    assert!(lines[1].ends_with("  lines                 {"), "{stdout}");
    let indent = " ".repeat(time.len() + 2 + "order-status-changed".len() + 2);
    assert_eq!(lines[2..], [format!("{indent}\"n\":"), format!("{indent}1"), format!("{indent}}}")]);
    let expected = [
        format!("connected: http://{}/events", server.addr()),
        format!("ended: to go on from here, --since {last}"),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn json_is_one_object_a_line_with_the_data_as_it_was_published() {
    let server = Server::start();
    let ids = [
        publish(&server, &envelope("a", "1", "{\"z\":1.50,\n\"a\":12345678901234567890}")),
        publish(&server, &envelope("b", "1", "\"text\"")),
    ];
    let ended =
        run(["tail", &server.addr().to_string(), "--json", "--since", "earliest", "--limit", "2", "-q"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let start = format!(
        "{{\"id\":\"{}\",\"event\":\"a\",\"data\":{{\"z\":1.50, \"a\":12345678901234567890}},",
        ids[0]
    );
    assert!(lines[0].starts_with(&start), "{}", lines[0]);
    assert!(lines[0].contains("\"received\":\"20"), "{}", lines[0]);
    assert_eq!(objects(lines[1])[0]["data"], "text");
}

#[test]
fn filters_are_the_servers() {
    let server = Setup::new().arg("--auth-open-tenants").start();
    let with = |id: &str, more: &str| format!(r#"{{"eventType":"e-{id}","id":"{id}","payload":{id}{more}}}"#);
    publish_lines(
        &server,
        &[
            with("1", ""),
            with("2", r#","topics":["orders/1","x y&z"]"#),
            with("3", r#","topics":["other"]"#),
            with("4", r#","tenant":"acme""#),
        ]
        .join("\n"),
    );
    for (args, expected) in [
        (&["--type", "e-1", "--type=e-3"][..], vec![1, 3]),
        (&["--topic", "orders/*", "--topic", "other"], vec![2, 3]),
        (&["--topic", "x y&z"], vec![2]),
        (&["--tenant", "acme"], vec![1, 2, 3, 4]),
        (&[], vec![1, 2, 3]),
    ] {
        let limit = expected.len().to_string();
        let url = server.addr().to_string();
        let all = [&["tail", &url, "--since=earliest", "--json", "--limit", &limit], args].concat();
        let ended = run(all);
        let data: Vec<u64> =
            objects(&ended.stdout).iter().map(|line| line["data"].as_u64().unwrap()).collect();
        assert_eq!((ended.code, data), (0, expected), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_connection_that_breaks_again_and_again_loses_nothing() {
    let server = Setup::new().flag("--stream-retry", "50ms").start();
    let proxy = FaultProxy::start(server.addr());
    let url = proxy.addr().to_string();
    let tail = Running::start(ssecast(["tail", &url, "--json", "--since", "earliest", "--limit", "200"]));
    for round in 0..10 {
        publish_lines(&server, &ticks(round * 20..(round + 1) * 20));
        if round % 2 == 0 {
            tail.wait_for_lines(round * 20 + 1);
            proxy.reset();
        } else {
            // In the middle of an event, as likely as not.
            proxy.cut_after(700);
        }
    }
    let ended = tail.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(numbers(&ended.stdout), (0..200).collect::<Vec<_>>(), "{}", ended.stderr);
    assert!(ended.stderr.contains("lost: ") && ended.stderr.contains("resumed: "), "{}", ended.stderr);
    assert!(!ended.stdout.contains("\"gap\""), "{}", ended.stdout);
}

#[test]
fn a_server_that_was_killed_is_waited_for_and_what_it_keeps_is_not_missed() {
    let port = Port::any();
    let start = || {
        let setup = Setup::bare().flag("--listen", &format!("127.0.0.1:{}", port.number()));
        setup.flag("--stream-retry", "50ms").start()
    };
    let mut server = start();
    let tail = follow(&server, &["--json"]);
    publish_lines(&server, &ticks(0..3));
    tail.wait_for_lines(3);
    server.signal(Signal::KILL);
    server.wait_for_exit(DEADLINE);
    tail.wait_for_stderr("lost: ");
    tail.wait_for_stderr("connection refused");
    let server = start();
    // Before or after it is back: it gets them.
    publish_lines(&server, &ticks(3..6));
    tail.wait_for_lines(7);
    tail.signal(Signal::TERM);
    let ended = tail.end();
    assert_eq!(ended.code, 143);
    assert_eq!(numbers(&ended.stdout), (0..6).collect::<Vec<_>>());
    let gap = &objects(&ended.stdout)[3];
    assert_eq!((&gap["event"], &gap["data"]["reason"]), (&Value::from("gap"), &Value::from("unknown-id")));
}

#[test]
fn a_gap_is_shown_plainly() {
    let server = Server::start();
    publish(&server, &tick(1));
    let ended = run(["tail", &server.addr().to_string(), "--since", "nobody-knows-this", "--limit", "1"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].contains("  gap   ") && lines[0].contains("EVENTS MAY BE MISSING here"),
        "{}",
        ended.stdout
    );
    assert!(lines[1].ends_with(&tick_data(1)), "{}", ended.stdout);
}

#[test]
fn heartbeats_are_shown_on_demand() {
    let server = Setup::new().flag("--stream-heartbeat", "20ms").start();
    let tail = follow(&server, &["--json", "--heartbeats"]);
    let without = follow(&server, &["--json"]);
    tail.wait_for_lines(3);
    publish(&server, &tick(1));
    without.wait_for_lines(1);
    assert!(objects(&tail.stdout()).iter().filter(|line| line["event"] == "ping").count() >= 3);
    assert_eq!(objects(&without.stdout())[0]["event"], "tick");
}

#[test]
fn a_silent_server_is_noticed() {
    let server = Scripted::start(vec![
        Answer::Hold(stream("retry: 50\n: connected\n\nid: 7\ndata: 1\n\n")),
        Answer::Hold(stream(": connected\n\ndata: 2\n\n")),
    ]);
    let ended = run(["tail", &server.url(""), "--silence", "300ms", "--limit", "2", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("lost: nothing came for 300ms"), "{}", ended.stderr);
    assert!(
        server.requests()[1].to_lowercase().contains("\r\nlast-event-id: 7\r\n"),
        "{:?}",
        server.requests()
    );
}

#[test]
fn a_server_that_has_no_room_is_left_alone_for_as_long_as_it_says() {
    let server = Scripted::start(vec![
        Answer::Close(stream("retry: 400\n\n")),
        answer("503 Service Unavailable", "Retry-After: 1\r\n", ""),
        Answer::Close(stream(": connected\n\ndata: 1\n\n")),
    ]);
    let start = std::time::Instant::now();
    let ended = run(["tail", &server.url(""), "--limit", "1"]);
    assert!(start.elapsed() >= Duration::from_millis(1400), "{}", ended.stderr);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("lost: the server has no room now"), "{}", ended.stderr);
    assert!(ended.stderr.contains("lost: the server answered 503 Service Unavailable"), "{}", ended.stderr);
}

#[test]
fn a_chunked_stream_that_is_cut_resumes() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let server = Scripted::start(vec![
        Answer::Close(format!("{head}{}{}", chunk("retry: 50\nid: 1\ndata: 1\n\nid: 2\nda"), "20\r\nta: 2")),
        Answer::Close(format!("{head}{}0\r\n\r\n", chunk("id: 2\ndata: 2\n\n"))),
    ]);
    let ended = run(["tail", &server.url(""), "--limit", "2", "--json"]);
    assert_eq!(
        objects(&ended.stdout).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert!(server.requests()[1].to_lowercase().contains("\r\nlast-event-id: 1\r\n"));
    assert!(
        server.requests()[1].starts_with("GET /events?heartbeat=event&limit=1 HTTP/1.1\r\n"),
        "{:?}",
        server.requests()
    );
}

#[test]
fn what_cannot_get_better_ends_it_with_what_to_do() {
    for (status, advice) in [
        ("401 Unauthorized", "--token-file"),
        ("403 Forbidden", "does not allow"),
        ("404 Not Found", "server.admin_listen"),
        ("405 Method Not Allowed", "/events is read"),
        ("301 Moved Permanently", "use https://moved.example/events"),
        ("204 No Content", "204 No Content"),
    ] {
        let problem = "Content-Type: application/problem+json\r\nLocation: https://moved.example/events\r\n";
        let server = Scripted::start(vec![answer(status, problem, r#"{"detail":"so it is\u001b[2J"}"#)]);
        let ended = run(["tail", &server.url(""), "--wait"]);
        assert_eq!(ended.code, 1, "{status}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("the server answered {status}")), "{}", ended.stderr);
        assert!(ended.stderr.contains(advice) && !ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
        assert_eq!(server.requests().len(), 1);
    }
    let server = Scripted::start(vec![answer("200 OK", "Content-Type: text/html\r\n", "<html>")]);
    let ended = run(["tail", &server.url("/")]);
    assert!(ended.stderr.contains("no event stream (text/event-stream) but text/html"), "{}", ended.stderr);
    assert_eq!(ended.code, 1);
}

#[test]
fn a_server_that_is_not_there_is_an_error_unless_it_is_waited_for() {
    let port = Port::any();
    let address = format!("127.0.0.1:{}", port.number());
    let ended = run(["tail", &address]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("connection refused"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!("start it with: ssecast serve --listen {address}")),
        "{}",
        ended.stderr
    );

    let tail = Running::start(ssecast(["tail", &address, "--wait"]));
    tail.wait_for_stderr("lost: connection refused; reconnecting");
    let server = Setup::bare().flag("--listen", &address).start();
    tail.wait_for_stderr("connected: ");
    drop(server);
    drop(tail);

    let ended = run(["tail", &address, "--wait", "--give-up", "1s"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let ended = run(["tail", "http://nobody.invalid/events"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.starts_with("error: http://nobody.invalid/events: "), "{}", ended.stderr);
}

#[test]
fn give_up_ends_it_when_the_stream_is_lost() {
    let server = Scripted::start(vec![Answer::Close(stream("id: 5\ndata: 1\n\n"))]);
    let ended = run(["tail", &server.url(""), "--give-up", "0s"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("the server ended the stream"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--since 5"), "{}", ended.stderr);
}

#[test]
fn tokens_and_headers_are_sent_and_never_shown() {
    let dir = TestDir::new("tail");
    let file = dir.write("token", "from-file\n");
    let events = stream(": connected\n\ndata: 1\n\n");
    let server = Scripted::start(vec![Answer::Close(events)]);
    let url = server.url("");
    let mut shown = String::new();
    for (args, expected) in [
        (vec!["--token", "from-flag"], "from-flag"),
        (vec!["--token-file", file.to_str().unwrap()], "from-file"),
        (vec![], "from-environment"),
    ] {
        let mut command = ssecast(["tail", &url, "--limit", "1", "--header", "X-Shop: 7"]);
        command.args(args).env("SSECAST_TOKEN", "from-environment");
        let ended = Running::start(command).end();
        let request = server.requests().pop().unwrap().to_lowercase();
        assert!(request.contains(&format!("\r\nauthorization: bearer {expected}\r\n")), "{request}");
        assert!(
            request.contains("\r\nx-shop: 7\r\n") && request.contains("\r\naccept: text/event-stream\r\n")
        );
        shown += &ended.stderr;
    }
    assert!(!shown.contains("from-"), "{shown}");
    let refused = run(["tail", &url, "--token", "a secret"]);
    assert_eq!(refused.code, 2);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

#[test]
fn a_stream_that_ends_with_its_token_goes_on_with_a_new_one_in_the_file() {
    let config = format!("[auth]\nleeway = \"0s\"\n[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n");
    let server = Setup::new().flag("--stream-retry", "50ms").config(&config).start();
    let address = server.addr().to_string();
    let token =
        |seconds| hs256(&json!({ "exp": seconds_from_now(seconds), "ssecast": { "subscribe": true } }));
    let dir = TestDir::new("tail");
    let file = dir.write("token", &token(4));
    let tail = Running::start(ssecast(["tail", &address, "--token-file", file.to_str().unwrap()]));
    tail.wait_for_stderr("connected: ");
    dir.write("token", &token(8));
    tail.wait_for_stderr("lost: ");
    // And nobody replaces the second one.
    let ended = tail.end();
    assert_eq!(ended.stderr.matches("lost: ").count(), 2, "{}", ended.stderr);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("401 Unauthorized") && ended.stderr.contains("--token-file"),
        "{}",
        ended.stderr
    );
}

#[test]
fn tls_is_checked_and_what_is_wrong_is_said() {
    let certificates = Certificates::new();
    let events = vec![Answer::Close(stream(": connected\n\ndata: 1\n\n"))];
    let server = Scripted::start_tls(events, &certificates);
    let url = format!("https://localhost:{}", server.port());
    let authority = certificates.authority();
    let ended = run(["tail", &url, "--limit", "1", "--ca-file", authority.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (0, 1), "{}", ended.stderr);

    let foreign = certificates.foreign_authority();
    for args in [vec!["--ca-file", foreign.to_str().unwrap()], vec![]] {
        let ended = run([vec!["tail", &url], args].concat());
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("signed by nobody who is known here"), "{}", ended.stderr);
        assert!(ended.stderr.contains("--ca-file"), "{}", ended.stderr);
    }
    let ended = run(["tail", &url, "--limit", "1", "--insecure"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("warning: --insecure"), "{}", ended.stderr);

    let ended = run(["tail", &format!("http://localhost:{}", server.port())]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("try https://localhost"), "{}", ended.stderr);
    let plain = Server::start();
    let ended = run(["tail", &format!("https://{}", plain.addr())]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("try http://127.0.0.1"), "{}", ended.stderr);
    let missing = run(["tail", &url, "--ca-file", "/nowhere.pem"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[test]
fn a_reader_that_has_enough_ends_it_even_if_nothing_more_comes() {
    let server = Server::start();
    publish(&server, &tick(1));
    let mut command = ssecast(["tail", &server.addr().to_string(), "--since", "earliest"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.ends_with("{\"n\":1}\n"), "{first}");
    let mut status = None;
    wait_until("it has ended", DEADLINE, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(!said.contains("error"), "{said}");
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let server = Server::start();
    publish(&server, &tick(1));
    let command = format!("exec {BINARY} tail {} --since earliest > /dev/full", server.addr());
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]);
    let ended = Running::start(shell).end();
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot write to standard output"), "{}", ended.stderr);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_like_them() {
    let server = Server::start();
    publish(&server, &order_created("1"));
    publish(&server, &envelope("evil", "1", "\"\u{9b}2J\u{202e}\""));
    let address = server.addr().to_string();
    let on_terminal = |prelude: &str, args: &str| {
        let line = format!("{prelude} {BINARY} tail {address} --since earliest --limit 2 {args}");
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        let ended = Running::start(script).end();
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        ended.stdout
    };
    let painted = on_terminal("", "");
    assert!(painted.contains("\u{1b}[32mconnected\u{1b}[0m: http://"), "{painted:?}");
    assert!(painted.contains("morder-created\u{1b}[0m "), "{painted:?}");
    assert!(painted.contains("\\u{9b}2J\\u{202e}") && !painted.contains('\u{9b}'), "{painted:?}");
    for plain in
        [on_terminal("NO_COLOR=1", ""), on_terminal("TERM=dumb", ""), on_terminal("", "--color=never")]
    {
        assert!(plain.contains("connected: ") && !plain.contains('\u{1b}'), "{plain:?}");
    }
    let piped = run(["tail", &address, "--since=earliest", "--limit=2", "--color=always"]);
    assert!(piped.stdout.contains('\u{1b}') && piped.stderr.contains('\u{1b}'));
}

#[test]
fn a_wrong_command_line_is_named() {
    for (args, expected) in [
        (&["tail", "ftp://a"][..], "only http:// and https://"),
        (&["tail", "http://bob:hunter2@a"], "a user or a password"),
        (&["tail", "--limit", "0"], "--limit"),
        (&["tail", "--silence", "5"], "a duration has a unit"),
        (&["tail", "--header", "x"], "--header takes NAME: VALUE"),
        (&["tail", "--insecure", "--token=x", "https://a"], "--insecure would give the token"),
        (&["tail", "--jsn"], "a similar argument exists: '--json'"),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
}
