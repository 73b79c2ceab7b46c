//! A request (RFC 9112) as any server in front of us or behind us would read it: up to the first empty line.

use ssecast::limits::Limits;

use super::chunks::{Chunks, decode};
use super::{TOKEN, find};

/// A head.
pub(crate) struct Read<'a> {
    /// As it stands there.
    pub(crate) method: &'a [u8],
    pub(crate) version: &'a [u8],
    /// Names in lower case, values trimmed.
    pub(crate) headers: Vec<(Vec<u8>, &'a [u8])>,
    /// Content-Length.
    pub(crate) length: Option<u64>,
    /// Whether there is a Transfer-Encoding.
    pub(crate) is_chunked: bool,
    target: &'a [u8],
    /// The lines of the head, without their ends.
    lines: Vec<&'a [u8]>,
    bytes: usize,
}

/// The head at the start of `input`, and what follows it.
pub(crate) fn head(input: &[u8]) -> Option<(Read<'_>, &[u8])> {
    let text = input.strip_prefix(b"\r\n").unwrap_or(input);
    let end = find(text, b"\r\n\r\n")?;
    let lines = split_lines(&text[..end]);
    let mut words = lines[0].split(|&b| b == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let headers = lines[1..].iter().map(|line| {
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        (line[..colon].to_ascii_lowercase(), trim(line.get(colon + 1..).unwrap_or_default()))
    });
    let headers: Vec<_> = headers.collect();
    let value = |name: &[u8]| headers.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let length = value(b"content-length").map(|digits| {
        str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .expect("an accepted length is a number")
    });
    let is_chunked = value(b"transfer-encoding").is_some();
    let after = &text[end + 4..];
    let bytes = input.len() - after.len();
    Some((Read { method, version, headers, length, is_chunked, target, lines, bytes }, after))
}

impl Read<'_> {
    /// What every accepted head keeps to.
    pub(crate) fn assert_strict(&self, limits: &Limits) {
        assert!(self.bytes <= limits.head_bytes, "a head over its limit");
        assert!(self.headers.len() <= limits.headers, "headers over their limit");
        assert!(self.target.len() <= limits.target_bytes, "a target over its limit");
        assert_eq!(self.lines[0].iter().filter(|&&b| b == b' ').count(), 2, "two spaces in a request line");
        assert!(self.version.starts_with(b"HTTP/1.") && self.version.len() == 8, "the version");
        for line in &self.lines {
            let is_allowed = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
            assert!(line.iter().all(is_allowed), "a control character or a bare line end in a head");
        }
        for (name, _) in &self.headers {
            assert!(!name.is_empty() && name.iter().all(|b| TOKEN.contains(b)), "a name that is no token");
        }
        let count = |name: &[u8]| self.headers.iter().filter(|(key, _)| key == name).count();
        let hosts = count(b"host");
        assert!(hosts == 1 || (hosts == 0 && self.version == b"HTTP/1.0"), "{hosts} hosts");
        let (lengths, codings) = (count(b"content-length"), count(b"transfer-encoding"));
        assert!(lengths + codings <= 1, "a body that ends in two places");
        for (name, value) in &self.headers {
            match name.as_slice() {
                b"transfer-encoding" => {
                    assert!(value.eq_ignore_ascii_case(b"chunked"), "another coding");
                    assert_ne!(self.version, b"HTTP/1.0", "chunks in HTTP/1.0");
                }
                b"content-length" => {
                    assert!(value.iter().all(u8::is_ascii_digit), "a length that is no number")
                }
                _ => {}
            }
        }
        if matches!(self.method, b"GET" | b"HEAD") {
            assert!(!self.is_chunked && self.length.unwrap_or(0) == 0, "a body where nobody expects one");
        }
    }

    /// The body at the start of `input`, and what follows it.
    pub(crate) fn body<'i>(&self, input: &'i [u8], limits: &Limits) -> Option<(Vec<u8>, &'i [u8])> {
        if self.is_chunked {
            return match decode(input, limits) {
                Chunks::Whole { body, used } => Some((body, &input[used..])),
                Chunks::Short | Chunks::Bad => None,
            };
        }
        let length = usize::try_from(self.length.unwrap_or(0)).ok()?;
        let (body, after) = input.split_at_checked(length)?;
        Some((body.to_vec(), after))
    }
}

fn split_lines(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

fn trim(text: &[u8]) -> &[u8] {
    let is_text = |b: &u8| *b != b' ' && *b != b'\t';
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let end = text.iter().rposition(is_text).map_or(start, |last| last + 1);
    &text[start..end]
}
