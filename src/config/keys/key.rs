//! One configuration key: its names, what it takes, when a change takes effect.

use crate::config::Config;
use crate::config::kind::Kind;

/// One configuration key.
pub(in crate::config) struct Key {
    /// Its dotted name: `section.key`, or `key` at the top of the file.
    pub(in crate::config) name: &'static str,
    /// What it takes, and where that goes.
    pub(in crate::config) kind: Kind,
    /// When a change takes effect.
    pub(in crate::config) change: Change,
    /// Never shown, but for its parts that are no secret: not by `check`, not in an error, not in the log.
    pub(in crate::config) secret: bool,
    /// What it is for: plain sentences.
    pub(in crate::config) help: &'static str,
}

/// When the change of a key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Change {
    /// At SIGHUP.
    AtRunTime,
    /// At the next start.
    AtRestart,
}

impl Key {
    /// The section's name, empty at the top.
    pub(in crate::config) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within the section.
    pub(in crate::config) fn last(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, last)| last)
    }

    /// The flag without its dashes: `stream-buffer-bytes`.
    pub(in crate::config) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The short form of the flag, without its dashes.
    pub(in crate::config) fn alias(&self) -> Option<&'static str> {
        match self.name {
            "server.listen" => Some("listen"),
            "bus.mode" => Some("mode"),
            _ => None,
        }
    }

    /// The environment variable: `SSECAST_STREAM_BUFFER_BYTES`.
    pub(in crate::config) fn variable(&self) -> String {
        format!("SSECAST_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The value in `config` as TOML, masked when it is secret.
    pub(in crate::config) fn shown(&self, config: &Config) -> String {
        if self.secret { self.kind.write_masked(config) } else { self.kind.write(config) }
    }
}

/// A key that changes at run time and is not secret, as nearly all are.
pub(super) const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRunTime, secret: false, help }
}

/// A key that changes at run time and is secret.
pub(super) const fn secret(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRunTime, secret: true, help }
}

/// A key that needs a restart.
pub(super) const fn fixed(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, change: Change::AtRestart, secret: false, help }
}

#[cfg(test)]
mod tests {
    use super::super::notation::at;
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let mut key = key("auth.open_publish", Kind::Switch(at!(auth.open_publish)), "Test.");
        key.secret = true;
        assert_eq!(key.shown(&Config::default()), "\"***\"");
    }
}
