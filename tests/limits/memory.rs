//! What `ssecast check` says about memory is not exceeded under attack.

use std::fs;

use super::common::api::post_as;
use super::common::events::{big_tick, envelope};
use super::common::http::{Conn, compose};
use super::common::server::{Server, Setup};
use super::common::{DEADLINE, wait_until};
use super::limited;

/// Small limits, so that what they bound is most of the memory.
const LIMITS: &str = "
[stream]
history_bytes = \"1 MiB\"
history_events = 2000
buffer_bytes = \"64 KiB\"
[limits]
connections = 300
parser_bytes = \"2 MiB\"
publish_bytes = \"2 MiB\"
body_bytes = \"256 KiB\"
event_bytes = \"64 KiB\"
accept_rate_per_ip = 100000
publish_rate_per_ip = 100000
rate_addresses = 1000
";

/// Resident memory in bytes.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB")
}

/// The lines about memory, each with its MiB.
fn told(stdout: &str) -> Vec<(u64, String)> {
    let line = |line: &str| {
        let (mib, what) = line.strip_prefix("# ")?.trim_start().split_once(" MiB  ")?;
        Some((mib.parse().ok()?, what.to_owned()))
    };
    stdout.lines().filter_map(line).collect()
}

#[test]
fn the_worst_case_is_printed_and_adds_up() {
    let finished = Setup::bare().arg("check").config(LIMITS).run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let lines = told(&finished.stdout);
    let total = lines.iter().position(|(_, what)| what.starts_with("all of that")).expect("a total");
    let sum: u64 = lines[..total].iter().map(|(mib, _)| mib).sum();
    let all = lines[total].0;
    assert!(all <= sum && sum <= all + total as u64, "{all} {sum}: each is rounded up");
    assert!(lines[total + 1].0 < all && lines[total + 2].1.contains("kernel"), "{lines:?}");
    let again = Setup::bare().arg("check").config(&finished.stdout).run();
    assert_eq!((again.code, told(&again.stdout)), (Some(0), lines), "it is still a configuration");
    for (mode, more) in [("redis", "messages remembered"), ("dual", "the spool")] {
        let finished = Setup::bare().arg("check").config(LIMITS).flag("--mode", mode).run();
        assert!(told(&finished.stdout).iter().any(|(_, what)| what.contains(more)), "{mode}");
    }
}

#[test]
fn an_empty_list_of_hosts_is_noted_where_one_asks_and_nowhere_else() {
    let note = "server.hosts is empty";
    let check = Setup::bare().arg("check").run();
    assert!(check.stdout.contains(note) && check.stderr.is_empty(), "{}", check.stderr);
    let set = Setup::bare().arg("check").flag("--server-hosts", "shop.example").run();
    assert!(!set.stdout.contains(note));
    let server = Server::start();
    assert!(!server.log().contains("server.hosts"), "no noise at the first start");
}

/// Unfinished heads and bodies, answers that nobody reads, streams with filters that lag, a full history.
fn attack(server: &Server) -> Vec<Conn> {
    let mut conns = Vec::new();
    let mut open = |bytes: &[u8]| {
        let mut conn = Conn::open_special(server.addr(), None, Some(4096));
        conn.send(bytes);
        conns.push(conn);
    };
    let topics: String = (0..64).map(|n| format!("topic=orders/{n}&")).collect();
    let stream = compose("GET", &format!("/events?type=tick&{topics}"), &[], b"");
    let plain = compose("GET", "/events", &[], b"");
    let line = format!("GET /events?{} HTTP/1.1\r\nHost: a\r\nX: ", "a&".repeat(4000));
    let body = big_tick(1, 60_000);
    let publish = compose("POST", "/publish", &[("Content-Type", "application/json")], body.as_bytes());
    let metrics = compose("GET", "/metrics", &[], b"").repeat(50);
    for _ in 0..50 {
        open(&stream);
        open(&plain);
        open(line.as_bytes());
        open(&publish[..publish.len() - 1]);
        open(&metrics);
    }
    conns
}

/// Fills the history: with topics that are longer than their frame, with short frames, and with such as are longer
/// than their payload. Under attack some of it may be refused.
fn publish_much(server: &Server) -> usize {
    let topics: Vec<String> = (0..16).map(|n| format!("\"{}{n}\"", "t".repeat(250))).collect();
    let small = |n: usize| {
        let plain = envelope("x", &n.to_string(), "1");
        format!("{},\"topics\":[{}]}}\n", plain.trim_end_matches('}'), topics.join(","))
    };
    let topical: String = (0..50).map(small).collect();
    let lines: String = (0..100).map(|n| envelope("tick", &n.to_string(), "1") + "\n").collect();
    let broken = format!("[{}1]", "1,\n".repeat(15_000));
    let mut accepted = 0;
    for n in 0..60 {
        let folded = envelope("tick", &n.to_string(), &broken) + "\n";
        for lines in [&topical, &lines, &folded.replace(",\n", ", ")] {
            accepted +=
                usize::from(post_as(server.addr(), "application/x-ndjson", lines.as_bytes()).status == 202);
        }
        accepted += usize::from(post_as(server.addr(), "application/json", folded.as_bytes()).status == 202);
    }
    accepted
}

#[test]
fn memory_under_attack_stays_within_what_check_says() {
    let finished = Setup::bare().arg("check").config(LIMITS).run();
    let lines = told(&finished.stdout);
    let (all, _) = lines.iter().find(|(_, what)| what.starts_with("all of that")).expect("a total");
    let server = Setup::new().config(LIMITS).start();
    let idle = resident(&server);
    let mut most = 0;
    assert_eq!(publish_much(&server), 240, "nobody is in the way");
    for _ in 0..3 {
        let conns = attack(&server);
        assert!(publish_much(&server) > 0, "what is small enough goes on");
        most = most.max(resident(&server));
        drop(conns);
    }
    assert!(limited(&server, "parser_bytes") > 0.0, "the attack met the limit");
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    assert!(most <= all << 20, "{} MiB, and check says {all} MiB", mib(most));
    // The figure means something: what came beside the program itself is within the lines about the rest, without
    // those that take another attack.
    let (usual, _) =
        lines.iter().find(|(_, what)| what.starts_with("the same without")).expect("a second total");
    let (program, grown) = (lines[0].0, most - idle);
    assert!(
        grown <= (usual - program) << 20,
        "{} MiB grown, and check says {usual} - {program} MiB",
        mib(grown)
    );
    eprintln!("idle {} MiB, at most {} MiB, check says {usual} MiB, {all} MiB", mib(idle), mib(most));
    wait_until("all are gone", DEADLINE, || {
        super::common::api::metric(&server, "ssecast_open_connections").is_some_and(|open| open <= 2.0)
    });
}
