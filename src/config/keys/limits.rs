//! `[limits]`: what a peer may cost: connections, rates, memory, sizes and times.

use super::Section;
use super::key::{Key, fixed, key};
use super::notation::{DAY, GIB, KIB, MIB, RATE, at, millis};
use crate::config::kind::Kind;

pub(super) static SECTION: Section = Section { name: "limits", title: "Limits", keys: KEYS };

const KEYS: &[Key] = &[
    fixed(
        "limits.connections",
        Kind::Count(at!(limits.connections), 0..=10_000_000),
        "Open connections; a stream beyond that is told to retry later. 0 takes as many as the limit on \
         file descriptors allows, which is raised to its hard limit at start.",
    ),
    fixed(
        "limits.admin_connections",
        Kind::Count(at!(limits.admin_connections), 1..=1_000_000),
        "Open connections of server.admin_listen, kept free for it beside limits.connections; at most half of what \
         the limit on file descriptors allows.",
    ),
    key(
        "limits.connections_per_ip",
        Kind::Count(at!(limits.connections_per_ip), 0..=10_000_000),
        "Open connections of one address to server.listen; an IPv6 address counts by its /64. 0 switches the limit off. Behind a \
         proxy all clients have one address, unless server.trusted_proxies names the proxy.",
    ),
    key(
        "limits.accept_rate",
        Kind::Count(at!(limits.accept.rate), 0..=RATE),
        "New connections in a second; who is beyond that is turned away as at the cap on connections. 0 switches \
         the limit off.",
    ),
    key(
        "limits.accept_burst",
        Kind::Count(at!(limits.accept.burst), 0..=RATE),
        "New connections at once, within accept_rate. 0 is as many as in a second.",
    ),
    key(
        "limits.accept_rate_per_ip",
        Kind::Count(at!(limits.accept_per_ip.rate), 0..=RATE),
        "New connections of one address in a second; those of a trusted proxy are not counted. 0 switches the limit \
         off.",
    ),
    key(
        "limits.accept_burst_per_ip",
        Kind::Count(at!(limits.accept_per_ip.burst), 0..=RATE),
        "New connections of one address at once. 0 is as many as in a second.",
    ),
    key(
        "limits.publish_rate",
        Kind::Count(at!(limits.publish.rate), 0..=RATE),
        "Events published by POST /publish in a second; a batch beyond that gets 429 with Retry-After, and nothing \
         of it is published. 0 switches the limit off.",
    ),
    key(
        "limits.publish_burst",
        Kind::Count(at!(limits.publish.burst), 0..=RATE),
        "Events published at once. A batch of more than that has to wait until nothing was published for long \
         enough, and then counts whole. 0 is as many as in a second.",
    ),
    key(
        "limits.publish_rate_per_ip",
        Kind::Count(at!(limits.publish_per_ip.rate), 0..=RATE),
        "Events published from one address in a second. 0 switches the limit off.",
    ),
    key(
        "limits.publish_burst_per_ip",
        Kind::Count(at!(limits.publish_per_ip.burst), 0..=RATE),
        "Events published from one address at once. 0 is as many as in a second.",
    ),
    key(
        "limits.publish_rate_per_token",
        Kind::Count(at!(limits.publish_per_token.rate), 0..=RATE),
        "Events published with one token in a second, whatever the address: it tells services behind one proxy apart. \
         Where publishing needs no token it does not count. 0 switches the limit off.",
    ),
    key(
        "limits.publish_burst_per_token",
        Kind::Count(at!(limits.publish_per_token.burst), 0..=RATE),
        "Events published with one token at once. 0 is as many as in a second.",
    ),
    key(
        "limits.rate_addresses",
        Kind::Count(at!(limits.rate_addresses), 1..=10_000_000),
        "Addresses that accept_rate_per_ip and publish_rate_per_ip remember, each, and tokens that \
         publish_rate_per_token does. Beyond that the one is forgotten that did the least of late.",
    ),
    key(
        "limits.parser_bytes",
        Kind::Size(at!(limits.parser_bytes), 64 * KIB..=1024 * GIB),
        "Memory of requests that are being read and answers that wait for their clients, of all connections \
         together. Beyond that no body is read any more (503), and whoever holds the most is closed. One request of \
         head_bytes and body_bytes has to fit.",
    ),
    key(
        "limits.publish_bytes",
        Kind::Size(at!(limits.publish_bytes), 64 * KIB..=1024 * GIB),
        "Memory of published events that have not arrived: that wait to go their way or, in the mode redis, to come \
         back. Beyond that nothing more is published (503) until some of them have; a single batch is, when there is \
         nothing else.",
    ),
    key(
        "limits.head_bytes",
        Kind::Size(at!(limits.head_bytes), KIB..=MIB),
        "Bytes of a request line with its headers.",
    ),
    key("limits.headers", Kind::Count(at!(limits.headers), 1..=1024), "Headers of a request."),
    key(
        "limits.target_bytes",
        Kind::Size(at!(limits.target_bytes), 64..=MIB),
        "Bytes of a request target: path and query.",
    ),
    key("limits.body_bytes", Kind::Size(at!(limits.body_bytes), 64..=GIB), "Bytes of a request body."),
    key(
        "limits.event_bytes",
        Kind::Size(at!(limits.event_bytes), 64..=GIB),
        "Bytes of one event's envelope.",
    ),
    key(
        "limits.filters",
        Kind::Count(at!(limits.filters), 1..=100_000),
        "Values of type= and topic= that one stream may ask for.",
    ),
    key(
        "limits.token_topics",
        Kind::Count(at!(auth.token_topics), 1..=100_000),
        "Topics that the ssecast.topics claim of one token may grant; a stream that asks for none has all of them. A \
         token with more is refused with 401.",
    ),
    key(
        "limits.diagnoses",
        Kind::Count(at!(limits.diagnoses), 0..=10_000),
        "Diagnoses (/diagnose) that run at once, for two seconds each. 0 refuses all of them.",
    ),
    key(
        "limits.head_timeout",
        Kind::Duration(at!(limits.head_timeout), millis(1, DAY)),
        "From the first byte of a request's head to its last.",
    ),
    key(
        "limits.body_timeout",
        Kind::Duration(at!(limits.body_timeout), millis(1, DAY)),
        "From the end of a request's head to the end of its body.",
    ),
    key(
        "limits.keepalive",
        Kind::Duration(at!(limits.keepalive), millis(1, DAY)),
        "Silence between two requests of one connection before it is closed.",
    ),
];
