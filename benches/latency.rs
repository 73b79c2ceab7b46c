//! Recording latencies: once per range of events and batch of sends, not once per delivery.

use criterion::{Criterion, Throughput};
use ssecast::clock::Mono;
use ssecast::event::Event;
use ssecast::hub::Subscription;
use ssecast::metrics::Latency;

use crate::support::{Orders, SENDS_PER_CLOCK, Stage, measured, timed};

const CLIENTS: u32 = 10_000;
const BURST: usize = 64;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut latency = Latency::new(Mono::ZERO);
    let mut micros = fastrand::Rng::with_seed(3);
    criterion.bench_function("latency/record", |b| {
        b.iter(|| {
            let micros = micros.u64(100..100_000);
            measured(|| latency.record(micros, 64));
        });
    });
    settle(criterion);
}

fn settle(criterion: &mut Criterion) {
    let events = Orders::new().events(BURST);
    let mut group = criterion.benchmark_group("settle");
    group.sample_size(10);
    for burst in [1, BURST] {
        let mut stage = Stage::with_clients(CLIENTS, |_| Subscription::default());
        group.throughput(Throughput::Elements(u64::from(CLIENTS) * burst as u64));
        group.bench_function(format!("10 000 clients, the same {burst}"), |b| {
            b.iter_custom(|times| {
                let prepare = |stage: &mut Stage| send(stage, &events[..burst]);
                timed(times, &mut stage, prepare, settle_now)
            });
        });
    }

    // A batch of sends in which each client stood somewhere else, 64 to 127 events back.
    let mut stage = Stage::with_clients(SENDS_PER_CLOCK as u32, |_| Subscription::default());
    group.throughput(Throughput::Elements((64..=127).sum()));
    group.bench_function("64 clients, each its own events", |b| {
        b.iter_custom(|times| {
            let prepare = |stage: &mut Stage| send_ragged(stage, &events);
            timed(times, &mut stage, prepare, settle_now)
        });
    });
    group.finish();
}

fn settle_now(stage: &mut Stage) {
    let now = stage.now();
    stage.hub.settle(now);
}

fn send(stage: &mut Stage, events: &[Event]) {
    events.iter().for_each(|event| stage.append(event));
    stage.sweep_unsettled();
}

/// Leaves deliveries of 64 different ranges of 64 events unsettled.
fn send_ragged(stage: &mut Stage, events: &[Event]) {
    stage.clear();
    let mut oldest = Vec::new();
    for event in events.iter().chain(events) {
        stage.append(event);
        oldest.push(stage.hub.log().last_id().to_string());
    }
    for (index, id) in (0..).zip(&oldest[..SENDS_PER_CLOCK]) {
        let resume = Some(id.clone());
        stage.join(index, Subscription { resume, ..Subscription::default() });
    }
    stage.sweep_unsettled();
}
