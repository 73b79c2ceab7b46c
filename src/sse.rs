//! Writing the event stream format (WHATWG HTML section 9.2.5).
//!
//! Never decides who gets a frame. What is written here cannot be broken out of: a line end in the data
//! starts a new `data:` line, and names and ids were checked for control characters before.

use std::io::Write;

use serde_json::json;

use crate::id::EventId;

/// Appends everything of a frame but its `id:` line: `event:`, the `data:` lines and the empty line.
///
/// `name` must hold no control character. `data` is split at CRLF, LF and lone CR, as a parser would
/// (WHATWG HTML section 9.2.6).
pub fn encode_body(name: &str, data: &str, out: &mut Vec<u8>) {
    debug_assert!(!name.chars().any(char::is_control));
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    let mut rest = data.as_bytes();
    loop {
        out.extend_from_slice(b"\ndata: ");
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else { break };
        out.extend_from_slice(&rest[..end]);
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(crlf)..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n\n");
}

/// The event name of what `encode_body` wrote.
#[must_use]
pub fn event_name(body: &[u8]) -> &str {
    let line = body.split(|&b| b == b'\n').next().unwrap_or_default();
    line.strip_prefix(b"event: ").and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// The frame without its `id:` line.
#[must_use]
pub fn body_of(frame: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', frame).map_or(frame, |end| &frame[end + 1..])
}

/// Appends the `id:` line that starts a frame.
pub fn encode_id(id: &EventId<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(id.text().as_bytes());
    out.push(b'\n');
}

/// Appends a reconnection time alone: a block that a parser takes without dispatching an event.
pub fn encode_retry(millis: u128, out: &mut Vec<u8>) {
    write(out, format_args!("retry: {millis}\n\n"));
}

/// Appends what every stream begins with: the reconnection time and a comment.
pub fn encode_greeting(retry_millis: u128, out: &mut Vec<u8>) {
    write(out, format_args!("retry: {retry_millis}\n: connected\n\n"));
}

/// Appends a heartbeat that a client's script sees.
pub fn encode_ping(id: &EventId<'_>, ts: &str, out: &mut Vec<u8>) {
    encode_id(id, out);
    encode_body("ping", &json!({ "ts": ts }).to_string(), out);
}

/// A heartbeat that a client's script does not see.
pub const COMMENT_PING: &[u8] = b": ping\n\n";

/// Why a client must fetch its state anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapReason {
    /// The id is this server's, and what followed it is no longer kept.
    Expired,
    /// The id says nothing to this server.
    UnknownId,
    /// The connection to Redis was lost: messages may be missing.
    UpstreamLost,
    /// More would have to be replayed than `stream.replay_bytes`.
    Overrun,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Expired, Self::UnknownId, Self::UpstreamLost, Self::Overrun];

    /// The reason in the frame's data and in the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::UnknownId => "unknown-id",
            Self::UpstreamLost => "upstream-lost",
            Self::Overrun => "overrun",
        }
    }
}

/// Appends a `gap` frame. It has no id: the client keeps the one it has.
pub fn encode_gap(reason: GapReason, requested: Option<&str>, oldest: Option<&str>, out: &mut Vec<u8>) {
    let data = json!({ "reason": reason.name(), "requested": requested, "oldest": oldest });
    encode_body("gap", &data.to_string(), out);
}

/// Writing to a vector cannot fail.
fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Fingerprint;

    fn body(name: &str, data: &str) -> String {
        let mut out = Vec::new();
        encode_body(name, data, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn data_is_split_at_every_line_end_that_a_parser_knows() {
        assert_eq!(body("a", "x"), "event: a\ndata: x\n\n");
        assert_eq!(body("a", "x\r\ny\nz\rw"), "event: a\ndata: x\ndata: y\ndata: z\ndata: w\n\n");
        assert_eq!(body("a", "x\n"), "event: a\ndata: x\ndata: \n\n");
        assert_eq!(body("a", "\n\r"), "event: a\ndata: \ndata: \ndata: \n\n");
        assert_eq!(body("a", "\rid: 1"), "event: a\ndata: \ndata: id: 1\n\n");
        assert_eq!(body("a", ""), "event: a\ndata: \n\n");
    }

    #[test]
    fn the_name_is_found_again() {
        assert_eq!(event_name(body("order-created", "{}").as_bytes()), "order-created");
        let mut frame = Vec::new();
        encode_id(&EventId { instance: "i", seq: 3, fingerprint: Fingerprint(1) }, &mut frame);
        encode_body("n", "1", &mut frame);
        assert_eq!(frame, b"id: i-3-0000000000000001\nevent: n\ndata: 1\n\n");
        assert_eq!(event_name(body_of(&frame)), "n");
    }

    #[test]
    fn what_a_client_sent_cannot_break_out_of_a_gap() {
        let mut out = Vec::new();
        encode_gap(GapReason::UnknownId, Some("x\r\ndata: forged\n\n\u{2028}"), None, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains(r#""requested":"x\r\ndata: forged\n\n"#), "{text}");
    }
}
