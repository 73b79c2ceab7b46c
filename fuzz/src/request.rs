//! Requests: whatever is accepted has one meaning, and how it is cut into reads changes nothing.
//!
//! Input: a byte whose last bit chooses limits that are soon reached, two bytes for the cut, then what is sent.

use ssecast::http::{BodyKind, Request};
use ssecast::limits::{KIB, Limits};

use crate::oracle::http::{self, Read};
use crate::talk::{Step, Talk};

/// Inputs up to this length are also sent byte by byte.
const BYTE_BY_BYTE: usize = 256;

/// Sends the input in one piece, in two, and byte by byte; checks each accepted request against the oracle.
pub fn run(data: &[u8]) {
    let Some((&[flags, high, low], input)) = data.split_first_chunk() else { return };
    let limits = limits(flags & 1 == 1);
    let cut = usize::from(u16::from_be_bytes([high, low])) % (input.len() + 1);
    let whole = Talk::of(input, [], &limits);
    let mut others = vec![Talk::of(input, [cut], &limits)];
    if input.len() <= BYTE_BY_BYTE {
        others.push(Talk::of(input, 1..input.len().max(1), &limits));
    }
    for other in others {
        assert_eq!(whole.steps, other.steps, "cut at {cut}");
        assert_eq!(whole.answers(), other.answers(), "cut at {cut}");
    }
    let ends = whole.steps.iter().filter(|step| matches!(step, Step::Done(_))).count();
    assert_eq!(ends, 1, "every connection ends once");
    check(&whole.steps, input, &limits);
}

/// The defaults, or the least that may be configured.
fn limits(small: bool) -> Limits {
    if small {
        Limits { head_bytes: KIB, headers: 4, target_bytes: 64, body_bytes: 64, ..Limits::default() }
    } else {
        Limits::default()
    }
}

/// Every accepted request, read once more by the oracle from where the one before it ended.
fn check(steps: &[Step], input: &[u8], limits: &Limits) {
    let mut rest = input;
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        let Step::Head(request) = step else { continue };
        let (head, after) = http::head(rest).expect("an accepted head has an end");
        head.assert_strict(limits);
        same_head(request, &head);
        let body = match steps.peek() {
            Some(Step::Body(body)) => body.as_slice(),
            _ if request.body == BodyKind::None => b"",
            // It was cut short or refused: nothing was acted on.
            _ => continue,
        };
        let (expected, after) = head.body(after, limits).expect("an accepted body has an end");
        assert_eq!(body, expected, "the body");
        rest = after;
    }
}

fn same_head(request: &Request, head: &Read) {
    assert_eq!(request.method.name().as_bytes(), head.method, "the method");
    assert_eq!(request.http_1_0, head.version == b"HTTP/1.0", "the version");
    let is_kind = match request.body {
        BodyKind::None => head.length.is_none() && !head.is_chunked,
        BodyKind::Sized(length) => head.length == Some(length) && !head.is_chunked,
        BodyKind::Chunked => head.length.is_none() && head.is_chunked,
    };
    assert!(is_kind, "the framing: {:?}", request.body);
    for (name, _) in &head.headers {
        assert!(request.has_header(str::from_utf8(name).expect("names are ASCII")), "a header is lost");
    }
}
