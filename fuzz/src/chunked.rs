//! Chunked bodies: taken exactly when the naive decoder takes them, with the same bytes and the same end.
//!
//! Input: a byte that chooses the limits as for requests, one for the cut, then the chunks and what follows them.

use ssecast::limits::{KIB, Limits};

use crate::oracle::chunks::{Chunks, decode};
use crate::talk::{Step, Talk};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
/// A request after it shows where the body ended.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

/// Decodes the input in one piece, in two, and byte by byte.
pub fn run(data: &[u8]) {
    let Some((&[flags, cut], chunks)) = data.split_first_chunk() else { return };
    let limits = match flags & 1 {
        1 => Limits { head_bytes: KIB, headers: 4, body_bytes: 64, ..Limits::default() },
        _ => Limits::default(),
    };
    let input = [HEAD, chunks].concat();
    let cut = HEAD.len() + usize::from(cut) % (chunks.len() + 1);
    let expected = decode(chunks, &limits);
    for cuts in [vec![], vec![cut], (1..input.len()).collect()] {
        let talk = Talk::of(&input, cuts, &limits);
        let body = talk.steps.iter().find_map(|step| match step {
            Step::Body(body) => Some(body.as_slice()),
            _ => None,
        });
        match &expected {
            Chunks::Whole { body: whole, .. } => assert_eq!(body, Some(whole.as_slice()), "{:?}", talk.steps),
            Chunks::Short | Chunks::Bad => assert_eq!(body, None, "a body that has no end, or two"),
        }
    }
    if let Chunks::Whole { used, .. } = expected {
        let talk = Talk::of(&[HEAD, &chunks[..used], NEXT].concat(), [], &limits);
        let paths = talk.steps.iter().filter_map(|step| match step {
            Step::Head(request) => Some(request.target.path()),
            _ => None,
        });
        assert_eq!(
            paths.collect::<Vec<_>>(),
            ["/", "/next"],
            "the body ends where the naive decoder ends it"
        );
    }
}
