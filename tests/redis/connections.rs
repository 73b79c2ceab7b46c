//! Every way to reach a Redis, and what happens when there is none.

use redis::Value;

use super::common::api::{assert_alive, metric};
use super::common::certificates::Certificates;
use super::common::dir::TestDir;
use super::common::events::{tick, tick_data};
use super::common::redis::{Redis, RedisSetup};
use super::common::sentinel::Sentinel;
use super::common::server::{Setup, wait_for_log};
use super::common::stream::{Stream, data_of};
use super::common::{DEADLINE, wait_until};
use super::nodes::{
    CHANNEL, assert_round_trip, next_after_gaps, node, ready, send, send_via, setup, stats, text,
    wait_until_not_ready, wait_until_ready,
};

// ---- passwords and users

#[test]
fn a_plain_url() {
    let redis = Redis::start();
    assert_round_trip(&node("redis", &redis), &redis);
}

#[test]
fn a_password_in_the_url_is_percent_decoded() {
    let redis = RedisSetup::new().password("p@ss/w:rd").start();
    let url = format!("redis://:p%40ss%2Fw%3Ard@{}", redis.address());
    assert_round_trip(&ready(setup("redis", &url).start()), &redis);
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let redis = RedisSetup::new().password("right").start();
    let url = format!("redis://:hunter2@{}", redis.address());
    let server = setup("redis", &url).flag("--log-level", "trace").start();
    wait_until_not_ready(&server);
    wait_for_log(&server, 0, "user or password");
    assert!(!server.log().contains("hunter2"), "{}", server.log());
    assert!(!stats(&server).to_string().contains("hunter2"));
}

#[test]
fn a_password_file_may_be_replaced_while_the_server_runs() {
    let redis = RedisSetup::new().password("old").start();
    let dir = TestDir::new("password");
    let file = dir.write("password", "old\n");
    let server = setup("redis", redis.url()).flag("--redis-password-file", text(&file)).start();
    wait_until_ready(&server);
    assert_round_trip(&server, &redis);

    redis.command(&["CONFIG", "SET", "requirepass", "new"]);
    dir.write("password", "new\n");
    assert_eq!(redis.kill_clients("pubsub"), 1);
    assert!(redis.kill_clients("normal") >= 1);
    wait_until("the loss is seen", DEADLINE, || {
        metric(&server, "ssecast_redis_reconnects_total") == Some(1.0)
    });
    wait_until_ready(&server);
    let mut stream = Stream::open(&server);
    redis.publish(CHANNEL, tick(3).as_bytes());
    assert_eq!(stream.next().data, tick_data(3));
    // The publisher may find only now that its connection is gone.
    let mut n = 3;
    wait_until("it publishes again", DEADLINE, || {
        n += 1;
        send(&server, &tick(n))["via"] == "redis"
    });
}

#[test]
fn the_user_of_the_documentation_may_do_all_that_is_needed() {
    let docs = include_str!("../../docs/redis.md");
    let rule = docs.lines().find_map(|line| line.strip_prefix("ACL SETUSER ")).expect("the line of the user");
    let mut redis = RedisSetup::new().acl(&format!("user {rule}")).acl("user default off").start();
    let url = format!("redis://ssecast:secret@{}", redis.address());
    let start = || ready(setup("redis", &url).flag("--redis-liveness", "2s").start());
    let (server, other) = (start(), start());
    let mut there = Stream::open(&other);
    assert_round_trip(&server, &redis);
    assert_eq!(data_of(&there.take(2)), [tick_data(1), tick_data(2)]);
    let refused = |redis: &Redis| redis.command(&["ACL", "LOG"]);
    assert_eq!(refused(&redis), Value::Array(Vec::new()), "something was refused");

    // After a loss a server asks more of Redis, above all before it publishes what it kept.
    redis.wait_until_counted_by(2);
    redis.kill();
    wait_until_not_ready(&server);
    send_via("fallback", &server, &tick(3));
    redis.restart();
    assert_eq!(next_after_gaps(&mut there).data, tick_data(3));
    wait_until_ready(&server);
    wait_until_ready(&other);
    assert_eq!(refused(&redis), Value::Array(Vec::new()), "something was refused after a loss");
    assert!(!server.log().contains("does not let us"), "{}", server.log());
}

#[test]
fn a_user_without_the_canary_is_told_of_and_serves() {
    let user = "user bob on >secret resetchannels &orders.events -@all +publish +subscribe +ping +hello +auth \
                +client|setname +role +pubsub|numsub";
    let redis = RedisSetup::new().acl(user).start();
    let server = ready(setup("redis", &format!("redis://bob:secret@{}", redis.address())).start());
    wait_for_log(&server, 0, "canary");
    assert_round_trip(&server, &redis);
}

