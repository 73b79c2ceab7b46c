//! From what was published to events: decoding, mapping, encoding; and to messages for Redis, and back.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ssecast::envelope::Envelope;
use ssecast::id::{EventId, Fingerprint};
use ssecast::intake::{BatchFormat, Numbering};
use ssecast::limits::Limits;
use ssecast::scope::Scope;
use ssecast::stamp::{After, Mark};
use ssecast::{sse, stamp};

use crate::support::{INSTANCE, Orders, START, intake, measured};

/// Envelopes of a batch.
const BATCH: usize = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let envelopes = Orders::new().envelopes(BATCH);
    let limit = Limits::default().event_bytes;

    let mut group = criterion.benchmark_group("intake");
    group.throughput(Throughput::Bytes(envelopes[0].len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| measured(|| Envelope::decode(black_box(envelopes[0].as_bytes()), limit).is_ok()));
    });

    let body = envelopes[0].as_bytes();
    let bodies: [(&str, &[&str]); 2] = [("one", &[]), ("one with a topic", &["customerId"])];
    group.throughput(Throughput::Elements(1));
    for (name, topics) in bodies {
        let intake = intake(topics);
        group.bench_function(name, |b| {
            b.iter(|| {
                measured(|| intake.batch(black_box(body), BatchFormat::Json, &Scope::ALL, START, None))
            });
        });
    }

    let intake = intake(&[]);
    let numbering = Some(Numbering { origin: INSTANCE, next: 18_231 });
    group.bench_function("one for Redis", |b| {
        b.iter(|| {
            measured(|| intake.batch(black_box(body), BatchFormat::Json, &Scope::ALL, START, numbering))
        });
    });
    let stamped = stamp::stamp(&envelopes[0], INSTANCE, 18_231);
    let mark = Mark { after: After::Event(Fingerprint(7)), is_again: false };
    let marked = stamp::mark(&stamped, mark);
    for (name, message) in
        [("message of a service", &envelopes[0]), ("stamped", &stamped), ("marked", &marked)]
    {
        group.bench_function(name, |b| {
            b.iter(|| measured(|| intake.message(black_box(message.as_bytes()))));
        });
    }
    let array = format!("[{}]", envelopes.join(","));
    let lines = envelopes.join("\n");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, body, format) in
        [("array of 100", array, BatchFormat::Json), ("100 lines", lines, BatchFormat::Lines)]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                measured(|| intake.batch(black_box(body.as_bytes()), format, &Scope::ALL, START, None))
            });
        });
    }
    group.finish();
    encode(criterion);
}

fn encode(criterion: &mut Criterion) {
    let envelope = &Orders::new().envelopes(1)[0];
    let envelope = Envelope::decode(envelope.as_bytes(), usize::MAX).expect("orders are valid");
    let id = EventId { instance: INSTANCE, seq: 18_231, fingerprint: Fingerprint(0x0123_4567_89ab_cdef) };
    let mut out = Vec::with_capacity(1024);
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("id", |b| {
        b.iter(|| {
            measured(|| {
                out.clear();
                sse::encode_id(black_box(&id), &mut out);
            });
        });
    });
    group.bench_function("body", |b| {
        b.iter(|| {
            measured(|| {
                out.clear();
                sse::encode_body("order-created", black_box(envelope.payload), &mut out);
            });
        });
    });
    group.finish();
}
