//! Against the real Redis, and against servers that it would take an old or a broken one to be.

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

#[test]
fn nobody_listens() {
    let error = only_error(&options(&format!("redis://127.0.0.1:{}", free_port())));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
    let error = only_error(&options("unix:///does/not/exist"));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
    let error = only_error(&options("redis://no-such-name.invalid"));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
}

#[test]
fn too_many_clients() {
    let server = Server::start(&["maxclients 1"]);
    let options = options(&server.url());
    let deadline = Instant::now() + PATIENCE;
    let first = loop {
        match connect(&options) {
            Ok(link) => break link,
            // The fixture's own look at the server is still counted.
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    for _ in 0..20 {
        let error = only_error(&options);
        assert_eq!(error.to_string(), "refused: ERR max number of clients reached");
    }
    drop(first);
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

#[test]
fn a_server_that_is_stopped_costs_one_timeout() {
    let server = Server::start(&[]);
    let over_tcp = options(&server.url());
    let mut link = connect(&over_tcp).unwrap();
    server.pause();
    assert!(matches!(connect_in_time(&over_tcp), LinkError::TimedOut("reply")));
    connect_in_time(&Options { protocol: Protocol::Resp2, ..over_tcp });
    connect_in_time(&options(&format!("unix://{}", server.socket_file().display())));
    // Dropping waits for nobody.
    let start = Instant::now();
    link.set_timeout(Duration::from_millis(50));
    assert_eq!(link.receive(&mut || {}).unwrap(), None);
    drop(link);
    assert!(start.elapsed() < Duration::from_secs(2));
    server.go_on();
    assert!(connect(&options(&server.url())).is_ok());
}

#[test]
fn a_server_that_is_stopped_costs_one_timeout_with_tls_too() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let options = with_tls(&server, &authority);
    assert!(connect(&options).is_ok());
    server.pause();
    assert!(matches!(connect_in_time(&options), LinkError::TimedOut("TLS handshake")));
}

#[test]
fn replies_that_trickle_in_cost_one_timeout() {
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let (address, thread) = fake(|_, mut stream| {
            // A byte of a reply that never ends, again and again.
            while stream.write_all(b"+").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let error = connect_in_time(&Options { protocol, ..options(&format!("redis://:p@{address}")) });
        assert!(matches!(error, LinkError::TimedOut("reply")));
        thread.join().unwrap();
    }
}

#[test]
fn a_replica_is_not_the_master() {
    let master = Server::start(&[]);
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", master.port())]);
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let error = only_error(&Options { protocol, ..options(&replica.url()) });
        assert_eq!(error.to_string(), "not a master but a slave");
    }
    // The first of several that is one.
    let dead = format!("127.0.0.1:{}", free_port());
    let (master, replica) = (master.address(), replica.address());
    let link = connect(&options(&format!("{replica},{dead},{master}"))).unwrap();
    assert_eq!(link.peer(), master);
    let error = connect(&options(&format!("{replica},{dead}"))).unwrap_err().to_string();
    let expected = format!("no master; {replica}: not a master but a slave; {dead}: cannot connect: ");
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_server_that_keeps_its_role_to_itself_is_taken() {
    let server = Server::start(&["user app on >p ~* &* +@all -role"]);
    let (address, thread) = fake(|index, stream| {
        answer(stream, &["%0\r\n", "-ERR unknown command 'ROLE', with args beginning with: \r\n"]);
        index
    });
    for url in [format!("redis://app:p@{}", server.address()), format!("redis://{address}")] {
        let link = connect(&options(&url)).unwrap();
        assert!(!link.role_is_known());
    }
    thread.join().unwrap();
}

#[test]
fn a_server_without_resp3_gets_resp2() {
    const MASTER: &str = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    for unknown in [
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `secret`, \r\n",
        "-NOPROTO unsupported protocol version\r\n",
    ] {
        // The name is refused, and nobody minds.
        let replies = [unknown, "+OK\r\n", "-ERR unknown command `CLIENT`\r\n", MASTER];
        let (address, thread) = fake(move |_, stream| answer(stream, &replies));
        let options = options(&format!("redis://:secret@{address}"));
        let link = connect(&options).unwrap();
        assert_eq!(link.protocol(), ProtocolVersion::RESP2);
        drop(link);
        let commands = thread.join().unwrap();
        let begins: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            begins,
            [
                "HELLO 3 AUTH default secret SETNAME test-name",
                "AUTH secret",
                "CLIENT SETNAME test-name",
                "ROLE"
            ]
        );
        // Not when RESP3 was asked for, and then the password stays where it is.
        let (address, thread) = fake(move |_, stream| answer(stream, &[unknown]));
        let options = Options {
            url: Target::parse(&format!("redis://:secret@{address}")).unwrap(),
            protocol: Protocol::Resp3,
            ..options
        };
        let error = only_error(&options);
        assert!(matches!(&error, LinkError::Refused { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        thread.join().unwrap();
    }
}

#[test]
fn what_is_no_redis_is_told() {
    for reply in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let (address, thread) = fake(move |_, stream| answer(stream, &[reply]));
        let error = only_error(&options(&format!("redis://{address}")));
        assert!(matches!(&error, LinkError::Protocol(_)), "{error}");
        thread.join().unwrap();
    }
    for role in ["*0\r\n", "+master\r\n", ":1\r\n", "*1\r\n:1\r\n", "*1\r\n$4\r\na\x00\u{e9}\r\n"] {
        let (address, thread) = fake(move |_, stream| answer(stream, &["%0\r\n", role]));
        let error = only_error(&options(&format!("redis://{address}")));
        assert!(matches!(&error, LinkError::Protocol("the reply to ROLE is none")), "{error}");
        thread.join().unwrap();
    }
    let (address, thread) = fake(|_, stream| drop(stream));
    let error = only_error(&options(&format!("redis://{address}")));
    assert!(matches!(&error, LinkError::Closed | LinkError::Broken(_)), "{error}");
    thread.join().unwrap();
}

/// A server for one connection, and what its thread returns.
fn fake<T: Send + 'static>(
    serve: impl FnOnce(u16, TcpStream) -> T + Send + 'static,
) -> (String, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address.to_string(), thread::spawn(move || serve(address.port(), listener.accept().unwrap().0)))
}

/// Answers each command with the next reply; returns the commands, and waits for the client's end.
fn answer(mut stream: TcpStream, replies: &[&str]) -> Vec<Vec<String>> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&count| count > 0).map(|_| line.trim_end().to_owned())
    };
    let mut commands = Vec::new();
    for reply in replies {
        let count: usize = line().unwrap()[1..].parse().unwrap();
        commands.push((0..count).map(|_| (line(), line()).1.unwrap()).collect());
        stream.write_all(reply.as_bytes()).unwrap();
    }
    while line().is_some() {}
    commands
}

