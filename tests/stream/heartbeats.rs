//! Heartbeats: events with an id, comments, or none.

use serde_json::Value;

use super::common::api::publish;
use super::common::events::tick;
use super::common::server::Setup;
use super::common::sse::Item;
use super::common::stream::{Stream, id_parts};

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
