//! Appending: what publishing costs the loop before anybody is sent anything.

use criterion::{BenchmarkId, Criterion, Throughput};
use ssecast::event::Event;
use ssecast::hub::{Options, Subscription};

use crate::support::{Orders, Stage, measured, timed};

/// Different events, more than the history keeps, so that no fingerprint is kept twice.
const EVENTS: usize = 4_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let events = Orders::new().events(EVENTS);
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1));

    let mut stage = Stage::new(history(EVENTS / 2));
    let mut next = events.iter().cycle();
    group.bench_function("no clients", |b| {
        b.iter(|| measured(|| append_next(&mut stage, &mut next)));
    });

    // The first append finds them idle, those that follow find them behind.
    for clients in [0, 1_000, 10_000] {
        let mut stage = Stage::with_clients(clients, |_| Subscription::default());
        stage.hub.set_options(history(EVENTS / 2), ssecast::clock::Mono::ZERO);
        let mut next = events.iter().cycle();
        group.bench_function(BenchmarkId::new("idle clients", clients), |b| {
            b.iter_custom(|times| {
                timed(times, &mut stage, Stage::sweep, |stage| append_next(stage, &mut next))
            });
        });
    }

    let mut stage = Stage::with_clients(10_000, |_| Subscription::default());
    stage.hub.set_options(history(EVENTS / 2), ssecast::clock::Mono::ZERO);
    let mut next = events.iter().cycle();
    group.bench_function(BenchmarkId::new("clients that are behind", 10_000), |b| {
        b.iter(|| measured(|| append_next(&mut stage, &mut next)));
    });
    group.finish();
}

fn history(history_events: usize) -> Options {
    Options { history_events, ..Options::default() }
}

fn append_next<'e>(stage: &mut Stage, events: &mut impl Iterator<Item = &'e Event>) {
    let event = events.next().expect("it goes round");
    stage.append(event);
}
