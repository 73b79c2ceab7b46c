//! A request whose head was checked: nothing about it can be read in two ways.
//!
//! Never reads the body; `connection` does, once the caller wants it.

use std::fmt;

use super::authority::is_authority;
use super::framing::BodyKind;
use super::headers::Headers;
use super::reject::Reject;
use super::request_line::{Method, RequestLine};
use super::target::Target;

/// The head of a request (RFC 9112 section 2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: Target,
    /// Whether the client speaks HTTP/1.0 and not 1.1.
    pub http_1_0: bool,
    /// Whether the client wants to send another request after this one (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The body that follows.
    pub body: BodyKind,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// The lower-cased media type.
    content_type: Option<String>,
    headers: Headers,
}

impl Request {
    /// Checks `count` header lines, with the empty line after them, that followed this request line.
    pub(super) fn parse(line: RequestLine, block: &[u8], count: usize) -> Result<Self, Reject> {
        let RequestLine { method, target, http_1_0 } = line;
        let mut headers = Headers::parse(block, count)?;
        check_host(&headers, http_1_0)?;
        let body = BodyKind::of(method, http_1_0, &headers)?;
        let expect_continue = expects_continue(&headers)? && !http_1_0 && !body.is_empty();
        if let Some(authority) = target.authority() {
            headers.replace("host", authority);
        }
        let keep_alive = keeps_alive(&headers, http_1_0);
        let content_type = headers.all("content-type").next().map(essence);
        Ok(Self { method, target, http_1_0, keep_alive, body, expect_continue, content_type, headers })
    }

    /// The first value of a header, without white space around it; names have no case. `None` too where
    /// the value is no visible text in UTF-8: [`has_header`](Self::has_header) tells the difference.
    ///
    /// Host is the target's authority where the target has one (RFC 9112 section 3.2.2).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = str::from_utf8(self.headers.all(name).next()?).ok()?;
        let is_visible = |c: char| c == '\t' || !c.is_control();
        text.chars().all(is_visible).then_some(text)
    }

    /// Every value of a header, as sent, without white space around it.
    pub fn header_values<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.headers.all(name)
    }

    /// The host that the request is for, with its port if it says one: the authority of the target, which wins
    /// over Host (RFC 9112 sections 3.2.2 and 3.3). Only HTTP/1.0 may have none.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.target.authority().or_else(|| self.header("host"))
    }

    /// The elements of a header that is a list, those of all its lines in order (RFC 9110 section 5.6.1).
    #[must_use]
    pub fn elements(&self, name: &str) -> Vec<&[u8]> {
        self.headers.elements(name).collect()
    }

    /// Whether there is a header of this name, whatever its value.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.all(name).next().is_some()
    }

    /// The media type of the body in lower case, without parameters (RFC 9110 section 8.3); not checked
    /// to be one.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }
}

/// Only the method and the path: headers and query may carry a token.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.name(), self.target.path())
    }
}

/// Exactly one valid Host, which only HTTP/1.0 may leave out (RFC 9112 section 3.2).
fn check_host(headers: &Headers, http_1_0: bool) -> Result<(), Reject> {
    let mut hosts = headers.all("host");
    let Some(host) = hosts.next() else {
        return if http_1_0 { Ok(()) } else { Err(Reject::bad("no Host header")) };
    };
    if hosts.next().is_some() {
        return Err(Reject::bad("two Host headers"));
    }
    let is_host = str::from_utf8(host).is_ok_and(is_authority);
    if is_host { Ok(()) } else { Err(Reject::bad("bad Host header")) }
}

/// RFC 9110 section 10.1.1: what we can't meet is refused, with 417.
fn expects_continue(headers: &Headers) -> Result<bool, Reject> {
    let mut expectations = headers.elements("expect");
    let is_continue = |expectation: &[u8]| expectation.eq_ignore_ascii_case(b"100-continue");
    let Some(first) = expectations.next() else { return Ok(false) };
    if !is_continue(first) || !expectations.all(is_continue) {
        return Err(Reject::new(417, "unknown expectation"));
    }
    Ok(true)
}

/// RFC 9112 section 9.3: `close` wins; HTTP/1.0 has to ask.
fn keeps_alive(headers: &Headers, http_1_0: bool) -> bool {
    let has = |option: &[u8]| headers.elements("connection").any(|found| found.eq_ignore_ascii_case(option));
    !has(b"close") && (!http_1_0 || has(b"keep-alive"))
}

/// A media type without its parameters.
fn essence(value: &[u8]) -> String {
    let media_type = value.split(|&b| b == b';').next().unwrap_or(value);
    String::from_utf8_lossy(media_type).trim_matches([' ', '\t']).to_ascii_lowercase()
}

