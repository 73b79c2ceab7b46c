//! What operators and their machines ask.

use std::cmp::Reverse;
use std::time::Duration;

use serde_json::{Value, json};

use super::Context;
use crate::bus::Readiness;
use crate::http::{Request, Response};
use crate::hub::{ClientRank, ClientView, Filter};
use crate::id::EventId;
use crate::limits::{ANSWER_BYTES, KIB};
use crate::metrics::{self, Holdings, Percentiles};
use crate::timestamp;
use crate::topic::TopicPattern;

/// Clients listed where nothing else is asked.
const CLIENTS: usize = 50;
/// Clients listed at most.
const MOST_CLIENTS: usize = 1000;
/// Bytes of a list at most: filters may be long, and one who asks should not be given many times more.
const CLIENTS_BYTES: usize = 256 * KIB;
const _: () =
    assert!(CLIENTS_BYTES + 32 * KIB < ANSWER_BYTES, "a list ends with the client that is too much");

pub(super) fn healthz() -> Response {
    Response::new(200).json(r#"{"status":"ok"}"#)
}

pub(super) fn readyz(context: &Context<'_>) -> Response {
    if context.is_ending {
        return Response::problem(503, "not ready: draining")
            .problem_member("components", vec!["draining"])
            .header("Retry-After", "5");
    }
    let mode = context.bus.mode().name();
    match context.bus.readiness(context.now.mono) {
        Readiness::Ready => Response::new(200).json(json!({ "status": "ready", "mode": mode }).to_string()),
        Readiness::Degraded => {
            let answer = json!({ "status": "ready", "mode": mode, "degraded": ["redis"] });
            Response::new(200).json(answer.to_string())
        }
        Readiness::NotReady => Response::problem(503, "not ready: redis")
            .problem_member("components", vec!["redis"])
            .header("Retry-After", "1"),
    }
}

pub(super) fn metrics(context: &Context<'_>) -> Response {
    let (hub, log, bus) = (&context.hub, context.hub.log(), context.bus.status(context.now.mono));
    let holdings = Holdings {
        mode: context.bus.mode().name(),
        streams: hub.len(),
        log_bytes: log.memory_bytes(),
        log_events: log.history_len(),
        publish_bytes: bus.held_bytes,
        redis_up: bus.is_up,
        breaker_state: bus.breaker.number(),
        spool_events: bus.spooled,
        spool_dropped: bus.spool_dropped,
    };
    let text = metrics::render(hub.metrics(), &holdings, &context.node.gauges(), context.node.instance());
    Response::new(200).text(metrics::CONTENT_TYPE, text)
}

pub(super) fn stats(context: &Context<'_>) -> Response {
    let (hub, gauges) = (&context.hub, context.node.gauges());
    let (log, metrics) = (hub.log(), hub.metrics());
    let rates = context.node.rates();
    let lags: Vec<u64> = hub.clients().map(|client| client.lag_bytes).filter(|&lag| lag > 0).collect();
    let stats = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "instance": context.node.instance().as_str(),
        "uptime_seconds": context.node.uptime().as_secs_f64(),
        "mode": context.bus.mode().name(),
        "draining": context.is_ending,
        "connections": { "streams": hub.len(), "open": gauges.connections, "shed": metrics.shed },
        "limits": {
            "parser_bytes": gauges.parser_bytes,
            "publish_bytes": context.bus.held_bytes(),
            "turned_away": metrics.limited,
        },
        "rates": { "events_per_second": rates.events, "deliveries_per_second": rates.deliveries },
        "latency_ms": {
            "broadcast": percentiles(metrics.broadcast.recent()),
            "delivery": percentiles(metrics.delivery.recent()),
            "duration": percentiles(metrics.duration.recent()),
        },
        "log": {
            "events": log.history_len(),
            "bytes": log.memory_bytes(),
            "appended": log.appended(),
            "oldest_id": log.oldest_id(),
            "last_id": (log.appended() > 0).then(|| log.last_id().to_string()),
        },
        "redis": redis(context),
        "last_event": context.bus.last().map(|last| json!({
            "event": last.name,
            "id": last.subject.id,
            "trace_id": last.subject.trace_id,
        })),
        "lag": { "clients": lags.len(), "max_bytes": lags.iter().max().copied().unwrap_or(0) },
        "totals": {
            "published": metrics.published,
            "deliveries": metrics.events_sent,
            "closed": metrics.closed,
            "gaps": metrics.gaps,
            "clock_skew": metrics.clock_skew,
            "loop_stalls": metrics.loop_stalls,
        },
        "process": { "resident_bytes": gauges.resident_bytes, "open_fds": gauges.open_fds },
    });
    Response::new(200).json(stats.to_string())
}

