//! Headless Chromium with one page, ended with everything that it has started.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::dir::TestDir;

/// A browser that looks at a page, and is not driven: `browser` is.
pub(crate) struct Window {
    child: Child,
    _profile: TestDir,
}

impl Window {
    /// Opens a page with a profile of its own; `None`, said loudly, where there is no Chromium.
    pub(crate) fn open(url: &str) -> Option<Self> {
        let profile = TestDir::new("browser");
        let mut chromium = Command::new("chromium");
        chromium.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
        ]);
        chromium.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
        chromium.args(["--disable-sync", "--ignore-certificate-errors", "--no-proxy-server"]);
        // Without it the browser ends when the page is loaded.
        chromium.arg("--remote-debugging-port=0");
        chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
        chromium.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        match chromium.spawn() {
            Ok(child) => Some(Self { child, _profile: profile }),
            Err(error) => {
                eprintln!("SKIPPED: no browser was tried, chromium cannot be started: {error}");
                None
            }
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
