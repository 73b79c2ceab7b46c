//! Tests of the tests' own event stream parser: it must be right before it may judge.

#[path = "common/sse.rs"]
mod sse;

use sse::{Event, Item, Parser};

fn event(event: &str, data: &str, id: &str, has_id: bool) -> Item {
    let data_lines = data.split('\n').count();
    Item::Event(Event { event: event.into(), data: data.into(), id: id.into(), has_id, data_lines })
}

/// Streams and what the standard makes of them; several are its own examples.
fn cases() -> Vec<(&'static str, Vec<Item>)> {
    vec![
        ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![event("message", "YHOO\n+2\n10", "", false)]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            vec![
                Item::Comment(" test stream".into()),
                event("message", "first event", "1", true),
                event("message", "second event", "", true),
                event("message", " third event", "", false),
            ],
        ),
        (
            "data\n\ndata\ndata\n\ndata:",
            vec![event("message", "", "", false), event("message", "\n", "", false)],
        ),
        (
            "data:test\n\ndata: test\n\n",
            vec![event("message", "test", "", false), event("message", "test", "", false)],
        ),
        ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec![event("message", "a", "", false)]),
        (
            "event: x\rdata: 1\r\rdata: 2\r\n\r\n",
            vec![event("x", "1", "", false), event("message", "2", "", false)],
        ),
        ("event: lost\nid: 7\n\ndata: d\n\n", vec![event("message", "d", "7", false)]),
        ("id: a\0b\ndata: d\n\n", vec![event("message", "d", "", false)]),
        ("retry: 3000\nretry: 3 s\nretry:\nretry: -1\n\n", vec![Item::Retry(3000)]),
        ("unknown: field\nDATA: no\ndata: yes\n\n", vec![event("message", "yes", "", false)]),
        ("data: cut off\n", vec![]),
        ("data: {\"ä\":\"€😀\"}\n\n", vec![event("message", "{\"ä\":\"€😀\"}", "", false)]),
    ]
}

#[test]
fn the_parser_follows_the_standard() {
    for (stream, items) in cases() {
        assert_eq!(Parser::parse(stream.as_bytes()), items, "{stream:?}");
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    for (stream, items) in cases() {
        let bytes = stream.as_bytes();
        for cut in 0..=bytes.len() {
            let (mut parser, mut out) = (Parser::default(), Vec::new());
            parser.push(&bytes[..cut], &mut out);
            parser.push(&bytes[cut..], &mut out);
            assert_eq!(out, items, "{stream:?} cut at {cut}");
        }
        let (mut parser, mut out) = (Parser::default(), Vec::new());
        for byte in bytes {
            parser.push(&[*byte], &mut out);
        }
        assert_eq!(out, items, "{stream:?} byte by byte");
    }
}

#[test]
fn it_knows_when_nothing_is_half_done() {
    for (stream, whole) in [
        ("", true),
        ("data: a\n\n", true),
        (": c\n", true),
        ("data: a\n", false),
        ("id: 1\n", false),
        ("da", false),
    ] {
        let (mut parser, mut out) = (Parser::default(), Vec::new());
        parser.push(stream.as_bytes(), &mut out);
        assert_eq!(parser.is_between_events(), whole, "{stream:?}");
    }
}
