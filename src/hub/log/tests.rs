//! The log against a naive oracle: a vector of all frames ever appended.

use proptest::prelude::*;

use super::*;
use crate::envelope::{TOPIC_BYTES, TOPICS};
use crate::event::{Audience, Origin};
use crate::stamp::After;

fn event(name: &str, data_bytes: usize, tenant: Option<&str>) -> Event {
    let mut body = Vec::new();
    sse::encode_body(name, &"x".repeat(data_bytes), &mut body);
    let fingerprint = Fingerprint::of(name.as_bytes());
    let audience = Audience { tenant: tenant.map(Box::from), topics: Vec::new() };
    Event { body, fingerprint, audience, ..Event::default() }
}

fn log() -> Log {
    Log::new(Instance::new("i").unwrap())
}

fn options(history_bytes: usize, history_events: usize) -> Options {
    Options { history_bytes, history_events, buffer_bytes: 0, ..Options::default() }
}

fn id(seq: u64, name: &str) -> String {
    EventId { instance: "i", seq, fingerprint: Fingerprint::of(name.as_bytes()) }.to_string()
}

fn read(log: &Log, range: Range<u64>) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), range.start);
    while from < range.end {
        let mut gather = Gather::new();
        log.gather(from..range.end, &mut gather);
        bytes.extend(gather.slices().iter().flat_map(|slice| slice.to_vec()));
        from += gather.bytes() as u64;
    }
    bytes
}

#[test]
fn ids_are_found_kept_expired_or_unknown() {
    let mut log = log();
    for name in ["a", "b", "c", "d"] {
        log.append(&event(name, 1, None), Now::default());
    }
    let starts: Vec<u64> = log.frames_from(0).map(|(_, range)| range.start).collect();
    assert_eq!(log.locate(&id(2, "b")), Place::After(starts[2]));
    assert_eq!(log.locate(&id(4, "d")), Place::After(log.head()));
    log.trim(&options(usize::MAX, 2), Mono::ZERO);
    assert_eq!(log.oldest_id().unwrap(), id(3, "c"));
    assert_eq!(log.locate(&id(2, "b")), Place::After(starts[2]), "all that follows it is kept");
    assert_eq!(log.locate(&id(1, "a")), Place::Expired);
    assert_eq!(log.locate(&id(5, "d")), Place::After(log.head()), "the fingerprint is known all the same");
    assert_eq!(log.locate(&id(5, "x")), Place::Unknown, "not yet given");
    assert_eq!(log.locate(&id(3, "x")), Place::Unknown, "an earlier life of this instance");
    assert_eq!(log.locate("i-3"), Place::Unknown);
}

#[test]
fn another_node_s_id_is_found_by_its_fingerprint() {
    let mut log = log();
    for name in ["a", "b", "a", "c"] {
        log.append(&event(name, 1, None), Now::default());
    }
    let starts: Vec<u64> = log.frames_from(0).map(|(_, range)| range.start).collect();
    let foreign = id(900, "b").replace("i-", "other-");
    assert_eq!(log.locate(&foreign), Place::After(starts[2]));
    let twice = id(900, "a").replace("i-", "other-");
    assert_eq!(log.locate(&twice), Place::After(starts[1]), "of two copies the first");
    log.trim(&options(usize::MAX, 1), Mono::ZERO);
    assert_eq!(log.locate(&foreign), Place::Unknown);
}

#[test]
fn a_heartbeat_s_id_resumes_at_the_frame_after_it() {
    let mut log = log();
    let early = log.take_heartbeat_id().to_string();
    assert_eq!(early, "i-1-0000000000000000");
    assert_eq!(log.locate(&early), Place::After(0));
    log.append(&event("a", 1, None), Now::default());
    let ping = log.take_heartbeat_id().to_string();
    let start = log.append(&event("b", 1, None), Now::default()).start;
    assert_eq!(log.locate(&early), Place::After(0));
    assert_eq!(log.locate(&ping), Place::After(start));
    log.trim(&options(usize::MAX, 1), Mono::ZERO);
    assert_eq!(log.locate(&ping), Place::After(start), "the frame that expired came before it");
    assert_eq!(log.locate(&early), Place::Expired);
}

#[test]
fn age_is_a_bound_too() {
    let mut log = log();
    let at = |secs: u64| Now { mono: Mono::from_micros(secs * 1_000_000), ..Now::default() };
    log.append(&event("a", 1, None), at(0));
    log.append(&event("b", 1, None), at(5));
    let options =
        Options { history_age: Some(std::time::Duration::from_secs(8)), ..options(usize::MAX, usize::MAX) };
    log.trim(&options, at(8).mono);
    assert_eq!(log.history_len(), 2);
    log.trim(&options, at(9).mono);
    assert_eq!(log.history_len(), 1);
}

