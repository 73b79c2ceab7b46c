//! `[stream]`: what streams say, how far a client may lag, and what is kept for those that resume.

use super::Section;
use super::key::{Key, fixed, key};
use super::notation::{DAY, GIB, HOUR, KIB, at, choice, millis};
use crate::config::kind::Kind;
use crate::hub::{DataStyle, HeartbeatStyle};

pub(super) static SECTION: Section = Section { name: "stream", title: "Streams and history", keys: KEYS };

const KEYS: &[Key] = &[
    key(
        "stream.retry",
        Kind::Duration(at!(stream.retry), millis(1, HOUR)),
        "What a client is told to wait before it reconnects, spread by 20 % either way per connection.",
    ),
    key(
        "stream.heartbeat",
        Kind::DurationOrOff(at!(stream.heartbeat), millis(10, DAY)),
        "Time between two heartbeats of a stream. Keep it below the idle timeout of every proxy on the way.",
    ),
    key(
        "stream.heartbeat_style",
        choice!(HeartbeatStyle, stream.heartbeat_style),
        "What a heartbeat is: an event \"ping\" that scripts see, a comment that they do not, or nothing. \
         A client chooses for itself with ?heartbeat=.",
    ),
    key(
        "stream.data",
        choice!(DataStyle, stream.data),
        "What becomes the data of a frame: the event's payload, or the whole envelope.",
    ),
    key(
        "stream.buffer_bytes",
        Kind::Size(at!(stream.buffer_bytes), KIB..=GIB),
        "Bytes that a client may lag behind; beyond that it is closed, reconnects by itself and resumes. One \
         event is always allowed, whatever its size. What you publish in one go should fit.",
    ),
    key(
        "stream.stall_timeout",
        Kind::Duration(at!(stream.stall_timeout), millis(10, DAY)),
        "How long a client that lags may take no byte before it is closed.",
    ),
    key(
        "stream.replay_bytes",
        Kind::Size(at!(stream.replay_bytes), KIB..=1024 * GIB),
        "Bytes replayed to one client that resumes. When that cuts, the client gets a gap event.",
    ),
    key(
        "stream.history_bytes",
        Kind::Size(at!(stream.history_bytes), KIB..=1024 * GIB),
        "Bytes of events kept for clients that resume, their topics and tenants included: in effect the memory of the \
         server, which holds at least 4 MiB of what it is sending.",
    ),
    key(
        "stream.history_events",
        Kind::Count(at!(stream.history_events), 1..=1_000_000_000),
        "Events kept for clients that resume.",
    ),
    key(
        "stream.history_age",
        Kind::AgeOrOff(at!(stream.history_age), millis(1, 30 * DAY)),
        "How long an event is kept for clients that resume. Off keeps it as long as the other two allow.",
    ),
    fixed(
        "stream.notsent_bytes",
        Kind::Size(at!(stream.notsent_bytes), 4 * KIB..=GIB),
        "TCP_NOTSENT_LOWAT of a connection: what the kernel takes that it has not sent yet, beside \
         stream.buffer_bytes. What is on its way to the client does not count.",
    ),
    fixed(
        "stream.sndbuf_bytes",
        Kind::Size(at!(stream.sndbuf_bytes), 0..=GIB),
        "SO_SNDBUF of a connection: what the kernel keeps until the client has acknowledged it, at most, and so a \
         bound on its speed. Linux takes no more than net.core.wmem_max, and doubles it. 0 lets it grow with the \
         connection, to 4 MiB as a rule (net.ipv4.tcp_wmem).",
    ),
    fixed(
        "stream.user_timeout",
        Kind::Duration(at!(stream.user_timeout), millis(1, DAY)),
        "TCP_USER_TIMEOUT of a connection (RFC 5482): it ends when sent bytes stay unacknowledged this long.",
    ),
];
