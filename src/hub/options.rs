//! What an operator can set about streams: the `stream.*` configuration keys.

use std::time::Duration;

use crate::intake::DataStyle;
use crate::limits::{KIB, MIB};

/// How a stream is told that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatStyle {
    /// `event: ping` with an id: the client's script sees it.
    Event,
    /// A comment line: it keeps proxies awake and is invisible to the script.
    Comment,
    /// Nothing.
    Off,
}

/// Options of streams and of the log that they read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a client is told to wait before it reconnects; spread by 20 % either way.
    pub retry: Duration,
    /// Time between two heartbeats; zero is none.
    pub heartbeat: Duration,
    /// The heartbeat of clients that ask for none in particular.
    pub heartbeat_style: HeartbeatStyle,
    /// What becomes the `data` of a frame.
    pub data: DataStyle,
    /// Unsent bytes that a client may have.
    pub buffer_bytes: usize,
    /// How long a client with unsent bytes may take none.
    pub stall_timeout: Duration,
    /// Bytes replayed to one client that resumes.
    pub replay_bytes: usize,
    /// Bytes kept for clients that resume: frames, and who may see each.
    pub history_bytes: usize,
    /// Events kept for clients that resume.
    pub history_events: usize,
    /// Age of the oldest event kept; `None` keeps them for ever.
    pub history_age: Option<Duration>,
    /// TCP_NOTSENT_LOWAT of a connection: unsent bytes that the kernel takes, outside of `buffer_bytes`.
    pub notsent_bytes: usize,
    /// SO_SNDBUF of a connection: unacknowledged bytes, those included; 0 leaves it to the kernel.
    pub sndbuf_bytes: usize,
    /// TCP_USER_TIMEOUT of a connection (RFC 5482): unacknowledged bytes older than this end it.
    pub user_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retry: Duration::from_secs(3),
            heartbeat: Duration::from_secs(15),
            heartbeat_style: HeartbeatStyle::Event,
            data: DataStyle::Payload,
            buffer_bytes: 256 * KIB,
            stall_timeout: Duration::from_secs(30),
            replay_bytes: 64 * MIB,
            history_bytes: 64 * MIB,
            history_events: 100_000,
            history_age: None,
            notsent_bytes: 16 * KIB,
            sndbuf_bytes: 256 * KIB,
            user_timeout: Duration::from_secs(30),
        }
    }
}
