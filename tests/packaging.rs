//! The files that a package installs: what they say is what the program takes, systemd reads them without a
//! complaint, and they allow the program what it does and little else. packaging/test-deb tries the package itself.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Pid, Signal, kill_process};

use common::api::{assert_alive, post};
use common::dir::TestDir;
use common::events::tick;
use common::http::get;
use common::installed::{Running, in_project, said};
use common::redis::Redis;
use common::server::{BINARY, Setup};
use common::{DEADLINE, wait_until};

const PROGRAM: &str = "/usr/bin/ssecast";
const CONFIG: &str = "/etc/ssecast/ssecast.toml";
/// The end of a line that goes on.
const CONTINUED: &str = "\\\n";

/// A unit file.
struct Unit {
    name: &'static str,
    text: &'static str,
}

const ONE: Unit = Unit { name: "ssecast.service", text: include_str!("../packaging/ssecast.service") };
const MANY: Unit = Unit { name: "ssecast@.service", text: include_str!("../packaging/ssecast@.service") };
const SOCKET: Unit = Unit { name: "ssecast.socket", text: include_str!("../packaging/ssecast.socket") };

impl Unit {
    /// The values of a key.
    fn values(&self, key: &str) -> Vec<String> {
        let of_key = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned());
        self.text.replace(CONTINUED, "").lines().filter_map(of_key).collect()
    }

    /// The value of a key that stands there once.
    fn value(&self, key: &str) -> String {
        let mut values = self.values(key);
        assert_eq!(values.len(), 1, "{}: {key}: {values:?}", self.name);
        values.remove(0)
    }

    /// Puts it into a directory, with the program under test; what the file is called there.
    fn install(&self, dir: &TestDir) -> String {
        let name = self.name.replace('@', "@0");
        dir.write(self.name, &self.text.replace(PROGRAM, BINARY));
        dir.write(&name, &self.text.replace(PROGRAM, BINARY).replace("%i", "0"));
        dir.path().join(name).to_str().expect("a path of a test").to_owned()
    }
}

/// What a program of systemd says; `None`, and loudly so, where there is none.
fn systemd(program: &str, args: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(args).output();
    output.inspect_err(|error| eprintln!("SKIPPED: {program} {args:?} cannot be run: {error}")).ok()
}

// ---- units

#[test]
fn the_units_start_what_the_program_takes() {
    for (unit, shares) in [(&ONE, false), (&MANY, true)] {
        let line = unit.value("ExecStart");
        let words: Vec<String> = line.split_whitespace().map(|word| word.replace("%i", "0")).collect();
        assert_eq!(words[0], PROGRAM);
        let dir = TestDir::new("unit");
        let config = dir.write("ssecast.toml", "[bus]\nmode = \"redis\"\n");
        let mut setup = Setup::bare().arg("check");
        for word in &words[1..] {
            let is_config = word == CONFIG;
            setup = setup.arg(if is_config { config.to_str().expect("a path of a test") } else { word });
        }
        for variable in unit.values("Environment") {
            let (name, value) = variable.split_once('=').expect("a variable has a value");
            setup = setup.env(name, &value.replace("%i", "0"));
        }
        let checked = setup.run();
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:?}");
        let admin = unit.value("RuntimeDirectory").replace("%i", "0");
        let admin = format!("admin_listen = \"unix:/run/{admin}/admin.sock\" # flag");
        let (reuse_port, admin) = match shares {
            true => ("reuse_port = true # flag --server-reuse-port", admin.as_str()),
            false => ("reuse_port = false # default", "admin_listen = \"\" # default"),
        };
        for line in [reuse_port, admin, "mode = \"redis\" # "] {
            assert!(checked.stdout.contains(line), "{line} is not in\n{}", checked.stdout);
        }
    }
}

