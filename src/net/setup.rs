//! From the configuration to what the layers below need of it, at start and at every reload.

use crate::api::{Cors, Settings};
use crate::config::Config;
use crate::intake::Intake;
use crate::mapping::Map;

/// What routes need of the configuration.
pub(super) fn settings(config: &Config) -> Settings {
    Settings {
        cors: Cors::new(config.cors.origins.clone()),
        filters: config.limits.filters,
        open_tenants: config.auth.open_tenants,
    }
}

/// How envelopes become events, as configured.
pub(super) fn intake(config: &Config) -> Intake {
    let map = Map::new(config.map.iter().cloned(), config.map_only);
    let topics = config.topics.from_payload.clone();
    Intake::new(map, topics, config.stream.data, config.limits.event_bytes)
}
