//! `[log]`: what is written to standard error.

use log::LevelFilter;

use super::Section;
use super::key::{Key, fixed, key};
use super::notation::choice;
use crate::logging::LogFormat;

pub(super) static SECTION: Section = Section { name: "log", title: "Log", keys: KEYS };

const KEYS: &[Key] = &[
    key(
        "log.level",
        choice!(LevelFilter, log.level),
        "The least important level that is written to standard error.",
    ),
    fixed("log.format", choice!(LogFormat, log.format), "Lines for people, or one JSON object a line."),
];
