//! A redis-server of a test, with nothing on disk but its configuration and its log.
//!
//! Every one has a user `harness` beside the default one, by whom the tests look in whatever they do to the
//! others, and replicas reach their master.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use redis::{Cmd, FromRedisValue, InfoDict, RedisResult, Value};

use super::admin::{self, HARNESS, Login};
use super::certificates::Certificates;
use super::daemon::{Daemon, Site};
use super::watcher::Watcher;
use super::{DEADLINE, wait_until};

/// A pipeline is sent when its messages have that many bytes, or are that many.
const PIPELINE_BYTES: usize = 256 * 1024;
const PIPELINE_MESSAGES: usize = 1000;

/// How a Redis is to be started.
#[derive(Default)]
pub(crate) struct RedisSetup {
    lines: String,
    listens: Listens,
    replica: bool,
}

/// Where it listens, and for what.
#[derive(Default)]
enum Listens {
    /// On its port.
    #[default]
    Plain,
    /// On its port, TLS only.
    Tls { certificates: Certificates, require_client: bool },
    /// On a socket in its directory only.
    Unix,
}

impl RedisSetup {
    /// A Redis on a port of its own, otherwise with the defaults of Redis.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A password of the default user.
    pub(crate) fn password(self, password: &str) -> Self {
        self.config(&format!("requirepass {password}"))
    }

    /// A line of the configuration: `maxmemory 1mb`.
    pub(crate) fn config(mut self, line: &str) -> Self {
        self.lines.push_str(line);
        self.lines.push('\n');
        self
    }

    /// A user: `user bob on >secret ~* &orders.* +@all`.
    pub(crate) fn acl(self, user: &str) -> Self {
        assert!(user.starts_with("user ") && !user.starts_with("user harness "), "{user:?}");
        self.config(user)
    }

    /// Listens on a Unix socket and on no port.
    pub(crate) fn unix_socket(mut self) -> Self {
        self.listens = Listens::Unix;
        self
    }

    /// Speaks TLS only, and asks clients for a certificate of the authority or not.
    pub(crate) fn tls(mut self, certificates: &Certificates, require_client: bool) -> Self {
        self.listens = Listens::Tls { certificates: certificates.clone(), require_client };
        self
    }

    /// Follows another one from the start.
    pub(crate) fn replica_of(mut self, master: &Redis) -> Self {
        self.replica = true;
        self.config(&format!("replicaof 127.0.0.1 {}", master.port()))
    }

    /// Starts it and waits until it answers, a replica until it is in step with its master.
    pub(crate) fn start(self) -> Redis {
        let login = |site: &Site| {
            let tls = match &self.listens {
                Listens::Tls { certificates, .. } => Some(certificates.for_client()),
                Listens::Plain | Listens::Unix => None,
            };
            admin::client(&self.listens.url(site), Login::Harness, tls)
        };
        let daemon = Daemon::start("redis-server", |site| self.configuration(site), login);
        let redis = Redis { url: self.listens.url(daemon.site()), listens: self.listens, daemon };
        if self.replica {
            redis.wait_for_master();
        }
        redis
    }

    fn configuration(&self, site: &Site) -> String {
        format!(
            "bind 127.0.0.1\n{}daemonize no\nsave \"\"\nappendonly no\n\
             user {HARNESS} on >{HARNESS} ~* &* +@all\nmasteruser {HARNESS}\nmasterauth {HARNESS}\n\
             repl-diskless-sync-delay 0\nenable-debug-command local\n{}",
            self.listens.lines(site),
            self.lines
        )
    }
}

impl Listens {
    fn lines(&self, site: &Site) -> String {
        let port = site.port.number();
        match self {
            Self::Plain => format!("port {port}\n"),
            Self::Unix => "port 0\nunixsocket redis.sock\n".to_owned(),
            Self::Tls { certificates, require_client } => {
                let mut lines = format!("port 0\ntls-port {port}\ntls-replication yes\n");
                let files = [
                    ("tls-cert-file", certificates.server_certificate()),
                    ("tls-key-file", certificates.server_key()),
                    ("tls-client-cert-file", certificates.client_certificate()),
                    ("tls-client-key-file", certificates.client_key()),
                    ("tls-ca-cert-file", certificates.authority()),
                ];
                for (name, path) in files {
                    writeln!(lines, "{name} \"{}\"", path.display()).expect("a String takes everything");
                }
                let asks = if *require_client { "yes" } else { "no" };
                lines + "tls-auth-clients " + asks + "\n"
            }
        }
    }

    fn url(&self, site: &Site) -> String {
        match self {
            Self::Plain => format!("redis://127.0.0.1:{}", site.port.number()),
            Self::Tls { .. } => format!("rediss://127.0.0.1:{}", site.port.number()),
            Self::Unix => format!("redis+unix://{}", site.dir.path().join("redis.sock").display()),
        }
    }
}

/// A running Redis.
pub(crate) struct Redis {
    daemon: Daemon,
    listens: Listens,
    url: String,
}

impl Redis {
    /// A Redis with its defaults.
    pub(crate) fn start() -> Self {
        RedisSetup::new().start()
    }

