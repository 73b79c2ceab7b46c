//! `[cors]`: pages of other origins.

use super::Section;
use super::key::{Key, key};
use super::notation::at;
use crate::config::grammar;
use crate::config::kind::Kind;

pub(super) static SECTION: Section = Section { name: "cors", title: "Pages of other origins", keys: KEYS };

const KEYS: &[Key] = &[key(
    "cors.origins",
    Kind::List(at!(cors.origins), "origins (scheme://host[:port], or *)", grammar::origin),
    "Origins whose pages may read streams and publish. \"*\" allows all of them, without credentials.",
)];
