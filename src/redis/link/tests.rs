//! A server that says exactly what a test wants, byte by byte.

use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::thread;

use redis::{PushKind, cmd};

use super::super::fixture::{Authority, PATIENCE, Server};
use super::super::options::Options;
use super::super::socket::Socket;
use super::super::tls::client_config;
use super::*;

const TICK: Duration = Duration::from_millis(1);

/// A link that said nothing yet, and the server's end of it.
fn pair() -> (Link, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::parse(&listener.local_addr().unwrap().to_string(), 0).unwrap();
    let socket = Socket::connect(&address, Instant::now() + PATIENCE).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    let mut link = Link::new(Stream::Plain(socket), address);
    link.set_timeout(PATIENCE);
    (link, server)
}

/// The link's socket.
fn system(link: &Link) -> &socket2::Socket {
    match &link.stream {
        Stream::Plain(socket) => socket.system(),
        Stream::Tls(stream) => stream.sock.system(),
    }
}

/// Waits until the other end has refused what was sent, so that writing fails from now on.
fn await_reset(link: &Link) {
    let deadline = Instant::now() + PATIENCE;
    while system(link).take_error().unwrap().is_none() {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
}

fn receive(link: &mut Link) -> Result<Option<Value>, LinkError> {
    link.receive(&mut || {})
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn message(payload: &str) -> Value {
    Value::Push { kind: PushKind::Message, data: vec![bulk("c"), bulk(payload)] }
}

const MESSAGE: &[u8] = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n";

#[test]
fn a_link_may_move_to_its_thread_and_a_connector_be_shared() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync + Clone>() {}
    is_send::<Link>();
    is_shared::<super::super::Connector>();
}

#[test]
fn values_that_are_split_over_timeouts_at_every_byte_come_whole() {
    let (mut link, mut server) = pair();
    link.set_timeout(TICK);
    let long = "x".repeat(30);
    let resp2 = format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$30\r\n{long}\r\n");
    for (bytes, value) in [
        (MESSAGE, message("hello")),
        (resp2.as_bytes(), Value::Array(vec![bulk("message"), bulk("c"), bulk(&long)])),
        (b"+PONG\r\n", Value::SimpleString("PONG".to_owned())),
        (b"$0\r\n\r\n", bulk("")),
        (b"*-1\r\n", Value::Nil),
        (b"%1\r\n+a\r\n:-5\r\n", Value::Map(vec![(Value::SimpleString("a".to_owned()), Value::Int(-5))])),
        (b"|1\r\n+a\r\n:1\r\n:7\r\n", Value::Int(7)),
    ] {
        let (last, first) = bytes.split_last().unwrap();
        for byte in first {
            server.write_all(&[*byte]).unwrap();
            // Whether or not the byte is there yet: nothing is complete.
            assert_eq!(receive(&mut link).unwrap(), None);
        }
        server.write_all(&[*last]).unwrap();
        let received = loop {
            if let Some(received) = receive(&mut link).unwrap() {
                break received;
            }
        };
        assert_eq!(received, value);
    }
}

#[test]
fn the_caller_is_told_before_the_link_waits_and_only_then() {
    let (mut link, mut server) = pair();
    server.write_all(&[MESSAGE, MESSAGE, b"+P"].concat()).unwrap();
    // All of it has come.
    while system(&link).peek(&mut [MaybeUninit::uninit(); 1024]).unwrap() < 2 * MESSAGE.len() + 2 {
        thread::yield_now();
    }
    let mut told = 0;
    assert_eq!(link.receive(&mut || told += 1).unwrap(), Some(message("hello")));
    assert_eq!(told, 1);
    assert_eq!(link.receive(&mut || told += 1).unwrap(), Some(message("hello")));
    assert_eq!(told, 1);
    link.set_timeout(TICK);
    assert_eq!(link.receive(&mut || told += 1).unwrap(), None);
    assert_eq!(told, 2);
    link.set_timeout(PATIENCE);
    server.write_all(b"ONG\r\n").unwrap();
    assert_eq!(link.receive(&mut || told += 1).unwrap(), Some(Value::SimpleString("PONG".to_owned())));
    assert_eq!(told, 3);
}

#[test]
fn a_time_of_zero_is_a_short_one() {
    let (mut link, _server) = pair();
    link.set_timeout(Duration::ZERO);
    assert_eq!(receive(&mut link).unwrap(), None);
    link.set_timeout(Duration::MAX);
    assert!(link.send(b"x").is_ok());
}

#[test]
fn an_end_is_no_timeout_and_ends_the_link() {
    let (mut link, server) = pair();
    drop(server);
    assert!(matches!(receive(&mut link), Err(LinkError::Closed)));
    assert!(matches!(link.send(b"x"), Err(LinkError::Closed)));
    assert!(matches!(link.request(&cmd("PING"), PATIENCE), Err(LinkError::Closed)));
}

#[test]
fn an_end_within_a_value_is_an_end() {
    let (mut link, mut server) = pair();
    server.write_all(&MESSAGE[..MESSAGE.len() - 1]).unwrap();
    drop(server);
    assert!(matches!(receive(&mut link), Err(LinkError::Closed)));
}

#[test]
fn a_reset_breaks_the_link() {
    let (mut link, server) = pair();
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    let error = receive(&mut link).unwrap_err();
    assert!(matches!(&error, LinkError::Broken(_)), "{error}");
}

#[test]
fn what_is_no_resp_is_refused_and_not_quoted() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"$x\r\n",
        b":secret\r\n",
        b"\0\0",
        b"#x\r\n",
        b"=1\r\nx\r\n",
    ] {
        let (mut link, mut server) = pair();
        server.write_all(bytes).unwrap();
        let error = receive(&mut link).unwrap_err();
        assert!(matches!(&error, LinkError::Protocol("what the server sends is no RESP")), "{error}");
        assert!(matches!(receive(&mut link), Err(LinkError::Closed)));
    }
}