// ---- TLS

#[test]
fn tls_with_an_authority_of_its_own() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, false).start();
    let server = setup("redis", redis.url()).flag("--redis-ca-file", text(&certificates.authority())).start();
    assert_round_trip(&ready(server), &redis);
}

#[test]
fn tls_with_a_certificate_of_the_client() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, true).start();
    let trusting = || setup("redis", redis.url()).flag("--redis-ca-file", text(&certificates.authority()));
    let without = trusting().start();
    wait_until_not_ready(&without);
    let server = trusting()
        .flag("--redis-cert-file", text(&certificates.client_certificate()))
        .flag("--redis-key-file", text(&certificates.client_key()))
        .start();
    assert_round_trip(&ready(server), &redis);
    wait_until_not_ready(&without);
    wait_for_log(&without, 0, "TLS");
}

#[test]
fn tls_with_a_foreign_authority_is_refused() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, false).start();
    let foreign = certificates.foreign_authority();
    let server = setup("redis", redis.url()).flag("--redis-ca-file", text(&foreign)).start();
    wait_until_not_ready(&server);
    wait_for_log(&server, 0, "TLS");
    assert_alive(&server);
    assert_eq!(redis.subscribers(CHANNEL), 0);
}

// ---- other addresses

#[test]
fn a_unix_socket() {
    let redis = RedisSetup::new().unix_socket().start();
    assert_round_trip(&node("redis", &redis), &redis);
}

#[test]
fn the_form_of_stack_exchange() {
    let redis = RedisSetup::new().password("secret").start();
    let url = format!("{},password=secret,ssl=false,abortConnect=false,connectTimeout=5000", redis.address());
    assert_round_trip(&ready(setup("redis", &url).start()), &redis);
}

#[test]
fn the_form_of_stack_exchange_with_tls() {
    let certificates = Certificates::new();
    let redis = RedisSetup::new().tls(&certificates, false).password("secret").start();
    let trusting = |host: &str| {
        let url = format!("{},password=secret,ssl=true,sslHost={host},abortConnect=false", redis.address());
        setup("redis", &url).flag("--redis-ca-file", text(&certificates.authority())).start()
    };
    assert_round_trip(&ready(trusting("localhost")), &redis);
    let server = trusting("redis.example.com");
    wait_until_not_ready(&server);
    wait_for_log(&server, 0, "TLS");
}

#[test]
fn of_several_addresses_the_master_is_taken() {
    let master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let url = format!("{},{},abortConnect=false", replica.address(), master.address());
    let server = ready(setup("redis", &url).start());
    assert_eq!((master.subscribers(CHANNEL), replica.subscribers(CHANNEL)), (1, 0));
    assert_round_trip(&server, &master);
}

#[test]
fn both_protocols_are_spoken() {
    let redis = Redis::start();
    for (protocol, spoken) in [("2", "resp=2"), ("3", "resp=3"), ("auto", "resp=3")] {
        let server = ready(setup("redis", redis.url()).flag("--redis-protocol", protocol).start());
        let clients = redis.clients();
        assert!(clients.len() >= 2, "{clients:?}");
        assert!(clients.iter().all(|line| line.contains(spoken)), "{protocol}: {clients:?}");
        assert_round_trip(&server, &redis);
        drop(server);
        wait_until("its connections are gone", DEADLINE, || redis.clients().is_empty());
    }
}

#[test]
fn several_channels_are_received_and_the_first_is_published_to() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--redis-channel", "a,b").start());
    let (a, b) = (redis.subscribe("a"), redis.subscribe("b"));
    let mut stream = Stream::open(&server);
    send_via("redis", &server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
    for (channel, n) in [("b", 2), ("a", 3), ("b", 4)] {
        redis.publish(channel, tick(n).as_bytes());
        assert_eq!(stream.next().data, tick_data(n), "{channel}");
    }
    assert_eq!(redis.publish(CHANNEL, tick(5).as_bytes()), 0, "nobody is subscribed to the default channel");
    assert_eq!((a.wait_for(2).len(), b.wait_for(2).len()), (2, 2));
}

#[test]
fn a_pattern_is_subscribed_to_instead() {
    let redis = Redis::start();
    let server = ready(setup("redis", redis.url()).flag("--redis-pattern", "orders.*").start());
    assert_eq!(redis.subscribers(CHANNEL), 0, "not to the channel as well");
    let mut stream = Stream::open(&server);
    redis.publish("orders.eu", tick(1).as_bytes());
    assert_eq!(redis.publish("invoices", tick(9).as_bytes()), 0);
    redis.publish("orders.us", tick(2).as_bytes());
    send_via("redis", &server, &tick(3));
    for n in 1..=3 {
        assert_eq!(stream.next().data, tick_data(n));
    }
}

