//! Clients that go on at another server than the one where they were.

use std::collections::BTreeSet;

use super::common::events::{envelope, tick, tick_data};
use super::common::redis::Redis;
use super::common::server::Server;
use super::common::sse::Event;
use super::common::stream::{Stream, data_of, id_parts};
use super::nodes::{
    CHANNEL, named, next_after_gaps, send, send_via, through, wait_for_metric, wait_until_not_ready,
    wait_until_ready,
};

/// Two servers in a mode.
fn pair(mode: &str, redis: &Redis) -> [Server; 2] {
    [named("a", mode, redis), named("b", mode, redis)]
}

fn fingerprints(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| id_parts(&event.id).2).collect()
}

#[test]
fn in_mode_redis_a_client_goes_on_exactly_where_it_was() {
    let redis = Redis::start();
    let [a, b] = pair("redis", &redis);
    let (mut at_a, mut at_b) = (Stream::open(&a), Stream::open(&b));
    // From everywhere, and all at once: the order is Redis' own.
    std::thread::scope(|threads| {
        threads.spawn(|| (0..20).for_each(|n| send_via("redis", &a, &tick(n))));
        threads.spawn(|| (20..40).for_each(|n| send_via("redis", &b, &tick(n))));
        for n in 40..60 {
            redis.publish(CHANNEL, tick(n).as_bytes());
        }
    });
    let (events, same) = (at_a.take(60), at_b.take(60));
    assert_eq!(data_of(&events), data_of(&same));
    assert_eq!(fingerprints(&events), fingerprints(&same));
    for (from, to) in [(&events, &b), (&same, &a)] {
        for seen in 1..60 {
            let mut stream = Stream::resume(to, &from[seen - 1].id);
            assert_eq!(data_of(&stream.take(60 - seen)), data_of(&events[seen..]), "after {seen}");
        }
    }
    let mut last = [Stream::resume(&b, &events[59].id), Stream::resume(&a, &same[59].id)];
    redis.publish(CHANNEL, tick(60).as_bytes());
    for stream in &mut last {
        assert_eq!(stream.next().data, tick_data(60), "they had everything");
    }
}

#[test]
fn in_mode_fanout_a_client_goes_on_exactly_where_it_was_while_servers_do_not_race() {
    let redis = Redis::start();
    let servers = pair("fanout", &redis);
    let mut streams = servers.each_ref().map(Stream::open);
    let mut events = [Vec::new(), Vec::new()];
    for n in 0..12 {
        match n % 3 {
            0 | 1 => send_via("local", &servers[n % 3], &tick(n)),
            _ => assert_eq!(redis.publish(CHANNEL, tick(n).as_bytes()), 2, "both are subscribed"),
        }
        for (stream, events) in streams.iter_mut().zip(&mut events) {
            let event = stream.next();
            assert_eq!(event.data, tick_data(n));
            events.push(event);
        }
    }
    assert_eq!(fingerprints(&events[0]), fingerprints(&events[1]));
    // Its own messages have come back everywhere.
    for server in &servers {
        wait_for_metric(server, "ssecast_redis_echoes_total", 4.0);
    }
    for (from, to) in [(0, 1), (1, 0)] {
        for seen in 1..12 {
            let mut stream = Stream::resume(&servers[to], &events[from][seen - 1].id);
            let got = stream.take(12 - seen);
            assert_eq!(data_of(&got), data_of(&events[from][seen..]), "after {seen} of {from}");
        }
    }
    for n in 12..14 {
        send_via("local", &servers[0], &tick(n));
        assert_eq!(streams[1].next().data, tick_data(n));
    }
    let mut stream = Stream::resume(&servers[1], &events[0][11].id);
    assert_eq!(data_of(&stream.take(2)), [tick_data(12), tick_data(13)]);
}

