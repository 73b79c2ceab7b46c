//! The keys at the top of the file: the public form of events.

use super::Section;
use super::key::{Key, key};
use super::notation::at;
use crate::config::kind::Kind;

pub(super) static SECTION: Section =
    Section { name: "", title: "Map: the public form of events", keys: KEYS };

const KEYS: &[Key] = &[
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
];
