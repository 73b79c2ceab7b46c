//! Connections that come in floods and go without a word.

use std::time::Duration;

use crate::common::api::{clients, publish};
use crate::common::events::{tick, tick_data};
use crate::common::http::{Conn, compose};
use crate::common::server::{Server, Setup};
use crate::common::stream::Stream;
use crate::common::{DEADLINE, wait_until};
use crate::watch::{Watch, alone, may_open};

const MEMORY: usize = 32 << 20;
const FLOOD: usize = 1_000;

#[test]
fn connections_that_are_reset_in_every_state_leave_nothing_behind() {
    let _turn = alone();
    if !may_open(FLOOD as u64 + 1_000) {
        return;
    }
    let server = Server::start();
    let watch = Watch::begin(&server);
    let mut witness = Stream::open(&server);
    let publishing =
        compose("POST", "/publish", &[("Content-Type", "application/json")], tick(666).as_bytes());
    let half = publishing.len() - 10;
    let states: [&[u8]; 7] = [
        b"",
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
        &publishing[..half],
        b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /events?topic=a*&type=b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for round in 0..2 {
        let flood: Vec<Conn> = (0..FLOOD)
            .map(|n| {
                let mut conn = Conn::open(server.addr());
                conn.send(states[n % states.len()]);
                if n % 3 != 0 {
                    conn.reset_on_drop();
                }
                conn
            })
            .collect();
        publish(&server, &tick(round));
        drop(flood);
    }
    wait_until("only the witness is left", DEADLINE, || clients(&server).len() == 1);
    assert_eq!(
        witness.take(2).iter().map(|event| event.data.clone()).collect::<Vec<_>>(),
        [tick_data(0), tick_data(1)]
    );
    drop(witness);
    watch.end(&server, MEMORY);
}

#[test]
fn a_flood_beyond_the_cap_is_told_to_come_back_and_the_others_stay() {
    let _turn = alone();
    let server = Setup::new().flag("--limits-connections", "100").start();
    let watch = Watch::begin(&server);
    let mut served: Vec<Stream> = (0..50).map(|_| Stream::open(&server)).collect();
    // At the cap a publisher is turned away as well, but for one that is there.
    let mut publisher = Conn::open(server.addr());
    publisher.send(&compose("GET", "/healthz", &[], b""));
    assert_eq!(publisher.read_response("GET").status, 200);
    let mut flood: Vec<Conn> = (0..FLOOD / 2)
        .map(|_| {
            let mut conn = Conn::open(server.addr());
            conn.send(&compose("GET", "/events", &[], b""));
            conn
        })
        .collect();
    // Whoever is over the cap has an answer at once, or the end.
    let ended =
        flood.iter_mut().filter_map(|conn| conn.ends_within(Duration::from_millis(5)).then_some(())).count();
    assert!(ended >= FLOOD / 4, "only {ended} were turned away");
    publisher.send(&compose("POST", "/publish", &[("Content-Type", "application/json")], tick(1).as_bytes()));
    assert_eq!(publisher.read_response("POST").status, 202);
    served.iter_mut().for_each(|stream| assert_eq!(stream.next().data, tick_data(1)));
    flood.iter_mut().for_each(Conn::reset_on_drop);
    drop((flood, served, publisher));
    watch.end(&server, MEMORY);
}

#[test]
fn connections_that_open_and_close_as_fast_as_they_can_leave_nothing_behind() {
    let _turn = alone();
    let server = Server::start();
    let watch = Watch::begin(&server);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let addr = server.addr();
            scope.spawn(move || {
                for _ in 0..FLOOD / 2 {
                    let mut conn = Conn::open_special(addr, Some([127, 0, 0, 10 + n]), None);
                    if n % 2 == 0 {
                        conn.reset_on_drop();
                    }
                }
            });
        }
    });
    watch.end(&server, MEMORY);
}
