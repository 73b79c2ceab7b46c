//! Streams that go on where another ended: the last id, history, gaps, other nodes.

use serde_json::Value;

use super::bounded;
use super::common::api::{publish, publish_lines};
use super::common::events::{big_tick, tick, tick_data, ticks};
use super::common::server::{Server, Setup};
use super::common::stream::{Stream, assert_consecutive, data_of, id_parts};
use super::common::{DEADLINE, wait_until};

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