    /// Its port, the same after a restart.
    pub(crate) fn port(&self) -> u16 {
        assert!(!matches!(self.listens, Listens::Unix), "it listens on no port");
        self.daemon.port()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port()).into()
    }

    /// Where it listens, without user and password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Its log, over all restarts.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.daemon.log_path()
    }

    /// Ends it by SIGKILL, if it runs.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Ends it by SIGTERM, as an operator does.
    pub(crate) fn shutdown(&mut self) {
        self.daemon.shutdown();
    }

    /// Starts it again (after killing it, if it runs), on the same port and with its configuration file, which
    /// Redis itself has rewritten if a Sentinel gave it another role.
    pub(crate) fn restart(&mut self) {
        self.daemon.restart();
    }

    /// Stops it by SIGSTOP: it answers nothing, while the kernel still accepts connections for it.
    pub(crate) fn pause(&self) {
        self.daemon.pause();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.daemon.resume();
    }

    /// The answer to a command of the user `harness`. It is sent once: while a Sentinel changes roles, and makes
    /// Redis close its clients, rather look by `info`.
    pub(crate) fn command(&self, words: &[&str]) -> Value {
        self.ask(words)
    }

    /// The answer to a command of the user `harness`, also when it is an error.
    pub(crate) fn try_command(&self, words: &[&str]) -> RedisResult<Value> {
        self.daemon.try_ask(|connection| command(words).query(connection))
    }

    fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.daemon.ask(&words.join(" "), |connection| command(words).query(connection))
    }

    /// The answer to a question that changes nothing, so that it may be asked once more.
    fn look<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let first = self.daemon.try_ask(|connection| command(words).query(connection));
        first.unwrap_or_else(|_| self.ask(words))
    }

    /// Publishes; to how many subscribers.
    pub(crate) fn publish(&self, channel: &str, message: &[u8]) -> i64 {
        self.publish_many(channel, [message.to_vec()])
    }

    /// Publishes messages by pipelines; the sum of their receivers.
    pub(crate) fn publish_many(&self, channel: &str, messages: impl IntoIterator<Item = Vec<u8>>) -> i64 {
        let mut messages = messages.into_iter().peekable();
        let mut receivers = 0;
        while messages.peek().is_some() {
            let mut pipeline = redis::pipe();
            let mut bytes = 0;
            while pipeline.len() < PIPELINE_MESSAGES && bytes < PIPELINE_BYTES {
                let Some(message) = messages.next() else { break };
                bytes += message.len();
                pipeline.cmd("PUBLISH").arg(channel).arg(message);
            }
            let what = format!("PUBLISH {channel}");
            let reached: Vec<i64> = self.daemon.ask(&what, |connection| pipeline.query(connection));
            receivers += reached.iter().sum::<i64>();
        }
        receivers
    }

    /// Watches a channel from now on.
    pub(crate) fn subscribe(&self, channel: &str) -> Watcher {
        Watcher::open(self.daemon.client(), channel)
    }

    /// The lines of `CLIENT LIST`, without the connections of the tests themselves.
    pub(crate) fn clients(&self) -> Vec<String> {
        self.clients_by(&["CLIENT", "LIST"])
    }

    fn clients_by(&self, words: &[&str]) -> Vec<String> {
        let ours = format!(" name={HARNESS} ");
        let list: String = self.look(words);
        list.lines().filter(|line| !line.contains(&ours)).map(str::to_owned).collect()
    }

    /// Closes all clients of a kind, "pubsub" or "normal", but those of the tests themselves; how many.
    pub(crate) fn kill_clients(&self, kind: &str) -> usize {
        let clients = self.clients_by(&["CLIENT", "LIST", "TYPE", kind]);
        clients
            .iter()
            .filter(|line| {
                let id = line.split(' ').find_map(|field| field.strip_prefix("id="));
                // One that left in between is not ours to count.
                self.ask::<i64>(&["CLIENT", "KILL", "ID", id.expect("every client has an id")]) == 1
            })
            .count()
    }

    /// How many are subscribed to a channel, watchers included.
    pub(crate) fn subscribers(&self, channel: &str) -> i64 {
        let (_, count): (String, i64) = self.look(&["PUBSUB", "NUMSUB", channel]);
        count
    }

    /// A field of `INFO`.
    pub(crate) fn info(&self, field: &str) -> Option<String> {
        let info: InfoDict = self.look(&["INFO", "everything"]);
        info.get(field)
    }

    /// Waits until so many servers know how many are subscribed: when Redis is lost and comes back, each waits for
    /// those of whom it knew before it publishes what it kept. Every probe counts them.
    pub(crate) fn wait_until_counted_by(&self, servers: u64) {
        let probes = || {
            let stats = self.info("cmdstat_pubsub|numsub").unwrap_or_default();
            let calls = stats.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
            calls.and_then(|calls| calls.parse::<u64>().ok()).unwrap_or_default()
        };
        // One of each may be under way; they come at one pace, but not in turn.
        let enough = probes() + 3 * servers;
        wait_until("the servers have counted subscribers", DEADLINE, || probes() >= enough);
    }

    /// Makes a replica a master.
    pub(crate) fn promote(&self) {
        self.command(&["REPLICAOF", "NO", "ONE"]);
    }

    /// Makes it a replica, and waits until it is in step.
    pub(crate) fn demote_to(&self, master: &Self) {
        self.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        self.wait_for_master();
    }

    fn wait_for_master(&self) {
        let is_up = || self.info("master_link_status").as_deref() == Some("up");
        wait_until("the replica is in step with its master", DEADLINE, is_up);
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}
