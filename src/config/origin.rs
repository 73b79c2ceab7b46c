//! Where each value came from, for error messages and `ssecast check`.

use std::fmt;
use std::path::PathBuf;

use super::keys::KEYS;

/// Where one value came from, in the order of precedence, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file of `--config`.
    File {
        /// As it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Environment(String),
    /// The flag of this name, with its dashes.
    Flag(String),
    /// A socket that was handed over: where it listens is not ours to choose.
    Socket,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            // Escaped: a line break in a path must not end a comment or a line of the log.
            Self::File { path, line } => write!(f, "{}:{line}", path.to_string_lossy().escape_debug()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Socket => f.write_str("socket activation"),
        }
    }
}

/// Where every key's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// As if nothing were set.
    pub(super) fn defaults() -> Self {
        Self(vec![Origin::Default; KEYS.len()])
    }

    /// Notes that the key at `index` of the table came from `origin`.
    pub(super) fn set(&mut self, index: usize, origin: Origin) {
        self.0[index] = origin;
    }

    /// Where the value of the key of this dotted name came from; `Default` when there is no such key.
    #[must_use]
    pub fn of(&self, name: &str) -> &Origin {
        let index = KEYS.iter().position(|key| key.name == name);
        index.and_then(|index| self.0.get(index)).unwrap_or(&Origin::Default)
    }
}
