//! Frames: their ids, their order, and data as it was published or as the map makes it.

use serde_json::Value;

use super::common::api::{last_id, post, post_as, publish, publish_lines};
use super::common::events::{Random, TS, envelope, order_changed, order_created, tick, tick_data, ticks};
use super::common::http::find;
use super::common::server::{Server, Setup};
use super::common::sse::{Item, Parser};
use super::common::stream::{Stream, assert_consecutive, data_of, id_parts};

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
    let mut random = Random(0x5eed_0002);
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
