//! Redis servers for tests: the real one, on a free port and with a directory of its own, gone when dropped.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything here may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that is removed when dropped.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ssecast-test-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    port: u16,
    directory: Directory,
}

impl Server {
    /// A server with these lines in its configuration.
    pub(crate) fn start(lines: &[&str]) -> Self {
        Self::run(&[], |port| [&[&*format!("port {port}")], lines].concat().join("\n"))
    }

    /// A server that speaks TLS only, with a certificate of `authority`.
    pub(crate) fn start_tls(authority: &Authority, lines: &[&str]) -> Self {
        let (certificate, key) = authority.issue("server", &["127.0.0.1", "localhost"]);
        let files = format!(
            "tls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}",
            certificate.display(),
            key.display(),
            authority.ca_file().display()
        );
        Self::run(&[], |port| format!("port 0\ntls-port {port}\n{files}\n{}", lines.join("\n")))
    }

    /// A sentinel that watches `master` as `mymaster`.
    pub(crate) fn start_sentinel(master: &Self, lines: &[&str]) -> Self {
        let watch = format!("sentinel monitor mymaster 127.0.0.1 {} 1", master.port);
        Self::run(&["--sentinel"], |port| format!("port {port}\n{watch}\n{}", lines.join("\n")))
    }

    /// Starts it on a free port; on another one when somebody else was faster.
    fn run(arguments: &[&str], config: impl Fn(u16) -> String) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = free_port();
            let directory = Directory::new();
            let common = "bind 127.0.0.1\nunixsocket redis.sock\nsave \"\"\nlogfile log\nprotected-mode no";
            let dir = directory.path().display();
            let file = directory.write("redis.conf", format!("dir {dir}\n{common}\n{}\n", config(port)));
            let mut child = Command::new("redis-server")
                .arg(file)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server has to be installed");
            // The socket file comes after the port, and nobody else has it.
            let socket = directory.path().join("redis.sock");
            let has_ended = loop {
                if UnixStream::connect(&socket).is_ok() {
                    return Self { child, port, directory };
                }
                if child.try_wait().unwrap().is_some() {
                    break true;
                }
                assert!(Instant::now() < deadline, "redis-server is not ready");
                thread::sleep(Duration::from_millis(2));
            };
            let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
            assert!(has_ended && log.contains("Address already in use"), "redis-server ended: {log}");
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn socket_file(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// Stops the process without ending it, so that connections stay open and nobody answers.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listened on just now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A certificate authority, with its files.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: Directory,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = Directory::new();
        directory.write("ca.pem", issuer.pem());
        Self { issuer, directory }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The files of a new certificate for these names, and of its key.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        // One that is named as its issuer is taken for self-signed.
        params.distinguished_name.push(DnType::CommonName, file);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (
            self.directory.write(&format!("{file}.pem"), certificate.pem()),
            self.directory.write(&format!("{file}.key"), key.serialize_pem()),
        )
    }
}
