//! Where the body of a request ends: Content-Length and Transfer-Encoding (RFC 9112 section 6).
//!
//! Stricter than the RFC asks: whatever two servers in a row could read in two ways is refused.

use super::headers::Headers;
use super::reject::Reject;
use super::request_line::Method;
use super::syntax::{is_token, trim};
use crate::limits::READ_BYTES;

/// The body that follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Neither Content-Length nor Transfer-Encoding: an empty body.
    None,
    /// So many bytes, by Content-Length.
    Sized(u64),
    /// Chunks, by `Transfer-Encoding: chunked`.
    Chunked,
}

impl BodyKind {
    /// The body that these headers announce (RFC 9112 section 6.3).
    pub(super) fn of(method: Method, http_1_0: bool, headers: &Headers) -> Result<Self, Reject> {
        let length = only(headers, "content-length", "two Content-Length headers")?;
        let coding = only(headers, "transfer-encoding", "two Transfer-Encoding headers")?;
        let kind = match (length, coding) {
            (None, None) => Self::None,
            (Some(length), None) => Self::Sized(parse_length(length)?),
            (None, Some(_)) if http_1_0 => return Err(Reject::bad("Transfer-Encoding in HTTP/1.0")),
            (None, Some(coding)) => check_coding(coding).map(|()| Self::Chunked)?,
            (Some(_), Some(_)) => return Err(Reject::bad("both Content-Length and Transfer-Encoding")),
        };
        if matches!(method, Method::Get | Method::Head) && !kind.is_empty() {
            return Err(Reject::bad("body in a request to read"));
        }
        Ok(kind)
    }

    /// Bytes that it will take, as far as is known: at most `most`, and of chunks what is read at once.
    #[must_use]
    pub fn bytes_to_expect(self, most: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Sized(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).min(most),
            Self::Chunked => READ_BYTES.min(most),
        }
    }

    /// Whether nothing follows the head.
    pub(super) const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Sized(0))
    }
}

/// The only value of this name, if there is one.
fn only<'a>(headers: &'a Headers, name: &'a str, twice: &'static str) -> Result<Option<&'a [u8]>, Reject> {
    let mut values = headers.all(name);
    let first = values.next();
    if values.next().is_some() { Err(Reject::bad(twice)) } else { Ok(first) }
}

/// Digits only (RFC 9110 section 8.6); a number that does not fit is a body that does not fit.
fn parse_length(value: &[u8]) -> Result<u64, Reject> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reject::bad("malformed Content-Length"));
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    value.iter().try_fold(0, add).ok_or(Reject::new(413, "body too large"))
}

/// Only a single `chunked` is known (RFC 9112 section 7); other codings under it are not implemented,
/// and anything else has no end that two readers agree on.
fn check_coding(value: &[u8]) -> Result<(), Reject> {
    let codings: Vec<&[u8]> = value.split(|&b| b == b',').map(trim).collect();
    let are_tokens = codings.iter().all(|coding| !coding.is_empty() && coding.iter().all(|&b| is_token(b)));
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.split_last() {
        Some((last, [])) if is_chunked(last) => Ok(()),
        Some((last, others)) if are_tokens && is_chunked(last) && !others.iter().any(is_chunked) => {
            Err(Reject::new(501, "transfer coding not implemented"))
        }
        _ => Err(Reject::bad("malformed Transfer-Encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: Method, http_1_0: bool, lines: &str) -> Result<BodyKind, u16> {
        let block = format!("{lines}\r\n");
        let headers = Headers::parse(block.as_bytes(), lines.matches("\r\n").count()).unwrap();
        BodyKind::of(method, http_1_0, &headers).map_err(|reject| reject.status)
    }

    #[test]
    fn bodies_with_one_end() {
        for (lines, expected) in [
            ("", BodyKind::None),
            ("Content-Length: 0\r\n", BodyKind::Sized(0)),
            ("Content-Length:5\r\n", BodyKind::Sized(5)),
            ("content-length: \t5 \t\r\n", BodyKind::Sized(5)),
            ("Content-Length: 0000000000000000000000000000005\r\n", BodyKind::Sized(5)),
            ("Content-Length: 18446744073709551615\r\n", BodyKind::Sized(u64::MAX)),
            ("Transfer-Encoding: chunked\r\n", BodyKind::Chunked),
            ("Transfer-Encoding:\tChUnKeD\t\r\n", BodyKind::Chunked),
        ] {
            assert_eq!(kind(Method::Post, false, lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn bodies_with_none_or_two_ends() {
        for (lines, status) in [
            ("Content-Length: 18446744073709551616\r\n", 413),
            ("Content-Length: 99999999999999999999999999\r\n", 413),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
            ("Content-Length: 5, 5\r\n", 400),
            ("Content-Length: 5,\r\n", 400),
            ("Content-Length: +5\r\n", 400),
            ("Content-Length: -5\r\n", 400),
            ("Content-Length: 0x5\r\n", 400),
            ("Content-Length: 5 5\r\n", 400),
            ("Content-Length: 5.0\r\n", 400),
            ("Content-Length: 5_0\r\n", 400),
            ("Content-Length: five\r\n", 400),
            ("Content-Length: \"5\"\r\n", 400),
            ("Content-Length:\r\n", 400),
            ("Content-Length: \r\n", 400),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: gzip,deflate , chunked\r\n", 501),
            ("Transfer-Encoding: x, chunked\r\n", 501),
            ("Transfer-Encoding: gzip\r\n", 400),
            ("Transfer-Encoding: identity\r\n", 400),
            ("Transfer-Encoding: xchunked\r\n", 400),
            ("Transfer-Encoding: chunkedx\r\n", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", 400),
            ("Transfer-Encoding: chunked, gzip\r\n", 400),
            ("Transfer-Encoding: chunked, gzip, chunked\r\n", 400),
            ("Transfer-Encoding: chunked,\r\n", 400),
            ("Transfer-Encoding: , chunked\r\n", 400),
            ("Transfer-Encoding: chunked;q=1\r\n", 400),
            ("Transfer-Encoding: gzip;q=1, chunked\r\n", 400),
            ("Transfer-Encoding: \"chunked\"\r\n", 400),
            ("Transfer-Encoding: 'chunked'\r\n", 400),
            ("Transfer-Encoding: chunked chunked\r\n", 400),
            ("Transfer-Encoding:\r\n", 400),
        ] {
            assert_eq!(kind(Method::Post, false, lines), Err(status), "{lines:?}");
        }
    }

    #[test]
    fn chunks_are_unknown_to_http_1_0() {
        assert_eq!(kind(Method::Post, true, "Transfer-Encoding: chunked\r\n"), Err(400));
        assert_eq!(kind(Method::Post, true, "Content-Length: 1\r\n"), Ok(BodyKind::Sized(1)));
    }

    #[test]
    fn reading_has_no_body() {
        for method in [Method::Get, Method::Head] {
            assert_eq!(kind(method, false, "Content-Length: 1\r\n"), Err(400));
            assert_eq!(kind(method, false, "Transfer-Encoding: chunked\r\n"), Err(400));
            assert_eq!(kind(method, false, "Content-Length: 0\r\n"), Ok(BodyKind::Sized(0)));
        }
        for method in [Method::Put, Method::Delete, Method::Options, Method::Patch] {
            assert_eq!(kind(method, false, "Content-Length: 1\r\n"), Ok(BodyKind::Sized(1)));
        }
    }
}