#[test]
fn in_mode_fanout_nothing_is_lost_when_servers_race() {
    const COUNT: usize = 60;
    let redis = Redis::start();
    let servers = pair("fanout", &redis);
    let mut streams = servers.each_ref().map(Stream::open);
    std::thread::scope(|threads| {
        for (at, server) in servers.iter().enumerate() {
            threads.spawn(move || (at..COUNT).step_by(2).for_each(|n| send_via("local", server, &tick(n))));
        }
    });
    let events = streams.each_mut().map(|stream| stream.take(COUNT));
    for server in &servers {
        wait_for_metric(server, "ssecast_redis_echoes_total", 30.0);
    }
    assert_no_loss(&servers, &events, &redis);
}

/// Whoever leaves one server after any number of events has had them all after going on at the other one.
fn assert_no_loss(servers: &[Server; 2], events: &[Vec<Event>; 2], redis: &Redis) {
    let all: BTreeSet<&str> = events[0].iter().map(|event| event.data.as_str()).collect();
    let same: BTreeSet<&str> = events[1].iter().map(|event| event.data.as_str()).collect();
    assert_eq!(all, same, "both servers showed the same in the end");
    for (from, to) in [(0, 1), (1, 0)] {
        for seen in 1..=events[from].len() {
            let end = format!("\"end {from} {seen}\"");
            let mut stream = Stream::resume(&servers[to], &events[from][seen - 1].id);
            redis.publish(CHANNEL, envelope("end", &format!("{from}-{seen}"), &end).as_bytes());
            let got = through(&mut stream, &end);
            let mut had: BTreeSet<&str> =
                events[from][..seen].iter().map(|event| event.data.as_str()).collect();
            had.extend(got.iter().map(|event| event.data.as_str()));
            let lost: Vec<&&str> = all.difference(&had).collect();
            assert!(lost.is_empty(), "lost after {seen} events of server {from}: {lost:?}");
        }
    }
}

#[test]
fn what_the_other_server_does_not_hold_is_a_gap() {
    let redis = Redis::start();
    let a = named("a", "redis", &redis);
    let mut stream = Stream::open(&a);
    send_via("redis", &a, &tick(1));
    let id = stream.next().id;
    let b = named("b", "redis", &redis);
    let mut live = Stream::open(&b);
    send_via("redis", &a, &tick(2));
    assert_eq!(live.next().data, tick_data(2));
    let mut stream = Stream::resume(&b, &id);
    let gap = stream.expect_gap("unknown-id");
    assert_eq!(gap["requested"], id.as_str());
    assert_eq!(gap["oldest"].as_str().map(|oldest| id_parts(oldest).0), Some("b".to_owned()), "{gap}");
    assert_eq!(stream.next().data, tick_data(2));
    send_via("redis", &a, &tick(3));
    assert_eq!(stream.next().data, tick_data(3));
}

#[test]
fn after_fallback_a_client_that_changes_servers_loses_nothing() {
    let mut redis = Redis::start();
    let servers = pair("redis", &redis);
    let mut streams = servers.each_ref().map(Stream::open);
    for n in 0..4 {
        send_via("redis", &servers[n % 2], &tick(n));
    }
    redis.wait_until_counted_by(2);
    redis.kill();
    for (at, server) in servers.iter().enumerate() {
        wait_until_not_ready(server);
        (4 + at..12).step_by(2).for_each(|n| send_via("fallback", server, &tick(n)));
    }
    redis.restart();
    for server in &servers {
        wait_until_ready(server);
        wait_for_metric(server, "ssecast_spool_events", 0.0);
    }
    send(&servers[0], &tick(12));
    send(&servers[1], &tick(13));
    let events =
        streams.each_mut().map(|stream| (0..14).map(|_| next_after_gaps(stream)).collect::<Vec<_>>());
    for events in &events {
        let unique: BTreeSet<&str> = events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(unique.len(), 14, "an open stream gets each once: {:?}", data_of(events));
    }
    assert_no_loss(&servers, &events, &redis);
}
