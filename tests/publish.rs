//! `POST /publish`: what is accepted reaches the stream whole, what is refused names its fault and
//! reaches nobody.

mod common;

use serde_json::Value;

use common::api::{assert_alive, last_id, metric, post, post_as, problem, publish};
use common::events::{TS, envelope, tick, tick_data, ticks};
use common::http::{Conn, compose, request};
use common::server::{Server, Setup};
use common::stream::{Stream, assert_consecutive, data_of};

const NDJSON: &str = "application/x-ndjson";

/// An envelope of these members.
fn members(text: &str) -> String {
    format!("{{{text}}}")
}

/// A valid envelope with one member replaced by, or added as, `member`.
fn with_member(name: &str, member: &str) -> String {
    let all = [("eventType", "\"eventType\":\"tick\""), ("id", "\"id\":\"1\""), ("payload", "\"payload\":1")];
    let mut parts: Vec<&str> = all.iter().filter(|(n, _)| *n != name).map(|(_, text)| *text).collect();
    parts.push(member);
    parts.retain(|part| !part.is_empty());
    members(&parts.join(","))
}

/// Nothing that was published since `stream` opened may have come out: a sentinel must be the next.
fn assert_nothing_came(server: &Server, stream: &mut Stream) {
    publish(server, &envelope("sentinel", "1", "1"));
    let event = stream.next();
    assert_eq!(event.event, "sentinel", "{event:?}");
}

