//! Programs that nobody here wrote and `scripts/test` installs: whether they are wanted, where they are, and
//! one of them while it runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Whether they are not wanted; says so where it cannot be overlooked.
pub(crate) fn skipped(program: &str) -> bool {
    let skip = std::env::var("SSECAST_SKIP_CLIENTS").is_ok_and(|value| value == "1");
    if skip {
        eprintln!("SKIPPED: {program} was not tried, SSECAST_SKIP_CLIENTS=1 is set");
    }
    skip
}

/// A file of this project.
pub(crate) fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program of the Python environment, which is beside cargo's `target/tmp`.
pub(crate) fn of_python(program: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let path = target.join("python/bin").join(program);
    assert!(path.is_file(), "{program} is not in the Python environment; scripts/test installs it");
    path
}

/// A program that was started; killed if the test ends before it does.
pub(crate) struct Running {
    name: String,
    id: Pid,
    waiter: Option<JoinHandle<Output>>,
}

impl Running {
    /// Starts it with nothing to read and its output kept.
    pub(crate) fn start(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started ({error}); scripts/test installs it"));
        let id = Pid::from_child(&child);
        let waiter = std::thread::spawn(move || child.wait_with_output().expect("a child can be waited for"));
        Self { name, id, waiter: Some(waiter) }
    }

    /// Waits for its end, however it ends.
    pub(crate) fn finish(mut self, deadline: Duration) -> Output {
        let end = Instant::now() + deadline;
        while self.is_running() {
            if Instant::now() > end {
                let output = self.kill().expect("nobody else waits for it");
                panic!("{} still ran after {deadline:?}; it had said:\n{}", self.name, said(&output));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.joined().expect("nobody else waits for it")
    }

    /// Sends it a signal and waits for its end, however it ends.
    pub(crate) fn end(self, signal: Signal, deadline: Duration) -> Output {
        if self.is_running() {
            kill_process(self.id, signal).expect("nobody else waits for it");
        }
        self.finish(deadline)
    }

    /// Waits for its end, which has to be a good one.
    pub(crate) fn succeed(self, deadline: Duration) -> Output {
        let name = self.name.clone();
        let output = self.finish(deadline);
        assert!(output.status.success(), "{name}: {}; it said:\n{}", output.status, said(&output));
        output
    }

    fn is_running(&self) -> bool {
        self.waiter.as_ref().is_some_and(|waiter| !waiter.is_finished())
    }

    fn kill(&mut self) -> Option<Output> {
        if self.is_running() {
            let _ = kill_process(self.id, Signal::KILL);
        }
        self.joined()
    }

    fn joined(&mut self) -> Option<Output> {
        self.waiter.take().map(|waiter| waiter.join().expect("the waiter does not panic"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All that a program said.
pub(crate) fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}