fn with_tls(server: &Server, authority: &Authority) -> Options {
    let url = format!("rediss://{}", server.address());
    Options { ca_file: Some(authority.ca_file()), ..options(&url) }
}

#[test]
fn tls_with_an_authority_of_our_own() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no", "requirepass secret"]);
    let password = Target::parse(&format!("rediss://:secret@{}", server.address())).unwrap();
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let options = Options { url: password.clone(), protocol, ..with_tls(&server, &authority) };
        let mut link = connect(&options).unwrap();
        assert_eq!(user(&mut link), bulk("default"));
        // A large message, in many records.
        let long = "x".repeat(1_000_000);
        assert_eq!(ask(&mut link, &["ECHO", &long]), bulk(&long));
        link.set_timeout(Duration::from_millis(1));
        assert_eq!(link.receive(&mut || {}).unwrap(), None);
        ask(&mut connect(&options).unwrap(), &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        link.set_timeout(PATIENCE);
        assert!(matches!(link.receive(&mut || {}), Err(LinkError::Closed)));
    }
}

#[test]
fn tls_with_an_authority_that_is_another() {
    let server = Server::start_tls(&Authority::new(), &["tls-auth-clients no"]);
    let error = only_error(&with_tls(&server, &Authority::new()));
    assert!(matches!(&error, LinkError::Tls(_)), "{error}");
}

