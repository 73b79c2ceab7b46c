//! Any bytes, and any splits of good requests.

use super::*;

/// A valid request, and what the trace says of it.
fn request() -> impl Strategy<Value = (String, String)> {
    let headers = proptest::collection::vec("[A-Za-z][A-Za-z0-9]{0,8}", 0..4);
    (0..4, "[a-z]{0,9}", headers, "[a-z0-9]{1,40}").prop_map(|(kind, path, headers, body)| {
        let lines: String = headers.iter().map(|value| format!("X-{value}: {value}\r\n")).collect();
        let common = format!("/{path} HTTP/1.1\r\nHost: a\r\n{lines}");
        let len = body.len();
        match kind {
            0 => (format!("GET {common}\r\n"), format!("GET /{path}")),
            1 => (format!("\r\nPOST {common}\r\n"), format!("POST /{path}")),
            2 => (
                format!("POST {common}Content-Length: {len}\r\n\r\n{body}"),
                format!("POST /{path}; body {body}"),
            ),
            _ => {
                let (first, second) = body.split_at(len / 2);
                let chunk = |data: &str| match data.len() {
                    0 => String::new(),
                    len => format!("{len:x};x=\"y\"\r\n{data}\r\n"),
                };
                let chunks = format!("{}{}0\r\nT: 1\r\n\r\n", chunk(first), chunk(second));
                (
                    format!("PUT {common}Transfer-Encoding: chunked\r\n\r\n{chunks}"),
                    format!("PUT /{path}; body {body}"),
                )
            }
        }
    })
}

/// Bytes that look like requests often enough to get past the first line.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /a HTTP/1.1\r\n".to_vec()),
        Just(b"Host: a\r\n".to_vec()),
        Just(b"Content-Length: 7\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Expect: 100-continue\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"5;a=\"b\"\r\nhello\r\n".to_vec()),
        Just(b"0\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        requests in proptest::collection::vec(request(), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (input, expected): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let input = input.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let talk = talk(input.as_bytes(), &cuts);
        prop_assert_eq!(talk.trace(), format!("{}; done client", expected.join("; ")));
    }

    #[test]
    fn hostile_bytes_end_in_one_close_however_cut(
        input in hostile_bytes(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let (whole, cut) = (talk(&input, &[]), talk(&input, &cuts));
        prop_assert_eq!(whole.trace(), cut.trace());
        prop_assert_eq!(without_continue(&whole), without_continue(&cut));
        prop_assert_eq!(whole.trace.iter().filter(|line| line.starts_with("done")).count(), 1);
        prop_assert!(cut.wire.len() <= 100 * (input.len() + 1).max(10), "amplification");
    }

    #[test]
    fn time_alone_ends_every_connection(input in hostile_bytes()) {
        let mut talk = Talk::new(Limits::default());
        talk.send(&input);
        for _ in 0..4 {
            if talk.connection.deadline().is_some() {
                talk.pass();
            }
        }
        let last = talk.trace.last().cloned().unwrap_or_default();
        prop_assert!(last.starts_with("done "), "{}", talk.trace());
    }
}
