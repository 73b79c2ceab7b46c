//! Servers on a Redis, and what these tests ask them again and again.

use std::path::Path;

use serde_json::Value;

use super::common::api::{metric, post, post_as};
use super::common::events::{tick, tick_data};
use super::common::http::{Response, get, request};
use super::common::redis::Redis;
use super::common::server::{Server, Setup};
use super::common::sse::Event;
use super::common::stream::Stream;
use super::common::{DEADLINE, wait_until};

/// The channel of the default configuration.
pub(crate) const CHANNEL: &str = "orders.events";

/// A server in a mode with a Redis of that URL. It does not give Redis up just because the machine is busy.
pub(crate) fn setup(mode: &str, url: &str) -> Setup {
    Setup::new().flag("--mode", mode).flag("--redis-url", url).flag("--redis-publish-timeout", "20s")
}

/// Starts one, and waits until its way through Redis is open.
pub(crate) fn node(mode: &str, redis: &Redis) -> Server {
    ready(setup(mode, redis.url()).start())
}

/// The same under a name.
pub(crate) fn named(name: &str, mode: &str, redis: &Redis) -> Server {
    ready(setup(mode, redis.url()).flag("--server-instance", name).start())
}

/// Waits until its way through Redis is open, as far as the mode needs one.
pub(crate) fn ready(server: Server) -> Server {
    wait_until_ready(&server);
    server
}

/// See `ready`.
pub(crate) fn wait_until_ready(server: &Server) {
    wait_until("ready, and nothing is degraded", DEADLINE, || {
        let response = get(server.addr(), "/readyz");
        response.status == 200 && response.json()["degraded"].is_null()
    });
}

/// Waits until it says that it is not ready because of Redis.
pub(crate) fn wait_until_not_ready(server: &Server) {
    wait_until("not ready", DEADLINE, || get(server.addr(), "/readyz").status == 503);
    let answer = get(server.addr(), "/readyz");
    assert_eq!(answer.json()["components"], serde_json::json!(["redis"]), "{}", answer.text());
}

/// Publishes one envelope, which must be accepted; the answer.
pub(crate) fn send(server: &Server, envelope: &str) -> Value {
    accepted(&post(server.addr(), envelope.as_bytes()))
}

/// Publishes lines of envelopes, which must be accepted; the answer.
pub(crate) fn send_lines(server: &Server, lines: &str) -> Value {
    accepted(&post_as(server.addr(), "application/x-ndjson", lines.as_bytes()))
}

fn accepted(response: &Response) -> Value {
    assert_eq!(response.status, 202, "{}", response.text());
    response.json()
}

/// Publishes one envelope, which must go that way.
pub(crate) fn send_via(via: &str, server: &Server, envelope: &str) {
    let answer = send(server, envelope);
    assert_eq!(answer["via"], via, "{answer}");
}

/// What is published at the server comes back, and what a service publishes comes.
pub(crate) fn assert_round_trip(server: &Server, redis: &Redis) {
    let mut stream = Stream::open(server);
    send_via("redis", server, &tick(1));
    assert_eq!(stream.next().data, tick_data(1));
    redis.publish(CHANNEL, tick(2).as_bytes());
    assert_eq!(stream.next().data, tick_data(2));
}

/// `PUT /admin/mode`.
pub(crate) fn ask_mode(server: &Server, mode: &str) -> Response {
    let body = format!(r#"{{"mode":"{mode}"}}"#);
    let json = ("Content-Type", "application/json");
    request(server.addr(), "PUT", "/admin/mode", &[json, ("Connection", "close")], body.as_bytes())
}

/// Changes the mode, which must succeed.
pub(crate) fn set_mode(server: &Server, mode: &str) {
    let answer = ask_mode(server, mode);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["mode"], mode);
}

/// The mode in force.
pub(crate) fn mode_of(server: &Server) -> String {
    stats(server)["mode"].as_str().expect("a mode").to_owned()
}

/// `GET /stats`.
pub(crate) fn stats(server: &Server) -> Value {
    get(server.addr(), "/stats").json()
}

/// Waits until a metric has that value.
pub(crate) fn wait_for_metric(server: &Server, name: &str, value: f64) {
    wait_until(&format!("{name} is {value}"), DEADLINE, || metric(server, name) == Some(value));
}

/// The next event that is no gap.
pub(crate) fn next_after_gaps(stream: &mut Stream) -> Event {
    loop {
        let event = stream.next();
        if event.event != "gap" {
            return event;
        }
    }
}

/// Everything up to the event with this data, itself included, without gaps.
pub(crate) fn through(stream: &mut Stream, data: &str) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = next_after_gaps(stream);
        let is_last = event.data == data;
        events.push(event);
        if is_last {
            return events;
        }
    }
}

/// A path as a flag takes it.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
