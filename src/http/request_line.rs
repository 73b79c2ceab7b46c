//! The request line: method, target and version (RFC 9112 section 3).
//!
//! It is checked as soon as its line ends, before any header came: who speaks another protocol learns it
//! at once.

use super::reject::Reject;
use super::syntax::is_token;
use super::target::Target;
use crate::limits::{Limits, METHOD_BYTES};

/// The methods that are known (RFC 9110 section 9.3, RFC 5789); any other is answered with 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read without the body.
    Head,
    /// Publish.
    Post,
    /// Set.
    Put,
    /// Remove.
    Delete,
    /// Ask what is allowed; CORS preflight.
    Options,
    /// Change.
    Patch,
}

impl Method {
    /// Every known method.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Delete, Self::Options, Self::Patch];

    /// The method as it stands in a request line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
        }
    }

    /// The method of this name; methods have a case.
    fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().as_bytes() == name)
    }
}

/// A checked request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) target: Target,
    /// HTTP/1.0; else 1.1, or a later 1.x which is read as 1.1 (RFC 9110 section 2.5).
    pub(super) http_1_0: bool,
}

impl RequestLine {
    /// Parses a line without its CRLF.
    pub(super) fn parse(line: &[u8], limits: &Limits) -> Result<Self, Reject> {
        let mut parts = line.split(|&b| b == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reject::bad("malformed request line"));
        };
        check_method(method)?;
        let http_1_0 = parse_version(version)?;
        let method = Method::from_name(method).ok_or(UNKNOWN_METHOD)?;
        if target.len() > limits.target_bytes {
            return Err(TARGET_TOO_LONG);
        }
        let target = str::from_utf8(target).map_err(|_| Reject::bad("byte not allowed in the target"))?;
        Ok(Self { method, target: Target::parse(target, method == Method::Options)?, http_1_0 })
    }

    /// Why a line is refused that has gone on for too long without an end.
    pub(super) fn too_long(line: &[u8]) -> Reject {
        let method = line.split(|&b| b == b' ').next().unwrap_or(line);
        match check_method(method) {
            Err(reject) => reject,
            Ok(()) if method.len() > METHOD_BYTES => UNKNOWN_METHOD,
            Ok(()) => TARGET_TOO_LONG,
        }
    }
}

const UNKNOWN_METHOD: Reject = Reject::new(501, "unknown method");
const TARGET_TOO_LONG: Reject = Reject::new(414, "target too long");

fn check_method(method: &[u8]) -> Result<(), Reject> {
    let is_method = !method.is_empty() && method.iter().all(|&b| is_token(b));
    if is_method { Ok(()) } else { Err(Reject::bad("malformed method")) }
}

/// Whether the version is 1.0 (RFC 9112 section 2.3). A major version without the minor one is how
/// HTTP/2 and later are named, so it is told apart from a misspelt 1.x.
fn parse_version(version: &[u8]) -> Result<bool, Reject> {
    match version.strip_prefix(b"HTTP/") {
        Some(b"1.0") => Ok(true),
        Some([b'1', b'.', b'1'..=b'9']) => Ok(false),
        Some([b'2'..=b'9'] | [b'2'..=b'9', b'.', b'0'..=b'9']) => {
            Err(Reject::new(505, "HTTP version not supported"))
        }
        _ => Err(Reject::bad("malformed HTTP version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(line: &str) -> u16 {
        RequestLine::parse(line.as_bytes(), &Limits::default()).map_or_else(|reject| reject.status, |_| 200)
    }

    #[test]
    fn every_known_method_is_found() {
        for method in Method::ALL {
            let line =
                RequestLine::parse(format!("{} /a HTTP/1.1", method.name()).as_bytes(), &Limits::default());
            assert_eq!(line.map(|line| line.method), Ok(method));
        }
    }

    #[test]
    fn request_lines() {
        let long_target = format!("GET /{} HTTP/1.1", "a".repeat(8 * 1024));
        let fitting_target = format!("GET /{} HTTP/1.1", "a".repeat(8 * 1024 - 1));
        for (line, status) in [
            ("GET / HTTP/1.1", 200),
            ("GET / HTTP/1.0", 200),
            ("GET / HTTP/1.2", 200),
            ("GET http://a/ HTTP/1.1", 200),
            ("OPTIONS * HTTP/1.1", 200),
            (&fitting_target, 200),
            (&long_target, 414),
            ("BREW / HTTP/1.1", 501),
            ("get / HTTP/1.1", 501),
            ("CONNECT a:80 HTTP/1.1", 501),
            ("TRACE / HTTP/1.1", 501),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1", 501),
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/2", 505),
            ("GET / HTTP/3", 505),
            ("GET / HTTP/9.9", 505),
            ("PRI * HTTP/2.0", 505),
            ("", 400),
            ("GET", 400),
            ("GET /", 400),
            ("GET / ", 400),
            (" GET / HTTP/1.1", 400),
            ("GET  / HTTP/1.1", 400),
            ("GET /  HTTP/1.1", 400),
            ("GET / HTTP/1.1 ", 400),
            ("GET / b HTTP/1.1", 400),
            ("GET  HTTP/1.1", 400),
            ("GET\t/ HTTP/1.1", 400),
            ("G(T / HTTP/1.1", 400),
            ("GET: / HTTP/1.1", 400),
            ("GÄT / HTTP/1.1", 400),
            ("GET / HTTP/0.9", 400),
            ("GET / HTTP/1", 400),
            ("GET / HTTP/1.", 400),
            ("GET / HTTP/1.10", 400),
            ("GET / HTTP/11.1", 400),
            ("GET / HTTP/01.1", 400),
            ("GET / HTTP/1,1", 400),
            ("GET / http/1.1", 400),
            ("GET / HTTPS/1.1", 400),
            ("GET / HTTP 1.1", 400),
            ("GET / FTP/1.1", 400),
            ("GET example.com:80 HTTP/1.1", 400),
            ("GET * HTTP/1.1", 400),
            ("GET a HTTP/1.1", 400),
            ("SSH-2.0-OpenSSH_9.6", 400),
            ("PROXY TCP4 10.0.0.1 10.0.0.2 4000 80", 400),
            ("PROXY UNKNOWN", 400),
            ("*1", 400),
            ("PING", 400),
            ("EHLO a", 400),
        ] {
            assert_eq!(status_of(line), status, "{line:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_the_fault_of_its_longest_part() {
        assert_eq!(RequestLine::too_long(b"GET /aaaaaaaaaa").status, 414);
        assert_eq!(RequestLine::too_long(&[b'A'; 100]).status, 501);
        assert_eq!(RequestLine::too_long(&[b'"'; 100]).status, 400);
        assert_eq!(RequestLine::too_long(b" ").status, 400);
    }
}
