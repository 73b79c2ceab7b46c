//! One server process of a test: started on a free port, killed when dropped.
//!
//! It never shares anything with another test: own port, own directory, no `SSECAST_*` variables.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use super::dir::TestDir;
use super::{DEADLINE, wait_until};

/// The binary under test, where no other is named.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ssecast");
/// Names another one: that of a release, for tests that measure.
const OTHER_BINARY: &str = "SSECAST_TEST_BINARY";

/// The binary that is started.
fn binary() -> String {
    std::env::var(OTHER_BINARY).unwrap_or_else(|_| BINARY.to_owned())
}

/// Whether it was compiled to be fast.
pub(crate) fn is_optimised() -> bool {
    !cfg!(debug_assertions) || std::env::var_os(OTHER_BINARY).is_some()
}

/// How a server is to be started.
#[derive(Default)]
pub(crate) struct Setup {
    args: Vec<String>,
    env: Vec<(String, String)>,
    config: Option<String>,
    shell: Option<String>,
    listener: Option<OwnedFd>,
    stderr: Stderr,
}

/// Where standard error of the server goes.
#[derive(Default, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// To the test, which keeps it for its messages and takes the port from it.
    #[default]
    Collected,
    /// To the test, which closes its end as soon as the port is known.
    Broken,
    /// To a device that is always full.
    Full,
    /// Nowhere: the descriptor is closed.
    Closed,
}

impl Setup {
    /// A server on a free loopback port, otherwise with its defaults.
    pub(crate) fn new() -> Self {
        Self { args: vec!["--listen".into(), "127.0.0.1:0".into()], ..Self::default() }
    }

    /// Nothing said at all, not even where to listen.
    pub(crate) fn bare() -> Self {
        Self::default()
    }

    /// Adds `--name value`.
    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.args.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Adds an argument as it is.
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a configuration file and names it with `--config`.
    pub(crate) fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Runs this in a shell that then becomes the server: `ulimit -n 64`.
    pub(crate) fn shell(mut self, prelude: &str) -> Self {
        self.shell = Some(prelude.to_owned());
        self
    }

    /// Hands it a listener, as descriptor 3, in the way that systemd does (sd_listen_fds(3)).
    pub(crate) fn listener(self, listener: impl AsFd) -> Self {
        let prelude = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public";
        self.listener_by(listener, prelude)
    }

    /// Has a shell begin with the listener as its standard input, and go on with this.
    pub(crate) fn listener_by(mut self, listener: impl AsFd, prelude: &str) -> Self {
        self.listener = Some(listener.as_fd().try_clone_to_owned().expect("one more descriptor"));
        self.shell(prelude)
    }

    /// Chooses where standard error goes.
    pub(crate) fn stderr(mut self, stderr: Stderr) -> Self {
        self.stderr = stderr;
        self
    }

    fn command(&self, dir: &Path) -> Command {
        let prelude = match (&self.shell, &self.stderr) {
            (Some(prelude), _) => Some(format!("{prelude}; exec \"$0\" \"$@\"")),
            (None, Stderr::Closed) => Some("exec \"$0\" \"$@\" 2>&-".to_owned()),
            (None, _) => None,
        };
        let mut command = match prelude {
            Some(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &script, &binary()]);
                shell
            }
            None => Command::new(binary()),
        };
        command.args(&self.args);
        if let Some(toml) = &self.config {
            let path = dir.join("ssecast.toml");
            fs::write(&path, toml).expect("the test's own directory can be written");
            command.arg("--config").arg(path);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SSECAST_") {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(dir).stdout(Stdio::null());
        command.stdin(match &self.listener {
            Some(listener) => listener.try_clone().expect("one more descriptor").into(),
            None => Stdio::null(),
        });
        command
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let dir = TestDir::new("server");
        let mut command = self.command(dir.path());
        command.stderr(match self.stderr {
            Stderr::Full => {
                Stdio::from(File::options().write(true).open("/dev/full").expect("/dev/full is there"))
            }
            Stderr::Closed => Stdio::null(),
            Stderr::Collected | Stderr::Broken => Stdio::piped(),
        });
        let mut child = command.spawn().expect("the server can be started");
        let log = Log::default();
        let stop_at_port = self.stderr == Stderr::Broken;
        let reader = child.stderr.take().map(|pipe| log.clone().collect(pipe, stop_at_port));
        let mut server = Server { child, log, reader, addr: ([127, 0, 0, 1], 0).into(), dir };
        server.addr = server.wait_for_address();
        server
    }

    /// Runs it to its end, as for `check` or a wrong command line.
    pub(crate) fn run(self) -> Finished {
        let dir = TestDir::new("server");
        let mut command = self.command(dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server can be started");
        let (stdout, stderr) = (Log::default(), Log::default());
        let readers = [
            stdout.clone().collect(child.stdout.take().expect("piped"), false),
            stderr.clone().collect(child.stderr.take().expect("piped"), false),
        ];
        let status = exit_of(&mut child, DEADLINE).unwrap_or_else(|| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {DEADLINE:?}; standard error:\n{}", stderr.text());
        });
        for reader in readers {
            reader.join().expect("the reader does not panic");
        }
        Finished { code: status.code(), stdout: stdout.text(), stderr: stderr.text() }
    }
}

