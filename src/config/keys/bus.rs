//! `[bus]`: where events go and come from.

use super::Section;
use super::key::{Key, key};
use super::notation::choice;
use crate::bus::Mode;

pub(super) static SECTION: Section = Section { name: "bus", title: "Bus", keys: KEYS };

const KEYS: &[Key] = &[key(
    "bus.mode",
    choice!(Mode, bus.mode),
    "Where published events go and where broadcasts come from: local and local; dual: both, local; \
         dry-run: as dual, and messages are received from Redis and only counted; fanout: both, both; redis: \
         Redis and Redis. The mode at start, and after a reload that changes it; PUT /admin/mode changes it as \
         well. See docs/migration.md.",
)];
