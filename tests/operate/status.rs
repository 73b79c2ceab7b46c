//! Health, readiness, statistics, and the list of clients.

use super::common::api::{clients, clients_of, publish};
use super::common::events::{envelope, tick};
use super::common::http::{Conn, get};
use super::common::server::{Server, Setup};
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

#[test]
fn health_and_readiness_are_told() {
    let server = Server::start();
    assert_eq!(get(server.addr(), "/healthz").status, 200);
    assert_eq!(get(server.addr(), "/readyz").status, 200);
}

#[test]
fn stats_are_json() {
    let server = Server::start();
    let mut stream = Stream::open(&server);
    publish(&server, &tick(1));
    stream.next();
    let response = get(server.addr(), "/stats");
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let stats = response.json();
    assert_eq!(stats["mode"], "local", "{stats}");
    for key in ["connections", "rates", "latency_ms", "log"] {
        assert!(!stats[key].is_null(), "no {key}: {stats}");
    }
    assert!(!response.text().contains("\"n\":1"), "no payload in statistics");
}

#[test]
fn clients_are_listed_with_their_filters() {
    let server = Server::start();
    let plain = Stream::open(&server);
    let filtered = Stream::open_at(&server, "/events?type=order-created&topic=order/7*");
    wait_until("both are listed", DEADLINE, || clients(&server).len() == 2);
    let list = clients(&server);
    let entry = |stream: &Stream| {
        let address = stream.local_addr().to_string();
        let found = list.iter().find(|client| client["address"] == address.as_str());
        found.unwrap_or_else(|| panic!("{address} is not in {list:?}")).clone()
    };
    assert!(entry(&filtered).to_string().contains("order-created"), "{list:?}");
    assert!(entry(&filtered).to_string().contains("order/7*"), "{list:?}");
    assert!(!entry(&plain).to_string().contains("order-created"), "{list:?}");
}

#[test]
fn clients_are_sorted_by_lag_and_limited() {
    let server = Setup::new().flag("--stream-buffer-bytes", "16777216").start();
    let mut reading: Vec<Stream> = (0..5).map(|_| Stream::open(&server)).collect();
    let lagging = Stream::open_on(Conn::open_special(server.addr(), None, Some(4096)), "/events", &[]);
    let pad = "x".repeat(8000);
    for _ in 0..100 {
        publish(&server, &envelope("pad", "1", &format!("\"{pad}\"")));
    }
    for stream in &mut reading {
        stream.take(100);
    }
    let first = clients_of(&get(server.addr(), "/clients?sort=lag&limit=1"));
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["address"], lagging.local_addr().to_string().as_str(), "{first:?}");
    assert_eq!(clients_of(&get(server.addr(), "/clients?sort=lag&limit=4")).len(), 4);
    assert_eq!(clients_of(&get(server.addr(), "/clients?limit=1000")).len(), 6);
    assert_eq!(clients_of(&get(server.addr(), "/clients")).len(), 6);
}

/// Filters may be long: the list stays a bounded answer to a short question.
#[test]
fn a_list_of_clients_is_bounded_in_bytes() {
    let server = Server::start();
    let long = format!("/events?{}", format!("topic={}&", "x".repeat(1_500)).repeat(5));
    let streams: Vec<Stream> = (0..100).map(|_| Stream::open_at(&server, &long)).collect();
    let response = get(server.addr(), "/clients?limit=1000&sort=age");
    assert!(response.body.len() < 300 * 1024, "{} bytes", response.body.len());
    let json = response.json();
    assert_eq!(json["total"], 100);
    assert!((10..100).contains(&clients_of(&response).len()));
    drop(streams);
}
