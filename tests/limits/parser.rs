//! `limits.parser_bytes`: the memory of requests and answers, of all connections together.

use super::common::api::{assert_alive, metric, post, problem};
use super::common::events::{big_tick, tick, tick_data};
use super::common::http::{Conn, Response, compose};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};
use super::limited;

/// The least that the other limits of these tests allow.
const BUDGET: usize = 1024 * 1024;
/// A body as long as it may be.
const BODY: usize = 400 * 1024;

fn server() -> Server {
    Setup::new()
        .flag("--limits-parser-bytes", &BUDGET.to_string())
        .flag("--limits-body-bytes", &BODY.to_string())
        .flag("--limits-event-bytes", &BODY.to_string())
        // The machine may be busy.
        .flag("--limits-head-timeout", "60s")
        .start()
}

fn held(server: &Server) -> f64 {
    metric(server, "ssecast_parser_bytes").expect("the gauge")
}

/// A publish of which all but the last byte was sent.
fn unfinished(server: &Server, bytes: usize) -> Conn {
    let mut conn = Conn::open(server.addr());
    let body = big_tick(1, bytes - 150);
    let request = compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes());
    conn.send(&request[..request.len() - 1]);
    conn
}

/// What was answered to it, if anything was already.
fn answer(conn: &mut Conn) -> Option<Response> {
    conn.try_read_response("POST", std::time::Duration::from_millis(1)).ok().flatten()
}

#[test]
fn what_is_held_is_told_and_given_back() {
    let server = server();
    // The question itself is being read when it is answered.
    let idle = held(&server);
    assert!(idle < 4096.0, "{idle}");
    let conn = unfinished(&server, 300_000);
    wait_until("the body is held", DEADLINE, || held(&server) > 299_000.0);
    let stats = super::common::http::get(server.addr(), "/stats").json();
    assert!(stats["limits"]["parser_bytes"].as_u64().is_some_and(|bytes| bytes > 299_000), "{stats}");
    drop(conn);
    wait_until("nothing is held", DEADLINE, || held(&server) < 4096.0);
}

#[test]
fn one_request_as_large_as_it_may_be_fits_into_the_least_budget() {
    let least = Setup::new()
        .flag("--limits-parser-bytes", "64KiB")
        .flag("--limits-body-bytes", &BODY.to_string())
        .arg("check")
        .run();
    assert_eq!(least.code, Some(2));
    let told =
        least.stderr.split("it takes at least ").nth(1).expect("it says how much it takes").trim().to_owned();
    let server = Setup::new()
        .flag("--limits-parser-bytes", &told)
        .flag("--limits-body-bytes", &BODY.to_string())
        .flag("--limits-event-bytes", &BODY.to_string())
        .start();
    let body = big_tick(1, BODY - 200);
    assert_eq!(post(server.addr(), body.as_bytes()).status, 202);
    let mut conn = Conn::open(server.addr());
    conn.send(b"POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(1000) {
        conn.send(format!("{:x}\r\n", piece.len()).as_bytes());
        conn.send(piece);
        conn.send(b"\r\n");
    }
    conn.send(b"0\r\n\r\n");
    assert_eq!(conn.read_response("POST").status, 202);
    assert_eq!(limited(&server, "parser_bytes"), 0.0);
}

#[test]
fn a_body_for_which_there_is_no_room_is_refused_before_it_is_read() {
    let server = server();
    let mut open: Vec<Conn> = (0..2).map(|_| unfinished(&server, BODY)).collect();
    wait_until("two bodies are held", DEADLINE, || held(&server) > 1.9 * BODY as f64);
    let mut third = Conn::open(server.addr());
    third.send(
        format!(
            "POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
             Content-Length: {BODY}\r\n\r\n"
        )
        .as_bytes(),
    );
    let refused = third.read_response("POST");
    assert_eq!(refused.status, 503, "and no 100 Continue");
    problem(&refused);
    assert!(refused.header("retry-after").is_some() && refused.says_close());
    assert!(limited(&server, "parser_bytes") >= 1.0);
    // Small ones fit, and so do streams and probes.
    let mut stream = Stream::open(&server);
    assert_eq!(post(server.addr(), tick(5).as_bytes()).status, 202);
    assert_eq!(stream.next().data, tick_data(5));
    assert_alive(&server);
    // The two that were there first get through.
    for conn in &mut open {
        assert!(answer(conn).is_none());
        conn.send(b"}");
        assert_eq!(conn.read_response("POST").status, 202);
    }
    wait_until("nothing is held", DEADLINE, || held(&server) < 4096.0);
}

