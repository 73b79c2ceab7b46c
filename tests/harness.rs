//! The helpers of the tests with Redis, tested themselves: one that does not do what it says would let the
//! tests of the server pass for nothing.

mod common;
#[path = "harness/proxy.rs"]
mod proxy;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisResult, TlsCertificates, Value};

use common::certificates::Certificates;
use common::port::Port;
use common::redis::{Redis, RedisSetup};
use common::sentinel::{Sentinel, SentinelSetup};
use common::{DEADLINE, wait_until};

/// How long a test listens for what must not come.
const SILENCE: Duration = Duration::from_millis(150);

/// A connection on which a test says what it likes.
struct Raw(BufReader<TcpStream>);

impl Raw {
    fn open(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect_timeout(&addr, DEADLINE).expect("somebody listens");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        socket.set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
        Self(BufReader::new(socket))
    }

    fn send(&mut self, command: &str) {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("the connection is open");
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.get_ref().set_read_timeout(Some(DEADLINE)).expect("SO_RCVTIMEO");
        self.0.read_line(&mut line).expect("a line within the deadline");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.line()
    }

    fn expect_silence(&mut self) {
        self.0.get_ref().set_read_timeout(Some(SILENCE)).expect("SO_RCVTIMEO");
        let error = self.0.fill_buf().map(<[u8]>::to_vec).expect_err("nothing comes");
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }
}

/// The words of an answer that is a list of texts and numbers.
fn words(value: &Value) -> Vec<String> {
    let Value::Array(items) = value else { panic!("no list: {value:?}") };
    let text = |item: &Value| redis::from_redis_value_ref(item).unwrap_or_else(|_| format!("{item:?}"));
    items.iter().map(text).collect()
}

fn role(redis: &Redis) -> String {
    redis.info("role").expect("every Redis has a role")
}

// ---- processes

#[test]
fn a_killed_redis_comes_back_on_its_port_as_another_process() {
    let mut redis = Redis::start();
    let (port, pid) = (redis.port(), redis.pid());
    let _client = Raw::open(redis.address());
    redis.command(&["SET", "key", "value"]);
    redis.kill();
    assert!(TcpStream::connect(redis.address()).is_err(), "nobody listens");
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it is reaped");
    assert!(Port::claim(port).is_none(), "nobody else gets the port in the meantime");
    redis.restart();
    assert_eq!(redis.port(), port);
    assert_ne!(redis.pid(), pid);
    assert_eq!(redis.command(&["GET", "key"]), Value::Nil, "it keeps nothing");
    assert_eq!(Raw::open(redis.address()).ask("PING"), "+PONG");
}

#[test]
fn a_restart_waits_for_its_port_and_is_not_taken_in_by_another_server() {
    let mut redis = Redis::start();
    let (address, log) = (redis.address(), redis.log_path());
    redis.kill();
    let mut squatter = Redis::start();
    squatter.command(&["CONFIG", "SET", "port", &address.port().to_string()]);
    assert_eq!(Raw::open(address).ask("PING"), "+PONG", "another Redis is there");
    std::thread::scope(|threads| {
        let restart = threads.spawn(|| redis.restart());
        wait_until("Redis has not got its port", DEADLINE, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("Address already in use"))
        });
        squatter.kill();
        restart.join().expect("the restart succeeds");
    });
    let pid = format!("process_id:{}", redis.pid());
    let mut client = Raw::open(address);
    client.send("INFO server");
    wait_until("it is Redis that answers", DEADLINE, || client.line() == pid);
}

#[test]
fn a_claimed_port_is_nobody_elses_and_no_outgoing_connection_takes_it() {
    let port = Port::any();
    assert!(Port::claim(port.number()).is_none());
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("the kernel tells");
    let range: Vec<u16> = range.split_whitespace().map(|port| port.parse().expect("a port")).collect();
    let ports: Vec<Port> = (0..50).map(|_| Port::any()).collect();
    let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
    assert!(numbers.iter().all(|port| !(range[0]..=range[1]).contains(port)), "{range:?} {numbers:?}");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 50, "no port twice");
    let number = port.number();
    drop(port);
    wait_until("it can be claimed again", DEADLINE, || Port::claim(number).is_some());
}

#[test]
fn nothing_of_a_redis_is_left_when_it_is_dropped_even_stopped() {
    let redis = Redis::start();
    let process = format!("/proc/{}", redis.pid());
    let directory = redis.log_path().parent().expect("it lies in a directory").to_owned();
    assert!(Path::new(&process).exists() && directory.exists());
    redis.pause();
    drop(redis);
    assert!(!Path::new(&process).exists() && !directory.exists());
}

#[test]
fn a_paused_redis_answers_nothing_until_it_goes_on() {
    let redis = Redis::start();
    let mut old = Raw::open(redis.address());
    assert_eq!(old.ask("PING"), "+PONG");
    redis.pause();
    let mut new = Raw::open(redis.address());
    for client in [&mut old, &mut new] {
        client.send("PING");
        client.expect_silence();
    }
    redis.resume();
    assert_eq!(old.line(), "+PONG");
    assert_eq!(new.line(), "+PONG");
}

