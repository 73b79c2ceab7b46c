//! How many connections there may be at once, on each side.

use super::process;
use crate::config::Config;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caps {
    /// By the public listener, or the only one.
    pub(super) public: usize,
    /// By the admin listener.
    pub(super) admin: usize,
}

impl Caps {
    /// The connections that the configuration and the descriptor limit, raised as far as it goes, allow.
    pub(super) fn of(config: &Config) -> Self {
        let possible = process::connections_within(process::raise_descriptor_limit());
        let (wanted, wanted_admin) = (config.limits.connections, config.limits.admin_connections);
        // Both sides stay open to somebody, however few descriptors there are.
        let admin = config.server.admin_listen.as_ref().map_or(0, |_| wanted_admin.min(possible / 2).max(1));
        let possible = (possible - admin).max(1);
        if wanted > possible {
            log::warn!(wanted, possible; "limits.connections is more than the descriptor limit allows");
        }
        Self { public: if wanted == 0 { possible } else { wanted.min(possible) }, admin }
    }
}

/// The connections that there may be at once, on both sides.
#[must_use]
pub fn most_connections(config: &Config) -> usize {
    let Caps { public, admin } = Caps::of(config);
    public + admin
}
