//! A TLS connection against a client and a socket that takes and gives a few bytes at a time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use super::scratch::Scratch;
use super::tls::{Socket, Tls};
use super::{More, RECORD_BYTES, Received};
use crate::limits::{KIB, TLS_REST_BYTES};

/// What one sealed record takes at most, beside its plaintext.
const OVERHEAD_BYTES: usize = KIB;

/// A socket: it takes so many bytes more, and then it is full.
#[derive(Default)]
struct Double {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Bytes that it takes yet.
    allowance: usize,
    /// What it took.
    sent: Vec<u8>,
    /// What it gives, in pieces.
    input: VecDeque<Vec<u8>>,
    has_ended: bool,
}

impl Socket for &Double {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        assert!(!state.has_ended, "it was said that nothing more comes");
        let taken = bytes.len().min(state.allowance);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.allowance -= taken;
        state.sent.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        let Some(piece) = state.input.pop_front() else { return Err(ErrorKind::WouldBlock.into()) };
        assert!(piece.len() <= buffer.len());
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }

    fn end_writing(&self) {
        self.state.borrow_mut().has_ended = true;
    }
}

impl Double {
    fn allow(&self, bytes: usize) {
        self.state.borrow_mut().allowance = bytes;
    }

    fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.borrow_mut().sent)
    }

    fn has_ended(&self) -> bool {
        self.state.borrow().has_ended
    }

    /// Has it give these bytes, so many at a time.
    fn feed(&self, bytes: &[u8], piece: usize) {
        self.state.borrow_mut().input.extend(bytes.chunks(piece).map(<[u8]>::to_vec));
    }
}

/// A server's end and a client's.
struct Pair<'d> {
    double: &'d Double,
    tls: Tls<&'d Double>,
    client: ClientConnection,
    scratch: Scratch,
    buffer: Vec<u8>,
}

pub(in crate::net) fn configs(
    version: &'static rustls::SupportedProtocolVersion,
) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    server.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    (Arc::new(server), Arc::new(client))
}

