//! A client command of a test, its output collected while it runs; killed when dropped.
//!
//! The server is a process of its own (`server`): here are `ssecast tail` and `ssecast publish`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::server::BINARY;
use super::{DEADLINE, wait_until};

/// The program with these arguments, without variables of its own or of proxies.
pub(crate) fn ssecast<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("SSECAST_") || name.to_ascii_lowercase().ends_with("_proxy") || name == "NO_COLOR"
        {
            command.env_remove(name);
        }
    }
    command
}

/// See the top of this file.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Text,
    stderr: Text,
    readers: Vec<JoinHandle<()>>,
}

/// How a command ended: its code, or 128 and the signal.
#[derive(Debug)]
pub(crate) struct Ended {
    /// As a shell has it in `$?`.
    pub(crate) code: i32,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
}

impl Running {
    /// Starts it; what it prints is collected.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, stderr) = (Text::default(), Text::default());
        let readers = vec![
            stdout.collect(child.stdout.take().expect("piped")),
            stderr.collect(child.stderr.take().expect("piped")),
        ];
        Self { stdin: child.stdin.take(), child, stdout, stderr, readers }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.get()
    }

    /// What it has said so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.get()
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("it reads");
    }

    /// Ends its standard input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there to be signalled");
    }

    /// Waits until it has printed so many lines.
    pub(crate) fn wait_for_lines(&self, lines: usize) {
        self.wait_for(&format!("{lines} lines"), || self.stdout().lines().count() >= lines);
    }

    /// Waits until its standard error contains this.
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        self.wait_for(text, || self.stderr().contains(text));
    }

    fn wait_for(&self, what: &str, condition: impl FnMut() -> bool) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(what, DEADLINE, condition);
        }));
        if outcome.is_err() {
            panic!("no {what}; standard output:\n{}\nstandard error:\n{}", self.stdout(), self.stderr());
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.stdin = None;
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > until {
                panic!("it does not end; it printed:\n{}\nand said:\n{}", self.stdout(), self.stderr());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ended { code, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    Running::start(ssecast(args)).end()
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Text {
    fn get(&self) -> String {
        self.0.lock().map(|text| text.clone()).unwrap_or_default()
    }

    fn collect(&self, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let text = self.clone();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            loop {
                let bytes = match pipe.fill_buf() {
                    Ok(bytes) if !bytes.is_empty() => bytes,
                    _ => return,
                };
                let read = bytes.len();
                if let Ok(mut text) = text.0.lock() {
                    text.push_str(&String::from_utf8_lossy(bytes));
                }
                pipe.consume(read);
            }
        })
    }
}