#[test]
fn lengths_that_are_lies_cost_nothing() {
    for bytes in [&b"*9999999999999\r\n"[..], b"$9223372036854775807\r\n", b">9999999999\r\n", b"!-1\r\n"] {
        let (mut link, mut server) = pair();
        server.write_all(bytes).unwrap();
        link.set_timeout(TICK);
        assert_eq!(receive(&mut link).unwrap(), None);
        drop(server);
        link.set_timeout(PATIENCE);
        assert!(matches!(receive(&mut link), Err(LinkError::Closed)));
    }
}

#[test]
fn a_message_without_an_end_is_cut_off() {
    let (mut link, mut server) = pair();
    let flood = thread::spawn(move || {
        let zeros = vec![b'0'; MIB];
        server.write_all(b"$999999999\r\n").unwrap();
        while server.write_all(&zeros).is_ok() {}
    });
    let error = receive(&mut link).unwrap_err();
    assert!(matches!(&error, LinkError::Protocol("a message is larger than 64 MiB")), "{error}");
    drop(link);
    flood.join().unwrap();
}

#[test]
fn many_large_messages_are_not_one() {
    let (mut link, mut server) = pair();
    let payload = "x".repeat(MIB);
    let count = MESSAGE_BYTES / MIB + 2;
    let bytes = format!("${MIB}\r\n{payload}\r\n");
    let flood = thread::spawn(move || (0..count).for_each(|_| server.write_all(bytes.as_bytes()).unwrap()));
    for _ in 0..count {
        assert_eq!(receive(&mut link).unwrap(), Some(bulk(&payload)));
    }
    flood.join().unwrap();
}