/// A process that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    log: Log,
    reader: Option<JoinHandle<()>>,
    addr: SocketAddr,
    dir: TestDir,
}

impl Server {
    /// A server with its defaults.
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where its admin side listens, if that has a port of its own.
    pub(crate) fn admin_addr(&self) -> SocketAddr {
        let mut found = None;
        wait_until("the admin side listens", DEADLINE, || {
            let log = self.log();
            let rest = log.split("admin side at ").nth(1).filter(|rest| rest.contains('\n'));
            found = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            found.is_some()
        });
        found.expect("it was waited for")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The path of its configuration file.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("ssecast.toml")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server is there to be signalled");
    }

    /// Changes its descriptor limit while it runs; `None` gives back what it had.
    pub(crate) fn limit_descriptors(&self, limit: Option<u64>) {
        let pid = Some(Pid::from_child(&self.child));
        let ours = getrlimit(Resource::Nofile);
        let limit = Rlimit { current: limit.or(ours.current), maximum: ours.maximum };
        prlimit(pid, Resource::Nofile, limit).expect("a test may limit its own child");
    }

    /// Its CPU time so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).expect("it runs");
        let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
        Duration::from_nanos(nanos.expect("the kernel tells the time on the CPU"))
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end. The exit code of a shell that was killed by a signal is 128 + signal; so is ours.
    pub(crate) fn wait_for_exit(&mut self, deadline: Duration) -> i32 {
        let status = exit_of(&mut self.child, deadline)
            .unwrap_or_else(|| panic!("still running after {deadline:?}; its log:\n{}", self.log.text()));
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }

    fn wait_for_address(&mut self) -> SocketAddr {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(addr) = listening_line(&self.log.text()).or_else(|| self.address_by_descriptor()) {
                return addr;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended ({status}) before it listened; its log:\n{}", self.log.text());
            }
            assert!(Instant::now() < end, "no listening line; its log:\n{}", self.log.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The listening socket among the process's descriptors: for a server that cannot log its port.
    fn address_by_descriptor(&self) -> Option<SocketAddr> {
        if self.reader.is_some() {
            return None;
        }
        let inodes: Vec<String> = fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .ok()?
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let table = fs::read_to_string("/proc/net/tcp").ok()?;
        table.lines().skip(1).find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let listens = columns.get(3) == Some(&"0A");
            let ours = columns.get(9).is_some_and(|inode| inodes.iter().any(|one| one == inode));
            let port = u16::from_str_radix(columns.get(1)?.split(':').nth(1)?, 16).ok()?;
            (listens && ours).then(|| ([127, 0, 0, 1], port).into())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            let log = self.log.text();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the end of the server's log:");
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

/// `listening on ADDRESS` in a log of any format.
fn listening_line(log: &str) -> Option<SocketAddr> {
    let rest = log.split("listening on ").nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c))?;
    rest[..end].trim_end_matches('.').parse().ok()
}

fn exit_of(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lines of a pipe, collected by a thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().map(|text| text.clone()).unwrap_or_default()
    }

    fn collect(self, pipe: impl std::io::Read + Send + 'static, stop_at_port: bool) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                let stop = stop_at_port && text.contains("listening on ");
                if let Ok(mut log) = self.0.lock() {
                    log.push_str(&text);
                }
                if stop {
                    return;
                }
            }
        })
    }
}

/// Waits until the server's log contains `text` after the first `from` bytes.
pub(crate) fn wait_for_log(server: &Server, from: usize, text: &str) {
    wait_until(&format!("{text:?} in the log"), DEADLINE, || {
        server.log().get(from..).is_some_and(|log| log.contains(text))
    });
}
