//! The end of a request's head, found while it comes (RFC 9112 section 2.2).
//!
//! Each byte is looked at once, however the head is cut into reads. What no head may hold is refused with
//! the byte that shows it: another protocol on this port does not have to wait for a timeout.

use std::ops::Range;

use super::reject::Reject;
use super::request::Request;
use super::request_line::{Method, RequestLine};
use crate::limits::{Limits, REQUEST_LINE_BYTES};

/// How far a head was read.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Bytes before it were looked at.
    checked: usize,
    /// Where the line begins in which `checked` lies; at most `checked`.
    line_start: usize,
    /// Once the request line was read; also when what follows it is refused.
    method: Option<Method>,
    part: Part,
}

/// In which part of the head the scan is.
#[derive(Debug, Default)]
enum Part {
    /// In the first line, or in an empty line before it.
    #[default]
    Start,
    /// In the request line, after the one empty line that is skipped.
    AfterBlank,
    /// In the headers, which begin at `start`; `count` of them are whole. What the request line at `at` says is let
    /// go when the rest has to be waited for: a query of many parameters takes many times the memory of its text.
    Headers { line: Option<RequestLine>, at: Range<usize>, start: usize, count: usize },
}

impl HeadScan {
    /// Whether `input` holds more than the empty line that may come before a request.
    pub(super) fn has_begun(input: &[u8]) -> bool {
        !b"\r\n".starts_with(input)
    }

    /// Goes on with `input`, which begins where it began the last time and has grown. Gives the request
    /// and the bytes of its head once that is complete; the scan is then at its start again.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(Request, usize)>, Reject> {
        while let Some(line_end) = self.find_line_end(input, limits)? {
            let line = self.line_start..line_end;
            self.line_start = line_end + 2;
            self.checked = self.line_start;
            if self.checked > limits.head_bytes {
                return Err(HEAD_TOO_LARGE);
            }
            if let Some((line, start, count)) = self.handle_line(input, line, limits)? {
                let request = Request::parse(line, &input[start..self.checked], count)?;
                return Ok(Some((request, std::mem::take(self).checked)));
            }
        }
        if let Part::Headers { line, .. } = &mut self.part {
            *line = None;
        }
        Ok(None)
    }

    /// Whether all of an input of `len` bytes was looked at, but for a CR whose LF is missing: only more
    /// input takes the scan on.
    pub(super) const fn has_seen(&self, len: usize) -> bool {
        self.checked + 1 >= len
    }

    /// The method that a refusal answers to: GET until the request line was read.
    pub(super) fn method(&self) -> Method {
        self.method.unwrap_or(Method::Get)
    }

    /// The place of the next CRLF, looking only at bytes that are new.
    fn find_line_end(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Reject> {
        let in_headers = matches!(self.part, Part::Headers { .. });
        let line_limit =
            self.line_start.saturating_add(limits.target_bytes).saturating_add(REQUEST_LINE_BYTES);
        let limit = if in_headers { limits.head_bytes } else { line_limit.min(limits.head_bytes) };
        // Beyond visible ASCII and the space, values may hold tabs and bytes over 127 (RFC 9110 section
        // 5.5); `headers` refuses those in names.
        let is_plain = |b: u8| matches!(b, b' '..=b'~') || (in_headers && matches!(b, b'\t' | 0x80..));

        let end = input.len().min(limit);
        let fresh = input.get(self.checked..end).unwrap_or_default();
        self.checked += fresh.iter().position(|&b| !is_plain(b)).unwrap_or(fresh.len());
        match (input.get(self.checked), input.get(self.checked + 1)) {
            (None, _) | (Some(b'\r'), None) => Ok(None),
            (Some(b'\r'), Some(b'\n')) => Ok(Some(self.checked)),
            (Some(b'\r'), Some(_)) => Err(Reject::bad("CR without LF")),
            (Some(b'\n'), _) => Err(Reject::bad("LF without CR")),
            (Some(&byte), _) if !is_plain(byte) => Err(Reject::bad("byte not allowed in a head")),
            (Some(_), _) if self.checked >= limits.head_bytes => Err(HEAD_TOO_LARGE),
            (Some(_), _) => Err(RequestLine::too_long(&input[self.line_start..self.checked])),
        }
    }

    /// Takes note of one line of `input`; gives what is needed for the request when it was the last one.
    fn handle_line(
        &mut self,
        input: &[u8],
        at: Range<usize>,
        limits: &Limits,
    ) -> Result<Option<(RequestLine, usize, usize)>, Reject> {
        match &mut self.part {
            Part::Start if at.is_empty() => self.part = Part::AfterBlank,
            Part::AfterBlank if at.is_empty() => return Err(Reject::bad("empty lines before the request")),
            Part::Start | Part::AfterBlank => {
                let line = RequestLine::parse(&input[at.clone()], limits)?;
                self.method = Some(line.method);
                self.part = Part::Headers { line: Some(line), at, start: self.line_start, count: 0 };
            }
            Part::Headers { .. } if at.is_empty() => {
                if let Part::Headers { line, at, start, count } = std::mem::take(&mut self.part) {
                    let line = line.map_or_else(|| RequestLine::parse(&input[at], limits), Ok)?;
                    return Ok(Some((line, start, count)));
                }
            }
            Part::Headers { count, .. } => {
                *count += 1;
                if *count > limits.headers {
                    return Err(Reject::new(431, "too many headers"));
                }
            }
        }
        Ok(None)
    }
}