#[test]
fn tls_with_a_name_that_the_certificate_is_not_for() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let of = |name: &str| {
        let url = format!("{},ssl=true,sslHost={name}", server.address());
        Options { ca_file: Some(authority.ca_file()), ..options(&url) }
    };
    assert!(connect(&of("localhost")).is_ok());
    let error = only_error(&of("example.com"));
    assert!(matches!(&error, LinkError::Tls(_)), "{error}");
    let error = Connector::new(&of("a b")).unwrap_err();
    assert_eq!(error.to_string(), "redis.url: sslHost is no host name");
}

#[test]
fn tls_with_a_client_certificate() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients yes"]);
    let without = with_tls(&server, &authority);
    for _ in 0..20 {
        let error = only_error(&without);
        assert!(matches!(&error, LinkError::Tls(_)), "{error}");
    }
    let of = |(certificate, key)| Options {
        cert_file: Some(certificate),
        key_file: Some(key),
        ..with_tls(&server, &authority)
    };
    assert!(connect(&of(authority.issue("client", &["client"]))).is_ok());
    let error = only_error(&of(Authority::new().issue("client", &["client"])));
    assert!(matches!(&error, LinkError::Tls(_) | LinkError::Connect(_)), "{error}");
}

#[test]
fn tls_to_a_server_that_speaks_none_and_the_other_way_round() {
    let authority = Authority::new();
    let plain = Server::start(&[]);
    // Redis waits for the end of a line, or finds one in what TLS says first.
    let options_with_tls =
        Options { connect_timeout: Duration::from_millis(300), ..with_tls(&plain, &authority) };
    let error = only_error(&options_with_tls);
    assert!(matches!(&error, LinkError::Tls(_) | LinkError::TimedOut("TLS handshake")), "{error}");
    let secure = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let error = only_error(&options(&secure.url()));
    assert!(matches!(&error, LinkError::Closed | LinkError::Broken(_) | LinkError::Protocol(_)), "{error}");
}

fn with_sentinels(sentinels: &[&str]) -> Options {
    Options {
        sentinel: sentinels.iter().map(|&sentinel| sentinel.to_owned()).collect(),
        master_name: "mymaster".to_owned(),
        // Where there are sentinels, nobody listens here.
        ..options("redis://:secret@127.0.0.1:1")
    }
}

#[test]
fn sentinels_say_where_the_master_is() {
    let master = Server::start(&["requirepass secret"]);
    let sentinel = Server::start_sentinel(&master, &["sentinel auth-pass mymaster secret"]);
    let dead = format!("127.0.0.1:{}", free_port());
    let mut link = connect(&with_sentinels(&[&dead, &sentinel.address()])).unwrap();
    assert_eq!(link.peer(), master.address());
    assert_eq!(user(&mut link), bulk("default"));
    let as_string = format!("{},{dead},serviceName=mymaster,password=secret", sentinel.address());
    assert_eq!(connect(&options(&as_string)).unwrap().peer(), master.address());

    let unknown =
        Options { master_name: "other".to_owned(), ..with_sentinels(&[&dead, &sentinel.address()]) };
    let LinkError::NoSentinel(attempts) = connect(&unknown).unwrap_err() else { panic!("no sentinel") };
    assert!(matches!(attempts[0].1, LinkError::Connect(_)));
    assert!(matches!(attempts[1].1, LinkError::UnknownMaster));

    // What it says is not believed blindly.
    drop(master);
    let error = connect(&with_sentinels(&[&sentinel.address()])).unwrap_err();
    assert!(matches!(only(error), LinkError::Connect(_)));
    sentinel.pause();
    connect_in_time(&with_sentinels(&[&sentinel.address()]));
}

