//! A redis-sentinel of a test: it watches one master and decides alone, within seconds.

use std::collections::HashMap;

use redis::{Cmd, FromRedisValue};

use super::admin::{self, HARNESS, Login};
use super::daemon::{Daemon, Site};
use super::redis::Redis;
use super::{DEADLINE, wait_until};

/// Its pace in milliseconds, since Redis 7.0. By itself it connects again only once a second, looks at replicas
/// every ten, and leaves a dead master that returns a master for as long; with so short a time for being down
/// it could take the master that it has just made for dead, and fail over back and forth. Shorter than this a
/// busy disk, to which it writes each step, makes what it knows of replicas too old to choose one. After a
/// pause above the trigger it would distrust its clock, and do nothing.
const PACE: &[(&str, u32)] =
    &[("PING-PERIOD", 500), ("INFO-PERIOD", 1000), ("PUBLISH-PERIOD", 200), ("TILT-TRIGGER", 60_000)];

/// How a Sentinel is to be started.
#[derive(Default)]
pub(crate) struct SentinelSetup {
    password: Option<String>,
}

impl SentinelSetup {
    /// A Sentinel without a password.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A password that its clients need.
    pub(crate) fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Lets it watch a master under a name, and waits until it knows all replicas that the master has now.
    pub(crate) fn start(self, name: &str, master: &Redis) -> Sentinel {
        let configuration = |site: &Site| {
            let password = self.password.as_ref().map(|password| format!("requirepass {password}\n"));
            format!(
                "bind 127.0.0.1\nport {}\ndaemonize no\n{}\
                 sentinel monitor {name} 127.0.0.1 {} 1\n\
                 sentinel auth-user {name} {HARNESS}\nsentinel auth-pass {name} {HARNESS}\n\
                 sentinel down-after-milliseconds {name} 1000\nsentinel failover-timeout {name} 2000\n",
                site.port.number(),
                password.unwrap_or_default(),
                master.port(),
            )
        };
        let client = |site: &Site| {
            let url = format!("redis://127.0.0.1:{}", site.port.number());
            admin::client(&url, Login::Default(self.password.as_deref()), None)
        };
        let daemon = Daemon::start("redis-sentinel", configuration, client);
        daemon.ask("its pace", |connection| redis::cmd("SENTINEL").arg("DEBUG").arg(PACE).exec(connection));
        let sentinel = Sentinel { daemon, name: name.to_owned() };
        let replicas = master.info("connected_slaves").and_then(|count| count.parse().ok());
        let replicas: usize = replicas.expect("a master counts its replicas");
        wait_until("the sentinel knows the replicas", DEADLINE, || sentinel.usable_replicas() == replicas);
        sentinel
    }
}

/// A running Sentinel.
pub(crate) struct Sentinel {
    daemon: Daemon,
    name: String,
}

impl Sentinel {
    /// A Sentinel without a password.
    pub(crate) fn start(name: &str, master: &Redis) -> Self {
        SentinelSetup::new().start(name, master)
    }

    /// Where it listens: `127.0.0.1:26001`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.daemon.port())
    }

    /// Who it says is the master.
    pub(crate) fn master(&self) -> (String, u16) {
        self.ask("GET-MASTER-ADDR-BY-NAME")
    }

    /// Lets it make a replica the master although the old one is well, and waits until it says so.
    pub(crate) fn failover(&self) {
        let old = self.state()["port"].clone();
        wait_until("another master", DEADLINE, || {
            let state = self.state();
            if state["port"] == old && !state["flags"].contains("failover_in_progress") {
                // It may refuse or give up, when what it knows of the replica is too old.
                let _ = self.daemon.try_ask(|connection| self.about("FAILOVER").exec(connection));
            }
            state["port"] != old
        });
    }

    fn state(&self) -> HashMap<String, String> {
        self.ask("MASTER")
    }

    /// How many replicas it knows that could be made the master.
    fn usable_replicas(&self) -> usize {
        let replicas: Vec<HashMap<String, String>> = self.ask("REPLICAS");
        let is_usable = |one: &&HashMap<_, _>| one["flags"] == "slave" && one["master-link-status"] == "ok";
        replicas.iter().filter(is_usable).count()
    }

    fn ask<T: FromRedisValue>(&self, what: &str) -> T {
        self.daemon.ask(what, |connection| self.about(what).query(connection))
    }

    fn about(&self, what: &str) -> Cmd {
        let mut command = redis::cmd("SENTINEL");
        command.arg(what).arg(&self.name);
        command
    }
}
