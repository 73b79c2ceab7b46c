//! What a reload changes, and what of it a running server can take over.

use super::keys::{self, KEYS};
use super::load::Failure;
use super::origin::Origins;
use super::{Config, validate};

/// One key that differs between two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The dotted name.
    pub key: &'static str,
    /// The old value as TOML, masked when secret.
    pub old: String,
    /// The new value as TOML, masked when secret.
    pub new: String,
    /// Whether it takes effect at once; otherwise at the next start.
    pub takes_effect: bool,
}

/// Every key that differs, in the order of the reference.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let differs = |key: &&keys::Key| key.kind.write(old) != key.kind.write(new);
    KEYS.iter()
        .copied()
        .filter(differs)
        .map(|key| Change {
            key: key.name,
            old: key.shown(old),
            new: key.shown(new),
            takes_effect: key.change == keys::Change::AtRunTime,
        })
        .collect()
}

/// `new`, with the values of `running` for all that cannot change without a restart.
///
/// # Errors
///
/// When the mixture breaks a rule that `new` alone keeps, such as publishing no longer open while the
/// server still listens beyond loopback.
pub fn adopt(running: &Config, new: Config) -> Result<Config, Failure> {
    let mut adopted = new;
    for key in KEYS.iter().filter(|key| key.change == keys::Change::AtRestart) {
        key.kind.copy(running, &mut adopted);
    }
    Failure::all(&validate::relations(&adopted, &Origins::defaults()))?;
    Ok(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;

    #[test]
    fn a_change_says_whether_it_takes_effect() {
        let old = Config::default();
        let mut new = old.clone();
        assert_eq!(changes(&old, &new), []);
        new.server.instance = Instance::new("b");
        new.stream.heartbeat = std::time::Duration::ZERO;
        let change = |key, old: &str, new: &str, takes_effect| Change {
            key,
            old: old.to_owned(),
            new: new.to_owned(),
            takes_effect,
        };
        assert_eq!(
            changes(&old, &new),
            [
                change("server.instance", "\"\"", "\"b\"", false),
                change("stream.heartbeat", "\"15s\"", "\"off\"", true)
            ]
        );
    }

    #[test]
    fn exactly_these_keys_need_a_restart() {
        let fixed: Vec<&str> =
            KEYS.iter().filter(|key| key.change == keys::Change::AtRestart).map(|key| key.name).collect();
        assert_eq!(
            fixed,
            [
                "server.listen",
                "server.admin_listen",
                "server.admin_socket_mode",
                "server.reuse_port",
                "server.instance",
                "stream.notsent_bytes",
                "stream.sndbuf_bytes",
                "stream.user_timeout",
                "limits.connections",
                "limits.admin_connections",
                "log.format"
            ]
        );
    }

    #[test]
    fn what_needs_a_restart_stays_as_it_runs() {
        let running = Config::default();
        let mut new = running.clone();
        new.limits.connections = 7;
        new.limits.headers = 7;
        let adopted = adopt(&running, new).unwrap();
        assert_eq!((adopted.limits.connections, adopted.limits.headers), (0, 7));
    }

    #[test]
    fn a_reload_cannot_close_publishing_on_an_open_address() {
        let mut running = Config::default();
        running.server.listen = "0.0.0.0:80".parse().unwrap();
        running.auth.open_publish = true;
        assert!(adopt(&running, Config::default()).unwrap_err().message().contains("auth.open_publish"));
    }
}
