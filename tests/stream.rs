//! `GET /events` as a client meets it: frames, filters, resume, heartbeats, bounds.
//!
//! That something does *not* come is shown by what comes instead: the next event, published after it.

mod common;

use std::time::{Duration, Instant};

use serde_json::Value;

use common::api::{assert_alive, clients, is_listed, last_id, metric, post, post_as, publish, publish_lines};
use common::events::{TS, big_tick, envelope, order_changed, order_created, tick, tick_data, ticks};
use common::http::{Conn, compose, find, get, request};
use common::server::{Server, Setup};
use common::sse::{Item, Parser};
use common::stream::{Stream, assert_consecutive, data_of, id_parts};
use common::{DEADLINE, wait_until};

/// An event of this type and these topics.
fn with_topics(event_type: &str, id: &str, topics: &[&str]) -> String {
    let topics = serde_json::to_string(topics).expect("strings");
    format!(r#"{{"eventType":"{event_type}","id":"{id}","payload":"{id}","topics":{topics}}}"#)
}

/// An event of one tenant.
fn with_tenant(tenant: &str, id: &str) -> String {
    format!(r#"{{"eventType":"secret","id":"{id}","payload":"{id}","tenant":"{tenant}"}}"#)
}

/// A server that closes a client that is so many bytes behind; an event may have half of that.
fn bounded(bytes: usize) -> Setup {
    let setup = Setup::new().flag("--stream-buffer-bytes", &bytes.to_string());
    setup.flag("--limits-event-bytes", &(bytes / 2).to_string())
}

// ---- the head and what comes first

#[test]
fn the_head_says_stream_and_nothing_may_keep_it_back() {
    let server = Server::start();
    for version in ["HTTP/1.1\r\nHost: a", "HTTP/1.0"] {
        let mut conn = Conn::open(server.addr());
        conn.send(format!("GET /events {version}\r\n\r\n").as_bytes());
        let head = conn.read_head().expect("a head at once");
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert!(head.header_has("cache-control", "no-store"), "{:?}", head.headers);
        assert!(head.header_has("cache-control", "no-transform"), "{:?}", head.headers);
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
        assert_eq!(head.header("x-content-type-options"), Some("nosniff"));
        assert!(head.says_close());
        assert_eq!(head.header("content-length"), None);
        assert_eq!(head.header("transfer-encoding"), None);
        let first = conn.read_some(DEADLINE).expect("the first bytes come at once");
        assert!(first.starts_with(b"retry: "), "{:?}", String::from_utf8_lossy(&first));
    }
}

#[test]
fn the_head_of_a_stream_names_an_origin_once() {
    let server = Setup::new().flag("--cors-origins", "https://shop.example").start();
    for method in ["HEAD", "GET"] {
        let mut conn = Conn::open(server.addr());
        conn.send(&compose(method, "/events", &[("Origin", "https://shop.example")], b""));
        let head = conn.read_head().expect("an answer");
        let count =
            |name: &str| head.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).count();
        for name in
            ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Content-Type", "Vary"]
        {
            assert_eq!(count(name), 1, "{method} {name}");
        }
    }
}

#[test]
fn head_gets_the_head_and_no_stream() {
    let server = Server::start();
    let mut conn = Conn::open(server.addr());
    conn.send(&compose("HEAD", "/events", &[], b""));
    let head = conn.read_response("HEAD");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    publish(&server, &tick(1));
    conn.half_close();
    let rest = conn.read_to_end();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
}

#[test]
fn first_comes_retry_then_a_comment() {
    let server = Setup::new().flag("--stream-retry", "10s").start();
    let mut seen = Vec::new();
    for _ in 0..20 {
        let mut stream = Stream::open(&server);
        let Item::Retry(ms) = stream.next_item() else { panic!("no retry first") };
        assert!((8_000..=12_000).contains(&ms), "{ms}");
        seen.push(ms);
        assert!(matches!(stream.next_item(), Item::Comment(_)));
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 1, "20 clients would all come back at once: {seen:?}");
}

// ---- frames

#[test]
fn a_frame_is_id_event_data() {
    let server = Setup::new().flag("--server-instance", "node_1.a").start();
    let mut stream = Stream::open(&server);
    let id = publish(&server, &tick(7));
    let event = stream.next();
    assert_eq!((event.event.as_str(), event.data.as_str()), ("tick", r#"{"n":7}"#));
    assert_eq!(event.id, id);
    assert_eq!(id_parts(&event.id).0, "node_1.a");
    let wire = format!("id: {id}\nevent: tick\ndata: {{\"n\":7}}\n\n");
    assert!(stream.raw.ends_with(wire.as_bytes()), "{:?}", String::from_utf8_lossy(&stream.raw));
}

#[test]
fn an_instance_without_a_name_makes_one_up() {
    let [a, b] = [(); 2].map(|()| {
        let server = Server::start();
        let (instance, _, _) = id_parts(&publish(&server, &tick(1)));
        assert!(instance.len() == 8 && instance.bytes().all(|b| b.is_ascii_hexdigit()), "{instance}");
        instance
    });
    assert_ne!(a, b);
}

#[test]
fn ids_go_up_by_one_whoever_publishes_and_reads() {
    let server = Server::start();
    let (mut one, mut two) = (Stream::open(&server), Stream::open(&server));
    for n in 0..5 {
        publish(&server, &tick(n));
    }
    publish_lines(&server, &ticks(5..50));
    let (one, two) = (one.take(50), two.take(50));
    assert_eq!(one, two);
    assert_consecutive(&one);
    assert_eq!(data_of(&one), (0..50).map(tick_data).collect::<Vec<_>>());
}

#[test]
fn the_fingerprint_is_that_of_the_envelope_on_every_node_and_route() {
    let (a, b) = (Server::start(), Server::start());
    let print = |id: &str| id_parts(id).2;
    publish(&b, &tick(0));
    let alone = print(&publish(&a, &tick(1)));
    assert_eq!(alone, print(&publish(&b, &tick(1))));
    assert_eq!(alone, print(&publish_lines(&b, &(tick(1) + "\n"))));
    let array = post(b.addr(), format!("[{}, {}]", tick(2), tick(1)).as_bytes());
    assert_eq!(alone, print(&last_id(&array, 2)));
    assert_ne!(alone, print(&publish(&a, &tick(2))));
}

#[test]
fn order_events_are_reduced_to_their_public_form() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    publish(&server, &order_created("o-1"));
    publish(&server, &order_changed("o-1", "Pending", "Shipped"));
    let (created, changed) = (stream.next(), stream.next());
    assert_eq!(created.event, "order-created");
    assert_eq!(created.data, r#"{"orderId":"o-1","status":"Pending"}"#);
    assert_eq!(changed.event, "order-status-changed");
    assert_eq!(changed.data, r#"{"orderId":"o-1","oldStatus":"Pending","newStatus":"Shipped"}"#);
}

#[test]
fn mapped_values_keep_their_bytes() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let payload = r#"{"x":{"orderId":1,"status":2},"status":{"a":1.50,"\u0062":[ 1E+2 ]},"orderId":12345678901234567890123}"#;
    publish(&server, &envelope("OrderCreatedDomainEvent", "1", payload));
    let event = stream.next();
    assert_eq!(event.data, r#"{"orderId":12345678901234567890123,"status":{"a":1.50,"\u0062":[ 1E+2 ]}}"#);
}

#[test]
fn a_config_file_replaces_the_map() {
    let map = r#"
        [[map]]
        event_type = "Invoice.Paid"
        event = "paid"
        fields = ["number"]
    "#;
    let server = Setup::new().config(map).start();
    let mut stream = Stream::open(&server);
    publish(&server, &envelope("Invoice.Paid", "1", r#"{"iban":"DE00","number":7}"#));
    publish(&server, &envelope("OrderCreatedDomainEvent", "1", r#"{"a":1}"#));
    let (paid, order) = (stream.next(), stream.next());
    assert_eq!((paid.event.as_str(), paid.data.as_str()), ("paid", r#"{"number":7}"#));
    assert_eq!((order.event.as_str(), order.data.as_str()), ("OrderCreatedDomainEvent", r#"{"a":1}"#));
}

#[test]
fn unknown_types_pass_unchanged_or_are_dropped_with_map_only() {
    let open = Server::start();
    let mut stream = Stream::open(&open);
    publish(&open, &envelope("Some Type: ä", "1", r#"{"customerId":"kept"}"#));
    let event = stream.next();
    assert_eq!((event.event.as_str(), event.data.as_str()), ("Some Type: ä", r#"{"customerId":"kept"}"#));

    let strict = Setup::new().config("map_only = true\n").start();
    let mut stream = Stream::open(&strict);
    let dropped = post(strict.addr(), tick(1).as_bytes());
    assert_eq!(dropped.status, 202, "{}", dropped.text());
    publish(&strict, &order_created("o-1"));
    assert_eq!(stream.next().event, "order-created");
}

#[test]
fn a_payload_passes_byte_for_byte() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    for payload in [
        r#"{"z":1,"a":2,"m":{"b":1,"a":2}}"#,
        r#"{"n":[1.0,1.10,1e5,1E+5,-0,-0.0,0.1e-7,123456789012345678901234567890,1e999]}"#,
        r#"{"s":"\u00e9é\/\u000a\"\\ \ud83d\ude00 😀 \u2028"}"#,
        r#"{ "spaced" :  [ 1 ,2 ]	}"#,
        r#""text""#,
        "null",
        "true",
        "0.10",
        "[]",
        "{}",
        r#""data: x\n\nevent: forged""#,
    ] {
        publish(&server, &envelope("raw", "1", payload));
        assert_eq!(stream.next().data, payload);
    }
}

#[test]
fn line_ends_in_a_payload_become_data_lines() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let payload = "{\r\n\"a\":1,\r\"b\":2,\n\"c\":\"x\",\r\r\n\n\"d\":[\r1\n]}";
    publish(&server, &envelope("pretty", "1", payload));
    let event = stream.next();
    assert_eq!(event.data, payload.replace("\r\n", "\n").replace('\r', "\n"));
    assert_eq!(event.data_lines, event.data.split('\n').count());
    let start = find(&stream.raw, b"id: ").expect("a frame");
    assert!(!stream.raw[start..].contains(&b'\r'), "{:?}", String::from_utf8_lossy(&stream.raw));
    publish(&server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1), "nothing of the payload became an event of its own");
}

#[test]
fn envelope_mode_sends_the_envelope() {
    let server = Setup::new().flag("--stream-data", "envelope").start();
    let mut stream = Stream::open(&server);
    publish(&server, &envelope("raw", "e-1", r#"{"n":1.50}"#));
    let event = stream.next();
    assert_eq!(event.event, "raw");
    let data: Value = serde_json::from_str(&event.data).expect("an envelope is JSON");
    assert_eq!((&data["eventType"], &data["id"], &data["ts"]), (&"raw".into(), &"e-1".into(), &TS.into()));
    assert!(event.data.contains(r#""payload":{"n":1.50}"#), "{}", event.data);
    publish(&server, &order_created("o-1"));
    let event = stream.next();
    assert_eq!(event.event, "order-created");
    assert!(!event.data.contains("customer") && !event.data.contains("estimated"), "{}", event.data);
    assert!(event.data.contains(r#"{"orderId":"o-1","status":"Pending"}"#), "{}", event.data);
}

#[test]
fn envelope_mode_fills_in_the_time() {
    let server = Setup::new().flag("--stream-data", "envelope").start();
    let mut stream = Stream::open(&server);
    publish(&server, r#"{"eventType":"raw","id":"1","payload":1}"#);
    let data: Value = serde_json::from_str(&stream.next().data).expect("an envelope is JSON");
    let ts = data["ts"].as_str().expect("a time was filled in");
    time::OffsetDateTime::parse(ts, &time::format_description::well_known::Rfc3339)
        .unwrap_or_else(|error| panic!("{ts}: {error}"));
}

// ---- heartbeats

#[test]
fn a_heartbeat_is_a_ping_with_an_id() {
    let server = Setup::new().flag("--stream-heartbeat", "100ms").start();
    let mut stream = Stream::open_at(&server, "/events?type=nothing-of-this-name");
    let published = publish(&server, &tick(1));
    let mut last_seq = 0;
    for _ in 0..3 {
        let ping = stream.next_ping();
        let data: Value = serde_json::from_str(&ping.data).expect("the data of a ping is JSON");
        let ts = data["ts"].as_str().expect("a ping has a time");
        assert!(
            time::OffsetDateTime::parse(ts, &time::format_description::well_known::Rfc3339).is_ok(),
            "{ts}"
        );
        assert!(ping.has_id, "{ping:?}");
        let (_, seq, _) = id_parts(&ping.id);
        assert!(seq > last_seq, "{seq} after {last_seq}");
        last_seq = seq;
    }
    let mut stream = Stream::open(&server);
    let after = stream.next_ping();
    assert_eq!(id_parts(&after.id).2, id_parts(&published).2, "the fingerprint of the last real event");
}

#[test]
fn ids_go_up_through_pings() {
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let mut stream = Stream::open(&server);
    let mut last_seq = 0;
    for n in 0..5 {
        publish(&server, &tick(n));
        for wanted in ["tick", "ping"] {
            loop {
                let event = stream.next_of_any_name();
                let (_, seq, _) = id_parts(&event.id);
                assert!(seq > last_seq, "{seq} after {last_seq}: {event:?}");
                last_seq = seq;
                if event.event == wanted {
                    break;
                }
            }
        }
    }
}

#[test]
fn heartbeats_may_be_comments() {
    let by_query = Setup::new().flag("--stream-heartbeat", "100ms").start();
    let by_option =
        Setup::new().flag("--stream-heartbeat", "100ms").flag("--stream-heartbeat-style", "comment").start();
    for (server, target) in [(&by_query, "/events?heartbeat=comment"), (&by_option, "/events")] {
        let mut stream = Stream::open_at(server, target);
        let mut comments = 0;
        while comments < 4 {
            match stream.next_item() {
                Item::Comment(_) => comments += 1,
                Item::Retry(_) => {}
                Item::Event(event) => panic!("{target}: {event:?}"),
            }
        }
    }
}

#[test]
fn heartbeats_may_be_off() {
    let server =
        Setup::new().flag("--stream-heartbeat", "50ms").flag("--stream-heartbeat-style", "off").start();
    let loud = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let mut stream = Stream::open(&server);
    assert!(matches!(stream.next_item(), Item::Retry(_)));
    assert!(matches!(stream.next_item(), Item::Comment(_)));
    // Ten heartbeats of another server's clock: enough time for one here.
    let mut clock = Stream::open(&loud);
    for _ in 0..10 {
        clock.next_ping();
    }
    publish(&server, &tick(1));
    assert!(matches!(stream.next_item(), Item::Event(event) if event.event == "tick"));
}

// ---- limit and filters

#[test]
fn limit_closes_after_so_many_events() {
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let mut stream = Stream::open_at(&server, "/events?limit=3");
    for _ in 0..4 {
        stream.next_ping();
    }
    publish_lines(&server, &ticks(0..10));
    let events = stream.take(3);
    assert_eq!(data_of(&events), (0..3).map(tick_data).collect::<Vec<_>>());
    stream.expect_end();
    // The same out of the history, and together with a filter.
    let mut stream = Stream::open_at(&server, "/events?limit=4&lastEventId=earliest");
    assert_eq!(data_of(&stream.take(4)), (0..4).map(tick_data).collect::<Vec<_>>());
    stream.expect_end();
    let mut stream = Stream::open_at(&server, "/events?limit=2&type=b");
    for event_type in ["a", "b", "a", "b", "b"] {
        publish(&server, &envelope(event_type, "1", "1"));
    }
    assert_eq!(stream.take(2).len(), 2);
    stream.expect_end();
}

#[test]
fn type_filters_by_public_event_name() {
    let server = Server::start();
    let mut created = Stream::open_at(&server, "/events?type=order-created");
    let mut both = Stream::open_at(&server, "/events?type=order-created&foo=bar&type=t%C3%A4k");
    let mut inner_name = Stream::open_at(&server, "/events?type=OrderCreatedDomainEvent&type=end");
    for body in [
        tick(1),
        order_created("o-1"),
        envelope("täk", "1", "1"),
        order_changed("o-1", "a", "b"),
        order_created("o-2"),
        envelope("end", "1", "1"),
    ] {
        publish(&server, &body);
    }
    let names = |events: Vec<common::sse::Event>| events.into_iter().map(|e| e.event).collect::<Vec<_>>();
    assert_eq!(names(created.take(2)), ["order-created", "order-created"]);
    assert_eq!(names(both.take(3)), ["order-created", "täk", "order-created"]);
    assert_eq!(names(inner_name.take(1)), ["end"]);
}

#[test]
fn topic_filters_are_exact_or_a_prefix() {
    let server = Server::start();
    let mut exact = Stream::open_at(&server, "/events?topic=order/1");
    let mut prefix = Stream::open_at(&server, "/events?topic=order/*");
    let mut several = Stream::open_at(&server, "/events?topic=order/1&topic=customer/*&topic=none");
    let mut all = Stream::open_at(&server, "/events?topic=*");
    let mut combined = Stream::open_at(&server, "/events?topic=order/*&type=b");
    let mut literal = Stream::open_at(&server, "/events?topic=o*r/1&topic=end");
    for (event_type, id, topics) in [
        ("a", "1", &["order/1"][..]),
        ("a", "2", &["order/2", "customer/9"]),
        ("b", "3", &["order/1", "order/2", "customer/9"]),
        ("b", "4", &["customer/8"]),
        ("a", "5", &["order"]),
        ("a", "6", &[]),
        ("b", "7", &["order/"]),
        ("b", "8", &["Order/1", "border/1", "order/10", "end"]),
    ] {
        publish(&server, &with_topics(event_type, id, topics));
    }
    publish(&server, &tick(1));
    publish(&server, &with_topics("b", "9", &["order/1", "customer/1", "end"]));
    let got = |stream: &mut Stream, ids: &[&str]| {
        let wanted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        assert_eq!(data_of(&stream.take(ids.len())), wanted);
    };
    got(&mut exact, &["1", "3", "9"]);
    got(&mut prefix, &["1", "2", "3", "7", "8", "9"]);
    got(&mut several, &["1", "2", "3", "4", "9"]);
    got(&mut combined, &["3", "7", "8", "9"]);
    got(&mut literal, &["8", "9"]);
    got(&mut all, &["1", "2", "3", "4", "5"]);
}

#[test]
fn topics_are_made_from_the_payload() {
    let server = Setup::new().config("[topics]\nfrom_payload = [\"customerId\"]\n").start();
    let mut stream = Stream::open_at(&server, "/events?topic=customerId/42");
    for (n, customer) in [(1, "\"41\""), (2, "\"42\""), (3, "42"), (4, "\"420\"")] {
        publish(&server, &envelope("raw", "1", &format!(r#"{{"n":{n},"customerId":{customer}}}"#)));
    }
    let order = order_created("o-1").replace("secret-customer", "42");
    publish(&server, &order);
    assert!(stream.next().data.contains("\"n\":2"));
    assert!(stream.next().data.contains("\"n\":3"));
    let event = stream.next();
    assert_eq!(event.data, r#"{"orderId":"o-1","status":"Pending"}"#, "the topic must not get out");
}

#[test]
fn a_filter_also_holds_in_the_history() {
    let server = Server::start();
    let first = publish(&server, &with_topics("a", "1", &["x/1"]));
    for (event_type, id, topics) in
        [("b", "2", &["x/1"][..]), ("a", "3", &["x/2"]), ("a", "4", &["y/1"]), ("a", "5", &["x/1"])]
    {
        publish(&server, &with_topics(event_type, id, topics));
    }
    let target = "/events?type=a&topic=x/*";
    let mut stream = Stream::open_with(server.addr(), target, &[("Last-Event-ID", &first)]);
    assert_eq!(data_of(&stream.take(2)), ["\"3\"", "\"5\""]);
    publish(&server, &with_topics("b", "6", &["x/1"]));
    publish(&server, &with_topics("a", "7", &["x/9"]));
    assert_eq!(stream.next().data, "\"7\"");
}

#[test]
fn pings_and_gaps_ignore_filters() {
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let target = "/events?type=none&topic=none&lastEventId=unknown";
    let mut stream = Stream::open_at(&server, target);
    stream.expect_gap("unknown-id");
    stream.next_ping();
}

// ---- resume

#[test]
fn without_an_id_only_live_events_come() {
    let server = Server::start();
    publish(&server, &tick(1));
    for (target, headers) in
        [("/events", &[][..]), ("/events", &[("Last-Event-ID", "")]), ("/events?lastEventId=", &[])]
    {
        let mut stream = Stream::open_with(server.addr(), target, headers);
        publish(&server, &tick(2));
        let event = stream.next();
        assert_eq!(
            (event.event.as_str(), event.data.as_str()),
            ("tick", "{\"n\":2}"),
            "{target} {headers:?}"
        );
    }
}

#[test]
fn all_five_names_resume_and_the_header_wins() {
    let server = Server::start();
    let ids: Vec<String> = (0..5).map(|n| publish(&server, &tick(n))).collect();
    let rest = |mut stream: Stream, from: usize| {
        let events = stream.take(5 - from);
        assert_eq!(data_of(&events), (from..5).map(tick_data).collect::<Vec<_>>());
        events
    };
    let by_header = rest(Stream::resume(&server, &ids[1]), 2);
    assert_eq!(
        by_header.iter().map(|event| &event.id).collect::<Vec<_>>(),
        ids[2..].iter().collect::<Vec<_>>()
    );
    for name in ["lastEventId", "lastEventID", "last_event_id", "Last-Event-ID"] {
        assert_eq!(rest(Stream::open_at(&server, &format!("/events?{name}={}", ids[1])), 2), by_header);
        let target = format!("/events?{name}={}", ids[3]);
        rest(Stream::open_with(server.addr(), &target, &[("lAST-eVENT-iD", &ids[1])]), 2);
    }
    rest(Stream::resume(&server, "earliest"), 0);
    rest(Stream::open_at(&server, "/events?last_event_id=earliest"), 0);
}

#[test]
fn a_resumed_stream_goes_on_live_without_gap_or_duplicate() {
    let server = Server::start();
    let first = publish(&server, &tick(0));
    publish_lines(&server, &ticks(1..200));
    let mut stream = Stream::resume(&server, &first);
    publish_lines(&server, &ticks(200..400));
    let events = stream.take(399);
    assert_eq!(data_of(&events), (1..400).map(tick_data).collect::<Vec<_>>());
    assert_consecutive(&events);
    let mut at_the_end = Stream::resume(&server, &events[398].id);
    publish(&server, &tick(400));
    assert_eq!(at_the_end.next().data, tick_data(400));
}

#[test]
fn an_id_that_is_no_longer_kept_gets_a_gap_and_what_is_kept() {
    let server = Setup::new().flag("--stream-history-events", "5").start();
    let first = publish(&server, &tick(0));
    publish_lines(&server, &ticks(1..100));
    let mut stream = Stream::resume(&server, &first);
    let gap = stream.expect_gap("expired");
    assert_eq!(gap["requested"], first.as_str());
    publish(&server, &tick(100));
    let mut kept = vec![stream.next()];
    while kept.last().is_some_and(|event| event.data != tick_data(100)) {
        kept.push(stream.next());
    }
    // Of the five kept before; the last one was published after the stream began.
    assert!((2..=6).contains(&kept.len()), "{kept:?}");
    let from = 101 - kept.len();
    assert_eq!(data_of(&kept), (from..=100).map(tick_data).collect::<Vec<_>>());
    assert_eq!(gap["oldest"], kept[0].id.as_str(), "{gap}");
}

#[test]
fn history_expires_by_bytes_and_by_age_too() {
    let small = bounded(65536).flag("--stream-history-bytes", "65536").start();
    let first = publish(&small, &tick(0));
    for n in 1..100 {
        publish(&small, &big_tick(n, 10_000));
    }
    let mut stream = Stream::resume(&small, &first);
    stream.expect_gap("expired");
    let oldest: Value = serde_json::from_str(&stream.next().data).expect("a payload");
    assert!(oldest["n"].as_u64().is_some_and(|n| n >= 93), "{}", oldest["n"]);

    let young =
        Setup::new().flag("--stream-history-age", "300ms").flag("--stream-heartbeat", "100ms").start();
    let first = publish(&young, &tick(0));
    publish(&young, &tick(1));
    wait_until("the history is too old", DEADLINE, || {
        let mut stream = Stream::resume(&young, &first);
        stream.next_of_any_name().event == "gap"
    });
}

#[test]
fn ids_that_nobody_gave_out_are_unknown() {
    let server = Setup::new().flag("--server-instance", "here").start();
    publish_lines(&server, &ticks(0..3));
    let long = format!("here-1-{}", "0".repeat(300));
    for id in [
        "there-1-0123456789abcdef",
        "here-999999-0123456789abcdef",
        "here-18446744073709551615-0123456789abcdef",
        "here-1-xyz",
        "1",
        "-",
        "here-1",
        "a b c",
        "\"}",
        "<script>",
        "ä",
        long.as_str(),
    ] {
        let mut stream = Stream::open_with(server.addr(), "/events", &[("Last-Event-ID", id)]);
        let gap = stream.expect_gap("unknown-id");
        assert!(gap["requested"].is_string() && gap["oldest"].is_string(), "{id}: {gap}");
        if id.len() <= 256 {
            assert_eq!(gap["requested"], id);
        }
        assert!(gap.to_string().len() < 1000, "{gap}");
        let events = stream.take(3);
        assert_eq!(data_of(&events), (0..3).map(tick_data).collect::<Vec<_>>());
        assert_eq!(gap["oldest"], events[0].id.as_str());
    }
    // By query it may hold what a header cannot.
    let mut stream = Stream::open_at(&server, "/events?lastEventId=%22%7D%C3%A4");
    assert_eq!(stream.expect_gap("unknown-id")["requested"], "\"}ä");
}

#[test]
fn an_unknown_id_on_an_empty_server_gets_a_gap_too() {
    let server = Server::start();
    let mut stream = Stream::resume(&server, "there-1-0123456789abcdef");
    stream.expect_gap("unknown-id");
    publish(&server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
}

#[test]
fn a_ping_is_a_place_to_resume_from() {
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let other = Server::start();
    for n in 0..3 {
        publish(&server, &tick(n));
        publish(&other, &tick(n));
    }
    let ping = Stream::open(&server).next_ping();
    publish_lines(&server, &ticks(3..6));
    publish_lines(&other, &ticks(3..6));
    for node in [&server, &other] {
        let mut stream = Stream::resume(node, &ping.id);
        let events = stream.take(3);
        assert_eq!(data_of(&events), (3..6).map(tick_data).collect::<Vec<_>>());
    }
}

#[test]
fn a_ping_before_any_event_is_a_place_to_resume_from() {
    let server = Setup::new().flag("--stream-heartbeat", "50ms").start();
    let ping = Stream::open(&server).next_ping();
    publish_lines(&server, &ticks(0..3));
    let mut stream = Stream::resume(&server, &ping.id);
    assert_eq!(data_of(&stream.take(3)), (0..3).map(tick_data).collect::<Vec<_>>());
}

#[test]
fn another_node_finds_the_place_by_the_fingerprint() {
    let a = Setup::new().flag("--server-instance", "a").start();
    let b = Setup::new().flag("--server-instance", "b").start();
    publish_lines(&b, &ticks(100..120));
    let ids: Vec<String> = (0..6).map(|n| publish(&a, &tick(n))).collect();
    publish_lines(&b, &ticks(0..6));
    let mut stream = Stream::resume(&b, &ids[2]);
    let events = stream.take(3);
    assert_eq!(data_of(&events), (3..6).map(tick_data).collect::<Vec<_>>());
    assert_eq!(id_parts(&events[0].id).0, "b");
    publish(&b, &tick(6));
    assert_eq!(stream.next().data, tick_data(6));
}

#[test]
fn a_restarted_node_of_the_same_name_does_not_take_its_old_numbers_for_new() {
    let start = || Setup::new().flag("--server-instance", "same").start();
    let old = start();
    let ids: Vec<String> = (0..3).map(|n| publish(&old, &tick(n))).collect();
    drop(old);
    let new = start();
    publish_lines(&new, &ticks(10..20));
    let mut stream = Stream::resume(&new, &ids[2]);
    assert_eq!(stream.next().event, "gap", "ten events came that this client knows nothing of");
    assert_eq!(data_of(&stream.take(10)), (10..20).map(tick_data).collect::<Vec<_>>());
}

#[test]
fn a_restarted_node_that_has_the_events_again_finds_the_place() {
    let start = || Setup::new().flag("--server-instance", "same").start();
    let old = start();
    let ids: Vec<String> = (0..3).map(|n| publish(&old, &tick(n))).collect();
    drop(old);
    let new = start();
    publish_lines(&new, &ticks(90..95));
    publish_lines(&new, &ticks(0..6));
    let mut stream = Stream::resume(&new, &ids[2]);
    assert_eq!(data_of(&stream.take(3)), (3..6).map(tick_data).collect::<Vec<_>>());
}

#[test]
fn a_replay_may_be_longer_than_the_bound_of_a_slow_client() {
    let server = bounded(65536).start();
    for n in 0..150 {
        publish(&server, &big_tick(n, 10_000));
    }
    let mut stream = Stream::resume(&server, "earliest");
    for n in 0..150 {
        let payload: Value = serde_json::from_str(&stream.next().data).expect("a payload");
        assert_eq!(payload["n"], n);
    }
    publish(&server, &tick(150));
    assert_eq!(stream.next().data, tick_data(150));
}

#[test]
fn a_replay_that_is_cut_says_so() {
    let server = Setup::new().flag("--stream-replay-bytes", "20000").start();
    let first = publish(&server, &tick(0));
    for n in 1..100 {
        publish(&server, &big_tick(n, 1000));
    }
    for id in [first.as_str(), "earliest"] {
        let mut stream = Stream::resume(&server, id);
        assert_eq!(stream.next().event, "gap", "{id}");
        let first: Value = serde_json::from_str(&stream.next().data).expect("a payload");
        let from = first["n"].as_u64().expect("a number");
        assert!((80..100).contains(&from), "{id}: {from}");
        for n in from + 1..100 {
            let payload: Value = serde_json::from_str(&stream.next().data).expect("a payload");
            assert_eq!(payload["n"], n, "{id}");
        }
    }
}

// ---- slow, stalled and gone clients

#[test]
fn a_slow_client_is_closed_at_the_bound_and_resumes_without_loss_while_others_go_on() {
    let server = bounded(65536).start();
    let mut slow = Stream::open_on(
        Conn::open_special(server.addr(), None, Some(4096)),
        "/events?lastEventId=earliest",
        &[],
    );
    let mut fast = Stream::open(&server);
    let mut published = 0;
    while is_listed(&server, slow.local_addr()) {
        assert!(published < 1500, "1500 events of 8 KB and still not closed");
        for _ in 0..4 {
            publish(&server, &big_tick(published, 8000));
            published += 1;
        }
        for n in published - 4..published {
            let payload: Value = serde_json::from_str(&fast.next().data).expect("a payload");
            assert_eq!(payload["n"], n);
        }
    }
    let address = slow.local_addr().to_string();
    wait_until("the log names it", DEADLINE, || server.log().lines().any(|line| line.contains(&address)));
    let got = slow.rest();
    for (n, event) in got.iter().enumerate() {
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
    assert!(got.len() < published, "it was not closed early");
    let mut again = Stream::resume(&server, &slow.last_id);
    for n in got.len()..published {
        let event = again.next();
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
}

#[test]
fn a_client_that_takes_nothing_is_closed_after_the_stall_timeout() {
    let server = Setup::new()
        .flag("--stream-buffer-bytes", "16777216")
        .flag("--stream-stall-timeout", "700ms")
        .flag("--stream-heartbeat", "100ms")
        .start();
    let stalled = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    let mut reading = Stream::open(&server);
    for n in 0..300 {
        publish(&server, &big_tick(n, 8000));
    }
    let start = Instant::now();
    assert!(is_listed(&server, stalled.local_addr()), "closed at once, not after a time");
    wait_until("the stalled client is closed", DEADLINE, || !is_listed(&server, stalled.local_addr()));
    assert!(start.elapsed() < Duration::from_secs(15));
    assert_eq!(reading.take(300).len(), 300);
    // One that has nothing to take is not stalled, however long that lasts.
    for _ in 0..15 {
        reading.next_ping();
    }
    assert!(is_listed(&server, reading.local_addr()));
}

/// A reset, which closing a socket with unread input causes, would destroy the last bytes.
#[test]
fn a_client_that_goes_on_talking_gets_its_last_bytes_all_the_same() {
    let server = Server::start();
    publish_lines(&server, &(0..40).map(|n| big_tick(n, 8_000) + "\n").collect::<String>());
    let conn = Conn::open_special(server.addr(), None, Some(4096));
    let mut stream = Stream::open_on(conn, "/events?lastEventId=earliest&limit=40", &[]);
    for n in 0..40 {
        stream.conn().try_send(b"x");
        let event = stream.next();
        assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", &event.data[..20]);
    }
    stream.conn().try_send(b"x");
    stream.expect_end();
}

#[test]
fn a_half_closed_client_is_gone() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    let address = stream.local_addr();
    assert!(is_listed(&server, address));
    stream.conn().half_close();
    stream.expect_end();
    wait_until("it is no longer listed", DEADLINE, || !is_listed(&server, address));
}

#[test]
fn a_client_that_leaves_is_gone() {
    let server = Server::start();
    let streams: Vec<Stream> = (0..20).map(|_| Stream::open(&server)).collect();
    assert_eq!(clients(&server).len(), 20);
    drop(streams);
    wait_until("none is listed", DEADLINE, || clients(&server).is_empty());
    assert_alive(&server);
}

#[test]
fn clients_that_reset_their_connections_all_at_once_are_gone() {
    let server = Server::start();
    let mut steady = Stream::open(&server);
    let mut streams: Vec<Stream> = (0..200).map(|_| Stream::open(&server)).collect();
    for stream in &mut streams {
        stream.conn().reset_on_drop();
    }
    publish(&server, &tick(0));
    drop(streams);
    publish(&server, &tick(1));
    wait_until("only one is listed", DEADLINE, || clients(&server).len() == 1);
    assert_eq!(data_of(&steady.take(2)), [tick_data(0), tick_data(1)]);
}

#[test]
fn a_stream_asked_for_on_a_connection_that_is_broken_is_never_opened() {
    // A sweep over so many streams with so many heartbeats takes more than one turn of the loop: what a turn
    // opens is not sent to in the same turn.
    let server = Setup::new().flag("--stream-heartbeat", "10ms").start();
    let streams: Vec<Stream> = (0..600).map(|_| Stream::open(&server)).collect();
    // The socket is found broken after the sixteenth answer, when the stream's turn comes.
    let requests =
        [compose("OPTIONS", "*", &[], b"").repeat(16), compose("GET", "/events", &[], b"")].concat();
    for _ in 0..3000 {
        let mut conn = Conn::open(server.addr());
        conn.reset_on_drop();
        conn.send(&requests);
    }
    let open = streams.len() as f64;
    let active = || metric(&server, "ssecast_active_connections");
    wait_until("only the steady ones are open", DEADLINE, || active() == Some(open));
    let closed = metric(&server, "ssecast_connections_closed_total").unwrap_or_default();
    let connections = metric(&server, "ssecast_open_connections").unwrap_or_default();
    assert!(connections <= open + 2.0 && closed >= 3000.0, "{connections} open, {closed} closed");
    drop(streams);
}

#[test]
fn input_after_the_head_is_never_a_request_and_closes_when_it_is_too_much() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    stream.conn().send(&compose(
        "POST",
        "/publish",
        &[("Content-Type", "application/json")],
        tick(1).as_bytes(),
    ));
    stream.conn().send(&compose("GET", "/healthz", &[], b""));
    publish(&server, &tick(2));
    assert_eq!(stream.next().data, tick_data(2));
    stream.conn().send(&[b'x'; 5000]);
    stream.expect_end();

    // The same when it comes in one packet with the head.
    let mut conn = Conn::open(server.addr());
    conn.send(&[compose("GET", "/events", &[], b""), compose("GET", "/healthz", &[], b"")].concat());
    assert_eq!(conn.read_head().map(|head| head.status), Some(200));
    publish(&server, &tick(3));
    let mut bytes = Vec::new();
    while find(&bytes, b"\n\n").is_none() || !bytes.ends_with(b"{\"n\":3}\n\n") {
        bytes.extend(conn.read_some(DEADLINE).expect("the event"));
    }
    assert!(find(&bytes, b"HTTP/1.1").is_none(), "{:?}", String::from_utf8_lossy(&bytes));
}

#[test]
fn whole_frames_come_out_however_slowly_they_are_read() {
    let server = Server::start();
    let conn = Conn::open_special(server.addr(), None, Some(2048));
    let mut stream = Stream::open_on(conn, "/events", &[]);
    publish_lines(&server, &(0..20).map(|n| big_tick(n, 9000) + "\n").collect::<String>());
    for n in 0..20 {
        assert!(stream.next().data.starts_with(&format!("{{\"n\":{n},")));
    }
    assert!(stream.is_between_events());
}

// ---- shedding

/// A stream request that is shed: its reconnection time.
fn shed(server: &Server, conn: Conn) -> u64 {
    let mut stream = Stream::open_on(conn, "/events?lastEventId=earliest", &[]);
    stream.expect_end();
    let retry = stream.retry.unwrap_or_else(|| panic!("no retry; {}", server.log()));
    assert!((5_000..=15_000).contains(&retry), "{retry}");
    retry
}

#[test]
fn at_the_connection_cap_streams_are_told_to_come_back() {
    let server = Setup::new().flag("--limits-connections", "3").start();
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(&server)).collect();
    let mut retries: Vec<u64> = (0..12).map(|_| shed(&server, Conn::open(server.addr()))).collect();
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 1, "all would come back at once: {retries:?}");
    let health = get(server.addr(), "/healthz");
    assert!(matches!(health.status, 200 | 503), "{}", health.status);
    if health.status == 503 {
        assert!(health.header("retry-after").is_some_and(|s| s.parse::<u32>().is_ok()));
    }
    streams.pop();
    wait_until("a place is free", DEADLINE, || post(server.addr(), tick(1).as_bytes()).status == 202);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

#[test]
fn at_the_cap_of_an_address_only_that_address_is_shed() {
    let server = Setup::new().flag("--limits-connections-per-ip", "2").start();
    let mut streams: Vec<Stream> = (0..2).map(|_| Stream::open(&server)).collect();
    shed(&server, Conn::open(server.addr()));
    let elsewhere = |last: u8| Conn::open_special(server.addr(), Some([127, 0, 0, last]), None);
    streams.push(Stream::open_on(elsewhere(2), "/events", &[]));
    let mut publisher = elsewhere(3);
    publisher.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], tick(1).as_bytes()));
    assert_eq!(publisher.read_response("POST").status, 202);
    for stream in &mut streams {
        assert_eq!(stream.next().data, tick_data(1));
    }
}

#[test]
fn shed_clients_of_another_origin_may_read_when_to_come_back() {
    // Without the CORS headers a browser would take it for a failure and never come back.
    let server = Setup::new()
        .config("[cors]\norigins = [\"https://a.example\"]\n[limits]\nconnections_per_ip = 1\n")
        .start();
    let _one = Stream::open(&server);
    let mut shed = Stream::open_with(server.addr(), "/events", &[("Origin", "https://a.example")]);
    assert_eq!(shed.head.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(shed.head.header("access-control-allow-credentials"), Some("true"));
    shed.expect_end();
    assert!(shed.retry.is_some());
}

// ---- CORS

#[test]
fn listed_origins_are_echoed_with_credentials() {
    let server =
        Setup::new().config("[cors]\norigins = [\"https://a.example\", \"http://localhost:3000\"]\n").start();
    for origin in ["https://a.example", "http://localhost:3000"] {
        let stream = Stream::open_with(server.addr(), "/events", &[("Origin", origin)]);
        let health = request(server.addr(), "GET", "/healthz", &[("Origin", origin)], b"");
        for head in [&stream.head, &health] {
            assert_eq!(head.header("access-control-allow-origin"), Some(origin));
            assert_eq!(head.header("access-control-allow-credentials"), Some("true"));
            assert!(head.header_has("vary", "origin"), "{:?}", head.headers);
        }
    }
    for origin in
        ["https://b.example", "https://a.example.evil", "http://a.example", "https://A.example:443", "null"]
    {
        let stream = Stream::open_with(server.addr(), "/events", &[("Origin", origin)]);
        assert_eq!(stream.head.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(stream.head.header("access-control-allow-credentials"), None, "{origin}");
        assert!(stream.head.header_has("vary", "origin"), "caches must know: {:?}", stream.head.headers);
    }
}

#[test]
fn errors_may_be_read_by_listed_origins_too() {
    let server = Setup::new().config("[cors]\norigins = [\"https://a.example\"]\n").start();
    let origin = ("Origin", "https://a.example");
    let json = ("Content-Type", "application/json");
    for (method, target, headers, status) in [
        ("GET", "/nothing", vec![origin], 404),
        ("DELETE", "/events", vec![origin], 405),
        ("POST", "/publish", vec![origin, json], 400),
        ("POST", "/publish", vec![origin, ("Content-Type", "text/plain")], 415),
        ("GET", "/events?limit=none", vec![origin], 400),
    ] {
        let body = if method == "POST" { "nonsense" } else { "" };
        let response = request(server.addr(), method, target, &headers, body.as_bytes());
        assert_eq!(response.status, status, "{method} {target}");
        let allowed = response.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://a.example"), "{method} {target} {status}");
    }
}

#[test]
fn any_origin_is_without_credentials() {
    let server = Setup::new().config("[cors]\norigins = [\"*\"]\n").start();
    let stream = Stream::open_with(server.addr(), "/events", &[("Origin", "https://b.example")]);
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(stream.head.header("access-control-allow-credentials"), None);
    let closed = Server::start();
    let stream = Stream::open_with(closed.addr(), "/events", &[("Origin", "https://b.example")]);
    assert_eq!(stream.head.header("access-control-allow-origin"), None, "off by default");
}

#[test]
fn preflights_are_answered_on_every_route() {
    let server = Setup::new().config("[cors]\norigins = [\"https://a.example\"]\n").start();
    for (path, method) in [
        ("/events", "GET"),
        ("/publish", "POST"),
        ("/healthz", "GET"),
        ("/stats", "GET"),
        ("/clients", "GET"),
    ] {
        let headers = [
            ("Origin", "https://a.example"),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "content-type, last-event-id"),
        ];
        let response = request(server.addr(), "OPTIONS", path, &headers, b"");
        assert!(matches!(response.status, 200 | 204), "{path}: {}", response.status);
        assert_eq!(response.header("access-control-allow-origin"), Some("https://a.example"), "{path}");
        assert!(
            response.header_has("access-control-allow-methods", method),
            "{path}: {:?}",
            response.headers
        );
        for name in ["content-type", "last-event-id"] {
            let allowed = response.header_has("access-control-allow-headers", name);
            assert!(allowed, "{path}: {:?}", response.headers);
        }
        let stranger = [("Origin", "https://b.example"), ("Access-Control-Request-Method", method)];
        let response = request(server.addr(), "OPTIONS", path, &stranger, b"");
        assert_eq!(response.header("access-control-allow-origin"), None, "{path}");
    }
}

// ---- tenants

#[test]
fn an_event_of_a_tenant_reaches_nobody_else() {
    let server = Server::start();
    let mut live = Stream::open(&server);
    let mut asked = Stream::open_at(&server, "/events?tenant=acme");
    let mut filtered = Stream::open_at(&server, "/events?type=secret&type=after");
    let mut by_topic = Stream::open_at(&server, "/events?topic=t&topic=after");
    let first = publish(&server, &tick(0));
    publish(&server, &with_tenant("acme", "1"));
    let with_topic = r#"{"eventType":"secret","id":"1","payload":1,"tenant":"acme","topics":["t"]}"#;
    publish(&server, with_topic);
    publish(&server, &with_topics("after", "2", &["after"]));
    assert_eq!(live.next().event, "tick");
    assert_eq!(asked.next().event, "tick", "?tenant= does not count without auth.open_tenants");
    let mut resumed = Stream::resume(&server, &first);
    for stream in [&mut live, &mut asked, &mut filtered, &mut by_topic, &mut resumed] {
        assert_eq!(stream.next().event, "after");
    }
    let mut all = Stream::resume(&server, "earliest");
    assert_eq!([all.next().event, all.next().event], ["tick", "after"]);
}

#[test]
fn open_tenants_get_their_own_events_and_those_of_everyone() {
    let server = Setup::new().config("[auth]\nopen_tenants = true\n").start();
    let mut acme = Stream::open_at(&server, "/events?tenant=acme");
    let mut other = Stream::open_at(&server, "/events?tenant=other");
    let mut nobody = Stream::open(&server);
    for (n, tenant) in ["acme", "other", "acme", "acm", "acme2"].iter().enumerate() {
        publish(&server, &with_tenant(tenant, &n.to_string()));
    }
    publish(&server, &tick(9));
    assert_eq!(data_of(&acme.take(3)), ["\"0\"", "\"2\"", "{\"n\":9}"]);
    assert_eq!(data_of(&other.take(2)), ["\"1\"", "{\"n\":9}"]);
    assert_eq!(data_of(&nobody.take(1)), ["{\"n\":9}"]);
    let mut replayed = Stream::open_at(&server, "/events?tenant=acme&lastEventId=earliest&type=secret");
    assert_eq!(data_of(&replayed.take(2)), ["\"0\"", "\"2\""]);
}

// ---- much at once

#[test]
fn several_publishers_at_once_reach_every_stream_in_one_order() {
    let server = Server::start();
    let mut streams: Vec<Stream> = (0..5).map(|_| Stream::open(&server)).collect();
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            let addr = server.addr();
            scope.spawn(move || {
                for n in 0..25 {
                    let body = tick(publisher * 1000 + n);
                    assert_eq!(post_as(addr, "application/json", body.as_bytes()).status, 202);
                }
            });
        }
    });
    let first = streams[0].take(100);
    assert_consecutive(&first);
    for stream in &mut streams[1..] {
        assert_eq!(stream.take(100), first);
    }
}

#[test]
fn what_comes_over_the_wire_parses_to_what_was_published() {
    let server = Server::start();
    let mut random = common::events::Random(0x5eed_0002);
    let mut stream = Stream::open_at(&server, "/events?limit=200");
    let mut wanted = Vec::new();
    for n in 0..200 {
        let blanks = ["", " ", "\n", "\r", "\r\n", "\t", "\n\n", "\r\r\n"];
        let mut blank = || blanks[random.below(blanks.len())];
        let payload =
            format!("{{{}\"data:\"{}:{}[{n},{}\"id: x\"]{}}}", blank(), blank(), blank(), blank(), blank());
        let event_type = ["data", "id", "a:b", " lead", "trail ", "é"][n % 6];
        let id = publish(&server, &envelope(event_type, "1", &payload));
        wanted.push((id, event_type, payload.replace("\r\n", "\n").replace('\r', "\n")));
    }
    stream.rest();
    let events = Parser::parse(&stream.raw).into_iter().filter_map(|item| match item {
        Item::Event(event) => Some((event.id, event.event, event.data)),
        _ => None,
    });
    let wanted = wanted.into_iter().map(|(id, event, data)| (id, event.to_owned(), data));
    assert_eq!(events.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
}
