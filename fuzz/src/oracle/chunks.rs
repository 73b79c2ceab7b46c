//! The chunked coding (RFC 9112 section 7.1) with the bounds of `limits`, line by line.

use ssecast::limits::{CHUNK_EXTENSION_BYTES, Limits};

use super::{TOKEN, find};

/// What the bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// A body, and the bytes that it took.
    Whole { body: Vec<u8>, used: usize },
    /// The beginning of one, perhaps.
    Short,
    /// None.
    Bad,
}

/// Decodes the body at the start of `input`.
pub(crate) fn decode(input: &[u8], limits: &Limits) -> Chunks {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = line(input, &mut at) else { return Chunks::Short };
        let Some(size) = size(line) else { return Chunks::Bad };
        if size == 0 {
            break;
        }
        if size > (limits.body_bytes - body.len()) as u128 {
            return Chunks::Bad;
        }
        let Some(data) = input.get(at..at + size as usize) else { return Chunks::Short };
        body.extend_from_slice(data);
        at += data.len();
        match input.get(at..at + 2) {
            None => return Chunks::Short,
            Some(b"\r\n") => at += 2,
            Some(_) => return Chunks::Bad,
        }
    }
    let start = at;
    for count in 0.. {
        let Some(line) = line(input, &mut at) else { return Chunks::Short };
        if line.is_empty() {
            break;
        }
        if count == limits.headers || !is_field(line) {
            return Chunks::Bad;
        }
    }
    // All but the very last LF counts.
    if at - 1 - start > limits.head_bytes { Chunks::Bad } else { Chunks::Whole { body, used: at } }
}

/// The next line, without its end.
fn line<'a>(input: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let line = &input[*at..][..find(&input[*at..], b"\r\n")?];
    *at += line.len() + 2;
    Some(line)
}

/// The size at the start of a line whose extensions are right.
fn size(line: &[u8]) -> Option<u128> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let extensions = &line[digits..];
    if !(1..=16).contains(&digits) || extensions.len() > CHUNK_EXTENSION_BYTES || !are_extensions(extensions)
    {
        return None;
    }
    u128::from_str_radix(str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

/// `*( ";" BWS name [ BWS "=" BWS value ] BWS )`, BWS being spaces, none of them at the end.
fn are_extensions(mut rest: &[u8]) -> bool {
    // Within quotes it would be no end either.
    if rest.ends_with(b" ") {
        return false;
    }
    while let Some(after) = rest.strip_prefix(b";") {
        rest = spaces(after);
        let Some(after) = token(rest) else { return false };
        rest = spaces(after);
        if let Some(after) = rest.strip_prefix(b"=") {
            rest = spaces(after);
            let Some(after) = quoted(rest).or_else(|| token(rest)) else { return false };
            rest = spaces(after);
        }
    }
    rest.is_empty()
}

fn spaces(text: &[u8]) -> &[u8] {
    let first = text.iter().position(|&b| b != b' ').unwrap_or(text.len());
    &text[first..]
}

fn token(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take_while(|b| TOKEN.contains(b)).count();
    (len > 0).then(|| &text[len..])
}

fn quoted(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b' '..=b'~', after @ ..] => after,
            [b'\\', ..] => return None,
            [b' '..=b'~', after @ ..] => after,
            _ => return None,
        };
    }
}

/// A header line (RFC 9112 section 5).
fn is_field(line: &[u8]) -> bool {
    let Some(after) = token(line) else { return false };
    let Some(value) = after.strip_prefix(b":") else { return false };
    value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}
