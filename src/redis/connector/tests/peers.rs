//! Who is at the other end: a replica, an old Redis, something else.

use super::*;

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
