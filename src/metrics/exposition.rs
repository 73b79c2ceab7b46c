//! Metrics as Prometheus text, version 0.0.4: the one place that knows their names.

use std::fmt::{Display, Write};

use super::Metrics;
use super::latency::{BUCKETS_MS, Latency};
use crate::id::Instance;

/// The `Content-Type` of what `render` writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the hub holds at the moment of asking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holdings {
    /// The mode of the bus.
    pub mode: &'static str,
    /// Open streams.
    pub streams: usize,
    /// Bytes that the log holds.
    pub log_bytes: u64,
    /// Events that a client may resume into.
    pub log_events: usize,
    /// Memory of events that were published and have not arrived.
    pub publish_bytes: usize,
    /// Whether a round trip through Redis works.
    pub redis_up: bool,
    /// 0 closed, 1 half-open, 2 open.
    pub breaker_state: u8,
    /// Messages that Redis does not have yet.
    pub spool_events: usize,
    /// Messages that Redis will never have.
    pub spool_dropped: u64,
}

/// What the loop and the system say at the moment of asking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Open connections of any kind.
    pub connections: usize,
    /// Beyond so many, who comes is told to come back later.
    pub connections_limit: usize,
    /// Memory of requests being read and answers waiting, in bytes.
    pub parser_bytes: usize,
    /// Messages received from Redis and not yet broadcast.
    pub redis_backlog: usize,
    /// Lines that could not be logged.
    pub log_lines_dropped: u64,
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// Open descriptors of the process.
    pub open_fds: u64,
    /// Descriptors that it may open.
    pub max_fds: u64,
    /// When the process started, in seconds since 1970.
    pub start_time_seconds: f64,
}

/// All metrics.
#[must_use]
pub fn render(metrics: &Metrics, holdings: &Holdings, gauges: &Gauges, instance: &Instance) -> String {
    let mut text = Exposition { out: String::with_capacity(16 * 1024) };
    let m = metrics;
    text.histogram(
        "broadcast_latency_ms",
        "From an event's ts to the kernel taking its last byte, per delivery.",
        &m.broadcast,
    );
    text.histogram(
        "ssecast_delivery_latency_ms",
        "From appending an event to the kernel taking its last byte, per delivery.",
        &m.delivery,
    );
    text.histogram(
        "ssecast_broadcast_duration_ms",
        "From the first client to the last one of an event.",
        &m.duration,
    );
    text.gauge("ssecast_active_connections", "Open event streams.", holdings.streams as f64);
    text.gauge("ssecast_open_connections", "Open connections of any kind.", gauges.connections as f64);
    text.gauge(
        "ssecast_connections_limit",
        "Open connections beyond which who comes is told to come back later.",
        gauges.connections_limit as f64,
    );
    text.counter("ssecast_events_sent_total", "Deliveries: an event and a client.", m.events_sent);
    let by_way = m.published.iter().map(|(way, &count)| (*way, count));
    text.counters("ssecast_events_published_total", "Events accepted by POST /publish.", "via", by_way);
    text.counter(
        "ssecast_events_map_dropped_total",
        "Events without a map entry that map_only dropped.",
        m.map_dropped,
    );
    text.counter(
        "ssecast_transmission_errors_total",
        "Sends that failed with an error of the socket.",
        m.transmission_errors,
    );
    let by_reason = m.closed.iter().map(|(reason, &count)| (*reason, count));
    text.counters("ssecast_connections_closed_total", "Closed connections.", "reason", by_reason);
    let by_reason = m.gaps.iter().map(|(reason, &count)| (*reason, count));
    text.counters("ssecast_gaps_total", "Clients told that they may lack something.", "reason", by_reason);
    text.counter("ssecast_shed_total", "Connections turned away at a cap or while draining.", m.shed);
    let by_reason = m.denials.iter().map(|(reason, &count)| (*reason, count));
    text.counters(
        "ssecast_denials_total",
        "Requests without the right to what they asked for.",
        "reason",
        by_reason,
    );
    let by_limit = m.limited.iter().map(|(limit, &count)| (*limit, count));
    text.counters("ssecast_limited_total", "Turned away by a limit of this name.", "limit", by_limit);
    text.gauge(
        "ssecast_parser_bytes",
        "Memory of requests being read and answers waiting.",
        gauges.parser_bytes as f64,
    );
    text.gauge(
        "ssecast_publish_bytes",
        "Memory of events that were published and have not arrived.",
        holdings.publish_bytes as f64,
    );
    let by_kind = m.tls_handshakes.iter().map(|(kind, &count)| (*kind, count));
    text.counters("ssecast_tls_handshakes_total", "TLS handshakes that were finished.", "kind", by_kind);
    let by_status = m.requests.iter().map(|(status, &count)| (status.to_string(), count));
    text.counters("ssecast_requests_total", "Answered requests.", "status", by_status);
    text.redis(m, holdings, gauges);
    text.counter("ssecast_clock_skew_events_total", "Events whose ts was in the future.", m.clock_skew);
    text.counter("ssecast_loop_stalls_total", "Turns of the loop of over 100 ms.", m.loop_stalls);
    text.gauge(
        "ssecast_history_bytes",
        "Bytes that the log holds, of topics and tenants too.",
        holdings.log_bytes as f64,
    );
    text.gauge("ssecast_history_events", "Events that a client may resume into.", holdings.log_events as f64);
    text.counter(
        "ssecast_log_lines_dropped_total",
        "Lines that could not be logged.",
        gauges.log_lines_dropped,
    );
    text.gauge("process_resident_memory_bytes", "Resident memory.", gauges.resident_bytes as f64);
    text.gauge("process_open_fds", "Open descriptors.", gauges.open_fds as f64);
    text.gauge("process_max_fds", "Descriptors that may be open.", gauges.max_fds as f64);
    text.gauge(
        "process_start_time_seconds",
        "Start of the process, in seconds since 1970.",
        gauges.start_time_seconds,
    );
    let version = [(env!("CARGO_PKG_VERSION"), 1)];
    text.samples("ssecast_build_info", "gauge", "What is running.", "version", version);
    let mode = [(holdings.mode, 1)];
    text.samples("ssecast_mode_info", "gauge", "The mode of the bus.", "mode", mode);
    // Not "instance": scrapers have a label of that name for the address that they asked.
    let name = [(instance.as_str(), 1)];
    text.samples("ssecast_instance_info", "gauge", "Which process answered, as in ids.", "name", name);
    text.out
}

