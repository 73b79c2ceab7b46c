//! A client whose host is gone without a word: no FIN, no reset, only silence (RFC 5482, RFC 1122 section
//! 4.2.3.6). Needs two hosts, so two network namespaces; skipped loudly where they cannot be made.

mod common;

use std::process::{Child, Command, Stdio};

use common::server::{Server, Setup};
use common::{DEADLINE, wait_until};

/// Two hosts with a cable between them.
struct Hosts {
    server: String,
    client: String,
}

fn ip(args: &[&str]) -> bool {
    let status = Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Hosts {
    /// `None` where the system does not let us.
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let hosts = Self { server: format!("sscs{pid}"), client: format!("sscc{pid}") };
        let (server, client) = (hosts.server.as_str(), hosts.client.as_str());
        let made = ip(&["netns", "add", server])
            && ip(&["netns", "add", client])
            && ip(&[
                "-n", server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns",
                client,
            ])
            && ip(&["-n", server, "addr", "add", "10.0.0.1/30", "dev", "cable"])
            && ip(&["-n", client, "addr", "add", "10.0.0.2/30", "dev", "cable"])
            && [server, client].iter().all(|host| ip(&["-n", host, "link", "set", "cable", "up"]))
            && ip(&["-n", server, "link", "set", "lo", "up"]);
        made.then_some(hosts)
    }

    /// From now on nothing that one says reaches the other.
    fn cut_the_cable(&self) {
        assert!(ip(&["-n", &self.client, "link", "set", "cable", "down"]));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [&self.server, &self.client] {
            ip(&["netns", "del", host]);
        }
    }
}

fn curl(host: &str, args: &[&str]) -> Child {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", host, "curl", "-sN", "--noproxy", "*"]).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("curl is there")
}

/// The value of a metric, asked for on the server's own host.
fn metric(hosts: &Hosts, server: &Server, name: &str) -> Option<f64> {
    let url = format!("http://{}/metrics", server.addr());
    let output = curl(&hosts.server, &["--max-time", "5", &url]).wait_with_output().expect("curl ends");
    let text = String::from_utf8(output.stdout).expect("metrics are text");
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[test]
fn a_client_that_is_gone_without_a_word_is_closed_after_the_user_timeout() {
    let Some(hosts) = Hosts::new() else {
        eprintln!("SKIPPED: half-open clients were not tried, network namespaces cannot be made here");
        return;
    };
    let server = Setup::bare()
        .shell(&format!("exec ip netns exec {} \"$0\" \"$@\"", hosts.server))
        .flag("--listen", "10.0.0.1:0")
        .arg("--auth-open-publish")
        .flag("--stream-user-timeout", "1s")
        .flag("--stream-heartbeat", "300ms")
        .start();
    let mut client = curl(&hosts.client, &["--max-time", "60", &format!("http://{}/events", server.addr())]);
    let streams = || metric(&hosts, &server, "ssecast_active_connections");
    wait_until("the stream is open", DEADLINE, || streams() == Some(1.0));
    hosts.cut_the_cable();
    wait_until("the stream is closed", DEADLINE, || streams() == Some(0.0));
    let timed_out = metric(&hosts, &server, "ssecast_connections_closed_total{reason=\"timed-out\"}");
    assert_eq!(timed_out, Some(1.0));
    client.kill().expect("curl still waits");
    client.wait().expect("curl ends");
}