impl<'d> Pair<'d> {
    fn new(double: &'d Double, version: &'static rustls::SupportedProtocolVersion) -> Self {
        let (server, client) = configs(version);
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            double,
            tls: Tls::new(double, server).unwrap(),
            client: ClientConnection::new(client, name).unwrap(),
            scratch: Scratch::default(),
            buffer: vec![0; 64 * KIB],
        }
    }

    /// What the client wants to say, on its way in pieces.
    fn client_speaks(&mut self, piece: usize) -> bool {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        self.double.feed(&bytes, piece);
        !bytes.is_empty()
    }

    /// Has the server read all that is there; what it was told.
    fn server_reads(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut plain = Vec::new();
        loop {
            match self.tls.receive(&mut self.buffer, &mut self.scratch) {
                Ok(Received::Bytes(bytes, _)) => plain.extend_from_slice(&self.buffer[..bytes]),
                // Until it is rid of what it has to say itself.
                Ok(Received::Nothing(_)) if self.tls.has_backlog() => return Ok((plain, false)),
                Ok(Received::Nothing(_)) => {}
                Ok(Received::End) => return Ok((plain, true)),
                Ok(Received::Plaintext) => panic!("it is TLS"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((plain, false)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Has the client read what the socket took; what it was told, and whether that was all.
    fn client_reads(&mut self) -> (Vec<u8>, bool) {
        let sent = self.double.sent();
        let (mut from, mut plain) = (&sent[..], Vec::new());
        while !from.is_empty() {
            self.client.read_tls(&mut from).unwrap();
            self.client.process_new_packets().unwrap();
            let mut chunk = [0; 4096];
            loop {
                match self.client.reader().read(&mut chunk) {
                    Ok(0) => return (plain, true),
                    Ok(bytes) => plain.extend_from_slice(&chunk[..bytes]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        (plain, false)
    }

    /// Agrees on keys, both ways in pieces of so many bytes.
    fn shake_hands(&mut self, piece: usize) {
        while self.client.is_handshaking() || self.tls.is_handshaking() || self.tls.has_backlog() {
            self.client_speaks(piece);
            self.double.allow(piece);
            let _ = self.tls.flush().unwrap();
            self.server_reads().unwrap();
            self.client_reads();
        }
    }
}

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn a_handshake_comes_through_in_pieces_of_any_size() {
    for version in VERSIONS {
        for piece in [1, 2, 7, 100, 5000] {
            let double = Double::default();
            let mut pair = Pair::new(&double, version);
            pair.shake_hands(piece);
            pair.client.writer().write_all(b"hello").unwrap();
            pair.client_speaks(piece);
            assert_eq!(pair.server_reads().unwrap(), (b"hello".to_vec(), false));
        }
    }
}

#[test]
fn nothing_is_sent_before_keys_are_agreed_on() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    double.allow(usize::MAX);
    let error = pair.tls.send(&[IoSlice::new(b"secret")], &mut pair.scratch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(double.sent(), b"");
}

#[test]
fn a_socket_that_takes_nothing_is_left_with_one_record() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    pair.shake_hands(5000);
    let text = vec![7; 10 * RECORD_BYTES];
    double.allow(1);
    assert_eq!(pair.tls.send(&[IoSlice::new(&text)], &mut pair.scratch).unwrap(), RECORD_BYTES);
    for _ in 0..3 {
        let error = pair.tls.send(&[IoSlice::new(&text)], &mut pair.scratch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    double.allow(usize::MAX);
    assert!(pair.tls.flush().unwrap());
    let (plain, _) = pair.client_reads();
    assert_eq!(plain, &text[..RECORD_BYTES]);
}

#[test]
fn the_end_comes_after_what_waits() {
    for version in VERSIONS {
        let double = Double::default();
        let mut pair = Pair::new(&double, version);
        pair.shake_hands(5000);
        double.allow(10);
        assert_eq!(pair.tls.send(&[IoSlice::new(b"the last words")], &mut pair.scratch).unwrap(), 14);
        pair.tls.end_writing(&mut pair.scratch);
        assert!(!double.has_ended());
        while pair.tls.has_backlog() {
            double.allow(3);
            pair.tls.flush().unwrap();
        }
        assert!(double.has_ended());
        assert_eq!(pair.client_reads(), (b"the last words".to_vec(), true));
        pair.tls.end_writing(&mut pair.scratch);
        assert_eq!(double.sent(), b"", "it is said once");
    }
}

/// rustls takes it for a mistake of ours to be asked what a record means after that.
#[test]
fn after_the_end_nothing_is_looked_at() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    pair.shake_hands(5000);
    double.allow(usize::MAX);
    pair.tls.end_writing(&mut pair.scratch);
    double.feed(&[9; 100], 100);
    assert_eq!(pair.server_reads().unwrap(), (vec![9; 100], false));
}

#[test]
fn a_client_that_says_it_is_done_is() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    pair.shake_hands(5000);
    pair.client.writer().write_all(b"bye").unwrap();
    pair.client.send_close_notify();
    pair.client_speaks(5000);
    double.feed(b"what comes after the end", 5);
    let (told, has_ended) = pair.server_reads().unwrap();
    assert_eq!((&told[..], has_ended), (&b"bye"[..], true));
    // It may still be told something.
    double.allow(usize::MAX);
    assert_eq!(pair.tls.send(&[IoSlice::new(b"bye")], &mut pair.scratch).unwrap(), 3);
    assert_eq!(pair.client_reads().0, b"bye");
}

#[test]
fn what_is_no_tls_is_refused_and_said_to_be() {
    let double = Double::default();
    double.allow(usize::MAX);
    let mut pair = Pair::new(&double, VERSIONS[1]);
    double.feed(&[0x99, 3, 3, 0, 5, 9, 9, 9, 9, 9], 3);
    assert_eq!(pair.server_reads().unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(pair.tls.close_reason(false), Some("tls-handshake"));
    assert_eq!(double.sent()[0], 21, "an alert (RFC 8446 section 6)");
    assert_eq!(pair.server_reads().unwrap_err().kind(), ErrorKind::BrokenPipe);

    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    pair.shake_hands(5000);
    double.feed(&[23, 3, 3, 0, 30, 9, 9], 100);
    double.feed(&[9; 28], 100);
    assert_eq!(pair.server_reads().unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(pair.tls.close_reason(false), Some("tls-error"));
}

/// rustls remembers where in the input the first half of a message lies: it has to be given that input again, also
/// when something is sent meanwhile.
#[test]
fn half_a_message_of_the_protocol_stands_no_send_in_the_way() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[0]);
    pair.shake_hands(5000);
    // A handshake message of TLS 1.2 in two records: a client that wants to agree on keys anew, cut in the middle.
    pair.client.writer().write_all(b"x").unwrap();
    pair.client_speaks(5000);
    pair.server_reads().unwrap();
    double.allow(usize::MAX);
    for piece in [1, 3] {
        pair.client.writer().write_all(b"yz").unwrap();
        let mut bytes = Vec::new();
        pair.client.write_tls(&mut bytes).unwrap();
        double.feed(&bytes[..bytes.len() - piece], 5000);
        assert_eq!(pair.server_reads().unwrap(), (Vec::new(), false));
        assert_eq!(pair.tls.send(&[IoSlice::new(b"news")], &mut pair.scratch).unwrap(), 4);
        double.feed(&bytes[bytes.len() - piece..], 5000);
        assert_eq!(pair.server_reads().unwrap(), (b"yz".to_vec(), false));
    }
    assert_eq!(pair.client_reads().0, b"newsnews");
}

#[test]
fn a_message_without_an_end_is_given_up() {
    let double = Double::default();
    double.allow(usize::MAX);
    let mut pair = Pair::new(&double, VERSIONS[1]);
    // A hello of 60 000 bytes, in records of 1 000.
    let mut first = vec![22, 3, 1, 3, 232, 1, 0, 234, 96];
    first.resize(1005, 0);
    double.feed(&first, 5000);
    let mut more = vec![22, 3, 1, 3, 232];
    more.resize(1005, 0);
    let mut reads = 0;
    let error = loop {
        reads += 1;
        assert!(reads * 1005 <= 2 * TLS_REST_BYTES, "it waits for ever");
        match pair.server_reads() {
            Ok(_) => double.feed(&more, 5000),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the socket takes at a time, the client gets what was taken, in order, and all of it; never does more
    /// than a record wait.
    #[test]
    fn a_client_gets_what_was_taken(
        sizes in prop::collection::vec(prop_oneof![1_usize..300, 10_000_usize..50_000], 1..12),
        allowances in prop::collection::vec(prop_oneof![0_usize..40, 1_000_usize..40_000], 1..40),
        is_old in any::<bool>(),
    ) {
        let double = Double::default();
        let mut pair = Pair::new(&double, VERSIONS[usize::from(!is_old)]);
        pair.shake_hands(5000);
        let text: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|n| (n % 251) as u8).collect();
        let (mut taken, mut told) = (0, Vec::new());
        let mut turns = allowances.iter().copied().chain(std::iter::repeat(30_000));
        while taken < text.len() || pair.tls.has_backlog() {
            double.allow(turns.next().unwrap());
            // What is not taken yet, cut as the slices were.
            let mut slices = Vec::new();
            let mut at = 0;
            for size in &sizes {
                let slice = &text[at.max(taken).min(at + size)..at + size];
                at += size;
                if !slice.is_empty() {
                    slices.push(IoSlice::new(slice));
                }
            }
            if slices.is_empty() {
                pair.tls.flush().unwrap();
            } else {
                match pair.tls.send(&slices, &mut pair.scratch) {
                    Ok(bytes) => taken += bytes,
                    Err(error) => prop_assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            prop_assert!(pair.tls.backlog_bytes() <= RECORD_BYTES + OVERHEAD_BYTES);
            told.extend(pair.client_reads().0);
        }
        prop_assert!(told == text, "{} of {} bytes", told.len(), text.len());
    }

    /// What a client says arrives whole, however it is cut.
    #[test]
    fn the_server_gets_what_was_said(
        bytes in prop::collection::vec(any::<u8>(), 0..60_000),
        piece in prop_oneof![1_usize..10, 1_000_usize..16_384],
    ) {
        let double = Double::default();
        let mut pair = Pair::new(&double, VERSIONS[1]);
        pair.shake_hands(5000);
        let mut told = Vec::new();
        for chunk in bytes.chunks(20_000) {
            pair.client.writer().write_all(chunk).unwrap();
            pair.client_speaks(piece);
            told.extend(pair.server_reads().unwrap().0);
        }
        prop_assert!(told == bytes);
    }
}

#[test]
fn a_full_read_may_not_be_all() {
    let double = Double::default();
    let mut pair = Pair::new(&double, VERSIONS[1]);
    pair.shake_hands(5000);
    pair.client.writer().write_all(&[1; 20_000]).unwrap();
    pair.client_speaks(16 * KIB);
    let received = pair.tls.receive(&mut pair.buffer, &mut pair.scratch).unwrap();
    assert!(matches!(received, Received::Nothing(More::Maybe)), "{received:?}: no whole record yet");
    let received = pair.tls.receive(&mut pair.buffer, &mut pair.scratch).unwrap();
    assert_eq!(received, Received::Bytes(20_000, More::No));
}
