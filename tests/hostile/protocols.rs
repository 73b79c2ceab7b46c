//! Bytes of other protocols on our port: answered in HTTP or not at all, never hung on, never forwarded.

use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::http::{Conn, Pieces};
use crate::common::server::Setup;
use crate::watch::{Watch, among_others};

const MEMORY: usize = 8 << 20;
/// Of an answer to something that is no request.
const ANSWER_BYTES: usize = 1024;

/// What clients of other protocols say first.
pub(crate) fn first_words() -> Vec<(&'static str, Vec<u8>)> {
    let tls = [
        &b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"[..],
        &[0x5a; 32],
        b"\x20",
        &[0xa5; 32],
        b"\x00\x08\x13\x01\x13\x02\x13\x03\x00\xff\x01\x00\x00\x73",
        &[0; 115],
    ]
    .concat();
    vec![
        ("a TLS hello", tls),
        (
            "an HTTP/2 preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec(),
        ),
        ("an SSL 2 hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec()),
        ("PROXY", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("PROXY 2", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02".to_vec()),
        ("RESP", b"*3\r\n$7\r\nPUBLISH\r\n$13\r\norders.events\r\n$2\r\n{}\r\n".to_vec()),
        ("RESP inline", b"PUBLISH orders.events {}\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("SMTP", b"EHLO example.com\r\n".to_vec()),
        ("RTSP", b"OPTIONS rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec()),
        ("SIP", b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n".to_vec()),
        ("MQTT", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00".to_vec()),
        ("SOCKS 5", b"\x05\x01\x00".to_vec()),
        ("PostgreSQL", b"\x00\x00\x00\x08\x04\xd2\x16\x2f".to_vec()),
        ("NULs", vec![0; 4096]),
        ("line ends", b"\r\n".repeat(2048)),
        ("bytes over 127", vec![0xff; 4096]),
        ("a shell", b"() { :;}; /bin/sh\n".to_vec()),
        ("Jndi", b"GET ${jndi:ldap://a/} HTTP/1.1\r\n\r\n".to_vec()),
    ]
}

#[test]
fn other_protocols_are_turned_away_at_once() {
    let _turn = among_others();
    let server = Setup::new().flag("--limits-head-timeout", "2s").start();
    let watch = Watch::begin(&server);
    for (name, bytes) in first_words() {
        for pieces in Pieces::BOTH {
            let mut conn = Conn::open(server.addr());
            conn.send_in(pieces, &bytes);
            let answer = conn.read_to_end();
            let is_refusal = matches!(answer.get(..10), Some(b"HTTP/1.1 4" | b"HTTP/1.1 5"));
            assert!(answer.is_empty() || is_refusal, "{name} ({pieces:?}): {}", answer.escape_ascii());
            assert!(answer.len() <= ANSWER_BYTES, "{name} ({pieces:?}): {} bytes", answer.len());
        }
    }
    watch.end(&server, MEMORY);
}

#[test]
fn a_greeting_that_is_none_of_ours_and_then_silence_is_ended() {
    let _turn = among_others();
    let server = Setup::new().flag("--limits-head-timeout", "500ms").start();
    let watch = Watch::begin(&server);
    // Each could be the beginning of a request.
    for beginning in ["", "\r", "\r\n", "G", "SSH-2.0-x", "GET / HTTP/1.1\r\nA: b\r"] {
        let mut conn = Conn::open(server.addr());
        conn.send(beginning.as_bytes());
        assert!(conn.ends_within(DEADLINE.max(Duration::from_secs(1))), "{beginning:?}");
    }
    watch.end(&server, MEMORY);
}