#[test]
fn a_request_gets_its_reply_and_no_message() {
    let (mut link, mut server) = pair();
    server.write_all(&[MESSAGE, MESSAGE, b"|1\r\n+a\r\n+b\r\n:3\r\n", MESSAGE].concat()).unwrap();
    assert_eq!(link.request(cmd("PUBLISH").arg("c").arg("p"), PATIENCE).unwrap(), Value::Int(3));
    assert_eq!(receive(&mut link).unwrap(), Some(message("hello")));
    let mut sent = [0; 64];
    let count = server.read(&mut sent).unwrap();
    assert_eq!(&sent[..count], b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$1\r\np\r\n");
}

#[test]
fn a_link_goes_on_after_an_error_of_the_server() {
    let (mut link, mut server) = pair();
    server.write_all(b"-NOPERM no\r\n!5\r\nOOM x\r\n+OK\r\n-NOAUTH x\r\n").unwrap();
    assert_eq!(link.request(&cmd("A"), PATIENCE).unwrap_err().code(), Some("NOPERM"));
    assert_eq!(link.request(&cmd("A"), PATIENCE).unwrap_err().code(), Some("OOM"));
    assert_eq!(link.request(&cmd("A"), PATIENCE).unwrap(), Value::Okay);
    assert!(matches!(link.request(&cmd("A"), PATIENCE), Err(LinkError::Auth(_))));
    assert!(matches!(link.request(&cmd("A"), PATIENCE), Err(LinkError::Closed)));
}

#[test]
fn a_request_has_one_deadline_and_a_late_reply_answers_nobody() {
    let (mut link, mut server) = pair();
    let dribble = thread::spawn(move || {
        // Push messages are replies to nobody: they do not prolong it either.
        let bytes = [MESSAGE; 1000].concat();
        for byte in bytes {
            if server.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    let start = Instant::now();
    let error = link.request(&cmd("PING"), Duration::from_millis(150)).unwrap_err();
    let took = start.elapsed();
    assert!(matches!(&error, LinkError::TimedOut("reply")), "{error}");
    assert!((150..2000).contains(&took.as_millis()), "{took:?}");
    assert!(matches!(link.request(&cmd("PING"), PATIENCE), Err(LinkError::Closed)));
    drop(link);
    dribble.join().unwrap();
}

#[test]
fn a_server_that_takes_nothing_ends_a_send_in_time() {
    let (mut link, _server) = pair();
    link.set_timeout(Duration::from_millis(100));
    let start = Instant::now();
    let error = link.send(&vec![0; 64 * MIB]).unwrap_err();
    let took = start.elapsed();
    assert!(matches!(&error, LinkError::TimedOut("write")), "{error}");
    assert!((100..2000).contains(&took.as_millis()), "{took:?}");
    // Half a command is out.
    assert!(matches!(link.send(b"x"), Err(LinkError::Closed)));
}

#[test]
fn a_server_that_turns_us_away_says_why() {
    // Before and after its end has reached us, which is when writing fails.
    for wait_for_end in [false, true] {
        let (mut link, mut server) = pair();
        server.write_all(b"-ERR max number of clients reached\r\n").unwrap();
        drop(server);
        if wait_for_end {
            // Nobody takes it any more: the answer is a reset.
            link.send(b"x").unwrap();
            await_reset(&link);
        }
        let error = link.request(&cmd("PING"), PATIENCE).unwrap_err();
        assert_eq!(error.to_string(), "refused: ERR max number of clients reached");
    }
}

#[test]
fn a_server_that_does_not_like_our_certificate_says_so_even_when_writing_fails() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients yes"]);
    let config =
        client_config(&Options { ca_file: Some(authority.ca_file()), ..Options::default() }).unwrap();
    let address = Address::parse(&server.address(), 0).unwrap();
    let socket = Socket::connect(&address, Instant::now() + PATIENCE).unwrap();
    // For us the handshake is over before the server has seen that there is no certificate.
    let stream = Stream::secure(socket, config, "localhost".try_into().unwrap()).unwrap();
    let mut link = Link::new(stream, address);
    link.set_timeout(PATIENCE);
    link.send(b"PING\r\n").unwrap();
    await_reset(&link);
    let error = link.send(b"PING\r\n").unwrap_err();
    assert!(matches!(&error, LinkError::Tls(_)), "{error}");
}
