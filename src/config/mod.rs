//! What an operator can set: flags, environment and file become one `Config`.
//!
//! Everything hangs on one table of keys, `keys::KEYS`: the flags, the environment variables, the keys
//! of the file, `ssecast check`, `--help` and `docs/configuration.md` are made from it. A new key is a
//! field here and an entry in the file of its section there.
//!
//! Reads no process state but the file that is named: arguments and environment are arguments.
//!
//! Invariant: a `Config` that `load` gives has passed every check, so no other layer checks it again.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::auth;
use crate::bus::Mode;
use crate::hub;
use crate::id::Instance;
use crate::limits::Limits;
use crate::logging::LogFormat;
use crate::mapping;
use crate::redis;

mod access;
mod check;
mod choice;
mod cli;
mod endpoint;
mod environment;
mod example;
mod file;
mod grammar;
mod keys;
mod kind;
mod load;
mod map;
mod origin;
mod reference;
mod reload;
mod suggest;
mod validate;
mod value;

pub use check::{notes, render_check};
pub use cli::options;
pub use endpoint::Endpoint;
pub use environment::TOKEN_VARIABLE;
pub use example::render_example;
pub use load::{Failure, Given, Sources, load};
pub use origin::{Origin, Origins};
pub use reference::render_reference;
pub use reload::{Change, adopt, changes};
pub use validate::warnings;

/// The whole configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `server.*`.
    pub server: Server,
    /// `tls.*`.
    pub tls: Tls,
    /// `stream.*`.
    pub stream: hub::Options,
    /// `limits.*`.
    pub limits: Limits,
    /// `[[map]]`: the public form of domain events.
    pub map: Vec<mapping::Entry>,
    /// `map_only`: events without an entry in the map are dropped.
    pub map_only: bool,
    /// `topics.*`.
    pub topics: Topics,
    /// `auth.*`.
    pub auth: auth::Options,
    /// `cors.*`.
    pub cors: Cors,
    /// `bus.*`.
    pub bus: Bus,
    /// `redis.*`.
    pub redis: redis::Options,
    /// `log.*`.
    pub log: Log,
}

/// `server.*`: the process and its listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where everything but the stream is, if not there, too.
    pub admin_listen: Option<Endpoint>,
    /// The mode of the admin listener's socket file.
    pub admin_socket_mode: u32,
    /// Other processes may listen at `listen`, too.
    pub reuse_port: bool,
    /// Its name in the ids of events; `None` makes one up at every start.
    pub instance: Option<Instance>,
    /// Over how long the streams are closed when it stops.
    pub drain: Duration,
    /// Hosts that it answers for; empty is all.
    pub hosts: Vec<String>,
    /// Proxies whose X-Forwarded-For counts.
    pub trusted_proxies: Vec<String>,
}

/// `tls.*`: TLS at `server.listen`, where both files are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of the certificate, with those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// A PEM file of the key to it.
    pub key_file: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// `topics.*`: the topics of an event beyond those in its envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Payload fields that make a topic, `customerId` to `customerId/42`.
    pub from_payload: Vec<String>,
}

/// `cors.*`: pages of other origins (Fetch, CORS protocol).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins as browsers write them, or `*`.
    pub origins: Vec<String>,
}

/// `bus.*`: which way events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// The mode at start, and after a reload that changes it.
    pub mode: Mode,
}

/// `log.*`: the log on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: LevelFilter,
    /// How a line is written.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                admin_listen: None,
                admin_socket_mode: 0o660,
                reuse_port: false,
                instance: None,
                drain: Duration::from_secs(5),
                hosts: Vec::new(),
                trusted_proxies: Vec::new(),
            },
            tls: Tls { cert_file: None, key_file: None, min_version: TlsVersion::V1_2 },
            stream: hub::Options::default(),
            limits: Limits::default(),
            map: mapping::Entry::built_in(),
            map_only: false,
            topics: Topics::default(),
            auth: auth::Options::default(),
            cors: Cors::default(),
            bus: Bus { mode: Mode::Local },
            redis: redis::Options::default(),
            log: Log { level: LevelFilter::Info, format: LogFormat::Text },
        }
    }
}