/// An event of as few bytes as there may be, with as many topics as there may be.
fn topical(n: usize) -> Event {
    let topics = (0..TOPICS).map(|topic| format!("{topic:0>TOPIC_BYTES$}").into()).collect();
    Event { audience: Audience { tenant: None, topics }, ..event(&n.to_string(), 1, None) }
}

/// What the frames that are there take, each piece of memory counted.
fn taken(log: &Log) -> usize {
    let of_topics = |frame: &Frame| frame.topics().iter().map(|topic| 16 + topic.len()).sum::<usize>();
    log.frames_from(log.tail())
        .map(|(frame, range)| of_topics(frame) + (range.end - range.start) as usize)
        .sum()
}

/// 64 MiB of frames may have 5 GiB of topics.
#[test]
fn topics_count_as_history() {
    let (mut log, options) = (log(), options(8 * MIB, usize::MAX));
    for n in 0..10_000 {
        log.append(&topical(n), Now::default());
        log.trim(&options, Mono::ZERO);
    }
    assert!(taken(&log) <= 8 * MIB + SEGMENT_BYTES + 5000, "{} bytes", taken(&log));
    assert!(taken(&log) >= 7 * MIB, "and no more is let go than has to be: {} bytes", taken(&log));
    assert!(log.memory_bytes() >= taken(&log) as u64, "{} counted", log.memory_bytes());

    // However short the history: what was published a moment ago is still to be sent.
    log.trim(&Options { history_events: 10, ..options.clone() }, Mono::ZERO);
    assert_eq!(log.history_len(), 10);
    assert!(taken(&log) <= IN_FLIGHT_BYTES + SEGMENT_BYTES + 5000, "{} bytes", taken(&log));
    assert!(taken(&log) >= IN_FLIGHT_BYTES / 2, "{} bytes", taken(&log));
    // A client that is within its bound is sent it all.
    let mut log = Log::new(Instance::new("i").unwrap());
    let lagging = Options { history_events: 1, buffer_bytes: 256 * KIB, ..options };
    for n in 0..10_000 {
        log.append(&topical(n), Now::default());
        log.trim(&lagging, Mono::ZERO);
        assert!(log.head() - log.tail() >= log.head().min(256 * KIB as u64));
    }
    assert!(taken(&log) <= 256 * KIB / 48 * 4500, "{} bytes", taken(&log));
}

/// An event without topics counts as its frame.
#[test]
fn what_has_no_topics_counts_as_before() {
    let mut log = log();
    for n in 0..1000 {
        log.append(&event(&n.to_string(), 200, None), Now::default());
    }
    assert_eq!(log.memory_bytes(), log.head());
    log.trim(&options(log.head() as usize, usize::MAX), Mono::ZERO);
    assert_eq!(log.history_len(), 1000);
}

#[test]
fn a_frame_larger_than_a_segment_stays_whole() {
    let mut log = log();
    log.append(&event("a", 10, None), Now::default());
    let range = log.append(&event("b", SEGMENT_BYTES * 2, None), Now::default());
    log.append(&event("c", 10, None), Now::default());
    let mut gather = Gather::new();
    log.gather(range.clone(), &mut gather);
    assert_eq!(gather.slices().len(), 1);
    assert!(read(&log, 0..log.head()).ends_with(b"event: c\ndata: xxxxxxxxxx\n\n"));
    assert_eq!(log.frame_end(range.start + 1), range.end);
    assert_eq!(log.frame_end(range.start), range.start);
}

