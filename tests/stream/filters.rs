//! How many events a client gets, and which: `limit`, `type`, `topic`.

use super::common::api::{publish, publish_lines};
use super::common::events::{envelope, order_changed, order_created, tick, tick_data, ticks};
use super::common::server::{Server, Setup};
use super::common::sse::Event;
use super::common::stream::{Stream, data_of};
use super::with_topics;

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
    let names = |events: Vec<Event>| events.into_iter().map(|e| e.event).collect::<Vec<_>>();
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
