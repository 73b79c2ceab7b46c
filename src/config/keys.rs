//! THE table of configuration keys. Flags, environment variables, keys of the file, `--help`,
//! `ssecast check` and `docs/configuration.md` are all made from it.
//!
//! Defaults are not here but in `Config::default`, and so in the options of each layer.

use std::ops::RangeInclusive;
use std::time::Duration;

use log::LevelFilter;

use super::choice::{Choice, named, names};
use super::kind::{Field, Kind};
use super::{Config, TlsVersion, validate};
use crate::address::Trusted;
use crate::bus::Mode;
use crate::http::Hosts;
use crate::hub::{DataStyle, HeartbeatStyle};
use crate::logging::LogFormat;
use crate::redis::Protocol;

/// One configuration key.
pub(super) struct Key {
    /// Its dotted name: `section.key`, or `key` at the top of the file.
    pub(super) name: &'static str,
    /// What it takes, and where that goes.
    pub(super) kind: Kind,
    /// When a change takes effect.
    pub(super) change: Change,
    /// Never shown, but for its parts that are no secret: not by `check`, not in an error, not in the log.
    pub(super) secret: bool,
    /// What it is for: plain sentences.
    pub(super) help: &'static str,
}

/// When the change of a key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// At SIGHUP.
    AtRunTime,
    /// At the next start.
    AtRestart,
}

/// A part of the file, of `--help` and of the reference.
pub(super) struct Section {
    /// Its name in the file; empty for the keys at the top.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
}

/// The sections in the order of the reference.
pub(super) static SECTIONS: &[Section] = &[
    Section { name: "server", title: "Server" },
    Section { name: "tls", title: "TLS" },
    Section { name: "bus", title: "Bus" },
    Section { name: "redis", title: "Redis" },
    Section { name: "stream", title: "Streams and history" },
    Section { name: "limits", title: "Limits" },
    Section { name: "", title: "Map: the public form of events" },
    Section { name: "topics", title: "Topics" },
    Section { name: "auth", title: "Access" },
    Section { name: "cors", title: "Pages of other origins" },
    Section { name: "log", title: "Log" },
];

impl Key {
    /// The section's name, empty at the top.
    pub(super) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within the section.
    pub(super) fn last(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, last)| last)
    }

    /// The flag without its dashes: `stream-buffer-bytes`.
    pub(super) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The short form of the flag, without its dashes.
    pub(super) fn alias(&self) -> Option<&'static str> {
        match self.name {
            "server.listen" => Some("listen"),
            "bus.mode" => Some("mode"),
            _ => None,
        }
    }

    /// The environment variable: `SSECAST_STREAM_BUFFER_BYTES`.
    pub(super) fn variable(&self) -> String {
        format!("SSECAST_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The value in `config` as TOML, masked when it is secret.
    pub(super) fn shown(&self, config: &Config) -> String {
        if self.secret { self.kind.write_masked(config) } else { self.kind.write(config) }
    }
}

/// The key of this dotted name, with its place in the table.
pub(super) fn find(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

/// A field of `Config` as a place that a key reads into and writes out of.
macro_rules! at {
    ($($path:tt)+) => {
        Field { get: |config: &Config| &config.$($path)+, get_mut: |config: &mut Config| &mut config.$($path)+ }
    };
}

/// A field of `Config` whose type has named values.
macro_rules! choice {
    ($type:ty, $($path:tt)+) => {
        Kind::Choice(Choice {
            names: names::<$type>,
            get: |config| super::choice::Named::name(config.$($path)+),
            set: |config, name| named::<$type>(name).map(|value| config.$($path)+ = value).is_some(),
        })
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// The highest rate in a second.
const RATE: u64 = 10_000_000;

/// A key that changes at run time and is not secret, as nearly all are.
const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRunTime, secret: false, help }
}

/// A key that changes at run time and is secret.
const fn secret(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRunTime, secret: true, help }
}

/// A key that needs a restart.
const fn fixed(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRestart, secret: false, help }
}

