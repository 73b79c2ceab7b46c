//! One headless Chromium with one page, driven over Node and puppeteer (`tests/page/drive.mjs`).
//!
//! It never waits for luck: what is to become true is asked for until it is.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::dir::TestDir;
use super::installed::in_project;

/// How long something may take to show on the page; a browser starts slowly on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// What distributions call it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A size of the window and a colour scheme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// For the name of a picture.
    pub(crate) name: &'static str,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) dark: bool,
}

/// A desk and a telephone, by day and by night.
pub(crate) const VIEWS: [View; 4] = [
    View { name: "desktop-light", width: 1280, height: 800, dark: false },
    View { name: "desktop-dark", width: 1280, height: 800, dark: true },
    View { name: "phone-light", width: 375, height: 812, dark: false },
    View { name: "phone-dark", width: 375, height: 812, dark: true },
];

/// See the top of this file.
pub(crate) struct Browser {
    node: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    _profile: TestDir,
}

impl Browser {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let drive = in_project("tests/page/drive.mjs");
        let package = in_project("tests/page/node_modules/puppeteer-core");
        assert!(package.is_dir(), "puppeteer is not installed; scripts/test installs it");
        let profile = TestDir::new("browser");
        let mut node = Command::new("node")
            .arg(drive)
            .args([&chromium(), profile.path()])
            // What it leaves lying about goes with the profile.
            .env("TMPDIR", profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is there; scripts/test installs it");
        let answers = BufReader::new(node.stdout.take().expect("piped"));
        let commands = node.stdin.take();
        let mut browser = Self { node, commands, answers, _profile: profile };
        browser.view(VIEWS[0]);
        browser
    }

    /// Opens the page of that server and waits until its stream is open.
    pub(crate) fn open(&mut self, addr: SocketAddr) {
        self.goto(addr);
        self.wait_for("the stream is live", "document.getElementById('connection').dataset.state === 'live'");
    }

    /// Opens the page of that server.
    pub(crate) fn goto(&mut self, addr: SocketAddr) {
        self.command(json!({ "do": "open", "url": format!("http://{addr}/") }));
    }

    /// Changes the window.
    pub(crate) fn view(&mut self, view: View) {
        let View { width, height, dark, .. } = view;
        self.command(json!({ "do": "view", "width": width, "height": height, "dark": dark }));
    }

    /// What an expression gives on the page.
    pub(crate) fn eval(&mut self, code: &str) -> Value {
        self.command(json!({ "do": "eval", "code": code }))
    }

    /// The text of an element.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({selector:?})?.textContent ?? null"));
        text.as_str().unwrap_or_else(|| panic!("there is no {selector}")).to_owned()
    }

    /// Waits until an expression gives something true.
    pub(crate) fn wait_for(&mut self, what: &str, code: &str) {
        let end = Instant::now() + DEADLINE;
        while self.eval(&format!("Boolean({code})")) != true {
            if Instant::now() >= end {
                let page = self.eval("document.body.innerText");
                panic!(
                    "still not after {DEADLINE:?}: {what}; the page says:\n{}",
                    page.as_str().unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Clicks in the middle of an element, as a mouse would.
    pub(crate) fn click(&mut self, selector: &str) {
        self.command(json!({ "do": "click", "selector": selector }));
    }

    /// Writes into a field instead of what is there.
    pub(crate) fn type_into(&mut self, selector: &str, text: &str) {
        self.command(json!({ "do": "type", "selector": selector, "text": text }));
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        self.command(json!({ "do": "press", "key": key }));
    }

    /// What axe-core finds against the accessibility of the page.
    pub(crate) fn violations(&mut self) -> Value {
        self.command(json!({ "do": "axe" }))
    }

    /// What the console said since the last time: errors, warnings, breaches of the policy.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        let problems = self.command(json!({ "do": "problems" }));
        serde_json::from_value(problems).expect("a list of texts")
    }

    /// Writes a picture of what is seen to `target/screenshots`.
    pub(crate) fn screenshot(&mut self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("screenshots");
        std::fs::create_dir_all(&folder).expect("target can be written");
        self.command(json!({ "do": "screenshot", "path": folder.join(format!("{name}.png")) }));
    }

    fn command(&mut self, command: Value) -> Value {
        let commands = self.commands.as_mut().expect("it is open until it is dropped");
        writeln!(commands, "{command}").expect("the driver reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the driver answers");
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{command}: no answer ({error}): {line:?}"));
        assert!(answer["error"].is_null(), "{command}: {answer}");
        answer["ok"].take()
    }
}

impl Drop for Browser {
    /// The driver closes Chromium when its input ends, and Chromium ends when the driver does.
    fn drop(&mut self) {
        drop(self.commands.take());
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.node.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = NAMES
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file());
    found.expect("Chromium is there; scripts/test installs it")
}
