//! SIGHUP: the configuration is read again, while streams go on.

use rustix::process::Signal;

use super::common::api::publish;
use super::common::events::{envelope, tick, tick_data};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

#[test]
fn a_reload_changes_the_map_and_a_bad_file_changes_nothing() {
    let map = |event: &str, field: &str| {
        format!("[[map]]\nevent_type = \"Thing\"\nevent = \"{event}\"\nfields = [\"{field}\"]\n")
    };
    let mut server = Setup::new().config(&map("first", "a")).start();
    let mut stream = Stream::open(&server);
    let mut next = |server: &Server| {
        publish(server, &envelope("Thing", "1", r#"{"a":1,"b":2}"#));
        let event = stream.next();
        (event.event, event.data)
    };
    let first = ("first".to_owned(), "{\"a\":1}".to_owned());
    assert_eq!(next(&server), first);

    for bad in ["[stream\n", "[stream]\nheartbaet = \"1s\"\n", "[[map]]\nevent_type = 1\n"] {
        let logged = server.log().len();
        std::fs::write(server.config_path(), bad).expect("the file can be written");
        server.signal(Signal::HUP);
        wait_until("the refusal is logged", DEADLINE, || server.log().len() > logged);
        assert_eq!(next(&server), first, "after {bad:?}");
    }

    std::fs::write(server.config_path(), map("second", "b")).expect("the file can be written");
    server.signal(Signal::HUP);
    wait_until("the new map is in force", DEADLINE, || {
        next(&server) == ("second".to_owned(), "{\"b\":2}".to_owned())
    });
    assert!(server.is_running());
}

#[test]
fn a_reload_without_a_file_is_harmless() {
    let mut server = Server::start();
    let mut stream = Stream::open(&server);
    for _ in 0..3 {
        server.signal(Signal::HUP);
    }
    publish(&server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
    assert!(server.is_running());
}