/// What is asked of systemd fits what the program does by default.
#[test]
fn the_units_wait_for_a_drain_and_not_for_a_wrong_configuration() {
    let checked = Setup::bare().arg("check").run();
    let seconds = |text: &str| text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok());
    let of_key = |key: &str| {
        let line = checked.stdout.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|rest| seconds(rest.split('"').next()?))
            .unwrap_or_else(|| panic!("no {key} in seconds"))
    };
    for unit in [&ONE, &MANY] {
        assert!(seconds(&unit.value("TimeoutStopSec")) >= Some(of_key("drain") + 2));
        assert_eq!(unit.value("RestartPreventExitStatus"), "2");
        assert_eq!(unit.value("ExecReload"), "/bin/kill -HUP $MAINPID");
        assert_eq!(unit.value("Type"), "notify");
    }
    assert!(seconds(&MANY.value("RestartSec")) > Some(of_key("retry") * 12 / 10), "clients go on elsewhere");
}

#[test]
fn the_socket_is_the_one_that_the_program_would_have_opened() {
    let checked = Setup::bare().arg("check").run();
    let listen = format!("listen = \"{}\" # default", SOCKET.value("ListenStream"));
    assert!(checked.stdout.contains(&listen), "{listen} is not in\n{}", checked.stdout);
    assert_eq!(SOCKET.value("FileDescriptorName"), "public");
    assert!(SOCKET.values("Accept").is_empty());
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let dir = TestDir::new("unit");
    let paths = [&ONE, &MANY, &SOCKET].map(|unit| unit.install(&dir));
    let Some(output) = systemd("systemd-analyze", &["verify", "--man=no", &paths[0], &paths[1], &paths[2]])
    else {
        return;
    };
    // It also reads the units that ours want, and those of this machine are none of our business.
    let said = said(&output);
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("ssecast")).collect();
    assert!(about_ours.is_empty() && output.status.code().is_some(), "{about_ours:?}");
}

#[test]
fn systemd_finds_the_units_well_confined() {
    let dir = TestDir::new("unit");
    for unit in [&ONE, &MANY] {
        // In tenths: 2.0.
        let args = ["security", "--offline=true", "--threshold=20", "--no-pager", &unit.install(&dir)];
        let Some(output) = systemd("systemd-analyze", &args) else { return };
        let said = said(&output);
        if said.contains("unrecognized option '--offline") {
            eprintln!("SKIPPED: this systemd-analyze is older than 250 and cannot judge a file");
            return;
        }
        assert!(output.status.success(), "{}: {said}", unit.name);
        assert!(said.contains("Overall exposure level"), "{said}");
    }
    let confined =
        |unit: &Unit| unit.text.split_once("CapabilityBoundingSet=").map(|(_, rest)| rest.to_owned());
    assert!(confined(&ONE).is_some() && confined(&ONE) == confined(&MANY), "both in the same way");
}

/// The names of the system calls of a filter of the units, which ends up with all that systemd knows of each set.
fn allowed_calls() -> Option<BTreeSet<String>> {
    let set = |name: &str| -> Option<BTreeSet<String>> {
        let mut calls = BTreeSet::new();
        let mut sets = vec![name.to_owned()];
        while let Some(set) = sets.pop() {
            let output = systemd("systemd-analyze", &["syscall-filter", "--no-pager", &set])?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{set}: {}", said(&output));
            for name in text.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#')) {
                if name.starts_with('@') {
                    sets.push(name.to_owned());
                } else if !name.is_empty() {
                    calls.insert(name.to_owned());
                }
            }
        }
        Some(calls)
    };
    let mut allowed = BTreeSet::new();
    for filter in ONE.values("SystemCallFilter") {
        let (is_taken_out, names) =
            filter.strip_prefix('~').map_or((false, filter.as_str()), |names| (true, names));
        for name in names.split(' ') {
            let calls = if name.starts_with('@') { set(name)? } else { BTreeSet::from([name.to_owned()]) };
            if is_taken_out {
                allowed.retain(|call| !calls.contains(call));
            } else {
                allowed.extend(calls);
            }
        }
    }
    Some(allowed)
}

