//! Against the real Redis, and against servers that it would take an old or a broken one to be.

mod failures;
mod options;
mod peers;
mod sentinels;
mod tls;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use redis::{ProtocolVersion, PushKind, Value, cmd};

use super::super::fixture::{Authority, Directory, PATIENCE, Server, free_port};
use super::*;
use crate::redis::Secret;

fn options(url: &str) -> Options {
    Options { url: Target::parse(url).unwrap(), connect_timeout: PATIENCE, ..Options::default() }
}

fn connect(options: &Options) -> Result<Link, LinkError> {
    Connector::new(options).unwrap().connect("test-name")
}

fn ask(link: &mut Link, words: &[&str]) -> Value {
    let mut command = redis::Cmd::new();
    command.arg(words);
    link.request(&command, PATIENCE).unwrap()
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

/// Who the server says we are.
fn user(link: &mut Link) -> Value {
    ask(link, &["ACL", "WHOAMI"])
}

/// The only error of an attempt at a single address.
#[track_caller]
fn only(error: LinkError) -> LinkError {
    match error {
        LinkError::NoMaster(mut attempts) | LinkError::NoSentinel(mut attempts) if attempts.len() == 1 => {
            attempts.remove(0).1
        }
        error => panic!("{error}"),
    }
}

#[track_caller]
fn only_error(options: &Options) -> LinkError {
    only(connect(options).unwrap_err())
}

fn with_tls(server: &Server, authority: &Authority) -> Options {
    let url = format!("rediss://{}", server.address());
    Options { ca_file: Some(authority.ca_file()), ..options(&url) }
}

/// Connects to a server that is stopped; returns how that ended, and checks that it was in time.
#[track_caller]
fn connect_in_time(options: &Options) -> LinkError {
    let options = Options { connect_timeout: Duration::from_millis(300), ..options.clone() };
    let connector = Connector::new(&options).unwrap();
    let start = Instant::now();
    let error = only(connector.connect("t").unwrap_err());
    let took = start.elapsed();
    assert!((300..1500).contains(&took.as_millis()), "{took:?}");
    assert!(matches!(error, LinkError::TimedOut(_)), "{error}");
    error
}

/// A server for one connection, and what its thread returns.
fn fake<T: Send + 'static>(
    serve: impl FnOnce(u16, TcpStream) -> T + Send + 'static,
) -> (String, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address.to_string(), thread::spawn(move || serve(address.port(), listener.accept().unwrap().0)))
}

#[test]
fn a_link_speaks_resp3_and_has_a_name() {
    let server = Server::start(&[]);
    let mut link = connect(&options(&server.url())).unwrap();
    assert_eq!(link.protocol(), ProtocolVersion::RESP3);
    assert_eq!(link.peer(), server.address());
    assert!(link.role_is_known());
    assert_eq!(ask(&mut link, &["CLIENT", "GETNAME"]), bulk("test-name"));
    assert!(matches!(ask(&mut link, &["CONFIG", "GET", "port"]), Value::Map(_)));
    let port = server.port();
    assert_eq!(format!("{link:?}"), format!("Link(127.0.0.1:{port}, RESP3)"));
}

#[test]
fn a_link_speaks_resp2_when_told_to() {
    let server = Server::start(&[]);
    let resp2 = Options { protocol: Protocol::Resp2, ..options(&server.url()) };
    let mut link = connect(&resp2).unwrap();
    assert_eq!(link.protocol(), ProtocolVersion::RESP2);
    assert!(link.role_is_known());
    assert_eq!(ask(&mut link, &["CLIENT", "GETNAME"]), bulk("test-name"));
    assert!(matches!(ask(&mut link, &["CONFIG", "GET", "port"]), Value::Array(_)));
}

#[test]
fn a_name_that_redis_would_refuse_is_made_one_that_it_takes() {
    let server = Server::start(&[]);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let connector = Connector::new(&Options { protocol, ..options(&server.url()) }).unwrap();
        let mut link = connector.connect("a b\r\nä").unwrap();
        assert_eq!(ask(&mut link, &["CLIENT", "GETNAME"]), bulk("a_b___"));
    }
}

