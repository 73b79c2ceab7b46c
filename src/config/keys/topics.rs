//! `[topics]`: what topics are made of.

use super::Section;
use super::key::{Key, key};
use super::notation::at;
use crate::config::grammar;
use crate::config::kind::Kind;

pub(super) static SECTION: Section = Section { name: "topics", title: "Topics", keys: KEYS };

const KEYS: &[Key] = &[key(
    "topics.from_payload",
    Kind::List(at!(topics.from_payload), "field names", grammar::topic_field),
    "Fields of the payload that make a topic: customerId makes customerId/42.",
)];