/// A process that strace follows; killed if the test ends before it does, as strace would let it go.
struct Traced(Pid);

impl Traced {
    fn first_of(calls: &str) -> Self {
        let id = calls.split(' ').next().and_then(|id| id.parse().ok());
        Self(id.and_then(Pid::from_raw).expect("each line begins with a process"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.0, signal).expect("it runs");
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = kill_process(self.0, Signal::KILL);
        }
    }
}

/// The filter says EPERM to whatever it does not allow, so that a call too few would show late and at night.
#[test]
fn the_program_makes_no_system_call_that_the_units_forbid() {
    if Command::new("strace").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no strace here; scripts/test installs it");
        return;
    }
    let Some(allowed) = allowed_calls() else { return };
    let redis = Redis::start();
    let dir = TestDir::new("strace");
    let trace = dir.path().join("calls");
    let config = dir.write("ssecast.toml", "[bus]\nmode = \"redis\"\n");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "400", "-o"]).arg(&trace).arg(BINARY).args([
        "--listen",
        "127.0.0.1:0",
        "--config",
    ]);
    strace.arg(&config).args(["--redis-url", redis.url()]).current_dir(dir.path());
    let running = Running::start(strace);
    let calls = || fs::read_to_string(&trace).unwrap_or_default();
    let port = || {
        let trace = calls();
        let line = trace.lines().find(|line| line.contains("listening on 127.0.0.1:"))?;
        let digits = line.split("listening on 127.0.0.1:").nth(1)?;
        let end = digits.find(|c: char| !c.is_ascii_digit())?;
        digits[..end].parse::<u16>().ok()
    };
    wait_until("it begins", DEADLINE, || calls().contains(' '));
    let traced = Traced::first_of(&calls());
    wait_until("it listens", DEADLINE, || port().is_some());
    let addr = ([127, 0, 0, 1], port().expect("it listens")).into();
    for target in ["/healthz", "/readyz", "/metrics", "/stats", "/clients"] {
        get(addr, target);
    }
    for n in 0..3 {
        assert_eq!(post(addr, tick(n).as_bytes()).status, 202);
    }
    assert_eq!(get(addr, "/events?limit=3&lastEventId=earliest").status, 200);
    traced.signal(Signal::HUP);
    wait_until("it has reloaded", DEADLINE, || calls().contains("configuration reloaded"));
    traced.signal(Signal::TERM);
    running.succeed(DEADLINE);

    let made: BTreeSet<String> = calls()
        .lines()
        .filter_map(|line| {
            let call = line.split_once(' ')?.1.trim_start().split('(').next()?;
            call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_').then(|| call.to_owned())
        })
        .collect();
    assert!(made.contains("epoll_wait") || made.contains("epoll_pwait"), "{made:?}");
    let forbidden: Vec<&String> = made.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

// ---- the other files

#[test]
fn the_installed_configuration_is_the_default_and_its_secrets_file_is_understood() {
    let example = in_project("packaging/ssecast.toml");
    let environment = include_str!("../packaging/environment");
    let variables: Vec<(&str, &str)> =
        environment.lines().filter_map(|line| line.strip_prefix("#SSECAST_")?.split_once('=')).collect();
    assert_eq!(variables.len(), 1);
    let mut setup = Setup::bare().arg("check").flag("--config", example.to_str().expect("UTF-8"));
    for (name, value) in variables {
        setup = setup.env(&format!("SSECAST_{name}"), value);
    }
    let checked = setup.run();
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:?}");
    let changed: Vec<&str> = checked.stdout.lines().filter(|line| line.contains(" # environment ")).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(!checked.stdout.contains("ssecast.toml:"), "{}", checked.stdout);
    assert!(environment.lines().all(|line| line.starts_with('#')));
}

