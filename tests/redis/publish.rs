//! What is published to Redis, and what is made of what comes from there.

use std::time::Instant;

use serde_json::{Value, json};

use super::common::api::{metric, post_as};
use super::common::events::{TS, envelope, order_changed, order_created, tick, tick_data, ticks};
use super::common::redis::Redis;
use super::common::server::{Server, wait_for_log};
use super::common::stream::{Stream, data_of, id_parts};
use super::common::{DEADLINE, wait_until};
use super::nodes::{
    CHANNEL, named, node, ready, send, send_lines, send_via, setup, through, wait_for_metric,
};

const FAILURES: &str = "redis_pubsub_deserialize_failures_total";

/// A message from Redis as JSON.
fn parse(message: &[u8]) -> Value {
    serde_json::from_slice(message).expect("a message is JSON")
}

// ---- what is published

#[test]
fn a_publish_is_acknowledged_by_redis_and_seen_at_every_server() {
    let redis = Redis::start();
    let (a, b) = (node("redis", &redis), node("redis", &redis));
    let (mut here, mut there) = (Stream::open(&a), Stream::open(&b));
    assert_eq!(send(&a, &tick(1)), json!({ "accepted": 1, "via": "redis" }), "and no lastId");
    let (first, second) = (here.next(), there.next());
    assert_eq!((first.data.as_str(), first.event.as_str()), (tick_data(1).as_str(), "tick"));
    assert_eq!((second.data, second.event), (first.data, first.event));
    let (id, other) = (id_parts(&first.id), id_parts(&second.id));
    assert_eq!(id.2, other.2, "the fingerprint is the same everywhere");
    assert_ne!(id.0, other.0, "the instance is not");
}

#[test]
fn an_envelope_goes_on_one_line_with_its_payload_byte_for_byte() {
    let redis = Redis::start();
    let server = named("node.a", "redis", &redis);
    let watcher = redis.subscribe(CHANNEL);
    let mut stream = Stream::open(&server);
    let payload = r#"{"z":1.50,"a":"\u00e9\/ä","big":12345678901234567890.10,"e":1E5}"#;
    let body = format!(
        "{{\r\n  \"eventType\": \"price\",\n\t\"id\": \"7\",\r\"payload\": {payload},\n\"ts\":\"{TS}\",\n \
         \"unknown\": 1.0\r\n}}\r\n"
    );
    send_via("redis", &server, &body);
    send_via("redis", &server, r#"{"eventType":"price","id":"8","payload":[]}"#);
    let messages = watcher.wait_for(2);
    for message in &messages {
        assert!(!message.iter().any(|byte| b"\r\n".contains(byte)), "on one line");
    }
    let text = String::from_utf8(messages[0].clone()).expect("UTF-8");
    assert!(text.contains(payload), "{text}");
    assert!(parse(&messages[1])["ts"].is_string(), "the time is filled in");
    assert_eq!(stream.next().data, payload);
    assert_eq!(stream.next().data, "[]");
}

#[test]
fn messages_say_which_instance_published_them_and_count_up() {
    let redis = Redis::start();
    let server = named("node.a", "redis", &redis);
    let watcher = redis.subscribe(CHANNEL);
    for n in 0..3 {
        // What a publisher says about itself is not believed.
        let spoofed = tick(n).replace("{\"eventType\"", r#"{"origin":"x","originSeq":77,"eventType""#);
        send_via("redis", &server, &spoofed);
    }
    send_lines(&server, &ticks(3..6));
    for (at, message) in watcher.wait_for(6).iter().enumerate() {
        let message = parse(message);
        assert_eq!((&message["origin"], &message["originSeq"]), (&json!("node.a"), &json!(at + 1)));
        assert_eq!(message["payload"]["n"], at);
    }
}

#[test]
fn a_batch_stays_in_order() {
    let redis = Redis::start();
    let (a, b) = (node("redis", &redis), node("redis", &redis));
    let (mut here, mut there) = (Stream::open(&a), Stream::open(&b));
    let answer = send_lines(&a, &ticks(0..300));
    assert_eq!(answer, json!({ "accepted": 300, "via": "redis" }));
    let array = format!("[{}]", (300..320).map(tick).collect::<Vec<_>>().join(",\n"));
    let answer = post_as(a.addr(), "application/json", array.as_bytes());
    assert_eq!(answer.json(), json!({ "accepted": 20, "via": "redis" }));
    let expected: Vec<String> = (0..320).map(tick_data).collect();
    for stream in [&mut here, &mut there] {
        assert_eq!(data_of(&stream.take(320)), expected);
    }
}

#[test]
fn a_batch_with_an_invalid_envelope_reaches_nobody() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let watcher = redis.subscribe(CHANNEL);
    let body = tick(1) + "\n{\"eventType\":1}\n" + &tick(2);
    let answer = post_as(server.addr(), "application/x-ndjson", body.as_bytes());
    assert_eq!((answer.status, answer.json()["index"].clone()), (400, json!(1)), "{}", answer.text());
    send_via("redis", &server, &tick(3));
    assert_eq!(parse(&watcher.wait_for(1)[0])["payload"]["n"], 3);
    assert_eq!(watcher.messages().len(), 1);
}

// ---- what comes

#[test]
fn order_events_of_a_service_show_their_public_fields_only() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let mut stream = Stream::open(&server);
    redis.publish(CHANNEL, order_created("o-1").as_bytes());
    redis.publish(CHANNEL, order_changed("o-1", "Pending", "Paid").as_bytes());
    let created = stream.next();
    assert_eq!(created.event, "order-created");
    let data: Value = serde_json::from_str(&created.data).expect("JSON");
    assert_eq!(data, json!({ "orderId": "o-1", "status": "Pending" }));
    let changed = stream.next();
    assert_eq!(changed.event, "order-status-changed");
    let data: Value = serde_json::from_str(&changed.data).expect("JSON");
    assert_eq!(data, json!({ "orderId": "o-1", "oldStatus": "Pending", "newStatus": "Paid" }));
    assert!(!String::from_utf8_lossy(&stream.raw).contains("secret"), "nothing else gets out");
}

