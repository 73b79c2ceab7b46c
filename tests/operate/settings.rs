//! The command line, the environment and the file, and what is said of wrong ones.

use std::net::TcpListener;

use super::common::api::assert_alive;
use super::common::server::{Finished, Server, Setup};
use super::common::sse::Item;
use super::common::stream::Stream;

#[test]
fn help_and_version_are_told() {
    let version = Setup::bare().arg("--version").run();
    assert_eq!(version.code, Some(0), "{version:?}");
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    let help = Setup::bare().arg("--help").run();
    assert_eq!(help.code, Some(0), "{help:?}");
    for flag in ["--listen", "--config", "check"] {
        assert!(help.stdout.contains(flag), "{flag} in {}", help.stdout);
    }
}

#[test]
fn check_prints_what_is_in_force() {
    let good = Setup::bare()
        .arg("check")
        .flag("--stream-heartbeat", "17s")
        .env("SSECAST_STREAM_RETRY", "4321ms")
        .run();
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.contains("17s"), "{}", good.stdout);
    assert!(good.stdout.contains("heartbeat") && good.stdout.contains("connections"), "{}", good.stdout);
    let file = Setup::bare().arg("check").config("[limits]\nconnections_per_ip = 4711\n").run();
    assert_eq!(file.code, Some(0), "{file:?}");
    assert!(file.stdout.contains("4711"), "{}", file.stdout);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let cases: Vec<(&str, Setup)> = vec![
        ("stream-heartbaet", Setup::bare().flag("--stream-heartbaet", "1s")),
        ("heartbeat", Setup::bare().flag("--stream-heartbeat", "soon")),
        ("SSECAST_STREAM_HEARTBAET", Setup::bare().env("SSECAST_STREAM_HEARTBAET", "1s")),
        ("HEARTBEAT", Setup::bare().env("SSECAST_STREAM_HEARTBEAT", "soon")),
        ("heartbaet", Setup::bare().config("[stream]\nheartbaet = \"1s\"\n")),
        ("streem", Setup::bare().config("[streem]\nheartbeat = \"1s\"\n")),
        ("nonsense", Setup::bare().config("nonsense = 1\n")),
        ("heartbeat", Setup::bare().config("[stream]\nheartbeat = \"soon\"\n")),
        ("heartbeat_style", Setup::bare().config("[stream]\nheartbeat_style = \"loud\"\n")),
        ("connections", Setup::bare().config("[limits]\nconnections = \"many\"\n")),
        ("instance", Setup::bare().flag("--server-instance", "node-1")),
        ("listen", Setup::bare().flag("--listen", "nowhere")),
        ("mode", Setup::bare().flag("--mode", "remote")),
        ("", Setup::bare().config("[stream\n")),
        ("no-such-file", Setup::bare().flag("--config", "no-such-file.toml")),
        ("event", Setup::bare().config("[[map]]\nevent_type = \"A\"\nevent = \"ping\"\nfields = []\n")),
        ("event", Setup::bare().config("[[map]]\nevent_type = \"A\"\nevent = \"a\\nb\"\nfields = []\n")),
    ];
    for (named, setup) in cases {
        assert_wrong(named, &setup.run());
    }
    assert_wrong("heartbeat", &Setup::bare().arg("check").flag("--stream-heartbeat", "soon").run());
    assert_wrong("heartbaet", &Setup::bare().arg("check").config("[stream]\nheartbaet = \"1s\"\n").run());
    assert_wrong("dance", &Setup::bare().arg("dance").run());
}

fn assert_wrong(named: &str, finished: &Finished) {
    assert_eq!(finished.code, Some(2), "{named}: {finished:?}");
    let heartbeat = |text: &str| text.to_lowercase().replace('_', "-");
    let said = heartbeat(&finished.stderr);
    assert!(said.contains(&heartbeat(named)), "{named:?} is not named: {}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "[stream]\nretry = \"1s\"\n";
    let from_file = Setup::new().config(file);
    let from_env = Setup::new().config(file).env("SSECAST_STREAM_RETRY", "30s");
    let from_flag =
        Setup::new().config(file).env("SSECAST_STREAM_RETRY", "30s").flag("--stream-retry", "900s");
    for (setup, ms) in [(from_file, 1_000), (from_env, 30_000), (from_flag, 900_000)] {
        let server = setup.start();
        let Item::Retry(retry) = Stream::open(&server).next_item() else { panic!("no retry first") };
        assert!((ms * 8 / 10..=ms * 12 / 10).contains(&retry), "{retry} for {ms}");
    }
}

#[test]
fn the_address_comes_from_environment_and_file_too() {
    let env = Setup::bare().env("SSECAST_SERVER_LISTEN", "127.0.0.1:0").start();
    assert_alive(&env);
    let file = Setup::bare().config("[server]\nlisten = \"127.0.0.1:0\"\n").start();
    assert_alive(&file);
    let long = Setup::bare().arg("serve").flag("--server-listen", "127.0.0.1:0").start();
    assert_alive(&long);
}

#[test]
fn a_port_in_use_has_an_exit_code_of_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("an address").to_string();
    let finished = Setup::bare().flag("--listen", &addr).run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    let server = Server::start();
    let finished = Setup::bare().flag("--listen", &server.addr().to_string()).run();
    assert_eq!(finished.code, Some(98), "{finished:?}");
    assert_alive(&server);
}

#[test]
fn publishing_to_the_world_is_not_opened_by_accident() {
    let finished = Setup::bare().flag("--listen", "0.0.0.0:0").run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("open_publish") || finished.stderr.contains("open-publish"));
}