/// Every key, section by section.
pub(super) static KEYS: &[Key] = &[
    fixed(
        "server.listen",
        Kind::Address(at!(server.listen)),
        "Where to listen. Port 0 takes a free one. Beyond loopback, publishing there needs tokens or \
         auth.open_publish, or it moves to server.admin_listen.",
    ),
    fixed(
        "server.admin_listen",
        Kind::Endpoint(at!(server.admin_listen)),
        "Where publishing, metrics, health and administration are, such as 127.0.0.1:9090 or \
         unix:/run/ssecast/admin.sock. The address of server.listen then has the streams only, and all else is 404 \
         there. When empty, everything is there.",
    ),
    fixed(
        "server.admin_socket_mode",
        Kind::FileMode(at!(server.admin_socket_mode)),
        "The mode of the socket file of server.admin_listen: who may write to it may do everything.",
    ),
    fixed(
        "server.reuse_port",
        Kind::Switch(at!(server.reuse_port)),
        "Share the port of server.listen with other processes of the same user that have this switched on, too \
         (SO_REUSEPORT): the system spreads new connections over them. That another one runs by mistake is then not \
         noticed. \
         Events reach the clients of all processes in the modes fanout and redis only. See docs/processes.md.",
    ),
    fixed(
        "server.instance",
        Kind::Instance(at!(server.instance)),
        "The name of this server in the ids of events. When empty, 8 random hex digits at every start: \
         a client then sees that the server is a new one. Two servers must not share a name.",
    ),
    key(
        "server.drain",
        Kind::DurationOrOff(at!(server.drain), millis(1, HOUR)),
        "When it stops: over how long the streams are closed, so that the clients do not all reconnect \
         at once. Off closes them at once.",
    ),
    key(
        "server.hosts",
        Kind::List(at!(server.hosts), "hosts (host or host:port)", Hosts::check_entry),
        "Hosts that are answered for: the names and addresses that clients use in URLs. A request for another one \
         gets 421, so that no page of a stranger reaches the server under a name of its own (DNS rebinding); \
         /healthz and /readyz answer for all. When empty, all are answered for. Behind a proxy these are the names \
         that the proxy passes on. See docs/limits.md.",
    ),
    key(
        "server.trusted_proxies",
        Kind::List(
            at!(server.trusted_proxies),
            "addresses, networks (10.0.0.0/8) and unix",
            Trusted::check_entry,
        ),
        "Proxies in front that name their client in X-Forwarded-For: the last address there that is none of these \
         is the client, for the log, /clients and every limit per address. unix is whoever comes by a socket file. \
         The header of anybody else is not looked at. See docs/limits.md.",
    ),
    key(
        "tls.cert_file",
        Kind::Path(at!(tls.cert_file)),
        "A PEM file of the certificate, and those between it and its authority, for TLS at server.listen. A reload \
         reads it again. See docs/tls.md.",
    ),
    key("tls.key_file", Kind::Path(at!(tls.key_file)), "A PEM file of the key to tls.cert_file."),
    key("tls.min_version", choice!(TlsVersion, tls.min_version), "The oldest version of TLS that is spoken."),
    key(
        "bus.mode",
        choice!(Mode, bus.mode),
        "Where published events go and where broadcasts come from: local and local; dual: both, local; \
         dry-run: as dual, and messages are received from Redis and only counted; fanout: both, both; redis: \
         Redis and Redis. The mode at start, and after a reload that changes it; PUT /admin/mode changes it as \
         well. See docs/migration.md.",
    ),
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
        Kind::List(at!(redis.channel), "channel names", validate::channel),
        "Channels that are subscribed to. The first one is published to.",
    ),
    key(
        "redis.pattern",
        Kind::Text(at!(redis.pattern), "a pattern such as \"orders.*\", or empty", validate::pattern),
        "A pattern that is subscribed to instead of the channels (PSUBSCRIBE). It has to match the first \
         channel, or what is published here would never come back.",
    ),
    key(
        "redis.canary",
        Kind::Text(at!(redis.canary), "the name of a channel", validate::channel),
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
        Kind::List(at!(redis.sentinel), "addresses (host:port)", validate::sentinel),
        "Sentinels that are asked where the master is, one after the other. User, password and TLS of redis.url \
         are used there, its address is not.",
    ),
    key(
        "redis.master_name",
        Kind::Text(at!(redis.master_name), "a name, or empty", validate::plain_text),
        "What the sentinels call the master.",
    ),
    secret(
        "redis.sentinel_password",
        Kind::Text(at!(redis.sentinel_password.0), "a password, or empty", validate::plain_text),
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
        "Bytes of events kept for clients that resume: in effect the memory of the server, which holds at \
         least 4 MiB of what it is sending.",
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
        "limits.rate_addresses",
        Kind::Count(at!(limits.rate_addresses), 1..=10_000_000),
        "Addresses that accept_rate_per_ip and publish_rate_per_ip remember, each. Beyond that the one is forgotten \
         that did the least of late.",
    ),
    key(
        "limits.parser_bytes",
        Kind::Size(at!(limits.parser_bytes), 64 * KIB..=1024 * GIB),
        "Memory of requests that are being read and answers that wait for their clients, of all connections \
         together. Beyond that no body is read any more (503), and whoever holds the most is closed. One request of \
         head_bytes and body_bytes has to fit.",
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
    key(
        "map_only",
        Kind::Switch(at!(map_only)),
        "Drop (and count) events whose eventType has no entry in the map, instead of passing them unchanged.",
    ),
    key(
        "map",
        Kind::Map(at!(map)),
        "The public form of events: event_type as received, event as the clients see it, and the fields of the \
         payload that are public (all of them when fields is left out). In the file, [[map]] tables; they \
         replace the built-in ones, and map = [] removes them.",
    ),
    key(
        "topics.from_payload",
        Kind::List(at!(topics.from_payload), "field names", validate::topic_field),
        "Fields of the payload that make a topic: customerId makes customerId/42.",
    ),
    secret(
        "auth.publish_tokens",
        Kind::Tokens(at!(auth.publish_tokens)),
        "Tokens that may publish: as soon as there is one, or a JSON Web Token's key, publishing needs one. Others \
         see flags in the list of processes: a file is better.",
    ),
    key(
        "auth.publish_tokens_file",
        Kind::Path(at!(auth.publish_tokens_file)),
        "A file with more of them, one a line; lines that begin with # are not read.",
    ),
    secret(
        "auth.subscribe_tokens",
        Kind::Tokens(at!(auth.subscribe_tokens)),
        "Tokens that may open streams: as soon as there is one, or a JSON Web Token's key, streams need one.",
    ),
    key(
        "auth.subscribe_tokens_file",
        Kind::Path(at!(auth.subscribe_tokens_file)),
        "A file with more of them, one a line.",
    ),
    secret(
        "auth.admin_tokens",
        Kind::Tokens(at!(auth.admin_tokens)),
        "Tokens that may see /metrics, /stats and /clients and change the mode: as soon as there is one, these need \
         one, from this machine as well. Without any, the mode and, where streams need a token, /stats and /clients \
         are for this machine only.",
    ),
    key(
        "auth.admin_tokens_file",
        Kind::Path(at!(auth.admin_tokens_file)),
        "A file with more of them, one a line.",
    ),
    secret(
        "auth.jwt",
        Kind::JwtKeys(at!(auth.jwt)),
        "Keys of JSON Web Tokens: alg is the one algorithm of a key (HS256, HS384, HS512, RS256, PS256, ES256, EdDSA); \
         key_file a PEM file of the public key or a file of the secret, key the same right here, jwks_file a \
         JSON Web Key Set; kid, aud and iss, where given, must be those of the token. In the file, [[auth.jwt]] \
         tables. See docs/access.md.",
    ),
    key(
        "auth.leeway",
        Kind::Duration(at!(auth.leeway), millis(0, HOUR)),
        "By how much the clock of whoever makes tokens may differ from ours: a token is good that much longer, \
         and earlier.",
    ),
    key(
        "auth.query_token",
        Kind::Switch(at!(auth.query_token)),
        "Take a token from ?access_token= as well. Addresses end up in the logs of proxies and browsers: prefer \
         the header or the cookie ssecast_token.",
    ),
    key(
        "auth.open_publish",
        Kind::Switch(at!(auth.open_publish)),
        "Let anyone publish who reaches the server, also where it listens beyond loopback and there is no token.",
    ),
    key(
        "auth.open_streams",
        Kind::Switch(at!(auth.open_streams)),
        "Let streams be opened without a token, too, where there are tokens for them: such a client sees the \
         events of no tenant, unless auth.open_tenants lets it name one. A token that is sent has to be good.",
    ),
    key(
        "auth.open_tenants",
        Kind::Switch(at!(auth.open_tenants)),
        "Let a client whose token names no tenant name one itself, by ?tenant=.",
    ),
    key(
        "cors.origins",
        Kind::List(at!(cors.origins), "origins (scheme://host[:port], or *)", validate::origin),
        "Origins whose pages may read streams and publish. \"*\" allows all of them, without credentials.",
    ),
    key(
        "log.level",
        choice!(LevelFilter, log.level),
        "The least important level that is written to standard error.",
    ),
    fixed("log.format", choice!(LogFormat, log.format), "Lines for people, or one JSON object a line."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::value::Value;

    #[test]
    fn names_flags_and_variables_are_unique_and_every_section_is_known() {
        let mut seen = BTreeSet::new();
        for key in KEYS {
            assert!(seen.insert(key.name.to_owned()), "{}", key.name);
            assert!(seen.insert(key.flag()) || key.flag() == key.name, "{}", key.name);
            assert!(seen.insert(key.variable()), "{}", key.name);
            assert!(SECTIONS.iter().any(|section| section.name == key.section()), "{}", key.name);
            assert!(key.help.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn keys_of_a_section_stand_together() {
        let mut sections: Vec<&str> = KEYS.iter().map(Key::section).collect();
        sections.dedup();
        let listed: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        assert_eq!(sections, listed);
    }

    #[test]
    fn every_default_is_allowed_as_a_flag_or_in_a_file() {
        let defaults = Config::default();
        for key in KEYS {
            let text = format!("x = {}", key.kind.write(&defaults));
            let value = crate::config::file::inline_value(text.trim_start_matches("x = ")).unwrap();
            let mut config = defaults.clone();
            assert_eq!(key.kind.read(&value, &mut config), Ok(()), "{}", key.name);
            assert_eq!(config, defaults, "{}", key.name);
            if let Value::Text(text) = value {
                assert_eq!(key.kind.read(&Value::Word(text), &mut config), Ok(()), "{}", key.name);
                assert_eq!(config, defaults, "{}", key.name);
            }
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let mut key = key("auth.open_publish", Kind::Switch(at!(auth.open_publish)), "Test.");
        key.secret = true;
        assert_eq!(key.shown(&Config::default()), "\"***\"");
    }
}
