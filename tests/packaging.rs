//! The files that a package installs: what they say is what the program takes, and systemd reads them without a
//! complaint.

mod common;

use std::process::Command;

use common::dir::TestDir;
use common::server::{BINARY, Setup};

const UNIT: &str = include_str!("../packaging/ssecast@.service");
/// The end of a line that goes on.
const CONTINUED: &str = "\\\n";
const PROGRAM: &str = "/usr/bin/ssecast";
const CONFIG: &str = "/etc/ssecast/ssecast.toml";

/// The values of a key of the unit.
fn values(key: &str) -> Vec<String> {
    let of_key = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned());
    UNIT.replace(CONTINUED, "").lines().filter_map(of_key).collect()
}

/// The value of a key that stands there once.
fn value(key: &str) -> String {
    let mut values = values(key);
    assert_eq!(values.len(), 1, "{key}: {values:?}");
    values.remove(0)
}

#[test]
fn the_unit_starts_what_the_program_takes() {
    let line = value("ExecStart");
    let words: Vec<String> = line.split_whitespace().map(|word| word.replace("%i", "0")).collect();
    assert_eq!(words[0], PROGRAM);
    let dir = TestDir::new("unit");
    let config = dir.write("ssecast.toml", "[bus]\nmode = \"redis\"\n");
    let mut setup = Setup::bare().arg("check");
    for word in &words[1..] {
        let is_config = word == CONFIG;
        setup = setup.arg(if is_config { config.to_str().expect("a path of a test") } else { word });
    }
    for variable in values("Environment") {
        let (name, value) = variable.split_once('=').expect("a variable has a value");
        setup = setup.env(name, &value.replace("%i", "0"));
    }
    let checked = setup.run();
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:?}");
    let admin = format!(
        "admin_listen = \"unix:/run/{}/admin.sock\" # flag",
        value("RuntimeDirectory").replace("%i", "0")
    );
    for line in ["reuse_port = true # flag --server-reuse-port", "mode = \"redis\" # ", &admin] {
        assert!(checked.stdout.contains(line), "{line} is not in\n{}", checked.stdout);
    }
}

/// What is asked of systemd fits what the program does by default.
#[test]
fn the_unit_waits_for_a_drain_and_not_for_a_wrong_configuration() {
    let checked = Setup::bare().arg("check").run();
    let seconds = |text: &str| text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok());
    let of_key = |key: &str| {
        let line = checked.stdout.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|rest| seconds(rest.split('"').next()?))
            .unwrap_or_else(|| panic!("no {key} in seconds"))
    };
    assert!(seconds(&value("TimeoutStopSec")) >= Some(of_key("drain") + 2));
    assert!(seconds(&value("RestartSec")) > Some(of_key("retry") * 12 / 10), "clients go on elsewhere");
    assert_eq!(value("RestartPreventExitStatus"), "2");
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
}

#[test]
fn systemd_has_nothing_to_say_about_the_unit() {
    let dir = TestDir::new("unit");
    dir.write("ssecast@.service", &UNIT.replace(PROGRAM, BINARY));
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(dir.path().join("ssecast@0.service"));
    match verify.output() {
        Ok(output) => {
            // It also reads the units that ours wants, and those of this machine are none of our business.
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("ssecast")).collect();
            assert!(about_ours.is_empty() && output.status.code().is_some(), "{about_ours:?}");
        }
        Err(error) => eprintln!("SKIPPED: the unit was not verified, systemd-analyze cannot be run: {error}"),
    }
}
