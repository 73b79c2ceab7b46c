//! Two hosts with a cable between them: network namespaces, for what loopback cannot show. They cannot be made
//! everywhere; tests say loudly that they were skipped.

use std::fmt::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Both hosts; gone when dropped.
pub(crate) struct Hosts {
    /// Where the servers are.
    pub(crate) server: Host,
    /// Where the clients are.
    pub(crate) client: Host,
}

/// One of them.
pub(crate) struct Host {
    name: String,
    ip: [u8; 4],
    mac: &'static str,
}

fn succeeds(mut command: Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' '));
    succeeds(command)
}

impl Hosts {
    /// `None` where the system does not let us.
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let host = |kind: &str, ip, mac| Host { name: format!("ssc{kind}{id}"), ip, mac };
        let hosts = Self {
            server: host("s", [10, 0, 0, 1], "02:00:00:00:00:01"),
            client: host("c", [10, 0, 0, 2], "02:00:00:00:00:02"),
        };
        let Self { server, client } = &hosts;
        let made = ip(&format!("netns add {server}"))
            && ip(&format!("netns add {client}"))
            && ip(&format!("-n {server} link add cable type veth peer name cable netns {client}"))
            && [server, client].iter().all(|host| host.set_up());
        made.then_some(hosts)
    }

    /// From now on nothing that one says reaches the other.
    pub(crate) fn cut_the_cable(&self) {
        assert!(ip(&format!("-n {} link set cable down", self.client)));
    }

    /// Keeps what the server says to the client waiting, as on a very long way; what the client says arrives at
    /// once. The system gives up waiting after three seconds.
    pub(crate) fn hold_back_the_server(&self) {
        let Self { server, client } = self;
        assert!(ip(&format!(
            "-n {client} neigh replace {} lladdr {} dev cable nud permanent",
            server.ip(),
            server.mac
        )));
        assert!(client.set("net.ipv4.conf.cable.arp_ignore", 8), "it answers no question where it is");
        // It may not know the client yet.
        ip(&format!("-n {server} neigh del {} dev cable", client.ip()));
    }

    /// Lets all that waited come, and what follows.
    pub(crate) fn let_the_server_speak(&self) {
        let Self { server, client } = self;
        assert!(ip(&format!(
            "-n {server} neigh replace {} lladdr {} dev cable nud permanent",
            client.ip(),
            client.mac
        )));
    }
}

impl Host {
    fn set_up(&self) -> bool {
        ip(&format!("-n {self} link set cable address {}", self.mac))
            && ip(&format!("-n {self} addr add {}/30 dev cable", self.ip()))
            && ip(&format!("-n {self} link set cable up"))
            && ip(&format!("-n {self} link set lo up"))
    }

    fn ip(&self) -> String {
        SocketAddr::from((self.ip, 0)).ip().to_string()
    }

    /// Its address with a port.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        (self.ip, port).into()
    }

    /// What a shell has to say to run a server there.
    pub(crate) fn shell(&self) -> String {
        format!("exec ip netns exec {self} \"$0\" \"$@\"")
    }

    /// Has `ip` change its network; whether that was possible.
    pub(crate) fn configure(&self, words: &str) -> bool {
        ip(&format!("-n {self} {words}"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts curl there.
    pub(crate) fn curl(&self, args: &[&str]) -> Child {
        let mut command = self.command("curl");
        command.args(["-sN", "--noproxy", "*"]).args(args).stdout(Stdio::piped());
        command.spawn().expect("curl is there")
    }

    /// Changes a setting of its network; whether it has such a setting.
    pub(crate) fn set(&self, setting: &str, value: u32) -> bool {
        let mut line = String::new();
        write!(line, "echo {value} > /proc/sys/{}", setting.replace('.', "/")).expect("a String takes it");
        let mut shell = self.command("sh");
        shell.args(["-c", &line]);
        succeeds(shell)
    }

    /// The lines of `ss -Htn` with these arguments.
    pub(crate) fn sockets(&self, args: &[&str]) -> Vec<String> {
        let output = self.command("ss").arg("-Htn").args(args).output().expect("ss is there");
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        ip(&format!("netns del {self}"));
    }
}