#[test]
fn a_shutdown_ends_redis_by_itself() {
    let mut redis = Redis::start();
    let mut client = Raw::open(redis.address());
    assert_eq!(client.ask("PING"), "+PONG");
    redis.shutdown();
    assert_eq!(client.line(), "", "the connection ends");
    let log = fs::read_to_string(redis.log_path()).expect("it has logged");
    assert!(log.contains("bye bye"), "{log}");
    redis.restart();
    assert_eq!(Raw::open(redis.address()).ask("PING"), "+PONG");
}

// ---- configuration

#[test]
fn a_password_is_asked_for() {
    let redis = RedisSetup::new().password("secret").start();
    let mut client = Raw::open(redis.address());
    assert_eq!(client.ask("PING"), "-NOAUTH Authentication required.");
    assert!(client.ask("AUTH wrong").starts_with("-WRONGPASS"));
    assert_eq!(client.ask("AUTH secret"), "+OK");
    assert_eq!(client.ask("PING"), "+PONG");
}

#[test]
fn a_user_may_do_what_its_rules_say() {
    let redis = RedisSetup::new()
        .acl("user bob on >secret ~* resetchannels &orders.* +@all")
        .acl("user default off")
        .start();
    let mut bob = Raw::open(redis.address());
    assert!(bob.ask("PING").starts_with("-NOAUTH"));
    assert_eq!(bob.ask("AUTH bob secret"), "+OK");
    assert_eq!(bob.ask("PUBLISH orders.eu hello"), ":0");
    assert!(bob.ask("SUBSCRIBE invoices").starts_with("-NOPERM"));
    redis.command(&["ACL", "SETUSER", "bob", "off"]);
    assert!(Raw::open(redis.address()).ask("AUTH bob secret").starts_with("-WRONGPASS"));
}

#[test]
fn lines_of_configuration_are_taken() {
    let line = "client-output-buffer-limit pubsub 256kb 128kb 1";
    let redis = RedisSetup::new().config(line).config("maxclients 7").start();
    let limits = words(&redis.command(&["CONFIG", "GET", "client-output-buffer-limit"]));
    assert!(limits[1].contains("pubsub 262144 131072 1"), "{limits:?}");
    assert_eq!(words(&redis.command(&["CONFIG", "GET", "maxclients"]))[1], "7");
    assert!(redis.try_command(&["NO-SUCH-COMMAND"]).is_err());
}

#[test]
fn a_unix_socket_is_the_only_way_in() {
    let redis = RedisSetup::new().unix_socket().start();
    assert!(redis.url().starts_with("redis+unix:///"), "{}", redis.url());
    let mut client =
        Client::open(redis.url()).and_then(|client| client.get_connection()).expect("it listens");
    assert_eq!(redis::cmd("PING").query::<String>(&mut client).expect("an answer"), "PONG");
    assert_eq!(words(&redis.command(&["CONFIG", "GET", "port"]))[1], "0");
}

// ---- TLS

fn ping_by_tls(redis: &Redis, certificates: TlsCertificates) -> RedisResult<String> {
    let info: ConnectionInfo = redis.url().into_connection_info()?;
    let mut connection = Client::build_with_tls(info, certificates)?.get_connection_with_timeout(DEADLINE)?;
    redis::cmd("PING").query(&mut connection)
}

#[test]
fn tls_goes_both_ways_and_a_foreign_authority_is_refused() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, false).start();
    assert!(redis.url().starts_with("rediss://127.0.0.1:"), "{}", redis.url());
    let trusting = |path: &Path| TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(path).expect("it was written")),
    };
    let answer = ping_by_tls(&redis, trusting(&certificates.authority()));
    assert_eq!(answer.expect("the right authority"), "PONG");
    let error = ping_by_tls(&redis, trusting(&certificates.foreign_authority())).expect_err("a foreign one");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    let other = Certificates::new();
    let error = ping_by_tls(&redis, trusting(&other.authority())).expect_err("another one");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    let mut plain = Raw::open(redis.address());
    plain.send("PING");
    assert!(!plain.0.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"+")), "it speaks TLS only");
}

#[test]
fn a_client_certificate_is_asked_for() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, true).start();
    let whole = certificates.for_client();
    let without = TlsCertificates { client_tls: None, ..whole.clone() };
    let foreign =
        TlsCertificates { client_tls: Certificates::new().for_client().client_tls, ..whole.clone() };
    assert_eq!(ping_by_tls(&redis, whole).expect("ours"), "PONG");
    assert!(ping_by_tls(&redis, without).is_err());
    assert!(ping_by_tls(&redis, foreign).is_err());
}

// ---- publish and subscribe

