//! The clients that docs/clients.md prints, run as they stand there, with a server that closes them again and again,
//! one that is killed and comes back with an empty history, and one that falls silent.
//!
//! Each prints a line for each event, and `refetch` where it would fetch the state anew. Shorter times are put in
//! where the page says 45 and 3 seconds.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::api::{clients, publish};
use crate::common::dir::TestDir;
use crate::common::events::{order_changed, order_created};
use crate::common::installed::{in_project, of_python, skipped};
use crate::common::page::Page;
use crate::common::port::Port;
use crate::common::server::{Server, Setup};
use crate::common::site::{Asked, Site};
use crate::common::wait_until;
use crate::common::window::Window;

const PAGE: &str = "docs/clients.md";
const TEST: &str = "tests/clients.rs";
/// How long a client may take to start: compilers and interpreters are slow on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// How many events there are before the server is killed.
const BEFORE: usize = 5;

/// A block of the page with shorter times.
fn example(name: &str, shorter: &[(&str, &str)]) -> String {
    let mut text = Page::open(PAGE).example(TEST, name).text.clone();
    for (from, to) in shorter {
        assert!(text.contains(from), "{from:?} is not in the example {name}");
        text = text.replace(from, to);
    }
    text
}

/// A server that can be killed and comes back on its port.
struct Restartable {
    port: Port,
    server: Option<Server>,
}

impl Restartable {
    fn start() -> Self {
        let mut restartable = Self { port: Port::any(), server: None };
        restartable.restart();
        restartable
    }

    fn restart(&mut self) {
        self.server = None;
        let setup = Setup::bare().flag("--listen", &format!("127.0.0.1:{}", self.port.number()));
        let setup = setup.flag("--stream-retry", "200ms").flag("--stream-heartbeat", "300ms");
        self.server = Some(setup.flag("--cors-origins", "*").start());
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn wait_for_stream(&self) {
        wait_until("the client is there", START_DEADLINE, || clients(self.server()).len() == 1);
    }

    /// It says nothing for a while, as behind a network that is gone: the client has to connect anew.
    fn fall_silent(&self) {
        self.server().signal(Signal::STOP);
        // The kernel accepts for it; how long the silence lasted is for the client to find out.
        let table = || fs::read_to_string("/proc/net/tcp").expect("the kernel tells");
        let port = format!(":{:04X}", self.port.number());
        wait_until("the client connects anew", START_DEADLINE, || {
            let waits = |line: &str| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                columns.get(1).is_some_and(|local| local.ends_with(&port))
                    && columns.get(3) == Some(&"0A")
                    && {
                        // The queue of a listener: who is connected and not yet accepted.
                        columns.get(4).and_then(|queues| queues.split(':').nth(1)).is_some_and(|queue| {
                            u32::from_str_radix(queue, 16).is_ok_and(|length| length > 0)
                        })
                    }
            };
            table().lines().any(waits)
        });
        self.server().signal(Signal::CONT);
        self.wait_for_stream();
    }
}

/// A client that prints lines, with everything that it starts.
struct Client {
    child: Child,
    out: PathBuf,
    dir: TestDir,
}