#[test]
fn what_the_package_is_made_of_is_there() {
    let manifest = fs::read_to_string(in_project("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("a list");
    assert!(!assets.iter().any(|asset| asset[0].as_str() == Some("target/release/ssecast-load")));
    for asset in assets {
        let source = asset[0].as_str().expect("a path");
        let fixed = source.split('*').next().expect("a beginning");
        assert!(fixed.starts_with("target/") || in_project(fixed).exists(), "{source}");
    }
    let mode = |source: &str| {
        let asset = assets.iter().find(|asset| asset[0].as_str() == Some(source));
        asset.and_then(|asset| asset[2].as_str())
    };
    assert_eq!(mode("packaging/environment"), Some("600"), "secrets are for root");
    assert_eq!(mode("packaging/ssecast.toml"), Some("644"), "the service's own user has to read it");

    let version = manifest["package"]["version"].as_str().expect("a version");
    let changelog = include_str!("../packaging/debian/changelog");
    let newest = format!("ssecast ({version}-{})", deb["revision"].as_str().expect("a revision"));
    assert!(changelog.starts_with(&newest), "packaging/debian/changelog does not begin with {newest}");
    for script in ["postinst", "prerm", "postrm"] {
        let path = in_project("packaging/debian").join(script);
        assert_eq!(syntax_of(&path), "", "{script}");
    }
}

/// What packaging/Dockerfile sets, and what docs/install.md says to change: both start.
#[test]
fn the_image_starts_as_it_is_and_as_the_documentation_has_it_changed() {
    let file = include_str!("../packaging/Dockerfile").replace(CONTINUED, "");
    let line = file.lines().find_map(|line| line.strip_prefix("ENV ")).expect("the image sets variables");
    let set: Vec<(&str, &str)> = line.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    assert!(set.iter().any(|(name, _)| *name == "SSECAST_AUTH_OPEN_PUBLISH"), "{set:?}");
    let config = in_project("packaging/ssecast.toml");
    let check = |changes: &[(&str, &str)]| {
        let mut command = Command::new(BINARY);
        command.arg("check").envs(set.iter().copied()).env("SSECAST_CONFIG", &config);
        let output = command.envs(changes.iter().copied()).output().expect("the program starts");
        (output.status.code(), said(&output))
    };
    let admin = ("SSECAST_SERVER_ADMIN_LISTEN", "0.0.0.0:9090");
    let tokens = ("SSECAST_AUTH_PUBLISH_TOKENS", "a-token-of-this-test-7f3c9a");
    let closed = ("SSECAST_AUTH_OPEN_PUBLISH", "false");
    for changes in [vec![], vec![tokens, closed], vec![admin], vec![admin, tokens, closed]] {
        let (code, said) = check(&changes);
        assert_eq!(code, Some(0), "{changes:?}: {said}");
    }
    // Other containers reach it there.
    assert_eq!(check(&[admin, closed]).0, Some(2));
}

/// What a shell complains about.
fn syntax_of(script: &Path) -> String {
    said(&Command::new("sh").arg("-n").arg(script).output().expect("a shell is there"))
}

#[test]
fn a_server_with_the_installed_configuration_serves() {
    let example = fs::read_to_string(in_project("packaging/ssecast.toml")).expect("it is there");
    assert_alive(&Setup::new().config(&example).start());
}

/// What the health check of packaging/Dockerfile asks.
#[test]
fn the_program_tells_whether_it_is_well() {
    let mut server = Setup::new().start();
    let health = |addr: SocketAddr| {
        let finished = Setup::bare().arg("health").flag("--listen", &addr.to_string()).run();
        (finished.code, finished.stderr)
    };
    assert_eq!(health(server.addr()), (Some(0), String::new()));
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(DEADLINE), 0);
    let (code, said) = health(server.addr());
    assert!(code == Some(1) && said.contains("does not answer"), "{code:?} {said}");
    assert!(include_str!("../packaging/Dockerfile").contains("\"/usr/bin/ssecast\", \"health\""));
}
