//! SIGHUP: another mode or another Redis while the server runs.

use std::fs;

use rustix::process::Signal;

use super::common::events::{tick, tick_data};
use super::common::redis::Redis;
use super::common::server::{Server, Setup, wait_for_log};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};
use super::nodes::{
    CHANNEL, mode_of, next_after_gaps, ready, send_via, set_mode, wait_until_not_ready, wait_until_ready,
};

/// A configuration file.
fn file(mode: &str, redis: &Redis) -> String {
    format!("[bus]\nmode = \"{mode}\"\n[redis]\nurl = \"{}\"\npublish_timeout = \"20s\"\n", redis.url())
}

/// Writes the file anew and waits until the server has read it and says this.
fn reload(server: &Server, toml: &str, said: &str) {
    let logged = server.log().len();
    fs::write(server.config_path(), toml).expect("the file can be written");
    server.signal(Signal::HUP);
    wait_for_log(server, logged, said);
}

#[test]
fn another_mode_in_the_file_is_taken_over() {
    let redis = Redis::start();
    let server = Setup::new().config(&file("local", &redis)).start();
    let mut stream = Stream::open(&server);
    send_via("local", &server, &tick(1));
    reload(&server, &file("redis", &redis), "configuration reloaded");
    assert_eq!(mode_of(&server), "redis");
    wait_until_ready(&server);
    send_via("redis", &server, &tick(2));
    redis.publish(CHANNEL, tick(3).as_bytes());
    reload(&server, &file("local", &redis), "configuration reloaded");
    send_via("local", &server, &tick(4));
    for n in [1, 2] {
        assert_eq!(stream.next().data, tick_data(n));
    }
    // The service's event may have come after the change, and then it is nobody's.
    let next = stream.next().data;
    assert!(next == tick_data(4) || (next == tick_data(3) && stream.next().data == tick_data(4)), "{next}");
}

#[test]
fn a_mode_that_was_set_by_hand_outlives_a_reload_that_does_not_change_it() {
    let redis = Redis::start();
    let server = Setup::new().config(&file("local", &redis)).start();
    set_mode(&server, "fanout");
    wait_until_ready(&server);
    let mut stream = Stream::open(&server);
    reload(&server, &file("local", &redis), "configuration reloaded");
    let more = file("local", &redis) + "[log]\nlevel = \"debug\"\n";
    reload(&server, &more, "configuration reloaded");
    assert_eq!(mode_of(&server), "fanout");
    redis.publish(CHANNEL, tick(1).as_bytes());
    assert_eq!(stream.next().data, tick_data(1), "and not a gap");
    reload(&server, &file("dual", &redis), "configuration reloaded");
    assert_eq!(mode_of(&server), "dual");
}

#[test]
fn another_redis_in_the_file_is_moved_to() {
    let (old, new) = (Redis::start(), Redis::start());
    let server = ready(Setup::new().config(&file("redis", &old)).start());
    let mut stream = Stream::open(&server);
    reload(&server, &file("redis", &new), "configuration reloaded");
    stream.expect_gap("upstream-lost");
    wait_until("the old one is left", DEADLINE, || old.clients().is_empty());
    wait_until_ready(&server);
    assert_eq!((old.subscribers(CHANNEL), new.subscribers(CHANNEL)), (0, 1));
    let watcher = new.subscribe(CHANNEL);
    new.publish(CHANNEL, tick(1).as_bytes());
    assert_eq!(stream.next().data, tick_data(1));
    send_via("redis", &server, &tick(2));
    assert_eq!(stream.next().data, tick_data(2));
    watcher.wait_for(2);
}

#[test]
fn a_redis_that_is_not_there_can_be_left_for_one_that_is() {
    let (mut gone, new) = (Redis::start(), Redis::start());
    gone.kill();
    let server = Setup::new().config(&file("redis", &gone)).start();
    wait_until_not_ready(&server);
    let mut stream = Stream::open(&server);
    send_via("fallback", &server, &tick(1));
    assert_eq!(next_after_gaps(&mut stream).data, tick_data(1));
    let watcher = new.subscribe(CHANNEL);
    reload(&server, &file("redis", &new), "configuration reloaded");
    wait_until_ready(&server);
    let kept = watcher.wait_for(1);
    assert!(String::from_utf8_lossy(&kept[0]).contains(&tick_data(1)), "what was kept goes there");
    send_via("redis", &server, &tick(2));
    assert_eq!(next_after_gaps(&mut stream).data, tick_data(2));
}

#[test]
fn a_bad_file_changes_nothing() {
    let redis = Redis::start();
    let good = file("redis", &redis);
    let server = ready(Setup::new().config(&good).start());
    let mut stream = Stream::open(&server);
    for (n, bad) in [
        good.replace("\"redis\"", "\"turbo\""),
        good.replace("redis://127.0.0.1:", "redis://bob:hunter2@127.0.0.1:x"),
        good.replace("redis://", "rediss://") + "ca_file = \"/nonexistent/ca.pem\"\n",
        good.replace("\"redis\"", "\"local\"") + "chanel = [\"x\"]\n",
    ]
    .iter()
    .enumerate()
    {
        assert_ne!(*bad, good);
        reload(&server, bad, "not reloaded");
        assert_eq!(mode_of(&server), "redis");
        redis.publish(CHANNEL, tick(n).as_bytes());
        assert_eq!(stream.next().data, tick_data(n), "{bad}");
    }
    assert!(!server.log().contains("hunter2"), "{}", server.log());
    reload(&server, &good, "configuration reloaded");
    send_via("redis", &server, &tick(9));
    assert_eq!(stream.next().data, tick_data(9), "and no gap: nothing had changed");
}
