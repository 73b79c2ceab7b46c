//! THE table of configuration keys, a file for each section. Flags, environment variables, keys of the
//! file, `--help`, `ssecast check` and `docs/configuration.md` are all made from it.
//!
//! Defaults are not here but in `Config::default`, and so in the options of each layer.

use std::sync::LazyLock;

mod auth;
mod bus;
mod cors;
mod key;
mod limits;
mod log;
mod map;
mod notation;
mod redis;
mod server;
mod stream;
mod tls;
mod topics;

pub(super) use key::{Change, Key};

/// A part of the file, of `--help` and of the reference.
pub(super) struct Section {
    /// Its name in the file; empty for the keys at the top.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// Its keys in the order of the reference.
    pub(super) keys: &'static [Key],
}

/// The sections in the order of the reference.
pub(super) static SECTIONS: &[&Section] = &[
    &server::SECTION,
    &tls::SECTION,
    &bus::SECTION,
    &redis::SECTION,
    &stream::SECTION,
    &limits::SECTION,
    &map::SECTION,
    &topics::SECTION,
    &auth::SECTION,
    &cors::SECTION,
    &log::SECTION,
];

/// Every key, section by section. Its place here stands for it where values are collected.
pub(super) static KEYS: LazyLock<Vec<&'static Key>> =
    LazyLock::new(|| SECTIONS.iter().flat_map(|section| section.keys).collect());

/// The sections in the order of a file: TOML wants the keys at the top ahead of every section.
pub(super) fn sections_of_file() -> impl Iterator<Item = &'static Section> {
    let (top, rest): (Vec<_>, Vec<_>) = SECTIONS.iter().copied().partition(|section| section.name.is_empty());
    top.into_iter().chain(rest)
}

/// The key of this dotted name, with its place in the table.
pub(super) fn find(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;
    use crate::config::value::Value;

    #[test]
    fn names_flags_and_variables_are_unique_and_every_section_is_known() {
        let mut seen = BTreeSet::new();
        for key in KEYS.iter() {
            assert!(seen.insert(key.name.to_owned()), "{}", key.name);
            assert!(seen.insert(key.flag()) || key.flag() == key.name, "{}", key.name);
            assert!(seen.insert(key.variable()), "{}", key.name);
            assert!(SECTIONS.iter().any(|section| section.name == key.section()), "{}", key.name);
            assert!(key.help.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn keys_of_a_section_stand_together() {
        let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section()).collect();
        sections.dedup();
        let listed: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        assert_eq!(sections, listed);
    }

    #[test]
    fn every_default_is_allowed_as_a_flag_or_in_a_file() {
        let defaults = Config::default();
        for key in KEYS.iter() {
            let text = format!("x = {}", key.kind.write(&defaults));
            let value = crate::config::file::inline_value(text.trim_start_matches("x = ")).unwrap();
            let mut config = defaults.clone();
            assert_eq!(key.kind.read(&value, &mut config), Ok(()), "{}", key.name);
            assert_eq!(config, defaults, "{}", key.name);
            if let Value::Text(text) = value {
                assert_eq!(key.kind.read(&Value::Word(text), &mut config), Ok(()), "{}", key.name);
                assert_eq!(config, defaults, "{}", key.name);
            }
        }
    }
}