#[test]
fn clients_of_other_servers_go_back_where_there_was_a_race() {
    let mut log = log();
    let others = |name: &str, publisher: &str| {
        let event = Event { origin: Origin::of(publisher), ..event(name, 1, None) };
        (event.fingerprint, event)
    };
    let after = |name: &str| After::Event(others(name, "p").0);
    let p = Origin::of("p");
    let at = |instance: &str, name: &str| id(900, name).replace("i-", &format!("{instance}-"));

    assert_eq!(log.goes_on_after(After::Nothing, p), None, "there is nothing they could lack");
    log.append(&others("a", "p").1, Now::default());
    assert_eq!(log.goes_on_after(After::Nothing, p), None, "its own events it has shown itself");
    let b = log.append(&others("b", "q").1, Now::default());

    // `p` is about to have shown `c` to its clients: what had it last had from Redis?
    assert_eq!(log.goes_on_after(after("a"), p), Some(Some(b.start)), "they lack `b`");
    assert_eq!(log.goes_on_after(after("b"), p), None, "they lack nothing");
    assert_eq!(log.goes_on_after(After::Unknown, p), Some(None));
    assert_eq!(log.goes_on_after(After::Nothing, p), Some(None));
    let (c, event) = others("c", "p");
    let after_c = log.append(&event, Now::default()).end;
    assert_eq!(log.locate(&at("p", "c")), Place::After(after_c));
    log.note_race(c, Whose::Of(p), Some(b.start));
    assert_eq!(log.locate(&at("p", "c")), Place::After(b.start));
    assert_eq!(log.locate(&at("q", "c")), Place::After(after_c), "other clients had `b` before");

    assert_eq!(log.goes_on_after(after("b"), p), None, "`c` is its own: it had shown it before");
    assert_eq!(log.goes_on_after(after("c"), p), Some(Some(b.start)), "they lack `b` after `c`, too");
    let (d, event) = others("d", "p");
    log.append(&event, Now::default());
    log.note_race(d, Whose::AnyOther, None);
    assert_eq!(log.locate(&at("x", "d")), Place::Unknown);
    assert_eq!(log.locate(&id(4, "d")), Place::After(log.head()), "our own clients have what we have");
    log.trim(&options(usize::MAX, 2), Mono::ZERO);
    assert_eq!(
        log.locate(&at("p", "c")),
        Place::Unknown,
        "it would have to go back further than the history"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_log_agrees_with_a_list_of_frames(
        frames in prop::collection::vec((0_usize..300, any::<bool>()), 1..40),
        history_bytes in 1_usize..3_000,
        history_events in 1_usize..30,
        buffer_bytes in 0_usize..2_000,
    ) {
        let options = Options { buffer_bytes, ..options(history_bytes, history_events) };
        let mut log = Log::with_segments_of(400, Instance::new("i").unwrap());
        let mut all: Vec<(Range<u64>, bool, Vec<u8>)> = Vec::new();
        for (at, (bytes, is_private)) in frames.into_iter().enumerate() {
            let event = event(&format!("e{at}"), bytes, is_private.then_some("t"));
            let range = log.append(&event, Now::default());
            let mut frame = format!("id: {}\n", id(at as u64 + 1, &format!("e{at}"))).into_bytes();
            frame.extend_from_slice(&event.body);
            all.push((range, is_private, frame));
            log.trim(&options, Mono::ZERO);

            // Contiguous, whole, and what was asked to be kept is there.
            let head = all.last().unwrap().0.end;
            prop_assert_eq!(log.head(), head);
            prop_assert!(log.tail() <= head.saturating_sub(buffer_bytes as u64).max(all[0].0.start));
            let kept: Vec<_> = log.frames_from(log.history_start()).map(|(_, range)| range).collect();
            // A tenant's name takes a box and a piece of 32 bytes.
            let mut beside = 0;
            let wanted: Vec<_> = all.iter().rev().take(history_events).map(|(range, is_private, _)| {
                beside += if *is_private { 48 + 32 } else { 0 };
                (range.clone(), beside)
            }).take_while(|(range, beside)| head - range.start + beside <= history_bytes as u64)
                .map(|(range, _)| range).collect();
            prop_assert_eq!(&kept, &wanted.into_iter().rev().collect::<Vec<_>>());
            let there: Vec<_> = all.iter().filter(|(range, ..)| range.start >= log.tail()).collect();
            let bytes: Vec<u8> = there.iter().flat_map(|(_, _, frame)| frame.clone()).collect();
            prop_assert_eq!(read(&log, log.tail()..head), bytes);
            prop_assert_eq!(log.appended(), at as u64 + 1);
            for (frame, range) in log.frames_from(log.history_start()) {
                prop_assert_eq!(frame.start, range.start);
                prop_assert_eq!(log.frame_bytes(&range).len() as u64, range.end - range.start);
            }

            // A bare cursor that goes from run to run sees each public frame, and nothing else.
            let (mut cursor, mut seen) = (log.public_tail(), Vec::new());
            while cursor < log.public_head() {
                let run = log.run_from(cursor);
                cursor += run.end - run.start;
                seen.extend(read(&log, run));
            }
            let public: Vec<u8> =
                there.iter().filter(|(_, private, _)| !private).flat_map(|(_, _, frame)| frame.clone()).collect();
            prop_assert_eq!(seen, public);
        }
    }
}
