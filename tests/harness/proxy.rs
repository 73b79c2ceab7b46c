//! The proxy that breaks connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::common::proxy::{Direction, FaultProxy};
use super::common::redis::Redis;
use super::common::{DEADLINE, wait_until};
use super::{Raw, SILENCE};

/// Both ends of a connection through a proxy.
struct Through {
    proxy: FaultProxy,
    client: TcpStream,
    server: TcpStream,
}

impl Through {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = FaultProxy::start(listener.local_addr().expect("an address"));
        let client = TcpStream::connect(proxy.addr()).expect("the proxy listens");
        let (server, _) = listener.accept().expect("the proxy connects");
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
            socket.set_write_timeout(Some(DEADLINE)).expect("SO_SNDTIMEO");
            socket.set_nodelay(true).expect("TCP_NODELAY");
        }
        Self { proxy, client, server }
    }
}

/// Sends, and waits until it arrives; in how many reads.
fn carry(mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) -> usize {
    from.write_all(bytes).expect("it is taken");
    let (mut got, mut reads, mut buffer) = (Vec::new(), 0, [0; 4096]);
    while got.len() < bytes.len() {
        let read = to.read(&mut buffer).expect("something comes");
        assert_ne!(read, 0, "ended after {} of {} bytes", got.len(), bytes.len());
        got.extend_from_slice(&buffer[..read]);
        reads += 1;
    }
    assert!(got == bytes, "{got:?}");
    reads
}

fn assert_silent(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(SILENCE)).expect("SO_RCVTIMEO");
    let error = socket.read(&mut [0]).expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
}

fn end_of(mut socket: &TcpStream) -> (usize, Option<ErrorKind>) {
    let mut rest = Vec::new();
    let error = socket.read_to_end(&mut rest).err().map(|error| error.kind());
    (rest.len(), error)
}

#[test]
fn the_proxy_forwards_both_ways_and_passes_on_how_a_connection_ends() {
    let through = Through::open();
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    std::thread::scope(|threads| {
        threads.spawn(|| carry(&through.client, &through.server, &bytes));
        let (mut receiving, mut got) = (&through.client, vec![0; bytes.len()]);
        threads.spawn(|| (&through.server).write_all(&bytes).expect("it is taken"));
        receiving.read_exact(&mut got).expect("all of it");
        assert!(got == bytes);
    });
    assert_eq!(through.proxy.connections(), 1);
    through.client.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(end_of(&through.server), (0, None), "half of it has ended");
    carry(&through.server, &through.client, b"the other half goes on");
    drop(through.server);
    assert_eq!(end_of(&through.client), (0, None));
    wait_until("the connection is over", DEADLINE, || through.proxy.connections() == 0);
}