struct Exposition {
    out: String,
}

impl Exposition {
    fn redis(&mut self, metrics: &Metrics, holdings: &Holdings, gauges: &Gauges) {
        let m = metrics.redis;
        for (name, help, value) in [
            ("redis_pubsub_messages_received_total", "Messages received from Redis.", m.messages),
            (
                "redis_pubsub_deserialize_failures_total",
                "Messages from Redis that were no valid envelope.",
                m.invalid,
            ),
            (
                "ssecast_redis_echoes_total",
                "Messages of this server that came back after their broadcast.",
                m.echoes,
            ),
            (
                "ssecast_redis_duplicates_total",
                "Events that came again and were not broadcast again.",
                m.duplicates,
            ),
            (
                "ssecast_redis_not_forwarded_total",
                "Messages from Redis that the mode does not broadcast.",
                m.not_forwarded,
            ),
            (
                "ssecast_redis_missing_total",
                "Messages of other servers that did not come, or late.",
                m.missing,
            ),
            ("ssecast_redis_reconnects_total", "Subscriptions that were lost.", m.reconnects),
            ("ssecast_redis_published_total", "Messages that Redis acknowledged.", m.published),
            (
                "ssecast_redis_publish_failures_total",
                "Attempts to publish a message that failed.",
                m.publish_failures,
            ),
            (
                "ssecast_spool_dropped_total",
                "Messages that Redis will never have, as too many waited for it.",
                holdings.spool_dropped,
            ),
        ] {
            self.counter(name, help, value);
        }
        let up = f64::from(u8::from(holdings.redis_up));
        for (name, help, value) in [
            (
                "ssecast_redis_backlog",
                "Messages received from Redis and not yet broadcast.",
                gauges.redis_backlog as f64,
            ),
            ("ssecast_redis_up", "1 while a round trip through Redis works.", up),
            ("ssecast_breaker_state", "0 closed, 1 half-open, 2 open.", f64::from(holdings.breaker_state)),
            ("ssecast_spool_events", "Events kept until Redis has them.", holdings.spool_events as f64),
        ] {
            self.gauge(name, help, value);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.single(name, "counter", help, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.single(name, "gauge", help, value);
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    fn counters<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.samples(name, "counter", help, label, values);
    }

    fn samples<L: AsRef<str>>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.head(name, kind, help);
        for (text, value) in values {
            self.line(format_args!("{name}{{{label}=\"{}\"}} {value}", text.as_ref()));
        }
    }

    fn histogram(&mut self, name: &str, help: &str, latency: &Latency) {
        self.head(name, "histogram", help);
        for (bound, count) in BUCKETS_MS.iter().zip(latency.cumulative()) {
            self.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}"));
        }
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {}", latency.count()));
        self.line(format_args!("{name}_sum {}", latency.sum_ms()));
        self.line(format_args!("{name}_count {}", latency.count()));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let written = writeln!(self.out, "{text}");
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;

    #[test]
    fn the_text_has_a_type_for_each_sample() {
        let mut metrics = Metrics::new(Mono::ZERO, ["stalled"]);
        metrics.broadcast.record(1_500, 4);
        metrics.requests.insert(202, 7);
        let holdings = Holdings { streams: 3, mode: "dual", ..Holdings::default() };
        let text = render(&metrics, &holdings, &Gauges::default(), &Instance::from_random(0xab));
        for line in [
            "broadcast_latency_ms_bucket{le=\"1\"} 0",
            "broadcast_latency_ms_bucket{le=\"2.5\"} 4",
            "broadcast_latency_ms_bucket{le=\"+Inf\"} 4",
            "broadcast_latency_ms_sum 6",
            "ssecast_active_connections 3",
            "ssecast_connections_closed_total{reason=\"stalled\"} 0",
            "ssecast_gaps_total{reason=\"unknown-id\"} 0",
            "ssecast_requests_total{status=\"202\"} 7",
            "ssecast_mode_info{mode=\"dual\"} 1",
            "ssecast_instance_info{name=\"000000ab\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let mut typed = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                typed.push(rest.split(' ').next().unwrap());
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(name.starts_with(typed.last().unwrap()), "{line}");
            }
        }
        let mut unique = typed.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), typed.len(), "a metric stands twice");
    }
}