/// Each body must be refused with 400, naming the field; none reaches the stream.
fn assert_refused(cases: &[(&str, String)]) {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let mut failures = Vec::new();
    for (field, body) in cases {
        let shown: String = body.chars().take(120).collect();
        for (kind, sent) in [("application/json", body.clone()), ("application/json", format!("[{body}]"))] {
            let response = post_as(server.addr(), kind, sent.as_bytes());
            if response.status != 400 {
                failures.push(format!("{} for {shown}", response.status));
                continue;
            }
            let detail = problem(&response)["detail"].as_str().unwrap_or_default().to_owned();
            if !detail.contains(field) {
                failures.push(format!("{field:?} is not named in {detail:?} for {shown}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_nothing_came(&server, &mut stream);
}

/// Each body must be accepted and make one event.
fn assert_accepted(cases: &[String]) {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    for body in cases {
        let response = post(server.addr(), body.as_bytes());
        let shown: String = body.chars().take(200).collect();
        assert_eq!(response.status, 202, "{} for {shown}", response.text());
        assert_eq!(stream.next().id, last_id(&response, 1), "{shown}");
    }
}

// ---- what is accepted

#[test]
fn one_envelope_is_accepted() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let response = post(server.addr(), tick(1).as_bytes());
    assert_eq!(response.status, 202);
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let body = response.json();
    let mut keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["accepted", "lastId", "via"], "{body}");
    let event = stream.next();
    assert_eq!((event.data, event.id), (tick_data(1), last_id(&response, 1)));
}

#[test]
fn an_array_is_accepted() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let bodies = [
        (format!("[{}]", tick(0)), 1),
        (format!(" [ {} ,\r\n {},{}\t]\n", tick(1), tick(2), tick(3)), 3),
        (format!("[{}]", (4..300).map(tick).collect::<Vec<_>>().join(",")), 296),
    ];
    let mut last = String::new();
    for (body, count) in &bodies {
        last = last_id(&post(server.addr(), body.as_bytes()), *count);
    }
    let events = stream.take(300);
    assert_eq!(data_of(&events), (0..300).map(tick_data).collect::<Vec<_>>());
    assert_consecutive(&events);
    assert_eq!(events[299].id, last);
}

#[test]
fn lines_are_accepted() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let [a, b, c] = [1, 2, 3].map(tick);
    for (body, count) in [
        (format!("{a}\n{b}\n{c}\n"), 3),
        (format!("{a}\n{b}\n{c}"), 3),
        (format!("{a}\n"), 1),
        (a.clone(), 1),
        (format!("\n\n{a}\n\n{b}\n\n\n"), 2),
        (format!("  {a}  \n\t{b}"), 2),
    ] {
        let last = last_id(&post_as(server.addr(), NDJSON, body.as_bytes()), count);
        let events = stream.take(count);
        assert_eq!(data_of(&events), (1..=count).map(tick_data).collect::<Vec<_>>(), "{body:?}");
        assert_eq!(events[count - 1].id, last);
    }
}

#[test]
fn a_large_batch_is_accepted_as_a_whole() {
    let server = Setup::new().flag("--stream-buffer-bytes", "4194304").start();
    let mut stream = Stream::open(&server);
    let lines = ticks(0..8000);
    assert!(lines.len() < 1024 * 1024);
    last_id(&post_as(server.addr(), NDJSON, lines.as_bytes()), 8000);
    assert_eq!(data_of(&stream.take(8000)), (0..8000).map(tick_data).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_is_more_than_a_client_may_lag_behind_loses_nothing() {
    let server = Server::start();
    let mut stream = Stream::open_at(&server, "/events?limit=8000");
    last_id(&post_as(server.addr(), NDJSON, ticks(0..8000).as_bytes()), 8000);
    let mut events = stream.rest();
    // Whether the server closed it for its lag or not: it comes back as an EventSource does.
    while events.len() < 8000 {
        assert!(!stream.last_id.is_empty(), "closed before the first event");
        stream = Stream::resume(&server, &stream.last_id);
        let missing = 8000 - events.len();
        events.extend(stream.take(missing));
    }
    assert_eq!(data_of(&events), (0..8000).map(tick_data).collect::<Vec<_>>());
    assert_consecutive(&events);
}

#[test]
fn media_types_may_have_parameters_and_any_case() {
    let server = Server::start();
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"] {
        assert_eq!(post_as(server.addr(), kind, tick(1).as_bytes()).status, 202, "{kind}");
    }
    for kind in ["application/x-ndjson; charset=utf-8", "APPLICATION/X-NDJSON"] {
        assert_eq!(post_as(server.addr(), kind, ticks(0..2).as_bytes()).status, 202, "{kind}");
    }
}

#[test]
fn every_field_is_taken_up_to_its_bound() {
    let long = "x".repeat(128);
    let topics: Vec<String> = (0..16).map(|n| format!("\"{n:0>256}\"")).collect();
    assert_accepted(&[
        with_member("eventType", &format!("\"eventType\":\"{long}\"")),
        with_member("id", &format!("\"id\":\"{long}\"")),
        with_member("", &format!("\"traceId\":\"{long}\"")),
        with_member("", "\"traceId\":\"\""),
        with_member("", &format!("\"topics\":[{}]", topics.join(","))),
        with_member("", "\"topics\":[]"),
        with_member("", "\"origin\":\"node\",\"originSeq\":18"),
        with_member("eventType", "\"eventType\":\"\\u00e9 \\u263a\""),
        with_member("eventType", "\"event\\u0054ype\":\"escaped\""),
        with_member("eventType", "\"eventType\":\"pinged\""),
        with_member("id", "\"id\":\"\\ud83d\\ude00\""),
        with_member("payload", "\"payload\":null"),
        with_member("payload", "\"payload\":\"\""),
        format!(" \r\n\t{}\n ", with_member("", "")),
    ]);
}

#[test]
fn a_tenant_is_taken_up_to_its_bound() {
    let server = Server::start();
    let body = with_member("", &format!("\"tenant\":\"{}\"", "t".repeat(64)));
    assert_eq!(post(server.addr(), body.as_bytes()).status, 202);
}

#[test]
fn unknown_fields_are_ignored() {
    assert_accepted(&[
        with_member("", "\"extra\":{\"deep\":[1,{}]},\"EVENTTYPE\":7,\"version\":1e999"),
        with_member("", "\"\":null"),
    ]);
}

#[test]
fn times_are_rfc_3339() {
    let good = [
        TS,
        "2024-01-01T00:00:00Z",
        "2024-02-29T23:59:59.999999999Z",
        "2024-01-01T00:00:00.1Z",
        "2024-01-01T00:00:00+02:00",
        "2024-01-01T00:00:00.5-11:30",
        "1999-12-31T23:59:59Z",
        "2999-12-31T23:59:59Z",
    ];
    assert_accepted(&good.map(|ts| with_member("", &format!("\"ts\":\"{ts}\""))));
    let bad = [
        "\"\"",
        "\"yesterday\"",
        "\"2024-01-01\"",
        "\"2024-01-01T00:00:00\"",
        "\"2024-01-01 00:00:00Z\"",
        "\"2024-13-01T00:00:00Z\"",
        "\"2024-02-30T00:00:00Z\"",
        "\"2024-01-01T24:00:00Z\"",
        "\"2024-01-01T00:60:00Z\"",
        "\"2024-01-01T00:00Z\"",
        "\"2024-01-01T00:00:00.Z\"",
        "\"2024-01-01T00:00:00+0200\"",
        "\"24-01-01T00:00:00Z\"",
        "\" 2024-01-01T00:00:00Z\"",
        "\"2024-01-01T00:00:00Z \"",
        "\"2024-01-01T00:00:00Zx\"",
        "1704067200",
        "true",
        "{}",
        "\"2024/01/01T00:00:00Z\"",
        "\"2024-01-01_00:00:00Z\"",
    ];
    assert_refused(&bad.map(|ts| ("ts", with_member("", &format!("\"ts\":{ts}")))));
}

#[test]
fn nesting_is_allowed_to_a_depth_of_64() {
    let nested = |depth: usize| {
        with_member("payload", &format!("\"payload\":{}{}", "[".repeat(depth), "]".repeat(depth)))
    };
    let objects = |depth: usize| {
        with_member("payload", &format!("\"payload\":{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)))
    };
    let unknown =
        |depth: usize| with_member("", &format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
    let brackets_in_text = with_member("payload", &format!("\"payload\":\"{}\"", "[{".repeat(500)));
    // The envelope itself is the first level.
    assert_accepted(&[nested(63), objects(63), unknown(63), brackets_in_text]);
    assert_refused(&[
        ("", nested(64)),
        ("", objects(64)),
        ("", unknown(64)),
        ("", nested(100_000)),
        ("", objects(20_000)),
        ("", with_member("payload", &format!("\"payload\":{}", "[".repeat(100_000)))),
    ]);
}

// ---- what is refused

#[test]
fn missing_fields_are_named() {
    assert_refused(&[
        ("eventType", with_member("eventType", "")),
        ("id", with_member("id", "")),
        ("payload", with_member("payload", "")),
        ("eventType", "{}".to_owned()),
        ("eventType", with_member("eventType", "\"eventtype\":\"tick\"")),
    ]);
}

#[test]
fn wrong_types_and_lengths_are_named() {
    let mut cases = Vec::new();
    for (field, values) in [
        ("eventType", &["null", "1", "true", "[]", "{}", "\"\"", "[\"tick\"]"][..]),
        ("id", &["null", "1", "true", "[]", "{}", "\"\""]),
        ("traceId", &["1", "true", "[]", "{}"]),
        ("tenant", &["1", "true", "[]", "{}"]),
        ("topics", &["1", "\"a\"", "{}", "[1]", "[null]", "[[\"a\"]]", "[\"a\",2]"]),
        ("origin", &["1", "[]"]),
        ("originSeq", &["\"1\"", "[]", "1.5"]),
    ] {
        for value in values {
            cases.push((field, with_member(field, &format!("\"{field}\":{value}"))));
        }
    }
    let text = |n: usize| format!("\"{}\"", "x".repeat(n));
    let many: Vec<String> = (0..17).map(|n| format!("\"{n}\"")).collect();
    for (field, value) in [
        ("eventType", text(129)),
        ("eventType", format!("\"{}\"", "é".repeat(65))),
        ("id", text(129)),
        ("id", format!("\"{}\"", "\\u00e9".repeat(65))),
        ("traceId", text(129)),
        ("tenant", text(65)),
        ("topics", format!("[{}]", many.join(","))),
        ("topics", format!("[{}]", text(257))),
    ] {
        cases.push((field, with_member(field, &format!("\"{field}\":{value}"))));
    }
    assert_refused(&cases);
}

#[test]
fn control_characters_cannot_forge_a_line() {
    let mut cases = Vec::new();
    for field in ["eventType", "id"] {
        for control in ["\\n", "\\r", "\\t", "\\b", "\\u000a", "\\u000D", "\\u0000", "\\u001f", "\\u007f"] {
            let value = format!("a{control}data: forged");
            cases.push((field, with_member(field, &format!("\"{field}\":\"{value}\""))));
        }
        // A raw one is no JSON at all.
        for control in ["\n", "\r", "\0", "\u{1}", "\t"] {
            cases.push(("", with_member(field, &format!("\"{field}\":\"a{control}b\""))));
        }
        cases.push(("", with_member(field, &format!("\"{field}\":\"\\ud800\""))));
        cases.push(("", with_member(field, &format!("\"{field}\":\"\\udc00\\ud800\""))));
    }
    assert_refused(&cases);
}

#[test]
fn reserved_names_are_refused() {
    assert_refused(
        &["ping", "gap", "reset", "\\u0070ing"]
            .map(|name| ("eventType", with_member("eventType", &format!("\"eventType\":\"{name}\"")))),
    );
}

#[test]
fn duplicate_keys_are_refused() {
    let mut cases: Vec<(&str, String)> = [
        ("eventType", "\"eventType\":\"a\",\"eventType\":\"b\",\"id\":\"1\",\"payload\":1"),
        ("id", "\"eventType\":\"a\",\"id\":\"1\",\"payload\":1,\"id\":\"1\""),
        ("id", "\"eventType\":\"a\",\"id\":\"1\",\"payload\":1,\"\\u0069d\":\"2\""),
        ("payload", "\"eventType\":\"a\",\"id\":\"1\",\"payload\":1,\"payload\":2"),
        ("", "\"eventType\":\"a\",\"id\":\"1\",\"payload\":1,\"unknown\":1,\"unknown\":2"),
    ]
    .map(|(field, text)| (field, members(text)))
    .to_vec();
    for (field, value) in
        [("ts", TS), ("tenant", "a"), ("traceId", "a"), ("origin", "a")].map(|(f, v)| (f, format!("\"{v}\"")))
    {
        cases.push((field, with_member("", &format!("\"{field}\":{value},\"{field}\":{value}"))));
    }
    cases.push(("topics", with_member("", "\"topics\":[],\"topics\":[]")));
    assert_refused(&cases);
}

#[test]
fn what_is_not_json_is_refused() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let good = tick(1);
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: Vec<Vec<u8>> = vec![
        format!("\u{feff}{good}").into(),
        utf16,
        with_member("payload", "\"payload\":NaN").into(),
        with_member("payload", "\"payload\":Infinity").into(),
        with_member("payload", "\"payload\":-").into(),
        with_member("payload", "\"payload\":01").into(),
        with_member("payload", "\"payload\":1.").into(),
        with_member("payload", "\"payload\":.5").into(),
        with_member("payload", "\"payload\":+1").into(),
        with_member("payload", "\"payload\":0x1").into(),
        with_member("payload", "\"payload\":'a'").into(),
        with_member("payload", "\"payload\":undefined").into(),
        with_member("payload", "\"payload\":[1,]").into(),
        with_member("payload", "\"payload\":{\"a\":1,}").into(),
        with_member("payload", "\"payload\":\"\\x41\"").into(),
        with_member("payload", "\"payload\":\"\\u12\"").into(),
        with_member("payload", "\"payload\":\"a").into(),
        with_member("payload", "\"payload\":\"a\nb\"").into(),
        with_member("payload", "\"payload\":").into(),
        b"{\"eventType\":\"a\",\"id\":\"1\",\"payload\":\"\xff\"}".to_vec(),
        b"{\"eventType\":\"a\",\"id\":\"1\",\"payload\":\"\xed\xa0\x80\"}".to_vec(),
        b"{\"eventType\":\"a\",\"id\":\"1\",\"payload\":\"\xc0\x80\"}".to_vec(),
        b"{\"eventType\":\"\xff\",\"id\":\"1\",\"payload\":1}".to_vec(),
        format!("{good} x").into(),
        format!("{good}{good}").into(),
        format!("{good}\n{good}").into(),
        format!("{good},").into(),
        format!("{good}\0").into(),
        format!("[{good}").into(),
        format!("[{good},]").into(),
        format!("[{good} {good}]").into(),
        format!("[{good}]]").into(),
        format!("[[{good}]]").into(),
        format!("/* c */{good}").into(),
        good[..good.len() - 1].into(),
        "1".into(),
        "null".into(),
        "\"text\"".into(),
        "[1]".into(),
        "[null]".into(),
        "nul".into(),
        "{".into(),
        " ".into(),
        vec![0; 100],
    ];
    for body in &bodies {
        let response = post(server.addr(), body);
        assert_eq!(response.status, 400, "{:?}", String::from_utf8_lossy(body));
        problem(&response);
    }
    for line in [&bodies[0], &bodies[2], &bodies[20], &bodies[23], &bodies[24]] {
        assert_eq!(post_as(server.addr(), NDJSON, line).status, 400, "{:?}", String::from_utf8_lossy(line));
    }
    assert_nothing_came(&server, &mut stream);
}

#[test]
fn an_empty_body_is_refused() {
    let server = Server::start();
    for kind in ["application/json", NDJSON] {
        assert_eq!(post_as(server.addr(), kind, b"").status, 400, "{kind}");
    }
}

#[test]
fn a_batch_is_all_or_nothing_and_its_first_fault_is_counted() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let bad = with_member("id", "");
    for (lines, index) in [
        (vec![bad.clone(), tick(1)], 0),
        (vec![tick(1), bad.clone()], 1),
        (vec![tick(1), tick(2), bad.clone(), tick(3), bad], 2),
        (vec![tick(1), "17".to_owned()], 1),
    ] {
        for (kind, body) in
            [(NDJSON, lines.join("\n")), ("application/json", format!("[{}]", lines.join(",")))]
        {
            let response = post_as(server.addr(), kind, body.as_bytes());
            assert_eq!(response.status, 400, "{body}");
            assert_eq!(problem(&response)["index"], index, "{body}");
        }
    }
    assert_nothing_came(&server, &mut stream);
    assert_eq!(metric(&server, "ssecast_events_published_total"), Some(1.0), "only the sentinel counts");
}

#[test]
fn an_event_may_be_as_large_as_its_limit() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let sized = |total: usize| {
        let empty = with_member("payload", "\"payload\":\"\"").len();
        with_member("payload", &format!("\"payload\":\"{}\"", "x".repeat(total - empty)))
    };
    let limit = 256 * 1024;
    assert_eq!(post(server.addr(), sized(limit).as_bytes()).status, 202);
    assert_eq!(stream.next().data.len(), limit - with_member("payload", "\"payload\":\"\"").len() + 2);
    for (kind, body) in [
        ("application/json", sized(limit + 1)),
        ("application/json", format!("[{},{}]", tick(1), sized(limit + 1))),
        (NDJSON, format!("{}\n{}\n", tick(1), sized(limit + 1))),
    ] {
        let response = post_as(server.addr(), kind, body.as_bytes());
        assert_eq!(response.status, 413, "{kind}");
        let problem = problem(&response);
        if body.contains("tick-1") {
            assert_eq!(problem["index"], 1, "{problem}");
        }
    }
    assert_nothing_came(&server, &mut stream);
}

#[test]
fn limits_can_be_set() {
    let server = Setup::new().flag("--limits-event-bytes", "200").flag("--limits-body-bytes", "1000").start();
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 202);
    let long = envelope("tick", "1", &format!("\"{}\"", "x".repeat(200)));
    assert_eq!(post(server.addr(), long.as_bytes()).status, 413);
    assert_eq!(post_as(server.addr(), NDJSON, ticks(0..9).as_bytes()).status, 202);
    assert_eq!(post_as(server.addr(), NDJSON, ticks(0..20).as_bytes()).status, 413);
    assert_alive(&server);
}

#[test]
fn a_body_over_its_limit_is_refused_however_it_is_framed() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let body = ticks(0..14_000);
    assert!(body.len() > 1024 * 1024);
    assert_eq!(post_as(server.addr(), NDJSON, body.as_bytes()).status, 413);
    let mut conn = Conn::open(server.addr());
    conn.send(b"POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.as_bytes().chunks(8192) {
        let sent = conn.try_send(&[format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
        if !sent {
            break;
        }
    }
    assert_eq!(conn.read_response("POST").status, 413);
    assert_nothing_came(&server, &mut stream);
}

#[test]
fn other_media_types_and_codings_are_refused() {
    let server = Server::start();
    for kind in [
        "text/plain",
        "application/xml",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "json",
        "*/*",
    ] {
        let response = post_as(server.addr(), kind, tick(1).as_bytes());
        assert_eq!(response.status, 415, "{kind}");
        problem(&response);
    }
    // The gzip form of "{}"; what is in it must not matter.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0";
    for coding in ["gzip", "deflate", "br", "GZIP"] {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", coding)];
        let response = request(server.addr(), "POST", "/publish", &headers, gzip);
        assert_eq!(response.status, 415, "{coding}");
    }
    // Compressed but not declared so: not JSON.
    assert_eq!(post(server.addr(), gzip).status, 400);
}

#[test]
fn a_refusal_keeps_nothing_back_from_the_next_request() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    // 415 and 413 of one event have a body that was read to its end: whether the connection is kept or
    // closed, the answer says so.
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("POST", "/publish", &[("Content-Type", "text/plain")], tick(1).as_bytes()));
    let refused = conn.read_response("POST");
    assert_eq!(refused.status, 415);
    if refused.says_close() {
        assert!(conn.read_to_end().is_empty());
        conn = Conn::open(server.addr());
    }
    conn.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], tick(2).as_bytes()));
    assert_eq!(conn.read_response("POST").status, 202);
    assert_eq!(stream.next().data, tick_data(2));
}

#[test]
fn the_payload_of_a_batch_keeps_its_bytes() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let payloads = ["{\"b\":1.0,\"a\":-0}", "[1E5, \"\\u0041\"]", "\"x\"", "12345678901234567890.0"];
    let lines: Vec<String> = payloads.iter().map(|payload| envelope("raw", "1", payload)).collect();
    last_id(&post_as(server.addr(), NDJSON, lines.join("\n").as_bytes()), 4);
    last_id(&post(server.addr(), format!("[{}]", lines.join(",")).as_bytes()), 4);
    let events = stream.take(8);
    assert_eq!(data_of(&events), [payloads, payloads].concat());
}

#[test]
fn accepted_events_are_counted() {
    let server = Server::start();
    publish(&server, &tick(1));
    last_id(&post_as(server.addr(), NDJSON, ticks(0..10).as_bytes()), 10);
    assert_eq!(metric(&server, "ssecast_events_published_total"), Some(11.0));
    let stats: Value = common::http::get(server.addr(), "/stats").json();
    assert_eq!(stats["mode"], "local", "{stats}");
}