#[test]
fn messages_come_with_their_confirmation_first() {
    let server = Server::start(&[]);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let options = Options { protocol, ..options(&server.url()) };
        let mut publisher = connect(&options).unwrap();
        let mut link = connect(&options).unwrap();
        let expected = |kind: PushKind, data: Vec<Value>| match protocol {
            Protocol::Resp2 => Value::Array([vec![bulk(&kind.to_string())], data].concat()),
            _ => Value::Push { kind, data },
        };
        link.send(&cmd("SUBSCRIBE").arg("c").get_packed_command()).unwrap();
        let confirmation = link.receive(&mut || {}).unwrap();
        assert_eq!(confirmation, Some(expected(PushKind::Subscribe, vec![bulk("c"), Value::Int(1)])));
        assert_eq!(ask(&mut publisher, &["PUBLISH", "c", "hello"]), Value::Int(1));
        let message = link.receive(&mut || {}).unwrap();
        assert_eq!(message, Some(expected(PushKind::Message, vec![bulk("c"), bulk("hello")])));
        link.set_timeout(Duration::from_millis(1));
        assert_eq!(link.receive(&mut || {}).unwrap(), None);
    }
}

#[test]
fn a_password_is_needed_and_has_to_be_right() {
    let server = Server::start(&["requirepass secret"]);
    let address = server.address();
    for protocol in [Protocol::Auto, Protocol::Resp2, Protocol::Resp3] {
        let of = |url: &str| Options { protocol, ..options(url) };
        let mut link = connect(&of(&format!("redis://:secret@{address}"))).unwrap();
        assert_eq!(user(&mut link), bulk("default"));
        for url in [format!("redis://:wrong-one@{address}"), format!("redis://{address}")] {
            let error = only_error(&of(&url));
            assert!(matches!(&error, LinkError::Auth(_)), "{error}");
            assert!(!error.to_string().contains("wrong-one"), "{error}");
        }
    }
}

#[test]
fn a_password_that_nobody_needs_is_told_with_resp2() {
    let server = Server::start(&[]);
    let url = format!("redis://:secret@{}", server.address());
    assert!(connect(&options(&url)).is_ok());
    let error = only_error(&Options { protocol: Protocol::Resp2, ..options(&url) });
    assert!(matches!(&error, LinkError::Auth(_)) && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn an_acl_user_logs_in() {
    let server = Server::start(&["user app on >p@ss,=: ~* &* +@all", "user bare on nopass +@all"]);
    let address = server.address();
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let of = |url: &str| Options { protocol, ..options(url) };
        let mut link = connect(&of(&format!("redis://app:p%40ss%2C%3D%3A@{address}"))).unwrap();
        assert_eq!(user(&mut link), bulk("app"));
        let mut link = connect(&of(&format!("redis://bare@{address}"))).unwrap();
        assert_eq!(user(&mut link), bulk("bare"));
        let error = only_error(&of(&format!("{address},user=app,password=p@ss")));
        assert!(matches!(&error, LinkError::Auth(_)), "{error}");
    }
}

#[test]
fn the_password_file_is_read_at_each_connect() {
    let server = Server::start(&["requirepass second"]);
    let directory = Directory::new();
    let file = directory.write("password", "first\n");
    // It wins over the password of the URL.
    let url = format!("redis://:third@{}", server.address());
    let options = Options { password_file: Some(file.clone()), ..options(&url) };
    let connector = Connector::new(&options).unwrap();
    assert!(matches!(only(connector.connect("t").unwrap_err()), LinkError::Auth(_)));
    directory.write("password", "second\r\n\n");
    assert!(connector.connect("t").is_ok());
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(connector.connect("t"), Err(LinkError::PasswordFile(_))));
    let error = Connector::new(&options).unwrap_err().to_string();
    assert!(
        error.starts_with("redis.password_file: ") && error.contains("/password: No such file"),
        "{error}"
    );
    directory.write("password", "\n");
    assert!(Connector::new(&options).unwrap_err().to_string().contains("empty"));
    directory.write("password", "x".repeat(PASSWORD_FILE_BYTES + 1));
    assert!(Connector::new(&options).unwrap_err().to_string().contains("too large"));
    // A password need not be text.
    directory.write("password", b"\xff\x00\n");
    assert!(matches!(only(connector.connect("t").unwrap_err()), LinkError::Auth(_)));
}

#[test]
fn a_socket_file_will_do() {
    let server = Server::start(&["requirepass secret"]);
    let path = server.socket_file();
    let mut link = connect(&options(&format!("unix://{}?pass=secret", path.display()))).unwrap();
    assert_eq!(link.peer(), path.display().to_string());
    assert_eq!(user(&mut link), bulk("default"));
}