const HEAD_TOO_LARGE: Reject = Reject::new(431, "head too large");

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome of one head, and after how many bytes it was known.
    fn scan(input: &[u8], limits: &Limits) -> (Result<Option<(String, usize)>, u16>, usize) {
        let mut scan = HeadScan::default();
        for len in 1..=input.len() {
            match scan.advance(&input[..len], limits) {
                Ok(None) => {}
                Ok(Some((request, head))) => return (Ok(Some((format!("{request:?}"), head))), len),
                Err(reject) => return (Err(reject.status), len),
            }
        }
        (Ok(None), input.len())
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        let limits = Limits::default();
        for input in ["GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let (outcome, known_after) = scan(input.as_bytes(), &limits);
            assert_eq!(outcome, Ok(Some(("GET /a".into(), input.len()))));
            assert_eq!(known_after, input.len());
        }
    }

    #[test]
    fn strangers_are_refused_at_the_first_byte_that_shows_them() {
        let limits = Limits::default();
        let cases: [(&[u8], u16, usize); 14] = [
            (b"\x16\x03\x01\x02\x00\x01", 400, 1),
            (b"\0\0\0\0", 400, 1),
            (b"\r\n\r\n\0\r\nQUIT\n", 400, 4),
            (b"*1\r\n$4\r\nPING\r\n", 400, 4),
            (b"SSH-2.0-OpenSSH_9.6\r\n", 400, 21),
            (b"SSH-2.0-OpenSSH_9.6\n", 400, 20),
            (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", 400, 32),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 16),
            (b"GET /\r\n", 400, 7),
            (b"GET / HTTP/1.1\n", 400, 15),
            (b"GET / HTTP/1.1\r\r\n", 400, 16),
            (b"GET\t", 400, 4),
            (b"G\xc3", 400, 2),
            (b"\n", 400, 1),
        ];
        for (input, status, after) in cases {
            assert_eq!(scan(input, &limits), (Err(status), after), "{:?}", input.escape_ascii().to_string());
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_its_end() {
        let limits = Limits { head_bytes: 400, headers: 3, target_bytes: 100, ..Limits::default() };
        let start = "GET / HTTP/1.1\r\n";
        let header = "X: 1\r\n";
        for (input, status, after) in [
            (format!("GET /{}", "a".repeat(1000)), 414, 165),
            ("A".repeat(1000), 501, 165),
            ("(".repeat(1000), 400, 165),
            (format!("{start}X: {}", "a".repeat(1000)), 431, 401),
            (format!("{start}{}", header.repeat(100)), 431, start.len() + 4 * header.len()),
        ] {
            assert_eq!(scan(input.as_bytes(), &limits), (Err(status), after), "{input:?}");
        }
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let fixed = "GET / HTTP/1.0\r\nX: \r\n\r\n".len();
        for (spare, expected) in [(100, Ok(Some(("GET /".to_owned(), fixed + 100)))), (101, Err(431))] {
            let limits = Limits { head_bytes: fixed + 100, headers: 1, ..Limits::default() };
            let input = format!("GET / HTTP/1.0\r\nX: {}\r\n\r\n", "a".repeat(spare));
            assert_eq!(scan(input.as_bytes(), &limits).0, expected);
        }
    }

    #[test]
    fn control_bytes_are_refused_in_headers_at_once() {
        for byte in (0..0x20).chain([0x7f]).filter(|b| !matches!(b, b'\t' | b'\r' | b'\n')) {
            let mut input = b"GET / HTTP/1.1\r\nHost: a".to_vec();
            input.push(byte);
            assert_eq!(scan(&input, &Limits::default()), (Err(400), input.len()), "{byte}");
        }
    }

    #[test]
    fn an_empty_line_alone_is_no_request() {
        for (input, begun) in
            [("", false), ("\r", false), ("\r\n", false), ("\r\n\r", true), ("G", true), ("\n", true)]
        {
            assert_eq!(HeadScan::has_begun(input.as_bytes()), begun, "{input:?}");
        }
    }
}
