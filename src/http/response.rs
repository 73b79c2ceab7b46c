//! Answers to requests, and how they are written (RFC 9110 section 15, RFC 9112 section 4).
//!
//! Never holds anything of a request but what a caller puts in; the detail of a problem is ours.

use std::borrow::Cow;

use super::reject::Reject;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    /// Values without control characters.
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Vec<u8>,
    end: End,
}

/// What comes after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The next one, if the client wants it.
    Open,
    /// The close of the connection.
    Close,
    /// The close of the connection, which is also the only end of the body.
    Delimit,
}

/// What the answer says about the connection (RFC 9112 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It closes.
    Close,
    /// It stays, as is usual in HTTP/1.1.
    KeepAlive,
    /// It stays, which has to be said in HTTP/1.0.
    KeepAliveSaid,
}

/// Room for most heads.
const HEAD_BYTES: usize = 512;

/// Sent unless a header of this name was given.
const DEFAULTS: [(&str, &str); 2] = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")];
/// The same, but not with a stream, whose head is sent to every client: a browser that opens an answer by itself
/// runs and loads nothing (CSP 3), shows it in no frame, tells nobody where it was, and hands it to no page of
/// another site that did not ask by CORS (Fetch, which leaves CORS requests alone).
const ISOLATION: [(&str, &str); 3] = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

impl Response {
    /// An empty answer.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), end: End::Open }
    }

    /// A problem (RFC 9457): `detail` says what was wrong and never echoes input.
    #[must_use]
    pub fn problem(status: u16, detail: &str) -> Self {
        let title = title(status);
        let body = serde_json::json!({ "status": status, "title": title, "detail": detail }).to_string();
        Self::new(status).text("application/problem+json", body)
    }

    /// Adds a member to a problem (RFC 9457 section 3.2), such as which one of a batch was wrong.
    #[must_use]
    pub fn problem_member(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        if self.body.pop_if(|last| *last == b'}').is_some() {
            let value: serde_json::Value = value.into();
            self.body.extend_from_slice(format!(",\"{name}\":{value}}}").as_bytes());
        }
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.text("application/json", body)
    }

    /// A body of this type.
    #[must_use]
    pub fn text(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// Adds a header. Control characters are left out of its value: it can't become two lines.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let mut value = value.into();
        let is_control = |c: char| c != '\t' && c.is_control();
        if value.contains(is_control) {
            value.to_mut().retain(|c| !is_control(c));
        }
        self.headers.push((name, value));
        self
    }

    /// Closes the connection after this answer, and reads on for a while so that it arrives.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        if matches!(self.end, End::Open) {
            self.end = End::Close;
        }
        self
    }

    /// Ends the body with the connection and announces no length (RFC 9112 section 6.3): the head of a
    /// stream, also where `HEAD` asks for it.
    #[must_use]
    pub const fn close_delimited(mut self) -> Self {
        self.end = End::Delimit;
        self
    }

    /// The status (RFC 9110 section 15).
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The bytes of the last answer on a connection: the start of a stream, or an answer to a connection
    /// whose request is not read at all.
    #[must_use]
    pub fn into_last_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out, false, Persistence::Close);
        out
    }

    /// Whether it has a header of this name.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    /// Whether the connection closes after it, whatever the client wants.
    pub(super) fn closes(&self) -> bool {
        self.end != End::Open
    }

    /// Appends the answer to `out`; the answer to `HEAD` is the same without the body (RFC 9110 section
    /// 9.3.2).
    pub(super) fn encode(&self, out: &mut Vec<u8>, to_head: bool, persistence: Persistence) {
        let Self { status, headers, body, .. } = self;
        out.reserve(HEAD_BYTES + body.len());
        push_status(out, *status);
        for (name, value) in headers {
            push_line(out, name, value);
        }
        let isolation: &[_] = if self.end == End::Delimit { &[] } else { &ISOLATION };
        for &(name, value) in DEFAULTS.iter().chain(isolation) {
            if !self.has_header(name) {
                push_line(out, name, value);
            }
        }
        let has_body = !matches!(status, 204 | 304);
        if has_body && self.end != End::Delimit {
            push_line(out, "Content-Length", &body.len().to_string());
        }
        match persistence {
            Persistence::Close => push_line(out, "Connection", "close"),
            Persistence::KeepAliveSaid => push_line(out, "Connection", "keep-alive"),
            Persistence::KeepAlive => {}
        }
        out.extend_from_slice(b"\r\n");
        if has_body && !to_head {
            out.extend_from_slice(body);
        }
    }
}

