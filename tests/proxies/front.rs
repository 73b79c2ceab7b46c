//! A proxy of a test: the configuration of docs/proxies.md with the ports, certificates and timeouts of the test.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::certificates::Certificates;
use crate::common::dir::TestDir;
use crate::common::page::Page;
use crate::common::port::Port;
use crate::common::{DEADLINE, wait_until};

const PAGE: &str = "docs/proxies.md";
const TEST: &str = "tests/proxies.rs";
/// How long a proxy has to end when it is told to.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

/// A running proxy.
pub(crate) struct Front {
    child: Child,
    certificates: Certificates,
    dir: TestDir,
    port: Port,
}

impl Front {
    /// Starts a proxy for two servers on these ports. `changes` are made to the configuration, each of them to
    /// something that stands there.
    pub(crate) fn start(kind: Kind, servers: [u16; 2], changes: &[(&str, &str)]) -> Self {
        let (dir, port, certificates) = (TestDir::new("proxy"), Port::any(), Certificates::new());
        let mut config = recipe(kind);
        let [one, two] = servers.map(|port| format!("127.0.0.1:{port}"));
        for (from, to) in [("127.0.0.1:8080", one.as_str()), ("127.0.0.1:8081", &two)].iter().chain(changes) {
            assert!(config.contains(from), "{from:?} is not in the recipe for {kind:?}");
            config = config.replace(from, to);
        }
        let mut command = kind.command(&config, port.number(), &certificates, dir.path());
        let log = File::create(dir.path().join("log")).expect("the test's own directory can be written");
        command.current_dir(dir.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("one more descriptor")).stderr(log);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} ({error}): see scripts/test"));
        let mut front = Self { child, certificates, dir, port };
        wait_until("the proxy listens", DEADLINE, || {
            let status = front.child.try_wait().expect("a child can be waited for");
            assert!(status.is_none(), "{kind:?} ended ({status:?}): {}", front.log());
            TcpStream::connect(("127.0.0.1", front.port.number())).is_ok()
        });
        front
    }

    /// Where browsers connect.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port.number())
    }

    /// Whom they have to trust.
    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// curl that trusts it.
    pub(crate) fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]);
        curl.arg(self.certificates.authority());
        curl
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A master takes its workers along when it is asked to end, not when it is killed.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let end = std::time::Instant::now() + END_DEADLINE;
        while matches!(self.child.try_wait(), Ok(None)) && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the log of the proxy:\n{}", self.log());
        }
    }
}

/// What the page prints for a proxy.
fn recipe(kind: Kind) -> String {
    let page = Page::open(PAGE);
    let block = |name| page.example(TEST, name).text.clone();
    match kind {
        // Two files; the mark is where the second one is included.
        Kind::Nginx => block("nginx-main") + INCLUDE + &block("nginx"),
        Kind::Haproxy => block("haproxy"),
        Kind::Caddy => block("caddy"),
    }
}

const INCLUDE: &str = "# --- conf.d\n";

impl Kind {
    /// The program with its configuration, in the foreground.
    fn command(self, config: &str, port: u16, certificates: &Certificates, dir: &Path) -> Command {
        let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        let (cert, key) = (path(certificates.server_certificate()), path(certificates.server_key()));
        let config = config
            .replace("/etc/ssl/ssecast/cert.pem", &cert)
            .replace("/etc/ssl/ssecast/key.pem", &key)
            .replace("/etc/ssl/ssecast/cert-and-key.pem", &path(dir.join("cert-and-key.pem")));
        let write =
            |name: &str, text: &str| fs::write(dir.join(name), text).expect("the test's own directory");
        match self {
            Self::Nginx => {
                let (main, site) = config.split_once(INCLUDE).expect("the mark is there");
                // Old and new versions: see the comment in the recipe.
                write("site.conf", &site.replace("listen 443", &format!("listen 127.0.0.1:{port}")));
                write("nginx.conf", &format!("{main}{}", NGINX.replace("DIR", &dir.to_string_lossy())));
                let mut nginx = program("nginx");
                nginx.arg("-p").arg(dir).args(["-c", "nginx.conf", "-e", "stderr"]);
                nginx
            }
            Self::Haproxy => {
                let pem =
                    [&cert, &key].map(|path| fs::read_to_string(path).expect("it was written")).concat();
                write("cert-and-key.pem", &pem);
                // It does not start where it may not have the descriptors.
                let config = config.replace("maxconn 32768", "maxconn 1000");
                write("haproxy.cfg", &config.replace("bind :443", &format!("bind 127.0.0.1:{port}")));
                let mut haproxy = program("haproxy");
                haproxy.args(["-db", "-f", "haproxy.cfg"]);
                haproxy
            }
            Self::Caddy => {
                let site = format!("https://localhost:{port}");
                // Compression for the whole site, which must not reach streams.
                let config = config.replacen("@streams path", "encode gzip\n\t@streams path", 1);
                write("Caddyfile", &format!("{CADDY}{}", config.replace("events.example", &site)));
                let mut caddy = program("caddy");
                caddy.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
                caddy.env("HOME", dir).env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
                caddy
            }
        }
    }
}

/// What a distribution's nginx.conf has around `conf.d`, and a site-wide gzip, which must not reach streams.
const NGINX: &str = "\
daemon off;
pid nginx.pid;
http {
    access_log off;
    gzip on;
    gzip_types *;
    gzip_proxied any;
    gzip_min_length 0;
    client_body_temp_path DIR;
    proxy_temp_path DIR;
    fastcgi_temp_path DIR;
    uwsgi_temp_path DIR;
    scgi_temp_path DIR;
    include site.conf;
}
";

/// Nothing of Caddy's beyond the test's own port.
const CADDY: &str = "\
{
	admin off
	auto_https disable_redirects
	skip_install_trust
	default_bind 127.0.0.1
}
";

/// A program that is in a folder for administrators.
fn program(name: &str) -> Command {
    let installed = Path::new("/usr/sbin").join(name);
    Command::new(if installed.is_file() { installed.into_os_string() } else { name.into() })
}