// ---- Sentinel

#[test]
fn the_master_of_a_sentinel_is_followed_when_it_changes() {
    let master = Redis::start();
    let replica = RedisSetup::new().replica_of(&master).start();
    let sentinel = Sentinel::start("orders", &master);
    let start = || {
        ready(
            setup("redis", "redis://127.0.0.1:1")
                .flag("--redis-sentinel", &sentinel.address())
                .flag("--redis-master-name", "orders")
                .flag("--redis-liveness", "3s")
                .start(),
        )
    };
    let (server, other) = (start(), start());
    assert_eq!((master.subscribers(CHANNEL), replica.subscribers(CHANNEL)), (2, 0));
    assert_round_trip(&server, &master);
    let mut streams = [Stream::open(&server), Stream::open(&other)];

    sentinel.failover();
    for stream in &mut streams {
        stream.expect_gap("upstream-lost");
    }
    wait_until("both are at the new master", DEADLINE, || replica.subscribers(CHANNEL) == 2);
    wait_until_ready(&server);
    wait_until_ready(&other);
    replica.publish(CHANNEL, tick(10).as_bytes());
    for stream in &mut streams {
        assert_eq!(next_after_gaps(stream).data, tick_data(10));
    }
    send(&server, &tick(11));
    for stream in &mut streams {
        assert_eq!(next_after_gaps(stream).data, tick_data(11));
    }
}

#[test]
fn a_sentinel_that_does_not_know_the_master_is_told_of() {
    let master = Redis::start();
    let sentinel = Sentinel::start("orders", &master);
    let server = setup("redis", "redis://127.0.0.1:1")
        .flag("--redis-sentinel", &sentinel.address())
        .flag("--redis-master-name", "invoices")
        .start();
    wait_until_not_ready(&server);
    wait_for_log(&server, 0, "redis.master_name");
}

// ---- wrong configuration, and no Redis

/// Both `serve` and `check` end with 2 and say this.
fn assert_refused(flags: &[(&str, &str)], said: &str) -> [String; 2] {
    ["serve", "check"].map(|command| {
        let mut setup = Setup::bare().arg(command).flag("--listen", "127.0.0.1:0").flag("--mode", "redis");
        for (name, value) in flags {
            setup = setup.flag(name, value);
        }
        let finished = setup.run();
        assert_eq!(finished.code, Some(2), "{command}: {finished:?}");
        assert!(finished.stderr.contains(said), "{command}: {finished:?}");
        finished.stdout + &finished.stderr
    })
}

#[test]
fn files_that_are_of_no_use_are_told_with_their_key() {
    let dir = TestDir::new("bad");
    let nonsense = dir.write("nonsense.pem", "nonsense");
    let missing = dir.path().join("missing.pem");
    let url = ("--redis-url", "rediss://127.0.0.1:1");
    for file in [&nonsense, &missing] {
        assert_refused(&[url, ("--redis-ca-file", text(file))], "redis.ca_file");
    }
    let certificates = Certificates::new();
    let (authority, ours) = (certificates.authority(), certificates.client_certificate());
    let trusting = ("--redis-ca-file", text(&authority));
    assert_refused(&[url, trusting, ("--redis-cert-file", text(&ours))], "redis.key_file");
    let key = ("--redis-key-file", text(&nonsense));
    assert_refused(&[url, trusting, ("--redis-cert-file", text(&ours)), key], "redis.key_file");
}

#[test]
fn a_bad_url_is_told_without_its_password() {
    for url in [
        "redis://bob:hunter2@127.0.0.1:port",
        "redis://bob:hunter2@",
        "http://bob:hunter2@127.0.0.1",
        "127.0.0.1:port,password=hunter2",
        "127.0.0.1,password=hunter2,ssl=perhaps",
    ] {
        for said in assert_refused(&[("--redis-url", url)], "redis.url") {
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn a_check_shows_no_password() {
    let url = "redis://bob:hunter2@127.0.0.1:6379";
    let finished = Setup::bare().arg("check").flag("--redis-url", url).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let said = finished.stdout + &finished.stderr;
    assert!(said.contains("redis://bob:***@127.0.0.1:6379") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_server_starts_without_redis_and_is_ready_when_it_comes() {
    let mut redis = Redis::start();
    redis.kill();
    let server = setup("redis", redis.url()).start();
    wait_until_not_ready(&server);
    assert_alive(&server);
    let mut stream = Stream::open(&server);
    send_via("fallback", &server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
    redis.restart();
    wait_until_ready(&server);
    redis.publish(CHANNEL, tick(2).as_bytes());
    assert_eq!(next_after_gaps(&mut stream).data, tick_data(2));
    send_via("redis", &server, &tick(3));
    assert_eq!(stream.next().data, tick_data(3));
}