impl From<Reject> for Response {
    fn from(reject: Reject) -> Self {
        let response = Self::problem(reject.status, reject.reason).closing();
        if reject.status == 503 { response.header("Retry-After", "1") } else { response }
    }
}

/// The status line (RFC 9112 section 4): a status has three digits.
fn push_status(out: &mut Vec<u8>, status: u16) {
    let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    out.extend_from_slice(title(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_line(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The reason phrase (RFC 9110 section 15), also the title of a problem.
const fn title(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(response: &Response, to_head: bool, persistence: Persistence) -> String {
        let mut out = Vec::new();
        response.encode(&mut out, to_head, persistence);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_on_the_wire() {
        let response = Response::new(200).json("{}").header("X-A", "1");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nCache-Control: no-store\r\n\
                    X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; \
                    frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n\
                    Cross-Origin-Resource-Policy: same-origin\r\nContent-Length: 2\r\n";
        for (persistence, line) in [
            (Persistence::KeepAlive, ""),
            (Persistence::KeepAliveSaid, "Connection: keep-alive\r\n"),
            (Persistence::Close, "Connection: close\r\n"),
        ] {
            assert_eq!(encode(&response, false, persistence), format!("{head}{line}\r\n{{}}"));
            assert_eq!(encode(&response, true, persistence), format!("{head}{line}\r\n"));
        }
    }

    #[test]
    fn some_answers_have_no_body() {
        for status in [204, 304] {
            let text = encode(&Response::new(status).json("{}"), false, Persistence::KeepAlive);
            assert!(!text.contains("Content-Length") && text.ends_with("\r\n\r\n"), "{text}");
        }
        let empty = encode(&Response::new(200), false, Persistence::KeepAlive);
        assert!(empty.contains("Content-Length: 0\r\n"), "{empty}");
    }

    #[test]
    fn a_problem_is_json() {
        let problem = Response::problem(400, "say \"id\"\r\n");
        let text = encode(&problem.clone().problem_member("index", 3), false, Persistence::KeepAlive);
        assert!(text.contains("Content-Type: application/problem+json\r\n"), "{text}");
        let body: serde_json::Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        let expected = serde_json::json!({
            "status": 400, "title": "Bad Request", "detail": "say \"id\"\r\n", "index": 3
        });
        assert_eq!(body, expected);
        assert!(!encode(&problem, false, Persistence::KeepAlive).contains("index"));
    }

    #[test]
    fn a_value_never_becomes_a_line() {
        let text = encode(&Response::new(200).header("X-A", "a\r\nB: c\0"), false, Persistence::KeepAlive);
        assert!(text.contains("X-A: aB: c\r\n"), "{text}");
    }

    #[test]
    fn a_given_header_is_sent_once() {
        let response = Response::new(200).header("cache-control", "max-age=1");
        let text = encode(&response, false, Persistence::KeepAlive).to_lowercase();
        assert_eq!(text.matches("cache-control").count(), 1, "{text}");
    }

    #[test]
    fn a_stream_ends_with_its_connection() {
        let response = Response::new(200).text("text/event-stream", "retry: 1\n").close_delimited().closing();
        assert!(response.closes());
        let text = String::from_utf8(response.into_last_bytes()).unwrap();
        assert!(!text.contains("Content-Length") && text.contains("Connection: close\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nretry: 1\n"), "{text}");
    }
}
