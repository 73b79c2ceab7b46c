//! How much memory the server takes at worst, computed from the configuration: `ssecast check` prints it.
//!
//! Honest rather than flattering: buffers that double are counted doubled, and what no limit in bytes bounds is
//! counted by the limits that there are. docs/limits.md says what each line is.

use std::net::IpAddr;

use crate::auth::{TOKEN_BYTES_MAX, TokenId};
use crate::bus::{self, Mode};
use crate::config::Config;
use crate::envelope::{TOPIC_BYTES, TOPICS};
use crate::event::{Event, allocated};
use crate::hub;
use crate::limits::{
    ANSWER_BYTES, KIB, MIB, Pace, READ_BYTES, STREAM_BACKLOG_BYTES, STREAM_REST_BYTES, TLS_REST_BYTES,
};
use crate::net;
use crate::rate::Buckets;

/// The program itself: code, stacks of threads, the log's queue, latencies, what the allocator keeps.
const PROGRAM_BYTES: usize = 24 * MIB;
/// Bytes of the shortest frame: three lines, an empty one, and an id of 20 bytes.
const LEAST_FRAME_BYTES: usize = 48;
/// What one byte of a payload takes in a frame at most: a line end begins another `data: ` line.
const LINE_GROWTH: usize = 7;
/// What a decoded batch takes, beside its text, for each byte of it: the shortest envelope has 40 bytes.
const BATCH_GROWTH: usize = size_of::<Event>() / 40 + 1 + LINE_GROWTH;
/// What one filter value takes beside its text: its place in the filter and in the index.
const FILTER_BYTES: usize = 512;
/// What a connection takes for its deadline, its places in queues, and for a client named by a proxy.
const PLACES_BYTES: usize = 256;
/// What a stream is told first: its head, `retry:` and perhaps a gap.
const GREETING_BYTES: usize = KIB;
/// What a TLS session takes: its keys, and as long as keys are agreed on what that needs.
const TLS_SESSION_BYTES: usize = 8 * KIB;
/// What the kernel keeps for an idle connection.
const KERNEL_IDLE_BYTES: usize = 3 * KIB;
/// What the kernel keeps for a connection of which nothing is read, as a rule (`net.ipv4.tcp_rmem`).
const KERNEL_UNREAD_BYTES: usize = 128 * KIB;
/// What the kernel keeps of unsent bytes where it sizes the buffer itself (`net.ipv4.tcp_wmem`).
const KERNEL_UNSENT_BYTES: usize = 4 * MIB;
/// How parts begin that only somebody who wants to can fill.
const UNLESS_MEANT: &str = "if";

/// A part of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub what: String,
    /// Bytes of it at worst.
    pub bytes: u64,
}

/// The memory at worst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// The parts of the process, the largest of each kind.
    pub parts: Vec<Part>,
    /// What the kernel keeps beside the process for its sockets.
    pub kernel: u64,
    /// The same while all of them are idle streams.
    pub kernel_idle: u64,
    /// Bytes of one stream that sees everything.
    pub plain_stream: u64,
}

impl WorstCase {
    /// With so many connections.
    #[must_use]
    pub fn of(config: &Config, connections: usize) -> Self {
        let mut parts = vec![part("the program itself", PROGRAM_BYTES)];
        parts.extend(history(config));
        let limits = &config.limits;
        let at_work = limits.body_bytes.saturating_mul(BATCH_GROWTH) + 2 * READ_BYTES + ANSWER_BYTES;
        parts
            .push(part("requests being read and answers waiting (limits.parser_bytes)", limits.parser_bytes));
        // The decoded batch that is alone may be larger, and is counted as the request at work.
        parts.push(part("published and not arrived (limits.publish_bytes)", limits.publish_bytes));
        parts.push(part("the one request at work (limits.body_bytes, decoded)", at_work));
        let plain_stream = net::CONNECTION_BYTES + hub::CLIENT_BYTES + PLACES_BYTES;
        let connection = plain_stream.max(net::EXCHANGE_BYTES + PLACES_BYTES);
        parts.push(part(&format!("{connections} connections"), connection.saturating_mul(connections)));
        if config.tls.cert_file.is_some() {
            parts.push(part("TLS of them", TLS_SESSION_BYTES.saturating_mul(connections)));
            parts.push(part(
                "if all of them are streams that send half a record of TLS and take half of another",
                (STREAM_REST_BYTES + TLS_REST_BYTES).saturating_mul(connections),
            ));
        }
        parts.push(part(
            "if all of them are streams with filters that lag (limits.filters, limits.token_topics, stream.buffer_bytes)",
            filtered(config).saturating_mul(connections),
        ));
        parts.push(part("addresses and tokens of rate limits (limits.rate_addresses)", remembered(config)));
        if config.bus.mode != Mode::Local {
            parts.extend(redis(config));
        }
        let unsent = match config.stream.sndbuf_bytes {
            0 => KERNEL_UNSENT_BYTES,
            bytes => 2 * bytes,
        };
        let busy = KERNEL_IDLE_BYTES + unsent + KERNEL_UNREAD_BYTES;
        Self {
            parts,
            kernel: (busy as u64).saturating_mul(connections as u64),
            kernel_idle: (KERNEL_IDLE_BYTES as u64).saturating_mul(connections as u64),
            plain_stream: plain_stream as u64,
        }
    }