#[test]
fn a_watcher_sees_all_that_is_published_byte_for_byte() {
    let redis = Redis::start();
    assert_eq!(redis.publish("orders", b"to nobody"), 0);
    let watcher = redis.subscribe("orders");
    let other = redis.subscribe("invoices");
    assert_eq!((redis.subscribers("orders"), redis.subscribers("nobody")), (1, 0));
    assert_eq!(redis.publish("orders", b"\0\r\n\xff"), 1);
    let big = vec![b'x'; 10 * 1024 * 1024];
    assert_eq!(redis.publish("orders", &big), 1);
    let many = |n: usize| n.to_string().into_bytes();
    assert_eq!(redis.publish_many("orders", (0..5000).map(many)), 5000);
    let got = watcher.wait_for(5002);
    assert_eq!(got[0], b"\0\r\n\xff");
    assert!(got[1] == big, "ten megabytes arrive whole");
    assert!(got[2..].iter().cloned().eq((0..5000).map(many)), "in order, each once");
    assert!(other.messages().is_empty());
}

#[test]
fn a_watcher_of_a_redis_that_is_gone_has_ended() {
    let mut redis = Redis::start();
    let watcher = redis.subscribe("orders");
    assert!(!watcher.has_ended());
    redis.publish("orders", b"last words");
    // The answer to PUBLISH does not say that the message has left.
    watcher.wait_for(1);
    redis.kill();
    wait_until("the watcher has ended", DEADLINE, || watcher.has_ended());
    assert_eq!(watcher.messages(), [b"last words"]);
}

#[test]
fn clients_are_listed_and_killed_but_for_the_tests_own() {
    let redis = Redis::start();
    let watcher = redis.subscribe("orders");
    let (mut subscriber, mut other) = (Raw::open(redis.address()), Raw::open(redis.address()));
    assert_eq!(subscriber.ask("SUBSCRIBE orders"), "*3");
    assert_eq!(other.ask("PING"), "+PONG");
    let clients = redis.clients();
    assert_eq!(clients.len(), 2, "{clients:?}");
    assert!(clients[0].contains(" sub=1 ") && clients[1].contains(" cmd=ping "), "{clients:?}");
    assert_eq!(redis.subscribers("orders"), 2);
    assert_eq!(redis.kill_clients("pubsub"), 1);
    wait_until("the subscriber is closed", DEADLINE, || subscriber.line().is_empty());
    assert_eq!(other.ask("PING"), "+PONG");
    assert_eq!(redis.kill_clients("normal"), 1);
    assert_eq!(other.line(), "");
    assert_eq!(redis.clients(), [""; 0]);
    assert_eq!(redis.publish("orders", b"still watched"), 1);
    watcher.wait_for(1);
}

#[test]
fn a_command_works_although_redis_closed_the_connection_of_the_tests() {
    let redis = Redis::start();
    redis.command(&["SET", "count", "0"]);
    redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]);
    assert_eq!(redis.command(&["INCR", "count"]), Value::Int(1), "asked once");
}

// ---- replicas and Sentinel

#[test]
fn a_replica_follows_and_can_change_places_with_its_master() {
    let master = RedisSetup::new().password("secret").start();
    let replica = RedisSetup::new().replica_of(&master).start();
    assert_eq!((role(&master).as_str(), role(&replica).as_str()), ("master", "slave"));
    let watcher = replica.subscribe("orders");
    master.publish("orders", b"through the master");
    assert_eq!(watcher.wait_for(1), [b"through the master"]);
    replica.promote();
    assert_eq!(role(&replica), "master");
    master.demote_to(&replica);
    assert_eq!((role(&master).as_str(), role(&replica).as_str()), ("slave", "master"));
    master.publish("orders", b"at the old master");
    replica.publish("orders", b"at the new one");
    assert_eq!(watcher.wait_for(2)[1], b"at the new one");
}

#[test]
fn a_replica_follows_by_tls() {
    let certificates = Certificates::new();
    let master = RedisSetup::new().tls(&certificates, true).start();
    let replica = RedisSetup::new().tls(&certificates, true).replica_of(&master).start();
    assert_eq!(role(&replica), "slave");
}

#[test]
fn a_sentinel_changes_the_master_when_it_is_told() {
    let master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let sentinel = SentinelSetup::new().password("secret").start("orders", &master);
    assert_eq!(sentinel.master(), ("127.0.0.1".to_owned(), master.port()));
    let mut client = Raw::open(sentinel.address().parse().expect("an address"));
    assert!(client.ask("SENTINEL masters").starts_with("-NOAUTH"));
    assert_eq!(client.ask("AUTH secret"), "+OK");
    sentinel.failover();
    assert_eq!(sentinel.master().1, replica.port());
    assert_eq!(role(&replica), "master");
    wait_until("the old master follows", DEADLINE, || role(&master) == "slave");
}

#[test]
fn a_sentinel_changes_the_master_when_it_is_dead_and_the_dead_one_returns_as_a_replica() {
    let mut master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let sentinel = Sentinel::start("orders", &master);
    master.kill();
    wait_until("the replica takes over", DEADLINE, || sentinel.master().1 == replica.port());
    assert_eq!(role(&replica), "master");
    master.restart();
    wait_until("the old master follows", DEADLINE, || role(&master) == "slave");
}
