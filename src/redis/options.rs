//! What an operator can set about Redis: the `redis.*` configuration keys.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::target::Target;
use crate::limits::MIB;

/// The version of the protocol that is spoken (RESP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RESP3; RESP2 where the server does not know the command HELLO.
    Auto,
    /// RESP2.
    Resp2,
    /// RESP3: Redis 6 and later.
    Resp3,
}

/// Text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "***" })
    }
}

/// Options of the connections to Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where Redis is and who we are: a URL, or StackExchange.Redis' form.
    pub url: Target,
    /// A file with the password, read at every connect so that it may be replaced; wins over the URL's.
    pub password_file: Option<PathBuf>,
    /// A PEM file of the authorities that the server's certificate may come from; `None` takes the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file of our certificate, with those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// A PEM file of the key to it.
    pub key_file: Option<PathBuf>,
    /// Channels that are subscribed to; the first one is published to.
    pub channel: Vec<String>,
    /// A pattern that is subscribed to instead of the channels; empty is none.
    pub pattern: String,
    /// What the channel of our own canary messages begins with; the name of the instance follows.
    pub canary: String,
    /// The version of the protocol.
    pub protocol: Protocol,
    /// Sentinels, `host:port` (26379 where there is none), that are asked for the master; none asks nobody,
    /// but for those that the URL may name.
    pub sentinel: Vec<String>,
    /// The master's name at the sentinels.
    pub master_name: String,
    /// The sentinels' own password; empty is none, but for the one that the URL may have.
    pub sentinel_password: Secret,
    /// From starting to connect to the end of the greeting, at each address.
    pub connect_timeout: Duration,
    /// From handing a message to the publisher to the acknowledgement.
    pub publish_timeout: Duration,
    /// Failed publishes in a row that open the circuit breaker.
    pub breaker_failures: usize,
    /// How soon a connection that is dead but not closed is noticed.
    pub liveness: Duration,
    /// Messages kept until Redis takes them.
    pub spool_events: usize,
    /// Bytes of them.
    pub spool_bytes: usize,
    /// Bytes of received messages that may wait for the loop before Redis is no longer read from.
    pub backlog_bytes: usize,
    /// Events remembered by (`id`, `eventType`, `ts`), so that a second copy is dropped; 0 remembers none.
    pub dedupe: usize,
    /// Whether the server is not ready while Redis is lost.
    pub required_for_ready: bool,
}

impl Options {
    /// Whether the connections are the same as with `other`: the rest is the bus' alone.
    #[must_use]
    pub fn has_connections_of(&self, other: &Self) -> bool {
        let of_the_bus = Self {
            breaker_failures: other.breaker_failures,
            spool_events: other.spool_events,
            spool_bytes: other.spool_bytes,
            dedupe: other.dedupe,
            required_for_ready: other.required_for_ready,
            ..self.clone()
        };
        of_the_bus == *other
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: Target::local(),
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            channel: vec!["orders.events".to_owned()],
            pattern: String::new(),
            canary: "ssecast.canary".to_owned(),
            protocol: Protocol::Auto,
            sentinel: Vec::new(),
            master_name: String::new(),
            sentinel_password: Secret::default(),
            connect_timeout: Duration::from_secs(2),
            publish_timeout: Duration::from_millis(500),
            breaker_failures: 5,
            liveness: Duration::from_secs(10),
            spool_events: 100_000,
            spool_bytes: 64 * MIB,
            backlog_bytes: 16 * MIB,
            dedupe: 0,
            required_for_ready: true,
        }
    }
}