/// Messages that are no envelopes, and what the log has to say about each.
fn invalid_messages() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text("hello"), "JSON"),
        (text(""), "JSON"),
        (text(&tick(1)[..40]), "JSON"),
        (text(&(tick(1) + "{}")), "JSON"),
        (text(r#"{"id":"1","payload":1}"#), "eventType is missing"),
        (text(r#"{"eventType":"a","payload":1}"#), "id is missing"),
        (text(r#"{"eventType":"a","id":"1"}"#), "payload is missing"),
        (text(r#"{"eventType":"a","id":1,"payload":1}"#), "id "),
        (text(r#"{"eventType":"a","id":"1","payload":1,"id":"2"}"#), "id stands twice"),
        (text(r#"{"eventType":"a","id":"1","payload":1,"ts":"yesterday"}"#), "ts "),
        (text(&envelope("ping", "1", "1")), "reserved"),
        (text(&envelope("big", "1", &format!("\"{}\"", "x".repeat(5000)))), "limits.event_bytes"),
        (text(&envelope("deep", "1", &("[".repeat(70) + &"]".repeat(70)))), "nested"),
        (b"{\"eventType\":\"a\",\"id\":\"\xff\",\"payload\":1}".to_vec(), "UTF-8"),
        ((0..=255).collect(), "UTF-8"),
    ]
}

#[test]
fn invalid_messages_are_counted_and_their_neighbours_arrive() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--limits-event-bytes", "4KiB").start());
    let mut stream = Stream::open(&server);
    let invalid = invalid_messages();
    let count = invalid.len();
    let mixed = invalid.into_iter().enumerate().flat_map(|(n, (bad, _))| [bad, tick(n).into_bytes()]);
    redis.publish_many(CHANNEL, mixed);
    let expected: Vec<String> = (0..count).map(tick_data).collect();
    assert_eq!(data_of(&stream.take(count)), expected);
    assert_eq!(metric(&server, FAILURES), Some(count as f64));
    assert_eq!(metric(&server, "redis_pubsub_messages_received_total"), Some(2.0 * count as f64));
}

#[test]
fn an_invalid_message_is_logged_with_its_reason_and_channel() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--limits-event-bytes", "4KiB").start());
    for (message, reason) in invalid_messages() {
        // Beyond ten lines a second it is left out of the log, so it is published until it is not.
        let logged = server.log().len();
        wait_until(&format!("{reason:?} is logged"), DEADLINE, || {
            redis.publish(CHANNEL, &message);
            server.log()[logged..]
                .lines()
                .any(|line| line.contains("invalid message") && line.contains(reason))
        });
        let log = server.log();
        let line = log[logged..].lines().find(|line| line.contains(reason)).expect("seen above");
        assert!(line.contains(CHANNEL), "{line}");
    }
}

#[test]
fn of_an_invalid_message_only_the_first_120_bytes_are_logged() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    redis.publish(CHANNEL, &[b"y".repeat(120), b"z".repeat(200)].concat());
    wait_for_log(&server, 0, "invalid message");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("invalid message")).expect("seen above");
    assert!(line.contains(&"y".repeat(120)) && !line.contains("zz"), "{line}");
}

#[test]
fn a_message_cannot_write_lines_of_its_own_into_the_log() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    redis.publish(CHANNEL, b"x\r\nINJECTED line\x1b[31m\x00");
    wait_for_log(&server, 0, "INJECTED");
    let log = server.log();
    assert!(!log.lines().any(|line| line.starts_with("INJECTED")), "{log:?}");
    assert!(!log.contains('\u{1b}') && !log.contains('\0'), "{log:?}");
}

#[test]
fn a_flood_of_invalid_messages_is_logged_ten_times_a_second_at_most() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let start = Instant::now();
    redis.publish_many(CHANNEL, (0..20_000).map(|n| format!("nonsense {n}").into_bytes()));
    wait_for_metric(&server, FAILURES, 20_000.0);
    let lines = |server: &Server| server.log().matches("invalid message").count();
    let logged = lines(&server);
    let seconds = usize::try_from(start.elapsed().as_secs()).expect("not that many");
    assert!((1..=10 * (seconds + 2)).contains(&logged), "{logged} lines in {seconds} s");
    // The next line says how many were left out.
    wait_until("one more line", DEADLINE, || {
        redis.publish(CHANNEL, b"nonsense again");
        lines(&server) > logged
    });
    assert!(server.log().contains("left_out="), "{}", server.log());
}

#[test]
fn what_has_no_entry_in_the_map_is_dropped_with_map_only() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).config("map_only = true\n").start());
    let mut stream = Stream::open(&server);
    redis.publish(CHANNEL, tick(1).as_bytes());
    send_via("redis", &server, &tick(2));
    redis.publish(CHANNEL, order_created("o-1").as_bytes());
    assert_eq!(stream.next().event, "order-created");
    wait_for_metric(&server, FAILURES, 0.0);
    assert_eq!(metric(&server, "ssecast_events_map_dropped_total"), Some(2.0));
}

#[test]
fn filters_and_tenants_hold_for_what_comes_from_redis() {
    let redis = Redis::start();
    let server = ready(
        setup("redis", redis.url())
            .config("[auth]\nopen_tenants = true\n[topics]\nfrom_payload = [\"customerId\"]\n")
            .start(),
    );
    let expected = [
        ("/events?type=b&tenant=red", vec!["2", "4"]),
        ("/events?topic=order/1", vec!["1", "4"]),
        ("/events?topic=order/*", vec!["1", "2", "4"]),
        ("/events?topic=customerId/42", vec!["3"]),
        ("/events?tenant=red", vec!["1", "2", "3", "4", "5"]),
        ("/events?tenant=blue", vec!["1", "2", "3", "4"]),
        ("/events", vec!["1", "2", "3", "4"]),
    ];
    let mut streams: Vec<Stream> =
        expected.iter().map(|(target, _)| Stream::open_at(&server, target)).collect();
    for (event_type, id, more) in [
        ("a", "1", r#","topics":["order/1"]"#),
        ("b", "2", r#","topics":["order/2","x"]"#),
        ("a", "3", ""),
        ("b", "4", r#","topics":["x","order/1"]"#),
        ("a", "5", r#","tenant":"red""#),
    ] {
        let customer = if id == "3" { 42 } else { 1 };
        let message = format!(
            r#"{{"eventType":"{event_type}","id":"{id}","payload":{{"id":"{id}","customerId":{customer}}}{more}}}"#
        );
        redis.publish(CHANNEL, message.as_bytes());
    }
    // One that everybody gets ends it.
    let end = r#"{"eventType":"b","id":"end","payload":{"id":"end","customerId":42},"topics":["order/1"]}"#;
    redis.publish(CHANNEL, end.as_bytes());
    for (stream, (target, ids)) in streams.iter_mut().zip(&expected) {
        let mut got = Vec::new();
        loop {
            let data: Value = serde_json::from_str(&stream.next().data).expect("JSON");
            let id = data["id"].as_str().expect("an id").to_owned();
            if id == "end" {
                break;
            }
            got.push(id);
        }
        assert_eq!(&got, ids, "{target}");
    }
}

#[test]
fn an_event_that_comes_twice_is_broadcast_once_with_dedupe() {
    let redis = Redis::start();
    let twice = node("redis", &redis);
    let once = ready(setup("redis", redis.url()).flag("--redis-dedupe", "100").start());
    let (mut many, mut few) = (Stream::open(&twice), Stream::open(&once));
    let again = envelope("tick", "tick-1", r#"{"n":1,"again":true}"#);
    for message in [tick(1), again.clone(), tick(2)] {
        redis.publish(CHANNEL, message.as_bytes());
    }
    assert_eq!(data_of(&many.take(3)), [tick_data(1), r#"{"n":1,"again":true}"#.to_owned(), tick_data(2)]);
    assert_eq!(data_of(&few.take(2)), [tick_data(1), tick_data(2)]);
    assert_eq!(metric(&once, "ssecast_redis_duplicates_total"), Some(1.0));
    assert_eq!(metric(&twice, "ssecast_redis_duplicates_total"), Some(0.0));
    // What comes by HTTP counts as well.
    send_via("redis", &once, &again);
    send_via("redis", &once, &tick(3));
    assert_eq!(few.next().data, tick_data(3));
}

#[test]
fn a_batch_larger_than_the_spool_is_not_dropped_while_redis_takes_it() {
    let redis = Redis::start();
    let here = ready(setup("redis", redis.url()).flag("--redis-spool-events", "10").start());
    let (mut stream, watcher) = (Stream::open(&here), redis.subscribe(CHANNEL));
    assert_eq!(send_lines(&here, &ticks(0..500)), json!({ "accepted": 500, "via": "redis" }));
    let wanted: Vec<String> = (0..500).map(tick_data).collect();
    assert_eq!(data_of(&stream.take(500)), wanted);
    assert_eq!(watcher.wait_for(500).len(), 500);
    assert_eq!(metric(&here, "ssecast_spool_dropped_total"), Some(0.0));
}

#[test]
fn absurd_numbers_of_a_publisher_do_no_harm() {
    let redis = Redis::start();
    let server = node("redis", &redis);
    let mut stream = Stream::open(&server);
    let numbers = [1, 2, u64::MAX, u64::MAX - 1, 3, u64::MAX, 0, 4];
    for (n, seq) in numbers.into_iter().enumerate() {
        let message =
            tick(n).replace("{\"eventType\"", &format!(r#"{{"origin":"x","originSeq":{seq},"eventType""#));
        redis.publish(CHANNEL, message.as_bytes());
    }
    send_via("redis", &server, &tick(99));
    let got = through(&mut stream, &tick_data(99));
    assert_eq!(got[0].data, tick_data(0));
    assert!(metric(&server, "ssecast_redis_missing_total").is_some_and(|missing| missing < 10.0));
}