/// What the stream does not say of the last events that everybody may see, and the time, so that a page can tell how
/// long they took.
pub(super) fn recent(context: &Context<'_>, request: &Request) -> Response {
    let after = match request.target.query("after").map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Response::problem(400, "after must be the number in an event's id"),
    };
    let instance = context.node.instance().as_str();
    let shown = context.bus.shown_after(after).filter(|event| event.is_public);
    let events: Vec<Value> = shown
        .map(|event| {
            json!({
                "id": EventId { instance, seq: event.seq, fingerprint: event.fingerprint }.to_string(),
                "event": event.name,
                "entity": event.subject.id,
                "trace_id": event.subject.trace_id,
                "ts": event.ts.map(timestamp::format),
            })
        })
        .collect();
    let now = timestamp::format(context.now.wall);
    Response::new(200).json(json!({ "now": now, "events": events }).to_string())
}

/// The way through Redis; `null` where the mode needs none.
fn redis(context: &Context<'_>) -> Value {
    let bus = context.bus.status(context.now.mono);
    if !bus.mode.publishes() && bus.spooled == 0 {
        return Value::Null;
    }
    let counted = context.hub.metrics().redis;
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    json!({
        "up": bus.is_up,
        "round_trip_ms": bus.round_trip.map(millis),
        "subscriber": {
            "subscribed_seconds": bus.subscribed.map(|since| since.as_secs_f64()),
            "why_down": bus.why_down,
            "messages_per_second": context.node.rates().messages,
            "backlog": context.node.gauges().redis_backlog,
            "lag_ms": bus.lag.map(millis),
            "messages": counted.messages,
            "invalid": counted.invalid,
            "echoes": counted.echoes,
            "duplicates": counted.duplicates,
            "not_forwarded": counted.not_forwarded,
            "missing": counted.missing,
            "reconnects": counted.reconnects,
        },
        "publisher": {
            "breaker": bus.breaker.name(),
            "spooled": bus.spooled,
            "in_flight": bus.in_flight,
            "spool_dropped": bus.spool_dropped,
            "published": counted.published,
            "failures": counted.publish_failures,
        },
    })
}

/// Of nothing there are none.
fn percentiles(of: Percentiles) -> Value {
    if of.count == 0 {
        return json!({ "count": 0, "p50": null, "p90": null, "p99": null, "p999": null, "max": null });
    }
    json!({ "count": of.count, "p50": of.p50, "p90": of.p90, "p99": of.p99, "p999": of.p999, "max": of.max })
}

pub(super) fn clients(context: &Context<'_>, request: &Request) -> Response {
    let limit = match request.target.query("limit").map(str::parse) {
        None => CLIENTS,
        Some(Ok(limit)) => MOST_CLIENTS.min(limit),
        Some(Err(_)) => return Response::problem(400, "limit must be a whole number"),
    };
    let hub = &context.hub;
    let rank: fn(&ClientRank) -> Reverse<u64> = match request.target.query("sort").unwrap_or("lag") {
        "lag" => |client| Reverse(client.lag_bytes),
        "age" => |client| Reverse(u64::MAX - client.joined.as_micros()),
        "sent" => |client| Reverse(client.sent),
        _ => return Response::problem(400, "sort must be lag, age or sent"),
    };
    let mut ranked: Vec<ClientRank> = hub.clients().collect();
    ranked.sort_unstable_by_key(|client| (rank(client), client.key));
    let mut clients = Vec::new();
    let mut bytes = 0;
    for client in ranked.iter().take(limit).filter_map(|client| hub.client(client.key, context.now.mono)) {
        let address = context.node.client(client.key).map(|client| client.to_string());
        let described = describe(&client, address).to_string();
        bytes += described.len();
        if bytes > CLIENTS_BYTES {
            break;
        }
        clients.push(described);
    }
    let (total, listed) = (hub.len(), clients.join(","));
    Response::new(200).json(format!(r#"{{"total":{total},"clients":[{listed}]}}"#))
}

fn describe(client: &ClientView<'_>, address: Option<String>) -> Value {
    json!({
        "address": address,
        "age_seconds": client.age.as_secs_f64(),
        "lag_events": client.lag_events,
        "lag_bytes": client.lag_bytes,
        "sent": client.sent,
        "blocked": client.is_blocked,
        "filters": client.filter.map_or_else(|| json!({}), filters),
    })
}

fn filters(filter: &Filter) -> Value {
    let topic = |pattern: &TopicPattern| match pattern {
        TopicPattern::Exact(topic) => topic.to_string(),
        TopicPattern::Prefix(prefix) => format!("{prefix}*"),
    };
    json!({
        "types": filter.types,
        "topics": filter.topics.iter().map(topic).collect::<Vec<_>>(),
        "tenant": filter.tenant,
    })
}
