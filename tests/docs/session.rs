//! One page as a reader goes through it: its blocks are run from top to bottom, with one directory, one server and
//! one Redis, which are started when the first block asks for them.
//!
//! Commands run as they are printed but for the addresses: the server of the page is not on port 8080, its Redis
//! not on 6379, and `cargo run` is the program that is already built.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::marker::Run;
use super::printed::{self, Step};
use crate::common::dir::TestDir;
use crate::common::http::get;
use crate::common::page::Block;
use crate::common::port::Port;
use crate::common::redis::{Redis, RedisSetup};
use crate::common::server::{BINARY, Server, Setup};

/// How long a command may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Why a block failed.
pub(crate) type Failure = String;

/// See the top of this file.
pub(crate) struct Session {
    dir: TestDir,
    redis: Option<Redis>,
    server: Option<(Run, Server)>,
    /// Ports that stand for those of the page.
    ports: BTreeMap<u16, Port>,
    /// Commands that were left running; the last one is what a reader looks at.
    followers: Vec<Job>,
    jobs: usize,
}

impl Session {
    /// A reader who has just opened the page.
    pub(crate) fn new() -> Self {
        let dir = TestDir::new("docs");
        let bin = dir.path().join("bin");
        for folder in [&bin, &dir.path().join("run")] {
            fs::create_dir(folder).expect("the test's own directory can be written");
        }
        std::os::unix::fs::symlink(BINARY, bin.join("ssecast")).expect("a link");
        Self { dir, redis: None, server: None, ports: BTreeMap::new(), followers: Vec::new(), jobs: 0 }
    }

    /// Runs a block.
    pub(crate) fn run(&mut self, block: &Block, run: Run) -> Result<(), Failure> {
        self.prepare(&run);
        let steps = match block.language.as_str() {
            "console" => printed::steps(&block.text)?,
            _ if run.starts => printed::lines(&block.text),
            _ => vec![Step { command: block.text.clone(), printed: None }],
        };
        let last = steps.len() - 1;
        let mut beside = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            let mut job = self.start(step, &run);
            if run.starts {
                self.wait_for_server(&mut job, n == last)?;
                beside.extend(step.command.trim_end().ends_with('&').then_some(job));
            } else if run.follow && n == last {
                job.wait_for(step.printed.as_deref().unwrap_or_default())?;
                self.followers.push(job);
            } else {
                job.finish(step.printed.as_deref())?;
            }
        }
        Ok(())
    }

    /// Waits until the command that was left running has printed this.
    pub(crate) fn followed(&mut self, printed: &str) -> Result<(), Failure> {
        let follower = self.followers.last_mut().ok_or("nothing above is marked `follow`")?;
        follower.wait_for(printed)
    }

    /// Starts what the block needs and is not there.
    fn prepare(&mut self, run: &Run) {
        if run.redis && self.redis.is_none() {
            self.redis = Some(RedisSetup::new().start());
        }
        let Some(flags) = &run.server else { return };
        let wanted = Run { redis: run.redis, server: Some(flags.clone()), ..Run::default() };
        if self.server.as_ref().is_some_and(|(there, _)| *there == wanted) {
            return;
        }
        self.server = None;
        let mut setup = Setup::new();
        if let (true, Some(redis)) = (run.redis, &self.redis) {
            setup = setup.flag("--redis-url", redis.url()).flag("--mode", "redis");
        }
        for flag in flags {
            let flag = self.localised(flag).replace("=./", &format!("={}/", self.dir.path().display()));
            if let Some((_, socket)) = flag.split_once("unix:") {
                let parent = Path::new(socket).parent().expect("a socket is in a folder");
                fs::create_dir_all(parent).expect("the test's own directory can be written");
            }
            setup = setup.arg(&flag);
        }
        self.server = Some((wanted, setup.start()));
    }

    fn start(&mut self, step: &Step, run: &Run) -> Job {
        self.jobs += 1;
        let mut script = "set -euo pipefail\n".to_owned();
        // What a reader has by itself: the port of redis-cli, and a curl without a bar. Where nothing is printed to
        // compare with, an error has to be one.
        let fail = if step.printed.is_some() { "" } else { "--fail-with-body" };
        script += &format!("curl() {{ command curl -sS {fail} \"$@\"; }}\n");
        if run.starts {
            self.server = None;
            script += &self.localised("export SSECAST_SERVER_LISTEN=127.0.0.1:8080\n");
        }
        if let Some(redis) = &self.redis {
            script += &format!("redis-cli() {{ command redis-cli -p {} \"$@\"; }}\n", redis.port());
        }
        script += &self.localised(&step.command);
        Job::start(self.dir.path(), self.jobs, &script)
    }

    /// The server that a command starts has to answer; one that is not the last may end instead.
    fn wait_for_server(&mut self, job: &mut Job, is_last: bool) -> Result<(), Failure> {
        let address = ([127, 0, 0, 1], self.port(8080)).into();
        // 404 where health is asked for at an address of its own.
        let serves = || {
            let listens = std::net::TcpStream::connect(address).is_ok();
            listens && matches!(get(address, "/readyz").status, 200 | 404)
        };
        job.wait("no server is ready", |job| serves() || job.status.is_some() && !is_last)
    }

    /// A command with the addresses and folders of this session.
    fn localised(&mut self, command: &str) -> String {
        let command =
            command.replace("cargo run --release --", "ssecast").replace("cargo run --release", "ssecast");
        let mut command = command.replace("/run/ssecast", &format!("{}/run", self.dir.path().display()));
        for host in ["127.0.0.1:", "localhost:", "0.0.0.0:"] {
            let mut pieces = command.split(host);
            let mut local = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
                local.push_str(if host == "0.0.0.0:" { host } else { "127.0.0.1:" });
                match piece[..digits].parse() {
                    Ok(port) => local.push_str(&self.port(port).to_string()),
                    Err(_) => local.push_str(&piece[..digits]),
                }
                local.push_str(&piece[digits..]);
            }
            command = local;
        }
        command
    }

    /// The port that stands for one of the page.
    fn port(&mut self, printed: u16) -> u16 {
        match (printed, &self.server, &self.redis) {
            (8080, Some((_, server)), _) => server.addr().port(),
            (6379, _, Some(redis)) => redis.port(),
            // Ours already, from a replacement just before.
            (port, _, _) if self.ports.values().any(|ours| ours.number() == port) => port,
            _ => self.ports.entry(printed).or_insert_with(Port::any).number(),
        }
    }
}