#[test]
fn sentinels_have_a_password_of_their_own() {
    let master = Server::start(&["requirepass secret"]);
    let sentinel = Server::start_sentinel(&master, &["requirepass other"]);
    let options = with_sentinels(&[&sentinel.address()]);
    let error = only_error(&options);
    assert!(matches!(&error, LinkError::Auth(_)), "{error}");
    let right = Options { sentinel_password: Secret("other".to_owned()), ..options.clone() };
    assert!(connect(&right).is_ok());
    let wrong = Options { sentinel_password: Secret("secret".to_owned()), ..options };
    assert!(matches!(only_error(&wrong), LinkError::Auth(_)));
    let as_string = format!(
        "{},serviceName=mymaster,password=secret,sentinelUser=default,sentinelPassword=other",
        sentinel.address()
    );
    assert!(connect(&Options { url: Target::parse(&as_string).unwrap(), ..right }).is_ok());
}

#[test]
fn a_sentinel_is_not_the_master() {
    let master = Server::start(&[]);
    let sentinel = Server::start_sentinel(&master, &[]);
    let error = only_error(&options(&sentinel.url()));
    assert_eq!(error.to_string(), "not a master but a sentinel");
    // Nor is a master a sentinel.
    let error = only_error(&with_sentinels(&[&master.address()]));
    assert_eq!(error.code(), Some("ERR"), "{error}");
}

#[test]
fn options_that_make_no_sense_name_their_key() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("client", &["client"]);
    let (_, other_key) = authority.issue("other", &["other"]);
    let directory = Directory::new();
    let empty = directory.write("empty.pem", "");
    let garbage =
        directory.write("garbage.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_certificate =
        directory.write("no.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let secret = directory.write("secret.key", "-----BEGIN secret\nsecret\n-----END secret\n");
    let missing = directory.path().join("missing");
    let tls = Options { ca_file: Some(authority.ca_file()), ..options("rediss://h") };
    let of = |ca: &Path, certificate: Option<&Path>, key: Option<&Path>| Options {
        ca_file: Some(ca.to_owned()),
        cert_file: certificate.map(Path::to_owned),
        key_file: key.map(Path::to_owned),
        ..tls.clone()
    };
    let ca = &authority.ca_file();
    for (options, key, part) in [
        (of(&missing, None, None), "redis.ca_file", "No such file"),
        (of(&empty, None, None), "redis.ca_file", "holds no certificate"),
        (of(&garbage, None, None), "redis.ca_file", "base64"),
        (of(&no_certificate, None, None), "redis.ca_file", "certificate"),
        (of(ca, Some(&certificate), None), "redis.cert_file", "redis.key_file has to be set"),
        (of(ca, None, Some(&key)), "redis.key_file", "redis.cert_file has to be set"),
        (of(ca, Some(&missing), Some(&key)), "redis.cert_file", "No such file"),
        (of(ca, Some(&certificate), Some(&missing)), "redis.key_file", "No such file"),
        (of(ca, Some(&key), Some(&key)), "redis.cert_file", "holds no certificate"),
        (of(ca, Some(&certificate), Some(&certificate)), "redis.key_file", "holds no private key"),
        (of(ca, Some(&certificate), Some(&secret)), "redis.key_file", "holds no private key"),
        (of(ca, Some(&certificate), Some(&other_key)), "redis.cert_file", "redis.key_file"),
        (Options { url: Target::local(), ..tls.clone() }, "redis.ca_file", "rediss://"),
        (Options { sentinel: vec!["h:0".to_owned()], ..tls.clone() }, "redis.sentinel", "port 0"),
        (Options { sentinel: vec!["h".to_owned()], ..tls.clone() }, "redis.master_name", "redis.sentinel"),
        (Options { master_name: "m".to_owned(), ..tls.clone() }, "redis.master_name", "redis.sentinel"),
    ] {
        let error = Connector::new(&options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")) && error.contains(part), "{key} {part}: {error}");
        assert!(!error.contains("secret\n"), "{error}");
    }
}

#[test]
fn a_connector_shows_no_password() {
    let options = Options { sentinel_password: Secret("secret".to_owned()), ..options("redis://:secret@h") };
    let connector = Connector::new(&options).unwrap();
    assert_eq!(format!("{connector:?}"), "Connector(\"redis://:***@h\")");
}
