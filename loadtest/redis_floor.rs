//! The floor for what comes from Redis: the `redis` crate's own receive loop, and nothing else.
//!
//! `redis_floor URL [EVENTS]` calls `PubSub::get_message` for one message after the other and counts. Every
//! `REPORT_EVENTS` it writes to Redis how far it is, over a second connection and without waiting for an
//! answer: `load --scenario feed` measures it by that, from outside. When it has `EVENTS` (500 000) it prints
//! its own view on standard error; it ends when it is killed.

use std::fs;
use std::time::Instant;

use redis::{Connection, RedisResult, cmd};

/// The same as in `ssecast-load/upstream.rs`.
const CHANNEL: &str = "orders.events";
const RECEIVED_KEY: &str = "redis_floor:received";
/// Far below what `feed` lets lie unread, and rare enough to cost nothing.
const REPORT_EVENTS: u64 = 5_000;
const EVENTS: u64 = 500_000;

fn main() -> RedisResult<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let events = args.next().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let client = redis::Client::open(url)?;
    let mut progress = client.get_connection()?;
    let mut connection = client.get_connection()?;
    let mut subscription = connection.as_pubsub();
    subscription.subscribe(CHANNEL)?;
    loop {
        subscription.get_message()?;
        let (start, start_ns) = (Instant::now(), cpu_ns());
        for received in 2..=events {
            subscription.get_message()?;
            if received % REPORT_EVENTS == 0 {
                report(&mut progress, received)?;
            }
        }
        report(&mut progress, events)?;
        let (seconds, cpu_ns) = (start.elapsed().as_secs_f64(), cpu_ns() - start_ns);
        eprintln!(
            "redis_floor: {events} messages, {:.0} a second, {:.2} µs of CPU each",
            events as f64 / seconds,
            cpu_ns as f64 / 1e3 / events as f64
        );
    }
}

/// Says how many messages came; the answers stay unread, they are few.
fn report(progress: &mut Connection, received: u64) -> RedisResult<()> {
    progress.send_packed_command(&cmd("SET").arg(RECEIVED_KEY).arg(received).get_packed_command())
}

/// What this process, which has one thread, has run so far; 0 where the kernel does not say.
fn cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}
