//! Sweeps: what a delivery costs in user space. An element is one event for one client.

use std::iter::Cycle;
use std::slice::Iter;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ssecast::event::Event;
use ssecast::hub::{Filter, Subscription};
use ssecast::key::Key;
use ssecast::topic::TopicPattern;

use crate::support::{Orders, Stage, measured};

const CLIENTS: u32 = 10_000;
/// Events published at once.
const BURST: u64 = 64;
/// One in so many clients is slow.
const SLOW_EVERY: u32 = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let events = Orders::new().events(4_096);
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(20);

    let bare = || Stage::with_clients(CLIENTS, |_| Subscription::default());
    group.throughput(deliveries(1));
    publish(&mut group, "bare, 1 event", &mut bare(), &events, 1);
    group.throughput(deliveries(BURST));
    publish(&mut group, "bare, burst of 64", &mut bare(), &events, BURST);
    group.throughput(deliveries(1));
    slow(&mut group, &mut bare(), &events);

    // Every second event or so matches, so that ranges do not merge.
    let by_type = || Stage::with_clients(CLIENTS, |_| of_type("order-created"));
    let created: Vec<Event> =
        events.iter().filter(|event| event.name() == "order-created").cloned().collect();
    group.throughput(deliveries(1));
    publish(&mut group, "by type, 1 event", &mut by_type(), &created, 1);
    group.throughput(deliveries(BURST * created.len() as u64 / events.len() as u64));
    publish(&mut group, "by type, burst of 64", &mut by_type(), &events, BURST);
    group.finish();
    topics(criterion);
}

fn deliveries(events: u64) -> Throughput {
    Throughput::Elements(events * u64::from(CLIENTS))
}

/// Publishes so many events and sends them to everybody.
fn publish(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    stage: &mut Stage,
    events: &[Event],
    burst: u64,
) {
    let mut next = events.iter().cycle();
    group.bench_function(name, |b| {
        b.iter(|| measured(|| round(stage, &mut next, burst)));
    });
}

fn round(stage: &mut Stage, events: &mut Cycle<Iter<'_, Event>>, burst: u64) -> usize {
    (0..burst).zip(events).for_each(|(_, event)| stage.append(event));
    stage.sweep()
}

/// One in a hundred clients takes nothing at first; then its socket is writable again.
fn slow(group: &mut BenchmarkGroup<'_, WallTime>, stage: &mut Stage, events: &[Event]) {
    let keys = stage.hub.clients().map(|client| client.key);
    let slow: Vec<Key> = keys.filter(|key| key.index.is_multiple_of(SLOW_EVERY)).collect();
    let mut next = events.iter().cycle();
    group.bench_function("bare, 1 event, 1 % slow", |b| {
        b.iter(|| {
            measured(|| {
                stage.wire.blocked_every = Some(SLOW_EVERY);
                round(stage, &mut next, 1);
                stage.wire.blocked_every = None;
                slow.iter().for_each(|&key| stage.hub.handle_writable(key));
                stage.sweep()
            })
        });
    });
}

/// An event for one client, beside many that do not see it or none.
fn topics(criterion: &mut Criterion) {
    let mut orders = Orders::new();
    let customers = orders.customers(CLIENTS as usize);
    let mut group = criterion.benchmark_group("topics");
    group.throughput(Throughput::Elements(1));
    for clients in [1, CLIENTS] {
        let topic = |index: u32| format!("customerId/{}", customers[index as usize]);
        let mut stage = Stage::with_clients(clients, |index| of_topic(&topic(index)));
        let events = orders.events_of(&customers[..clients as usize]);
        let mut next = events.iter().cycle();
        group.bench_function(format!("{clients} of one subscriber each, an event for one"), |b| {
            b.iter(|| measured(|| assert_eq!(round(&mut stage, &mut next, 1), 1)));
        });
    }
    group.finish();
}

fn of_type(name: &str) -> Subscription {
    Subscription {
        filter: Filter { types: vec![name.into()], ..Filter::default() },
        ..Subscription::default()
    }
}

fn of_topic(topic: &str) -> Subscription {
    let topics = vec![TopicPattern::new(topic)];
    Subscription { filter: Filter { topics, ..Filter::default() }, ..Subscription::default() }
}