/// The request of a whole head, for tests of other layers.
#[cfg(test)]
pub(crate) fn request_of(head: &str) -> Request {
    let (line, block) = head.split_once("\r\n").expect("a head has lines");
    let line =
        RequestLine::parse(line.as_bytes(), &crate::limits::Limits::default()).expect("a good request line");
    let count = block.matches("\r\n").count() - 1;
    Request::parse(line, block.as_bytes(), count).expect("good headers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn parse(line: &str, headers: &str) -> Result<Request, u16> {
        let line = RequestLine::parse(line.as_bytes(), &Limits::default()).unwrap();
        let block = format!("{headers}\r\n");
        Request::parse(line, block.as_bytes(), headers.matches("\r\n").count())
            .map_err(|reject| reject.status)
    }

    fn status(line: &str, headers: &str) -> u16 {
        parse(line, headers).map_or_else(|status| status, |_| 200)
    }

    #[test]
    fn host() {
        for (line, headers, expected) in [
            ("GET / HTTP/1.1", "Host: a\r\n", 200),
            ("GET / HTTP/1.1", "hOST:[::1]:80\r\n", 200),
            ("GET / HTTP/1.0", "", 200),
            ("GET / HTTP/1.1", "", 400),
            ("GET / HTTP/1.2", "", 400),
            ("GET http://a/ HTTP/1.1", "", 400),
            ("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n", 400),
            ("GET / HTTP/1.1", "Host: a\r\nhost: b\r\n", 400),
            ("GET / HTTP/1.0", "Host: a\r\nHost: a\r\n", 400),
            ("GET / HTTP/1.1", "Host:\r\n", 400),
            ("GET / HTTP/1.1", "Host: a, b\r\n", 400),
            ("GET / HTTP/1.1", "Host: a/b\r\n", 400),
            ("GET / HTTP/1.1", "Host: u@a\r\n", 400),
            ("GET / HTTP/1.1", "Host: http://a\r\n", 400),
            ("GET / HTTP/1.1", "Host: a:99999\r\n", 400),
            ("GET / HTTP/1.1", "Host: ä\r\n", 400),
            ("GET / HTTP/1.0", "Host: a b\r\n", 400),
        ] {
            assert_eq!(status(line, headers), expected, "{line:?} {headers:?}");
        }
    }

    #[test]
    fn the_host_of_the_target_wins() {
        let request = parse("GET http://b:8/ HTTP/1.1", "X: 1\r\nHost: a\r\n").unwrap();
        assert_eq!((request.header("host"), request.header("x")), (Some("b:8"), Some("1")));
        assert_eq!(request.authority(), Some("b:8"));
        let authority = |line, headers: &str| parse(line, headers).unwrap().authority().map(str::to_owned);
        assert_eq!(authority("GET / HTTP/1.1", "Host: a:1\r\n").as_deref(), Some("a:1"));
        assert_eq!(authority("GET http://b/ HTTP/1.0", "").as_deref(), Some("b"));
        assert_eq!(authority("GET / HTTP/1.0", ""), None);
    }

    #[test]
    fn keep_alive() {
        for (line, headers, expected) in [
            ("GET / HTTP/1.1", "", true),
            ("GET / HTTP/1.1", "Connection: close\r\n", false),
            ("GET / HTTP/1.1", "Connection: Upgrade , CLOSE\r\n", false),
            ("GET / HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("GET / HTTP/1.1", "Connection: closed\r\n", true),
            ("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nRange: bytes=0-1\r\n", true),
            ("GET / HTTP/1.0", "", false),
            ("GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true),
            ("GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let request = parse(line, &format!("Host: a\r\n{headers}")).unwrap();
            assert_eq!(request.keep_alive, expected, "{line:?} {headers:?}");
        }
    }

    #[test]
    fn expectations() {
        let sized = "Host: a\r\nContent-Length: 1\r\n";
        for (line, headers, expected) in [
            ("POST / HTTP/1.1", "Expect: 100-continue\r\n", Ok(true)),
            ("POST / HTTP/1.1", "Expect: 100-Continue\r\nExpect: 100-continue\r\n", Ok(true)),
            ("POST / HTTP/1.1", "", Ok(false)),
            ("POST / HTTP/1.1", "Expect:\r\n", Ok(false)),
            ("POST / HTTP/1.0", "Expect: 100-continue\r\n", Ok(false)),
            ("POST / HTTP/1.1", "Expect: 200-ok\r\n", Err(417)),
            ("POST / HTTP/1.1", "Expect: 100-continue, x\r\n", Err(417)),
            ("POST / HTTP/1.1", "Expect: 100-continue\r\nExpect: x\r\n", Err(417)),
        ] {
            let request = parse(line, &format!("{sized}{headers}"));
            assert_eq!(request.map(|request| request.expect_continue), expected, "{line:?} {headers:?}");
        }
        let without_body = parse("POST / HTTP/1.1", "Host: a\r\nExpect: 100-continue\r\n").unwrap();
        assert!(!without_body.expect_continue);
    }

    #[test]
    fn content_types() {
        for (headers, expected) in [
            ("", None),
            ("Content-Type: application/json\r\n", Some("application/json")),
            ("Content-Type: Application/JSON ; charset=UTF-8\r\n", Some("application/json")),
            ("Content-Type:\r\n", Some("")),
            ("Content-Type: a\r\nContent-Type: b\r\n", Some("a")),
        ] {
            let request = parse("POST / HTTP/1.1", &format!("Host: a\r\n{headers}")).unwrap();
            assert_eq!(request.content_type(), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_text_is_handed_out() {
        let line = RequestLine::parse(b"GET / HTTP/1.1", &Limits::default()).unwrap();
        let block = b"Host: a\r\nT: \xc3\xa9\ta\r\nL: \xff\r\nC: \xc2\x85\r\n\r\n";
        let request = Request::parse(line, block, 4).unwrap();
        assert_eq!(request.header("t"), Some("é\ta"));
        assert_eq!((request.header("l"), request.has_header("l")), (None, true));
        assert_eq!((request.header("c"), request.has_header("c")), (None, true));
        assert_eq!((request.header("n"), request.has_header("n")), (None, false));
    }

    #[test]
    fn printing_shows_no_secret() {
        let request = parse("GET /e?access_token=secret HTTP/1.1", "Host: a\r\nCookie: secret\r\n").unwrap();
        assert_eq!(format!("{request:?}"), "GET /e");
    }
}
