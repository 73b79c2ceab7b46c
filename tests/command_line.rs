//! The command line as a shell and a pager meet it: completions in a real bash, manual pages in a real `man`, help
//! and errors that say what to do.

mod common;

use std::process::{Command, Stdio};

use common::command::{Ended, Running, run, ssecast};
use common::port::Port;
use common::server::{BINARY, Setup, wait_for_log};

const COMMANDS: [&str; 6] = ["serve", "check", "tail", "publish", "completions", "man"];

/// What bash offers for the last of these words, by the script that the program prints.
fn completed(words: &[&str]) -> Vec<String> {
    let script = format!(
        "source <({BINARY} completions bash) && COMP_WORDS=(\"$@\") && COMP_CWORD=$(($# - 1)) \
         && _ssecast ssecast \"${{@: -1}}\" \"${{@: -2:1}}\" && printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = ssecast([""; 0]);
    let environment: Vec<_> = bash.get_envs().map(|(name, _)| name.to_owned()).collect();
    bash = Command::new("bash");
    for name in environment {
        bash.env_remove(name);
    }
    bash.args(["--norc", "--noprofile", "-c", &script, "bash"]).args(words);
    let Ended { code, stdout, stderr } = Running::start(bash).end();
    assert_eq!((code, stderr.as_str()), (0, ""), "{words:?}");
    stdout.lines().map(str::to_owned).filter(|word| !word.is_empty()).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(completed(&["ssecast", "t"]), ["tail"]);
    for command in COMMANDS {
        assert!(completed(&["ssecast", ""]).contains(&command.to_owned()), "{command}");
    }
    assert_eq!(completed(&["ssecast", "tail", "--he"]), ["--heartbeats", "--header", "--help"]);
    assert_eq!(completed(&["ssecast", "publish", "--dry"]), ["--dry-run"]);
    assert_eq!(completed(&["ssecast", "serve", "--stream-heartbeat-"]), ["--stream-heartbeat-style"]);
    assert_eq!(completed(&["ssecast", "tail", "--color", "a"]), ["auto", "always"]);
    assert_eq!(completed(&["ssecast", "completions", "z"]), ["zsh"]);
    assert_eq!(completed(&["ssecast", "man", "pub"]), ["publish"]);
}

#[test]
fn man_takes_every_page_without_a_warning() {
    for command in [None, Some("serve"), Some("check"), Some("tail"), Some("publish"), Some("completions")] {
        let page = run(["man"].into_iter().chain(command));
        assert_eq!(page.code, 0);
        // A machine without `man` has not the program that would complain.
        if Command::new("man").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: there is no man here, see scripts/test");
            return;
        }
        let mut man = Command::new("man");
        man.args(["--warnings", "-l", "-"])
            .env("MANPAGER", "cat")
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8");
        let mut reader = Running::start(man);
        reader.write(&page.stdout);
        let ended = reader.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{command:?}");
        let text = ended.stdout.replace('\u{8}', "");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"] {
            assert!(text.lines().any(|line| line == section), "{command:?} has no {section}:\n{text}");
        }
    }
}

#[test]
fn help_teaches_by_examples() {
    let help = run(["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for command in COMMANDS {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{}", help.stdout);
        let own = run([command, "--help"]);
        assert!(own.code == 0 && own.stdout.contains("Examples:\n  "), "{command}: {}", own.stdout);
    }
    assert!(run(["serve", "--help"]).stdout.contains("--stream-heartbeat <TIME>"));
}

#[test]
fn a_slip_is_met_with_what_was_meant() {
    for (args, meant) in [
        (&["--lisen", "127.0.0.1:1"][..], "'--listen'"),
        (&["serve", "--stream-hartbeat=1s"], "'--stream-heartbeat'"),
        (&["taill"], "'tail'"),
        (&["publish", "--dry"], "'--dry-run'"),
        (&["completions", "csh"], "bash, zsh, fish, powershell, elvish"),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.stderr.contains(meant), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn the_log_of_a_server_without_its_redis_asks_whether_it_runs() {
    let port = Port::any();
    let url = format!("redis://127.0.0.1:{}", port.number());
    let server = Setup::new().flag("--mode", "redis").flag("--redis-url", &url).start();
    wait_for_log(&server, 0, "is Redis running there?");
    let log = server.log();
    let line =
        log.lines().find(|line| line.contains("not subscribed to Redis, trying again")).expect("it is said");
    assert!(line.contains(&format!("\"127.0.0.1:{}: cannot connect: ", port.number())), "{log}");
}
