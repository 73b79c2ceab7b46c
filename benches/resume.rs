//! Coming back: finding the place of an id among 100 000 kept frames, and joining there.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ssecast::hub::{Filter, Log, Place, Subscription};
use ssecast::id::{EventId, Fingerprint};

use crate::support::{INSTANCE, Orders, Stage, measured, timed};

const HISTORY: usize = 100_000;
/// Clients that come back at once.
const STORM: u32 = 1_000;
/// Events that they missed.
const MISSED: usize = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut stage = Stage::with_history(&Orders::new().events(HISTORY));
    locate(criterion, stage.hub.log());
    join(criterion, &mut stage);
}

fn locate(criterion: &mut Criterion, log: &Log) {
    let kept: Vec<(u64, Fingerprint)> =
        log.frames_from(0).map(|(frame, _)| (frame.seq, frame.fingerprint)).collect();
    assert_eq!(kept.len(), HISTORY);
    let mut random = fastrand::Rng::with_seed(2);
    let mut ids = |instance: &str, known: bool| -> Vec<String> {
        let id = |(seq, fingerprint): (u64, Fingerprint)| {
            let fingerprint = if known { fingerprint } else { Fingerprint(!fingerprint.0) };
            EventId { instance, seq, fingerprint }.to_string()
        };
        (0..1_024).map(|_| id(kept[random.usize(..kept.len())])).collect()
    };
    let cases = [
        ("own id", ids(INSTANCE, true), true),
        ("another node's id", ids("c0de5eed", true), true),
        ("unknown id", ids("c0de5eed", false), false),
    ];
    let mut group = criterion.benchmark_group("locate");
    for (name, ids, is_found) in cases {
        let mut next = ids.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let id = next.next().expect("it goes round");
                let place = measured(|| log.locate(id));
                assert_eq!(matches!(place, Place::After(_)), is_found);
            });
        });
    }
    group.finish();
}

fn join(criterion: &mut Criterion, stage: &mut Stage) {
    let (frame, _) = stage.hub.log().frames_from(0).nth(HISTORY - 1 - MISSED).expect("it is kept");
    let missed = EventId { instance: INSTANCE, seq: frame.seq, fingerprint: frame.fingerprint }.to_string();
    let mut group = criterion.benchmark_group("join");
    group.sample_size(10);

    clients(&mut group, "live", stage, STORM, &subscription(&[], None));
    clients(&mut group, "100 events back", stage, STORM, &subscription(&[], Some(&missed)));
    let by_type = subscription(&["order-created"], Some(&missed));
    clients(&mut group, "100 events back, by type", stage, STORM, &by_type);
    clients(&mut group, "all 100 000 events", stage, 1, &subscription(&[], Some("earliest")));
    let by_type = subscription(&["order-created"], Some("earliest"));
    clients(&mut group, "all 100 000 events, by type", stage, 1, &by_type);

    // What follows joining: the replay is sent, and recorded.
    let back = subscription(&[], Some(&missed));
    group.throughput(Throughput::Elements(u64::from(STORM)));
    group.bench_function("sending 100 events back", |b| {
        b.iter_custom(|times| {
            let prepare = |stage: &mut Stage| {
                stage.clear();
                join_all(stage, STORM, &back);
            };
            timed(times, stage, prepare, Stage::sweep)
        });
    });
    stage.clear();
    group.finish();
}

/// So many clients join; an element is one of them. They leave uncounted.
fn clients(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    stage: &mut Stage,
    clients: u32,
    subscription: &Subscription,
) {
    group.throughput(Throughput::Elements(u64::from(clients)));
    group.bench_function(name, |b| {
        b.iter_custom(|times| {
            timed(times, stage, Stage::clear, |stage| join_all(stage, clients, subscription))
        });
    });
    stage.clear();
}

fn join_all(stage: &mut Stage, clients: u32, subscription: &Subscription) {
    for index in 0..clients {
        stage.join(index, subscription.clone());
    }
}

fn subscription(types: &[&str], resume: Option<&str>) -> Subscription {
    let types = types.iter().map(|&name| name.into()).collect();
    let filter = Filter { types, ..Filter::default() };
    Subscription { filter, resume: resume.map(str::to_owned), ..Subscription::default() }
}
