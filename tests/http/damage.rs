//! Bytes that are no request: other protocols, and requests that were damaged.

use super::case::{chunked, one_chunk, with_lines};
use super::common::api::assert_alive;
use super::common::events::{Random, tick};
use super::common::http::{Conn, Pieces, compose};
use super::common::server::Setup;

#[test]
fn other_protocols_are_turned_away() {
    let server = Setup::new().flag("--limits-head-timeout", "1s").start();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20);
    for (name, bytes) in [
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a TLS hello", hello),
        ("PROXY", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("PROXY version 2", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02".to_vec()),
        ("RESP", b"*1\r\n$4\r\nPING\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.0\r\n".to_vec()),
        ("NULs", vec![0; 4096]),
        ("line ends", b"\r\n".repeat(2000)),
        ("bytes over 127", vec![0xff; 4096]),
    ] {
        for pieces in Pieces::BOTH {
            let mut conn = Conn::open(server.addr());
            conn.send_in(pieces, &bytes);
            let answer = conn.read_to_end();
            let status = answer.get(9..10);
            assert!(answer.is_empty() || matches!(status, Some(b"4" | b"5")), "{name}: {answer:?}");
            assert!(answer.len() < 4096, "{name}: an answer of {} bytes", answer.len());
            assert_alive(&server);
        }
    }
}

#[test]
fn damaged_requests_are_answered_or_closed() {
    let server = Setup::new().flag("--limits-head-timeout", "1s").flag("--limits-body-timeout", "1s").start();
    let body = tick(1);
    let whole = [
        compose(
            "GET",
            "/events?type=a&limit=1&lastEventId=earliest",
            &[("Accept", "text/event-stream")],
            b"",
        ),
        compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes()),
        chunked(&one_chunk(&body)),
        with_lines("Connection: keep-alive\r\nExpect: 100-continue\r\nX-A: b\r\n"),
    ];
    let seed = 0x5eed_0003;
    let mut random = Random(seed);
    for round in 0..400 {
        let mut bytes = whole[random.below(whole.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let odd = [0, b'\r', b'\n', b' ', b':', b';', b'%', b'0', 0x80, 0xff][random.below(10)];
            match random.below(4) {
                0 => bytes[at] = odd,
                1 => bytes.insert(at, odd),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        let mut conn = Conn::open(server.addr());
        conn.send(&bytes);
        conn.half_close();
        let answer = conn.read_to_end();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 "),
            "seed {seed:#x} round {round}: {shown:?}"
        );
        assert!(answer.len() < 100_000, "seed {seed:#x} round {round}: {shown:?}");
    }
    assert_alive(&server);
}