/// A shell with a command, in a process group of its own, which ends with it.
struct Job {
    shell: Child,
    status: Option<ExitStatus>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Job {
    fn start(dir: &Path, number: usize, script: &str) -> Self {
        let [stdout, stderr] = ["out", "err"].map(|kind| dir.join(format!("job-{number}.{kind}")));
        let file = |path| File::create(path).expect("the test's own directory can be written");
        let search = std::env::var("PATH").unwrap_or_default();
        let mut bash = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SSECAST_") {
                bash.env_remove(name);
            }
        }
        bash.args(["-c", script]).current_dir(dir).process_group(0);
        bash.env("PATH", format!("{}/bin:{search}:/usr/sbin", dir.display())).env("HOME", dir);
        bash.env("NO_PROXY", "*").env("no_proxy", "*");
        bash.stdin(Stdio::null()).stdout(file(&stdout)).stderr(file(&stderr));
        let shell = bash.spawn().expect("bash is there");
        Self { shell, status: None, stdout, stderr }
    }

    /// Waits for its end, a good one, and for what it prints, if that is printed.
    fn finish(mut self, printed: Option<&str>) -> Result<(), Failure> {
        self.wait("it does not end", |job| job.status.is_some())?;
        if !self.status.is_some_and(|status| status.success()) {
            return Err(self.failure("it failed"));
        }
        match printed {
            Some(printed) if !printed::matches(printed, &self.out(), printed::End::Here) => {
                Err(self.failure(&format!("it printed something else than\n{printed}")))
            }
            _ => Ok(()),
        }
    }

    /// Waits until it has printed this; it must still run.
    fn wait_for(&mut self, text: &str) -> Result<(), Failure> {
        self.wait(&format!("it did not print\n{text}"), |job| {
            printed::matches(text, &job.out(), printed::End::Anywhere)
        })
    }

    fn wait(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) -> Result<(), Failure> {
        let end = Instant::now() + COMMAND_DEADLINE;
        loop {
            let ended = self.status.is_some();
            if condition(self) {
                return Ok(());
            }
            if ended && !self.status.is_some_and(|status| status.success()) || Instant::now() > end {
                return Err(self.failure(what));
            }
            self.status = self.shell.try_wait().expect("a child can be waited for");
            std::thread::sleep(TICK);
        }
    }

    fn out(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    fn failure(&self, what: &str) -> Failure {
        let err = fs::read_to_string(&self.stderr).unwrap_or_default();
        format!("{what}\n--- its output:\n{}--- its errors:\n{err}", self.out())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Also what it left in the background.
        let _ = kill_process_group(Pid::from_child(&self.shell), Signal::KILL);
        let _ = self.shell.wait();
    }
}