    /// Bytes of the process.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
    }

    /// The same without what only somebody who wants to can fill.
    #[must_use]
    pub fn usual(&self) -> u64 {
        let usual = self.parts.iter().filter(|part| !part.what.starts_with(UNLESS_MEANT));
        usual.map(|part| part.bytes).fold(0, u64::saturating_add)
    }

    /// The figures as comment lines of a TOML file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = "\n# Memory at worst, as docs/limits.md explains it:\n".to_owned();
        for Part { what, bytes } in &self.parts {
            out.push_str(&format!("# {:>10}  {what}\n", mib(*bytes)));
        }
        out.push_str(&format!("# {:>10}  all of that: what the process takes at worst\n", mib(self.total())));
        out.push_str(&format!(
            "# {:>10}  the same without the lines that begin with \"{UNLESS_MEANT}\"\n",
            mib(self.usual())
        ));
        out.push_str(&format!(
            "# {:>10}  beside it, in the kernel, if every client takes nothing ({} while all are idle)\n",
            mib(self.kernel),
            mib(self.kernel_idle)
        ));
        out.push_str(&format!(
            "# A stream without filters takes {} bytes of the process.\n",
            self.plain_stream
        ));
        out
    }
}

fn part(what: &str, bytes: usize) -> Part {
    Part { what: what.to_owned(), bytes: bytes as u64 }
}

/// The log: frames with who may see each, and what else is known of each.
fn history(config: &Config) -> Vec<Part> {
    let (options, limits) = (&config.stream, &config.limits);
    let in_flight = hub::IN_FLIGHT_BYTES.max(options.buffer_bytes);
    let kept = options.history_bytes.max(in_flight);
    let frame = hub::SEGMENT_BYTES.max(limits.event_bytes.saturating_mul(LINE_GROWTH));
    // A segment is half empty where frames are just over half as long, or have long topics.
    let log = kept.saturating_add(frame).saturating_mul(2);
    let frames = options.history_events.min(kept / LEAST_FRAME_BYTES) + in_flight / LEAST_FRAME_BYTES;
    let mut parts = vec![
        part("the history (stream.history_bytes; segments may be half empty)", log),
        part(
            &format!("what is known of {frames} events in it (stream.history_events)"),
            frames.saturating_mul(hub::FRAME_BYTES),
        ),
    ];
    // An event's topics are part of its envelope, or made from its payload.
    let topics = (TOPICS + config.topics.from_payload.len()) * allocated(TOPIC_BYTES) + 1024;
    let lagging =
        (options.buffer_bytes / LEAST_FRAME_BYTES).saturating_mul(topics.min(3 * limits.event_bytes));
    if let Some(beyond @ 1..) = lagging.checked_sub(kept) {
        let what = "if all that a client may lag has as many topics as it may (stream.buffer_bytes)";
        parts.push(part(what, beyond));
    }
    parts
}

/// A stream with as many filters as it may have, and as many places in the log that it was not sent.
fn filtered(config: &Config) -> usize {
    let (options, limits) = (&config.stream, &config.limits);
    let texts = 3 * limits.target_bytes.min(limits.head_bytes);
    let ranges = 2 * size_of::<std::ops::Range<u64>>() * (options.buffer_bytes / LEAST_FRAME_BYTES / 2);
    let greeting = STREAM_BACKLOG_BYTES + GREETING_BYTES;
    let filters = limits.filters.min(limits.target_bytes / "type=a&".len());
    greeting + filters * FILTER_BYTES + texts + ranges + granted(config)
}