#[test]
fn latency_delays_everything_and_slows_nothing() {
    let through = Through::open();
    let latency = Duration::from_millis(100);
    through.proxy.set_latency(latency);
    let start = Instant::now();
    carry(&through.client, &through.server, b"ping");
    carry(&through.server, &through.client, b"pong");
    assert!(start.elapsed() >= 2 * latency, "{:?}", start.elapsed());
    let start = Instant::now();
    std::thread::scope(|threads| {
        threads.spawn(|| (&through.server).read_exact(&mut [0; 40]).expect("all of them"));
        // Forty messages, one every 5 ms, are on their way together: one after the other would take 4 s.
        for n in 0..40 {
            (&through.client).write_all(&[n]).expect("it is taken");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!((latency..20 * latency).contains(&start.elapsed()), "{:?}", start.elapsed());
    through.proxy.set_latency(Duration::ZERO);
    carry(&through.client, &through.server, b"order stays");
}

#[test]
fn slices_arrive_one_by_one() {
    let through = Through::open();
    let bytes = [b'x'; 600];
    let whole = carry(&through.client, &through.server, &bytes);
    through.proxy.slice(3);
    let sliced = carry(&through.client, &through.server, &bytes);
    assert!(whole <= 2, "{whole} reads without slicing");
    // Of 200; a busy machine lets some of them arrive together.
    assert!(sliced >= 20, "{sliced} reads");
    carry(&through.server, &through.client, &bytes);
}

#[test]
fn a_frozen_direction_carries_nothing_until_it_thaws() {
    let through = Through::open();
    through.proxy.freeze(Direction::ToServer);
    (&through.client).write_all(b"later").expect("the kernel takes it");
    carry(&through.server, &through.client, b"the other way goes on");
    assert_silent(&through.server);
    through.proxy.freeze(Direction::Both);
    (&through.server).write_all(b"later too").expect("the kernel takes it");
    through.server.shutdown(Shutdown::Write).expect("it is open");
    assert_silent(&through.client);
    assert_silent(&through.server);
    let late = TcpStream::connect(through.proxy.addr());
    assert!(late.is_ok(), "a black hole takes connections");
    through.proxy.thaw();
    let mut got = [0; 5];
    (&through.server).read_exact(&mut got).expect("it comes now");
    assert_eq!(&got, b"later");
    assert_eq!(end_of(&through.client), (9, None), "bytes and end come now");
}

#[test]
fn a_frozen_direction_does_not_even_pass_on_the_end() {
    let through = Through::open();
    // The proxy is already reading when it freezes.
    carry(&through.server, &through.client, b"hello");
    through.proxy.freeze(Direction::ToClient);
    through.server.shutdown(Shutdown::Write).expect("it is open");
    assert_silent(&through.client);
    carry(&through.client, &through.server, b"the other way goes on");
    through.proxy.thaw();
    assert_eq!(end_of(&through.client), (0, None));
}

#[test]
fn a_cut_lets_exactly_so_many_bytes_through() {
    let through = Through::open();
    carry(&through.server, &through.client, &[0; 100]);
    through.proxy.cut_after(1000);
    carry(&through.client, &through.server, &[0; 2000]);
    carry(&through.server, &through.client, &[0; 300]);
    (&through.server).write_all(&[0; 5000]).expect("it is taken");
    assert_eq!(end_of(&through.client), (700, None), "then a clean end");
    let (_, error) = end_of(&through.server);
    assert!(matches!(error, None | Some(ErrorKind::ConnectionReset)), "{error:?}");
    wait_until("the connection is over", DEADLINE, || through.proxy.connections() == 0);
}

#[test]
fn a_reset_is_a_reset_on_both_sides() {
    let through = Through::open();
    carry(&through.client, &through.server, b"hello");
    through.proxy.reset();
    assert_eq!(through.proxy.connections(), 0);
    for socket in [&through.client, &through.server] {
        assert_eq!(end_of(socket), (0, Some(ErrorKind::ConnectionReset)));
    }
}

#[test]
fn a_proxy_that_refuses_closes_new_connections_only() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let mut old = Raw::open(proxy.addr());
    assert_eq!(old.ask("PING"), "+PONG");
    proxy.refuse(true);
    assert_eq!(Raw::open(proxy.addr()).line(), "", "it ends without a word");
    assert_eq!(old.ask("PING"), "+PONG");
    proxy.refuse(false);
    assert_eq!(Raw::open(proxy.addr()).ask("PING"), "+PONG");
}

#[test]
fn a_proxy_without_its_target_closes_connections() {
    let mut redis = Redis::start();
    let proxy = FaultProxy::start(redis.address());
    let mut old = Raw::open(proxy.addr());
    assert_eq!(old.ask("PING"), "+PONG");
    redis.kill();
    assert_eq!(old.line(), "", "the end is passed on");
    assert_eq!(Raw::open(proxy.addr()).line(), "");
    redis.restart();
    assert_eq!(Raw::open(proxy.addr()).ask("PING"), "+PONG");
}

#[test]
fn a_dropped_proxy_takes_its_connections_and_threads_with_it() {
    let through = Through::open();
    through.proxy.freeze(Direction::Both);
    drop(through.proxy);
    assert_eq!(end_of(&through.client), (0, None));
    assert_eq!(end_of(&through.server), (0, None));
}
