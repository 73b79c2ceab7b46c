//! From the configuration to what the layers below need of it, at start and at every reload.

use super::listener;
use super::transport::{Identity, IdentityError};
use crate::api::{Cors, Settings};
use crate::auth::{self, Gate};
use crate::bus;
use crate::config::Config;
use crate::http::Hosts;
use crate::intake::Intake;
use crate::mapping::Map;

/// How to listen for everybody, as configured.
pub(super) fn listener(config: &Config) -> listener::Options {
    listener::Options {
        reuse_port: config.server.reuse_port,
        notsent_bytes: config.stream.notsent_bytes,
        sndbuf_bytes: config.stream.sndbuf_bytes,
        user_timeout: config.stream.user_timeout,
        file_mode: config.server.admin_socket_mode,
    }
}

/// How the admin listener listens: each process has its own.
pub(super) fn admin_listener(config: &Config) -> listener::Options {
    listener::Options { reuse_port: false, ..listener(config) }
}

/// What routes need of the configuration.
pub(super) fn settings(config: &Config) -> Settings {
    Settings {
        cors: Cors::new(config.cors.origins.clone()),
        filters: config.limits.filters,
        diagnoses: config.limits.diagnoses,
        open_tenants: config.auth.open_tenants,
        hosts: Hosts::new(&config.server.hosts),
    }
}

/// Who may do what, as configured.
///
/// # Errors
/// When a file that is named cannot be read, or holds what is no token or key.
pub fn gate(config: &Config) -> Result<Gate, auth::SetupError> {
    Gate::new(&config.auth, &|path| std::fs::read(path))
}

/// Whether the files that `config` names for TLS are of use.
///
/// # Errors
/// When one is not; the error names it.
pub fn check(config: &Config) -> Result<(), IdentityError> {
    Identity::load(&config.tls, None).map(drop)
}

/// How envelopes become events, as configured.
pub(super) fn intake(config: &Config) -> Intake {
    let map = Map::new(config.map.iter().cloned(), config.map_only);
    let topics = config.topics.from_payload.clone();
    Intake::new(map, topics, config.stream.data, config.limits.event_bytes)
}

/// What the bus needs of the configuration.
pub(super) fn bus(config: &Config) -> bus::Options {
    let redis = &config.redis;
    bus::Options {
        publish_timeout: redis.publish_timeout,
        breaker_failures: redis.breaker_failures,
        liveness: redis.liveness,
        spool_events: redis.spool_events,
        spool_bytes: redis.spool_bytes,
        publish_bytes: config.limits.publish_bytes,
        dedupe: redis.dedupe,
        required_for_ready: redis.required_for_ready,
    }
}