/// Bodies of unknown length begin small and grow: whoever holds the most is refused, the others go on.
#[test]
fn bodies_that_grow_beyond_the_budget_cost_the_largest() {
    let server = server();
    let head = b"POST /publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut conns: Vec<Conn> = (0..6)
        .map(|_| {
            let mut conn = Conn::open(server.addr());
            conn.send(head);
            conn
        })
        .collect();
    let chunk = format!("{:x}\r\n{}\r\n", 300_000, " ".repeat(300_000));
    let mut refused = 0;
    for conn in &mut conns {
        conn.send(chunk.as_bytes());
    }
    wait_until("somebody was refused", DEADLINE, || limited(&server, "parser_bytes") >= 3.0);
    let most = held(&server);
    assert!(most <= BUDGET as f64, "{most}");
    for conn in &mut conns {
        if let Some(response) = answer(conn) {
            assert_eq!(response.status, 503);
            assert!(response.header("retry-after").is_some() && response.says_close());
            refused += 1;
        } else {
            let envelope = tick(1);
            conn.send(format!("{:x}\r\n{envelope}\r\n0\r\n\r\n", envelope.len()).as_bytes());
            assert_eq!(conn.read_response("POST").status, 202, "who was not refused gets through");
        }
    }
    assert!((3..=5).contains(&refused), "{refused}");
}

/// Heads that are never finished, of many parameters: parsed, each would take many times its bytes.
#[test]
fn heads_alone_cannot_fill_the_memory() {
    let server = server();
    let mut stream = Stream::open(&server);
    let line = format!("GET /events?{} HTTP/1.1\r\nHost: a\r\nX: ", "a&".repeat(4000));
    let mut conns: Vec<Conn> = Vec::new();
    for n in 0..190 {
        let mut conn = Conn::open(server.addr());
        conn.send(line.as_bytes());
        conns.push(conn);
        if n % 10 == 0 {
            assert!(held(&server) <= BUDGET as f64);
        }
    }
    wait_until("some were refused", DEADLINE, || limited(&server, "parser_bytes") >= 20.0);
    let refused = conns.iter_mut().filter_map(|conn| answer(conn).map(|response| response.status));
    assert!(refused.filter(|&status| status == 503).count() >= 10);
    assert_eq!(post(server.addr(), tick(9).as_bytes()).status, 202, "others are served");
    assert_eq!(stream.next().data, tick_data(9));
    assert!(held(&server) > 0.9 * BUDGET as f64, "it is as good as full");
    assert_eq!(
        post(server.addr(), big_tick(10, BODY - 200).as_bytes()).status,
        202,
        "a body goes before heads"
    );
}

/// A stream behind many long answers of which the client reads none: nobody would count what waits there.
#[test]
fn a_stream_does_not_begin_behind_answers_that_nobody_reads() {
    let server = Setup::new().flag("--stream-sndbuf-bytes", "8KiB").start();
    // Who reads gets its stream.
    let ask = [compose("GET", "/metrics", &[], b"").repeat(2), compose("GET", "/events", &[], b"")].concat();
    let mut conn = Conn::open(server.addr());
    conn.send(&ask);
    (0..2).for_each(|_| assert_eq!(conn.read_response("GET").status, 200));
    assert_eq!(conn.read_head().expect("a stream").header("content-type"), Some("text/event-stream"));
    let mut deaf = Conn::open_special(server.addr(), None, Some(4096));
    deaf.send(&ask);
    wait_until("it is closed", DEADLINE, || {
        metric(&server, "ssecast_connections_closed_total{reason=\"memory\"}").is_some_and(|n| n >= 1.0)
    });
    assert_eq!(limited(&server, "parser_bytes"), 1.0);
}

/// Clients that ask for long answers and read none.
#[test]
fn answers_that_nobody_reads_cannot_fill_the_memory() {
    let server = server();
    let ask = compose("GET", "/metrics", &[], b"").repeat(200);
    let mut conns: Vec<Conn> = Vec::new();
    for _ in 0..40 {
        let mut conn = Conn::open_special(server.addr(), None, Some(4096));
        conn.send(&ask);
        conns.push(conn);
    }
    wait_until("some were closed", DEADLINE, || limited(&server, "parser_bytes") >= 1.0);
    assert!(held(&server) <= BUDGET as f64);
    assert!(metric(&server, "ssecast_connections_closed_total{reason=\"memory\"}").is_some_and(|n| n >= 1.0));
    assert_alive(&server);
    drop(conns);
    wait_until("nothing is held", DEADLINE, || held(&server) < 4096.0);
}
