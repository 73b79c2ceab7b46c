//! Clients of a stream that never read it.

use crate::common::api::{metric, publish_lines};
use crate::common::events::big_tick;
use crate::common::http::{Conn, compose};
use crate::common::server::Setup;
use crate::common::stream::Stream;
use crate::common::{DEADLINE, wait_until};
use crate::watch::{Watch, alone};

const DEAF: usize = 100;
const EVENTS: usize = 5_000;
const EVENT_BYTES: usize = 1_000;
/// Events of one publish.
const AT_ONCE: usize = 50;
/// The history may be this large...
const HISTORY: usize = 2 << 20;
/// ...and beside it and what is being sent, this is all.
const MEMORY: usize = 24 << 20;

#[test]
fn deaf_clients_cost_no_memory_and_are_closed_while_the_others_get_everything() {
    let _turn = alone();
    let server = Setup::new()
        .flag("--stream-buffer-bytes", "256 KiB")
        .flag("--stream-history-bytes", &HISTORY.to_string())
        .start();
    let watch = Watch::begin(&server);
    let targets = ["/events", "/events?type=tick", "/events?lastEventId=earliest", "/events?limit=1000000"];
    let deaf: Vec<Conn> = (0..DEAF)
        .map(|n| {
            let mut conn = Conn::open_special(server.addr(), None, Some(4096));
            conn.send(&compose("GET", targets[n % targets.len()], &[], b""));
            conn
        })
        .collect();
    let mut witness = Stream::open(&server);
    wait_until("all of them are streams", DEADLINE, || {
        metric(&server, "ssecast_active_connections") == Some(DEAF as f64 + 1.0)
    });
    for start in (0..EVENTS).step_by(AT_ONCE) {
        let lines: String = (start..start + AT_ONCE).map(|n| big_tick(n, EVENT_BYTES) + "\n").collect();
        publish_lines(&server, &lines);
        for (n, event) in (start..).zip(witness.take(AT_ONCE)) {
            assert!(event.data.starts_with(&format!("{{\"n\":{n},")), "{n}: {}", event.data);
        }
        watch.holds_at_most(&server, MEMORY);
    }
    wait_until("the deaf ones are closed", DEADLINE, || {
        metric(&server, "ssecast_active_connections") == Some(1.0)
    });
    let overrun = metric(&server, "ssecast_connections_closed_total{reason=\"overrun\"}");
    assert_eq!(overrun, Some(DEAF as f64));
    drop((deaf, witness));
    watch.end(&server, MEMORY);
}
