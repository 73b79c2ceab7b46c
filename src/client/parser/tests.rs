//! The examples of the standard and what its rules imply, at every split of the input.

use proptest::prelude::*;

use super::*;
use crate::sse;

fn all(bytes: &[u8]) -> Vec<Item> {
    let (mut parser, mut out) = (Parser::new(""), Vec::new());
    parser.push(bytes, &mut out).unwrap();
    out
}

/// Parses `text` whole, cut once at each place, and byte by byte: always the same.
fn parsed(text: &str) -> Vec<Item> {
    let whole = all(text.as_bytes());
    for cut in 0..=text.len() {
        let (mut parser, mut out) = (Parser::new(""), Vec::new());
        parser.push(&text.as_bytes()[..cut], &mut out).unwrap();
        parser.push(&text.as_bytes()[cut..], &mut out).unwrap();
        assert_eq!(out, whole, "{text:?} cut at {cut}");
    }
    let (mut parser, mut out) = (Parser::new(""), Vec::new());
    for byte in text.as_bytes() {
        parser.push(&[*byte], &mut out).unwrap();
    }
    assert_eq!(out, whole, "{text:?} byte by byte");
    whole
}

fn event(name: &str, data: &str, id: &str) -> Item {
    Item::Event(Event { name: name.into(), data: data.into(), id: id.into() })
}

#[test]
fn the_examples_of_the_standard() {
    let three_lines = "data: YHOO\ndata: +2\ndata: 10\n\n";
    assert_eq!(parsed(three_lines), [event("message", "YHOO\n+2\n10", "")]);

    let four_blocks =
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    let expected = [
        Item::Comment(" test stream".into()),
        event("message", "first event", "1"),
        event("message", "second event", ""),
        event("message", " third event", ""),
    ];
    assert_eq!(parsed(four_blocks), expected);

    let two_events = "data\n\ndata\ndata\n\ndata:";
    assert_eq!(parsed(two_events), [event("message", "", ""), event("message", "\n", "")]);

    let two_equal = "data:test\n\ndata: test\n\n";
    assert_eq!(parsed(two_equal), [event("message", "test", ""), event("message", "test", "")]);

    let named = "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n";
    let expected = [event("add", "73857293", ""), event("remove", "2153", ""), event("add", "113411", "")];
    assert_eq!(parsed(named), expected);
}

#[test]
fn every_line_end_is_one() {
    let expected = [event("a", "1\n2", "x")];
    for end in ["\n", "\r", "\r\n"] {
        let text = ["event: a", "id: x", "data: 1", "data: 2", "", ""].join(end);
        assert_eq!(parsed(&text), expected, "{end:?}");
    }
    assert_eq!(parsed("event: a\r\nid: x\rdata: 1\ndata: 2\r\r\n"), expected);
    // An LF after CR and another line is no part of that CR.
    assert_eq!(parsed("data: 1\r:\n\n"), [Item::Comment(String::new()), event("message", "1", "")]);
}

#[test]
fn a_byte_order_mark_is_read_over_once_at_the_start() {
    assert_eq!(parsed("\u{feff}data: 1\n\n"), [event("message", "1", "")]);
    assert_eq!(parsed("\u{feff}\u{feff}data: 1\n\n"), []);
    assert_eq!(parsed("\n\u{feff}data: 1\n\n"), []);
    assert_eq!(parsed("\u{feff}\n\ndata: 1\n\n"), [event("message", "1", "")]);
}

#[test]
fn ids_last_and_only_count_at_the_end_of_their_block() {
    let text = "id: 1\n\ndata: a\n\nid: 2\0\ndata: b\n\nid:\ndata: c\n\n";
    let expected = [event("message", "a", "1"), event("message", "b", "1"), event("message", "c", "")];
    assert_eq!(parsed(text), expected);
    let (mut parser, mut out) = (Parser::new("from before"), Vec::new());
    parser.push(b"data: a\n\n", &mut out).unwrap();
    assert_eq!(out, [event("message", "a", "from before")]);
    // A block without data sets the id that a client comes back with; an unfinished one does not.
    parser.push(b"id: 7\n\nid: 8\n", &mut out).unwrap();
    assert_eq!((out.len(), parser.last_id()), (1, "7"));
}

#[test]
fn a_retry_has_digits_only() {
    let text =
        "retry: 15\nretry:0\nretry\nretry: \nretry: -1\nretry: 1.5\nretry: +1\nretry:  1\nretry: \u{661}\n";
    assert_eq!(parsed(text), [Item::Retry(15), Item::Retry(0)]);
    assert_eq!(parsed("retry: 99999999999999999999\n"), [Item::Retry(u64::MAX)]);
}

#[test]
fn what_is_unknown_or_unfinished_counts_for_nothing() {
    assert_eq!(parsed("Data: 1\n data: 1\ndata : 1\nfoo\nevent: a\n\n"), []);
    // The name of a block without data does not reach the next.
    assert_eq!(parsed("event: a\n\ndata: 1\n\n"), [event("message", "1", "")]);
    assert_eq!(parsed("data: 1\n"), []);
    assert_eq!(parsed("data: 1\nevent: a"), []);
}

#[test]
fn text_may_hold_anything() {
    assert_eq!(
        parsed("data: a:b: \u{e9}\u{1f600}\u{2028}\n\n"),
        [event("message", "a:b: \u{e9}\u{1f600}\u{2028}", "")]
    );
    assert_eq!(all(b"data: \xff\xe2\x82\n\n"), [event("message", "\u{fffd}\u{fffd}", "")]);
}

#[test]
fn a_block_without_end_is_given_up() {
    let endless = |bytes: &[u8]| {
        let (mut parser, mut out) = (Parser::with_limit("", 1000), Vec::new());
        (0..10_000).find_map(|n| parser.push(bytes, &mut out).err().map(|_| n))
    };
    assert!(endless(b"x").is_some_and(|n| n <= 1001));
    assert!(endless(b"data: 12345678\n").is_some_and(|n| n <= 112));
    assert_eq!(endless(b"data: 12345678\n\n"), None);
    assert_eq!(endless(b": 12345678\n"), None);
}

proptest! {
    /// What the server writes is read as it was, however it is cut.
    #[test]
    fn what_the_server_writes_is_read_again(
        name in "[^\\p{C}:]{1,8}",
        data in any::<String>(),
        cuts in prop::collection::vec(0_usize..200, 0..4),
    ) {
        let mut bytes = b"id: i-1-0000000000000001\n".to_vec();
        sse::encode_body(&name, &data, &mut bytes);
        sse::encode_body("next", "1", &mut bytes);
        let (mut parser, mut out, mut at) = (Parser::new(""), Vec::new(), 0);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        for cut in cuts.into_iter().chain([bytes.len()]) {
            parser.push(&bytes[at..cut], &mut out).unwrap();
            at = cut;
        }
        let lines = data.replace("\r\n", "\n").replace('\r', "\n");
        let id = "i-1-0000000000000001";
        prop_assert_eq!(out, [event(&name, &lines, id), event("next", "1", id)]);
    }
}
