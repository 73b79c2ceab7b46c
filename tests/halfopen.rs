//! A client whose host is gone without a word: no FIN, no reset, only silence (RFC 5482, RFC 1122 section
//! 4.2.3.6). Needs two hosts, so two network namespaces; skipped loudly where they cannot be made.

mod common;

use common::hosts::Hosts;
use common::server::{Server, Setup};
use common::{DEADLINE, wait_until};

/// The value of a metric, asked for on the server's own host.
fn metric(hosts: &Hosts, server: &Server, name: &str) -> Option<f64> {
    let url = format!("http://{}/metrics", server.addr());
    let output = hosts.server.curl(&["--max-time", "5", &url]).wait_with_output().expect("curl ends");
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
        .shell(&hosts.server.shell())
        .flag("--listen", &hosts.server.address(0).to_string())
        .arg("--auth-open-publish")
        .flag("--stream-user-timeout", "1s")
        .flag("--stream-heartbeat", "300ms")
        .start();
    let mut client = hosts.client.curl(&["--max-time", "60", &format!("http://{}/events", server.addr())]);
    let streams = || metric(&hosts, &server, "ssecast_active_connections");
    wait_until("the stream is open", DEADLINE, || streams() == Some(1.0));
    hosts.cut_the_cable();
    wait_until("the stream is closed", DEADLINE, || streams() == Some(0.0));
    let timed_out = metric(&hosts, &server, "ssecast_connections_closed_total{reason=\"timed-out\"}");
    assert_eq!(timed_out, Some(1.0));
    client.kill().expect("curl still waits");
    client.wait().expect("curl ends");
}
