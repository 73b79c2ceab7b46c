//! The attacks whose price is measured: the classes of `FAULTS.md` section 1, floods of cheap requests, and guesses.

use rcgen::KeyPair;

use crate::attack::{Attack, How};
use crate::common::events::tick;
use crate::common::http::{Pieces, compose};
use crate::common::server::{Server, Setup};
use crate::common::tokens::{claims, part};
use crate::{giants, protocols};

/// Bytes of requests sent at once on a connection that goes on: fewer than the sockets between us hold.
const AT_ONCE_BYTES: usize = 64 << 10;
/// And so many requests at most, for the same of their answers.
const AT_ONCE: usize = 200;

/// Keys of the server that is guessed at: as many as there may be, none with a name.
const KEYS: usize = 64;

/// Every attack on a server with its defaults.
pub(crate) fn all() -> Vec<Attack> {
    [connections(), framing(), protocols(), giants(), bodies(), pipelined()].into_iter().flatten().collect()
}

fn whole(name: &'static str, bytes: impl Into<Vec<u8>>) -> Attack {
    Attack { name, how: How::Whole(Pieces::Whole, bytes.into()) }
}

fn crumbs(name: &'static str, bytes: impl Into<Vec<u8>>) -> Attack {
    Attack { name, how: How::Whole(Pieces::Bytes, bytes.into()) }
}

fn pipeline(name: &'static str, request: Vec<u8>) -> Attack {
    let at_once = (AT_ONCE_BYTES / request.len()).clamp(1, AT_ONCE);
    Attack { name, how: How::Pipelined(request, at_once) }
}

/// Head lines, and the body behind them, of a publish.
fn post(lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}\r\n");
    [head.as_bytes(), body].concat()
}

fn sized(body: &[u8]) -> Vec<u8> {
    post(&format!("Content-Length: {}\r\nConnection: close\r\n", body.len()), body)
}

fn connections() -> Vec<Attack> {
    let reset = |name, bytes: &[u8]| Attack { name, how: How::Reset(bytes.to_vec()) };
    vec![
        reset("connect and reset", b""),
        reset("half a head, then a reset", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: "),
        reset("a stream, then a reset", b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"),
        reset(
            "a stream with 60 filters, then a reset",
            &compose("GET", &format!("/events?{}", "topic=a*&".repeat(60)), &[], b""),
        ),
        reset(
            "resume at an unknown id, then a reset",
            &compose("GET", "/events", &[("Last-Event-ID", &"x".repeat(8_000))], b""),
        ),
        whole("one byte", "\0"),
        whole("HTTP/1.0, a connection for each request", "GET /healthz HTTP/1.0\r\n\r\n"),
        crumbs(
            "a head byte by byte",
            "GET /healthz HTTP/1.0\r\nX-A: some text that takes a while to come\r\n\r\n",
        ),
    ]
}

fn framing() -> Vec<Attack> {
    let chunked =
        |name, body: &[u8]| whole(name, post("Transfer-Encoding: chunked\r\nConnection: close\r\n", body));
    let extension = format!("1;{}\r\n \r\n", "a".repeat(250));
    vec![
        whole(
            "a length and chunks",
            post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        ),
        whole("two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n", b"ab")),
        whole("a folded line", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        whole("bare LF", "GET /healthz HTTP/1.1\nHost: a\n\n"),
        chunked("a malformed chunk", b"x\r\n"),
        chunked(
            "20 000 chunks of one byte",
            &[b"1\r\n \r\n".repeat(20_000).as_slice(), b"0\r\n\r\n"].concat(),
        ),
        chunked(
            "2 000 chunks with long extensions",
            &[extension.repeat(2_000).as_bytes(), b"0\r\n\r\n"].concat(),
        ),
        chunked("60 trailers", &[b"0\r\n", "X: some text\r\n".repeat(60).as_bytes(), b"\r\n"].concat()),
    ]
}

fn protocols() -> Vec<Attack> {
    protocols::first_words().into_iter().map(|(name, bytes)| whole(name, bytes)).collect()
}

fn giants() -> Vec<Attack> {
    giants::giant_heads().into_iter().map(|(name, bytes, _)| whole(name, bytes)).collect()
}

fn bodies() -> Vec<Attack> {
    let costly = giants::costly_bodies().into_iter().map(|(name, body)| whole(name, sized(&body)));
    let gzip = post("Content-Encoding: gzip\r\nContent-Length: 20\r\nConnection: close\r\n", &[0x1f; 20]);
    costly.chain([whole("a body in gzip", gzip)]).collect()
}

fn pipelined() -> Vec<Attack> {
    let get = |target: &str| compose("GET", target, &[], b"");
    let headers: Vec<(&str, &str)> = vec![("X", "some text"); 60];
    vec![
        pipeline("pipelined: /healthz", b"GET /healthz HTTP/1.1\r\nHost:a\r\n\r\n".to_vec()),
        pipeline("pipelined: a path that is none", b"GET /x HTTP/1.1\r\nHost:a\r\n\r\n".to_vec()),
        pipeline("pipelined: a method that is none", compose("DELETE", "/healthz", &[], b"")),
        pipeline("pipelined: 4 000 parameters", get(&format!("/healthz?{}", "a&".repeat(4_000)))),
        pipeline("pipelined: 8 KiB of escapes", get(&format!("/healthz?a={}", "%61".repeat(2_700)))),
        pipeline("pipelined: 60 headers", compose("GET", "/healthz", &headers, b"")),
        pipeline("pipelined: 65 filters", get(&format!("/events?{}", "topic=a*&".repeat(65)))),
        pipeline("pipelined: an empty publish", compose("POST", "/publish", &[], b"")),
        pipeline(
            "pipelined: a publish without a payload",
            compose("POST", "/publish", &[("Content-Type", "application/json")], b"{}"),
        ),
        pipeline(
            "pipelined: a publish",
            compose("POST", "/publish", &[("Content-Type", "application/json")], tick(1).as_bytes()),
        ),
    ]
}

/// A server that wants tokens, by keys that are dear to try.
pub(crate) fn guarded() -> Server {
    let key = KeyPair::generate().expect("a key of P-256").public_key_pem();
    let config = format!("[[auth.jwt]]\nalg = \"ES256\"\nkey = \"\"\"\n{key}\"\"\"\n").repeat(KEYS);
    Setup::new().config(&config).start()
}

/// Every attack on a server that wants tokens.
pub(crate) fn guesses() -> Vec<Attack> {
    let with = |token: &str| compose("GET", "/events", &[("Authorization", &format!("Bearer {token}"))], b"");
    let head = part(r#"{"alg":"ES256"}"#);
    let body = part(claims(serde_json::json!({ "subscribe": true })).to_string());
    let long = part("a".repeat(9_000));
    vec![
        pipeline("pipelined: no token", compose("GET", "/events", &[], b"")),
        whole("a token that is none", with("0123456789abcdef0123456789abcdef")),
        whole("a forged signature, 64 keys", with(&format!("{head}.{body}.{}", part([0x55; 64])))),
        whole("a signature of no length", with(&format!("{head}.{body}."))),
        whole("a token of 12 KiB", with(&format!("{head}.{long}.{}", part([0x55; 64])))),
        whole("another algorithm", with(&format!("{}.{body}.", part(r#"{"alg":"none"}"#)))),
    ]
}
