//! `ssecast check`: the configuration in force as a TOML file, each key with where it came from.

use super::Config;
use super::keys::{Key, sections_of_file};
use super::origin::Origins;

/// A TOML file of every key; reading it again gives the same configuration, but for masked secrets.
#[must_use]
pub fn render_check(config: &Config, origins: &Origins) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out =
        format!("# ssecast {version}: the configuration in force, and where each value comes from\n");
    for section in sections_of_file() {
        out.push('\n');
        if !section.name.is_empty() {
            out.push_str(&format!("[{}]\n", section.name));
        }
        for key in section.keys {
            out.push_str(&line(key, config, origins));
        }
    }
    out
}

/// What is worth a thought and no warning, as comment lines.
#[must_use]
pub fn notes(config: &Config) -> String {
    if !config.server.hosts.is_empty() {
        return String::new();
    }
    "\n# server.hosts is empty: a page of any site may reach this server from a browser on its network, under a name\n\
     # of its own (DNS rebinding), and publish if anybody may. Name the hosts that clients use: docs/limits.md.\n"
        .to_owned()
}

fn line(key: &Key, config: &Config, origins: &Origins) -> String {
    let (value, origin) = (key.shown(config), origins.of(key.name));
    // A value of several lines has its comment on the first.
    match value.split_once('\n') {
        Some((first, others)) => format!("{} = {first} # {origin}\n{others}\n", key.last()),
        None => format!("{} = {value} # {origin}\n", key.last()),
    }
}
