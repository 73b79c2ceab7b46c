//! One redis-server or redis-sentinel process of a test: on a port of its own, in a directory of its own,
//! killed and reaped when dropped.
//!
//! It never touches a Redis of the system: a process counts as started when the one that answers has the pid
//! of our child.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, RedisResult};
use rustix::process::{Pid, Signal, kill_process};

use super::admin::Admin;
use super::dir::TestDir;
use super::port::Port;
use super::{DEADLINE, wait_until};

/// Where a process lives.
pub(super) struct Site {
    /// Its directory, also its working directory.
    pub(super) dir: TestDir,
    /// Its port, claimed even while it does not run.
    pub(super) port: Port,
}

/// See the top of this file.
pub(super) struct Daemon {
    program: &'static str,
    site: Site,
    child: Option<Child>,
    admin: Admin,
}

/// Another process listens on the port.
struct PortTaken;

impl Daemon {
    /// Starts it with a configuration and a client that fit the site, and waits until it answers.
    pub(super) fn start(
        program: &'static str,
        config: impl Fn(&Site) -> String,
        client: impl Fn(&Site) -> Client,
    ) -> Self {
        let end = Instant::now() + DEADLINE;
        loop {
            let site = Site { dir: TestDir::new(program), port: Port::any() };
            site.dir.write("redis.conf", &config(&site));
            let admin = Admin::new(client(&site));
            let mut daemon = Self { program, site, child: None, admin };
            match daemon.launch() {
                Ok(()) => return daemon,
                Err(PortTaken) => assert!(Instant::now() < end, "no port for {program}"),
            }
        }
    }

    /// Starts it again with its configuration file as it is now: Redis writes into it what Sentinel changed.
    pub(super) fn restart(&mut self) {
        self.kill();
        let what = format!("{} is back on port {}", self.program, self.port());
        wait_until(&what, DEADLINE, || self.launch().is_ok());
    }

    fn launch(&mut self) -> Result<(), PortTaken> {
        let start = self.log_bytes().len();
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut child = Command::new(self.program)
            .arg("redis.conf")
            .current_dir(self.site.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one more descriptor"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be run ({error}), see scripts/test", self.program));
        let pid = child.id();
        let end = Instant::now() + DEADLINE;
        while !self.admin.pid(Duration::from_secs(1)).is_ok_and(|answering| answering == pid) {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                let log = String::from_utf8_lossy(&self.log_bytes()[start..]).into_owned();
                assert!(log.contains("Address already in use"), "{}: {status}:\n{log}", self.program);
                return Err(PortTaken);
            }
            if Instant::now() >= end {
                self.child = Some(child);
                panic!("{} does not answer within {DEADLINE:?}", self.program);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Where it lives.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.site.port.number()
    }

    /// How the tests connect to it.
    pub(super) fn client(&self) -> &Client {
        self.admin.client()
    }

    /// Asks it on the tests' own connection; `what` is for the message when it fails.
    pub(super) fn ask<T>(&self, what: &str, ask: impl FnOnce(&mut redis::Connection) -> RedisResult<T>) -> T {
        self.try_ask(ask)
            .unwrap_or_else(|error| panic!("{} on port {}: {what}: {error}", self.program, self.port()))
    }

    /// Asks it something that may fail.
    pub(super) fn try_ask<T>(
        &self,
        ask: impl FnOnce(&mut redis::Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        self.admin.ask(ask)
    }

    fn child(&self) -> &Child {
        self.child.as_ref().unwrap_or_else(|| panic!("{} on port {} is down", self.program, self.port()))
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Ends it by SIGKILL, if it runs, and reaps it.
    pub(super) fn kill(&mut self) {
        self.admin.forget();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it by SIGTERM.
    pub(super) fn shutdown(&mut self) {
        self.signal(Signal::TERM);
        let child = self.child.as_mut().expect("it was signalled");
        let ended = || child.try_wait().expect("a child can be waited for").is_some();
        wait_until("Redis ends at SIGTERM", DEADLINE, ended);
        self.kill();
    }

    /// Stops it where it is; its sockets stay as they are. It has stopped when this returns.
    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.pid());
        wait_until("Redis has stopped", DEADLINE, || {
            let stat = fs::read_to_string(&stat).expect("a child that was not waited for has an entry");
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        });
    }

    /// Lets it go on.
    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child()), signal).expect("it is there to be signalled");
    }

    /// What it logs, over all its restarts.
    pub(super) fn log_path(&self) -> PathBuf {
        self.site.dir.path().join("redis.log")
    }

    fn log_bytes(&self) -> Vec<u8> {
        fs::read(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = String::from_utf8_lossy(&self.log_bytes()).into_owned();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("--- the end of the log of {} on port {}:", self.program, self.port());
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}
