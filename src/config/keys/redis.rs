//! `[redis]`: where Redis is, what is spoken with it, and what is kept for it.

use super::Section;
use super::key::{Key, key, secret};
use super::notation::{GIB, HOUR, KIB, MIB, SECOND, at, choice, millis};
use crate::config::grammar;
use crate::config::kind::Kind;
use crate::redis::Protocol;

pub(super) static SECTION: Section = Section { name: "redis", title: "Redis", keys: KEYS };

const KEYS: &[Key] = &[
    secret(
        "redis.url",
        Kind::Target(at!(redis.url)),
        "Where Redis is and who we are there: a URL, or the form of StackExchange.Redis. Nothing is connected \
         to in the mode local.",
    ),
    key(
        "redis.password_file",
        Kind::Path(at!(redis.password_file)),
        "A file with the password, instead of one in redis.url. It is read at every connect, so that it may be \
         replaced.",
    ),
    key(
        "redis.ca_file",
        Kind::Path(at!(redis.ca_file)),
        "A PEM file of the authorities that the certificate of Redis may come from, with TLS. When empty, the \
         system's.",
    ),
    key(
        "redis.cert_file",
        Kind::Path(at!(redis.cert_file)),
        "A PEM file of our own certificate, where Redis asks for one, and those between it and its authority.",
    ),
    key("redis.key_file", Kind::Path(at!(redis.key_file)), "A PEM file of the key to redis.cert_file."),
    key(
        "redis.channel",
        Kind::List(at!(redis.channel), "channel names", grammar::channel),
        "Channels that are subscribed to. The first one is published to.",
    ),
    key(
        "redis.pattern",
        Kind::Text(at!(redis.pattern), "a pattern such as \"orders.*\", or empty", grammar::pattern),
        "A pattern that is subscribed to instead of the channels (PSUBSCRIBE). It has to match the first \
         channel, or what is published here would never come back.",
    ),
    key(
        "redis.canary",
        Kind::Text(at!(redis.canary), "the name of a channel", grammar::channel),
        "Where a server sends messages to itself, to see that they come back: this, a dot and its instance \
         name are its channel. A user with restricted channels needs it beside redis.channel: \
         &ssecast.canary.*.",
    ),
    key(
        "redis.protocol",
        choice!(Protocol, redis.protocol),
        "The version of the protocol (RESP). auto speaks 3, and 2 where a server is older than Redis 6.",
    ),
    key(
        "redis.sentinel",
        Kind::List(at!(redis.sentinel), "addresses (host:port)", grammar::sentinel),
        "Sentinels that are asked where the master is, one after the other. User, password and TLS of redis.url \
         are used there, its address is not.",
    ),
    key(
        "redis.master_name",
        Kind::Text(at!(redis.master_name), "a name, or empty", grammar::plain_text),
        "What the sentinels call the master.",
    ),
    secret(
        "redis.sentinel_password",
        Kind::Text(at!(redis.sentinel_password.0), "a password, or empty", grammar::plain_text),
        "The password of the sentinels themselves.",
    ),
    key(
        "redis.connect_timeout",
        Kind::Duration(at!(redis.connect_timeout), millis(10, 60 * SECOND)),
        "From beginning to connect to Redis to the end of its greeting.",
    ),
    key(
        "redis.publish_timeout",
        Kind::Duration(at!(redis.publish_timeout), millis(1, 60 * SECOND)),
        "How long Redis may take to acknowledge what is published; after that it is broadcast here and kept for \
         Redis.",
    ),
    key(
        "redis.breaker_failures",
        Kind::Count(at!(redis.breaker_failures), 1..=1_000_000),
        "Failed publishes in a row that open the circuit breaker: from then on nobody waits for Redis until a \
         probe gets through.",
    ),
    key(
        "redis.liveness",
        Kind::Duration(at!(redis.liveness), millis(100, HOUR)),
        "How soon a Redis that is gone without a word is noticed. A third of it lies between two probes.",
    ),
    key(
        "redis.spool_events",
        Kind::Count(at!(redis.spool_events), 1..=10_000_000),
        "Published events kept until Redis has them. Beyond that the oldest are not published; the other servers \
         notice and send their clients a gap.",
    ),
    key("redis.spool_bytes", Kind::Size(at!(redis.spool_bytes), MIB..=64 * GIB), "Bytes of these events."),
    key(
        "redis.backlog_bytes",
        Kind::Size(at!(redis.backlog_bytes), 64 * KIB..=64 * GIB),
        "Bytes of received messages that may wait for their broadcast; beyond that Redis is not read from until \
         there is room.",
    ),
    key(
        "redis.dedupe",
        Kind::Count(at!(redis.dedupe), 0..=10_000_000),
        "Events remembered by tenant, eventType, id and ts: one that comes again is not broadcast. 0 switches it off; \
         what ssecast itself publishes never comes twice.",
    ),
    key(
        "redis.required_for_ready",
        Kind::Switch(at!(redis.required_for_ready)),
        "Answer /readyz with 503 while Redis is lost, in the modes that broadcast from it. Switched off, the \
         answer is 200 and names redis as degraded.",
    ),
];