impl Client {
    fn start(dir: TestDir, mut command: Command) -> Self {
        let out = dir.path().join("out");
        let err = dir.path().join("err");
        let file = |path| File::create(path).expect("the test's own directory can be written");
        command.current_dir(dir.path()).process_group(0).env("NO_PROXY", "*").env("no_proxy", "*");
        command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; see scripts/test"));
        Self { child, out, dir }
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.out).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until it has printed these lines, and nothing else.
    fn expect(&mut self, expected: &[String]) {
        let end = Instant::now() + START_DEADLINE;
        while self.lines().len() < expected.len() && Instant::now() < end {
            assert!(matches!(self.child.try_wait(), Ok(None)), "it ended: {}", self.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.lines(), expected, "{}", self.errors());
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.dir.path().join("err")).unwrap_or_default()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Publishes the `n`th event; the line that a client prints for it.
fn publish_order(server: &Server, n: usize) -> String {
    let order = format!("order-{n}");
    if n.is_multiple_of(2) {
        publish(server, &order_created(&order));
        return format!(r#"order-created {{"orderId":"{order}","status":"Pending"}}"#);
    }
    publish(server, &order_changed(&order, "Pending", "Shipped"));
    format!(r#"order-status-changed {{"orderId":"{order}","oldStatus":"Pending","newStatus":"Shipped"}}"#)
}

/// Takes a client through all of it. It gets the URL as its last argument.
fn survives(dir: TestDir, mut command: Command, has_short_silence: bool) {
    let mut servers = Restartable::start();
    // Two events, and the server closes: the next ones are published while the client is away.
    command.arg(format!("http://{}/events?limit=2", servers.server().addr()));
    let mut client = Client::start(dir, command);
    servers.wait_for_stream();
    let mut expected = vec!["refetch".to_owned()];
    client.expect(&expected);
    expected.extend((0..BEFORE).map(|n| publish_order(servers.server(), n)));
    client.expect(&expected);
    // The new one knows nothing of before, and says so.
    servers.restart();
    servers.wait_for_stream();
    expected.push("refetch".to_owned());
    client.expect(&expected);
    expected.push(publish_order(servers.server(), BEFORE));
    client.expect(&expected);
    if has_short_silence {
        servers.fall_silent();
        expected.push(publish_order(servers.server(), BEFORE + 1));
        client.expect(&expected);
    }
}

/// Whether a toolchain is there; says so loudly where it is not.
fn is_installed(program: &str) -> bool {
    let found =
        Command::new(program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: the example for {program} was not tried, it is not installed here");
    }
    found
}

#[test]
fn the_example_for_node_survives() {
    if skipped("the example for Node") {
        return;
    }
    let dir = TestDir::new("client");
    dir.write("follow.js", &example("browser", &[("45_000", "5_000"), ("3_000", "300")]));
    dir.write("package.json", r#"{"type":"module"}"#);
    let script = dir.write("main.js", &example("node", &[]));
    let modules = in_project("tests/clients/node/node_modules");
    std::os::unix::fs::symlink(modules, dir.path().join("node_modules")).expect("a link");
    let mut node = Command::new("node");
    node.arg(script);
    survives(dir, node, true);
}

#[test]
fn the_example_for_python_survives() {
    if skipped("the example for Python") {
        return;
    }
    let dir = TestDir::new("client");
    let script = dir.write("follow.py", &example("python", &[("SILENCE = 45", "SILENCE = 5")]));
    let mut python = Command::new(of_python("python"));
    python.arg(script);
    survives(dir, python, true);
}

#[test]
fn the_example_for_rust_survives() {
    let source = fs::read_to_string(in_project("tests/clients/rust/follow.rs")).expect("it is there");
    assert_eq!(example("rust", &[]), source, "the page and the file that is built are the same");
    // Nothing is left to do where all tests are run: cargo has built it with them.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--example", "follow"]).current_dir(in_project(""));
    assert!(cargo.status().expect("cargo runs").success(), "the example does not compile");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ssecast")).with_file_name("examples").join("follow");
    survives(TestDir::new("client"), Command::new(program), false);
}

#[test]
fn the_example_for_the_shell_survives() {
    if skipped("the example for the shell") {
        return;
    }
    let dir = TestDir::new("client");
    let shorter = [("--speed-time 45", "--speed-time 5"), ("sleep 3", "sleep 0.2")];
    dir.write("follow.sh", &example("shell", &shorter));
    // It has no state to fetch at the beginning: a line stands for that.
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo refetch; exec \"$@\"", "sh", "sh", "-u", "follow.sh"]);
    survives(dir, shell, true);
}

#[test]
fn the_example_for_java_survives() {
    if skipped("the example for Java") || !is_installed("java") {
        return;
    }
    let dir = TestDir::new("client");
    let script =
        dir.write("Follow.java", &example("java", &[("SILENCE_SECONDS = 45", "SILENCE_SECONDS = 5")]));
    let mut java = Command::new("java");
    java.arg(script);
    survives(dir, java, true);
}

#[test]
fn the_example_for_go_survives() {
    if skipped("the example for Go") || !is_installed("go") {
        return;
    }
    let dir = TestDir::new("client");
    let script = dir.write("follow.go", &example("go", &[("silence = 45", "silence = 5")]));
    let mut go = Command::new("go");
    go.env("GOFLAGS", "-mod=mod").env("GOCACHE", dir.path().join("cache")).arg("run").arg(script);
    survives(dir, go, true);
}

/// With Mono, where it is there: `HttpClient` is the same, and no .NET comes from Debian.
#[test]
fn the_example_for_dotnet_survives() {
    if skipped("the example for .NET") || !is_installed("mcs") {
        return;
    }
    let dir = TestDir::new("client");
    let source = dir.write("Follow.cs", &example("dotnet", &[("FromSeconds(45)", "FromSeconds(5)")]));
    let program = dir.path().join("follow.exe");
    let mut mcs = Command::new("mcs");
    mcs.args(["-langversion:7.2", "-r:System.Net.Http.dll"])
        .arg(format!("-out:{}", program.display()))
        .arg(source);
    assert!(mcs.status().expect("mcs runs").success(), "the example does not compile");
    let mut mono = Command::new("mono");
    mono.arg(program);
    survives(dir, mono, true);
}

/// The page in a real browser: the state is fetched at first, after each gap and nowhere else; it survives an
/// answer that EventSource gives up after, and a silence.
#[test]
fn the_example_for_browsers_survives() {
    if skipped("the example for browsers") {
        return;
    }
    let mut servers = Restartable::start();
    let url = format!("http://{}/events", servers.server().addr());
    let html = example("page", &[("http://127.0.0.1:8080/events", &url)]);
    // What the list shows is told to the test whenever it changes.
    let html = html
        + "<script>new MutationObserver(() => fetch('/shown', {method: 'POST', body: \
        [...document.querySelectorAll('li')].map((item) => item.textContent).join()}))\
        .observe(document.querySelector('#orders'), {childList: true})</script>";
    let follow = example("browser", &[("45_000", "5_000"), ("3_000", "300")]);
    let site = Site::start(0, move |asked| match asked.line.split(' ').nth(1) {
        Some("/") => (200, "text/html", html.clone()),
        Some("/follow.js") => (200, "text/javascript", follow.clone()),
        _ => (200, "application/json", r#"{"order-x":"Fetched"}"#.to_owned()),
    });
    let Some(_browser) = Window::open(&format!("http://127.0.0.1:{}/", site.port())) else { return };
    let fetches = || site.asked("GET /orders").len();
    let shown = || site.asked("POST /shown").last().map(|asked| asked.body.clone()).unwrap_or_default();
    let expect = |what: &str| {
        wait_until(&format!("{what:?} is shown"), START_DEADLINE, || shown() == what);
    };
    expect("order-x: Fetched");
    publish(servers.server(), &order_created("order-1"));
    expect("order-x: Fetched,order-1: Pending");
    publish(servers.server(), &order_changed("order-1", "Pending", "Shipped"));
    expect("order-x: Fetched,order-1: Shipped");
    assert_eq!(fetches(), 1);
    // A proxy that finds nobody says 502, after which a bare EventSource is closed for good.
    servers.server = None;
    let proxy = Site::start(servers.port.number(), |_: &Asked| (502, "text/html", String::new()));
    wait_until("the page was refused", START_DEADLINE, || !proxy.asked("GET /events").is_empty());
    drop(proxy);
    servers.restart();
    servers.wait_for_stream();
    expect("order-x: Fetched");
    assert_eq!(fetches(), 2, "the gap of the new server");
    publish(servers.server(), &order_created("order-2"));
    expect("order-x: Fetched,order-2: Pending");
    servers.fall_silent();
    publish(servers.server(), &order_changed("order-2", "Pending", "Shipped"));
    expect("order-x: Fetched,order-2: Shipped");
    assert_eq!(fetches(), 2, "nothing was missed");
}