/// The topics of a token, which may stand beside the filters that a stream asks for.
fn granted(config: &Config) -> usize {
    if config.auth.jwt.is_empty() {
        return 0;
    }
    let topics = config.auth.token_topics.min(TOKEN_BYTES_MAX / r#""a*","#.len());
    topics * FILTER_BYTES + 3 * TOKEN_BYTES_MAX
}

/// What limits per address and per token remember.
fn remembered(config: &Config) -> usize {
    let limits = &config.limits;
    let of = |pace: Pace, entry_bytes: usize| if pace.rate > 0 { entry_bytes } else { 0 };
    let address = Buckets::<IpAddr>::ENTRY_BYTES;
    let entries = of(limits.accept_per_ip, address)
        + of(limits.publish_per_ip, address)
        + of(limits.publish_per_token, Buckets::<TokenId>::ENTRY_BYTES);
    limits.rate_addresses.saturating_mul(entries)
}

/// The way through Redis.
fn redis(config: &Config) -> Vec<Part> {
    let (redis, event_bytes) = (&config.redis, config.limits.event_bytes);
    // A message may be kept in two versions, and one may be over the bound.
    let spool = (redis.spool_bytes + event_bytes).saturating_mul(2) + redis.spool_events.saturating_mul(256);
    vec![
        part("the spool (redis.spool_bytes, redis.spool_events)", spool),
        part(
            "messages received (redis.backlog_bytes)",
            2 * (redis.backlog_bytes + event_bytes.saturating_mul(LINE_GROWTH)),
        ),
        part("events remembered (redis.dedupe)", redis.dedupe.saturating_mul(96)),
        part("messages remembered until they come, or come again", bus::REMEMBERED_BYTES),
    ]
}

/// Bytes for people: never shown as less than they are.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(change: impl FnOnce(&mut Config)) -> u64 {
        let mut config = Config::default();
        change(&mut config);
        WorstCase::of(&config, 1000).total()
    }

    #[test]
    fn every_limit_that_bounds_memory_counts() {
        let usual = total(|_| {});
        for (name, more) in [
            ("history_bytes", total(|c| c.stream.history_bytes *= 2)),
            ("history_events", total(|c| c.stream.history_events *= 2)),
            ("buffer_bytes", total(|c| c.stream.buffer_bytes *= 2)),
            ("parser_bytes", total(|c| c.limits.parser_bytes *= 2)),
            ("publish_bytes", total(|c| c.limits.publish_bytes *= 2)),
            ("body_bytes", total(|c| c.limits.body_bytes *= 2)),
            ("event_bytes", total(|c| c.limits.event_bytes *= 2)),
            ("filters", total(|c| c.limits.filters *= 2)),
            ("target_bytes", total(|c| c.limits.target_bytes *= 2)),
            ("publish_rate_per_ip", total(|c| c.limits.publish_per_ip.rate = 1)),
            ("publish_rate_per_token", total(|c| c.limits.publish_per_token.rate = 1)),
            ("tls.cert_file", total(|c| c.tls.cert_file = Some("a.pem".into()))),
            ("bus.mode", total(|c| c.bus.mode = Mode::Dual)),
        ] {
            assert!(more > usual, "{name}");
        }
        let with_redis = |change: fn(&mut Config)| {
            total(|c| {
                c.bus.mode = Mode::Redis;
                change(c);
            })
        };
        let usual = with_redis(|_| {});
        assert!(with_redis(|c| c.redis.spool_bytes *= 2) > usual);
        assert!(with_redis(|c| c.redis.backlog_bytes *= 2) > usual);
        assert!(with_redis(|c| c.redis.dedupe = 1000) > usual);
    }

    /// An event of 48 bytes may have 4 KiB of topics, and is kept with them.
    #[test]
    fn topics_are_within_the_history() {
        let part = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            history(&config).iter().map(|part| part.bytes).sum::<u64>() / MIB as u64
        };
        assert!(part(|_| {}) < 180, "{}", part(|_| {}));
        let lag = part(|c| c.stream.buffer_bytes = 4 * MIB) - part(|_| {});
        assert!((300..400).contains(&lag), "a client may lag by so many of those: {lag}");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut config = Config::default();
        config.bus.mode = Mode::Redis;
        config.limits.parser_bytes = usize::MAX / 2;
        config.limits.event_bytes = 1 << 30;
        config.stream.history_bytes = 1 << 40;
        config.stream.history_events = 1_000_000_000;
        config.limits.filters = 100_000;
        let worst = WorstCase::of(&config, 10_000_000);
        assert!(worst.total() > 1 << 40);
        assert!(worst.render().lines().all(|line| line.is_empty() || line.starts_with('#')));
    }
}
