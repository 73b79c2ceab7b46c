//! What the supervisor of the process, such as systemd, is told of it: sd_notify(3), where `NOTIFY_SOCKET` is set.
//!
//! The loop feeds the watchdog, and nothing else does: a loop that hangs is one that does not feed it. Telling never
//! fails the server, and takes `PATIENCE` at most where nobody takes the messages.
//!
//! The socket is opened once. With one for each message a server that is out of descriptors would go silent, and
//! be killed though it serves.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Mono;

/// How long the loop waits for a supervisor whose queue is full.
const PATIENCE: Duration = Duration::from_millis(100);
/// What a drain may take beyond what it was given: the port is left first, and the log is written last.
const LAST_STEPS: Duration = Duration::from_secs(10);

/// See the top of this file.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    /// Where it listens; `None` when there is none.
    address: Option<SocketAddr>,
    /// Connected to `address`, unless that failed.
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
    /// It was told that the server is ready.
    is_told: bool,
}

#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Mono,
}

impl Supervisor {
    /// The one that `NOTIFY_SOCKET` and `WATCHDOG_USEC` name, if any.
    pub(super) fn from_environment(now: Mono) -> Self {
        let address = env::var_os("NOTIFY_SOCKET").and_then(|name| address(&name));
        let Some(address) = address else { return Self::default() };
        let watchdog = sd_notify::watchdog_enabled().filter(|within| !within.is_zero());
        // Half of the time, as sd_watchdog_enabled(3) advises.
        let watchdog = watchdog.map(|within| Watchdog { every: within / 2, next: now });
        let mut supervisor = Self { address: Some(address), socket: None, watchdog, is_told: false };
        supervisor.connect();
        supervisor
    }

    /// When the watchdog is to be fed.
    pub(super) fn poll_deadline(&self) -> Option<Mono> {
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    /// The server listens and lets in.
    pub(super) fn handle_ready(&mut self, status: &str) {
        self.is_told = true;
        self.say(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The configuration is about to be read again; `handle_reloaded` has to follow. Before the server was ready
    /// there is nothing to say: the one would be taken for the other.
    pub(super) fn handle_reload(&mut self) {
        if self.is_told
            && let Ok(time) = NotifyState::monotonic_usec_now()
        {
            self.say(&[NotifyState::Reloading, time]);
        }
    }

    /// The configuration was read again, or refused.
    pub(super) fn handle_reloaded(&mut self, status: &str) {
        if self.is_told {
            self.say(&[NotifyState::Ready, NotifyState::Status(status)]);
        }
    }

    /// The server begins to end, and takes so long at most, however short the supervisor's own patience is.
    pub(super) fn handle_stopping(&mut self, within: Duration, status: &str) {
        self.is_told = false;
        let within = u32::try_from((within + LAST_STEPS).as_micros()).unwrap_or(u32::MAX);
        let status = NotifyState::Status(status);
        self.say(&[NotifyState::Stopping, status, NotifyState::ExtendTimeoutUsec(within)]);
    }

    /// The loop has turned: feeds the watchdog, if that is due, and says how things are.
    pub(super) fn handle_turn(&mut self, now: Mono, status: impl FnOnce() -> String) {
        let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| watchdog.next <= now) else { return };
        watchdog.next = now.after(watchdog.every);
        self.say(&[NotifyState::Watchdog, NotifyState::Status(&status())]);
    }

    fn say(&mut self, states: &[NotifyState<'_>]) {
        if self.address.is_none() {
            return;
        }
        let mut text = String::new();
        for state in states {
            let written = writeln!(text, "{state}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        let sent = self.send(&text).or_else(|_| {
            // It may be another one by now.
            self.connect();
            self.send(&text)
        });
        if let Err(error) = sent {
            log::warn!(error:% = error; "the supervisor (NOTIFY_SOCKET) cannot be told");
        }
    }

    fn send(&self, text: &str) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        socket.send(text.as_bytes()).map(drop)
    }

    fn connect(&mut self) {
        let connected = self.address.as_ref().map(|address| {
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.connect_addr(address)?;
            Ok::<_, io::Error>(socket)
        });
        if let Some(Ok(socket)) = connected {
            self.socket = Some(socket);
        }
    }
}

/// What a value of `NOTIFY_SOCKET` names: a path, or after `@` a name without one (unix(7)).
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A supervisor of the name, and what it hears.
    fn supervised(name: &str) -> (Supervisor, UnixDatagram) {
        let address = address(OsStr::new(name)).unwrap();
        let ear = UnixDatagram::bind_addr(&address).unwrap();
        ear.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let watchdog = Some(Watchdog { every: Duration::from_secs(5), next: Mono::ZERO });
        let mut supervisor = Supervisor { address: Some(address), watchdog, ..Supervisor::default() };
        supervisor.connect();
        (supervisor, ear)
    }

    fn hear(ear: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let bytes = ear.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..bytes].to_vec()).unwrap()
    }

    fn name(test: &str) -> String {
        format!("@ssecast-supervisor-{test}-{}", std::process::id())
    }

    #[test]
    fn a_life_is_told_step_by_step() {
        let (mut supervisor, ear) = supervised(&name("life"));
        supervisor.handle_reload();
        supervisor.handle_ready("serving");
        assert_eq!(hear(&ear), "READY=1\nSTATUS=serving\n", "a reload before that is not told");
        supervisor.handle_reload();
        let reloading = hear(&ear);
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.trim_end().parse::<u64>().unwrap() > 0);
        supervisor.handle_reloaded("serving on");
        assert_eq!(hear(&ear), "READY=1\nSTATUS=serving on\n");
        supervisor.handle_stopping(Duration::from_secs(5), "draining");
        assert_eq!(hear(&ear), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=15000000\n");
    }

    #[test]
    fn the_watchdog_is_fed_when_it_is_due_and_not_before() {
        let (mut supervisor, ear) = supervised(&name("watchdog"));
        let seconds = |seconds: u64| Mono::from_micros(seconds * 1_000_000);
        for (now, is_due) in [(0, true), (4, false), (5, true), (9, false), (30, true), (31, false)] {
            let mut asked = false;
            supervisor.handle_turn(seconds(now), || {
                asked = true;
                format!("at {now}")
            });
            assert_eq!(asked, is_due, "at {now}");
            if is_due {
                assert_eq!(hear(&ear), format!("WATCHDOG=1\nSTATUS=at {now}\n"));
            }
        }
        assert_eq!(supervisor.poll_deadline(), Some(seconds(35)));
    }

    #[test]
    fn a_supervisor_that_comes_back_is_told_and_one_that_is_gone_costs_nothing() {
        let name = name("back");
        let (mut supervisor, ear) = supervised(&name);
        drop(ear);
        supervisor.handle_ready("nobody hears");
        let ear = UnixDatagram::bind_addr(&address(OsStr::new(&name)).unwrap()).unwrap();
        supervisor.handle_reloaded("somebody hears");
        assert_eq!(hear(&ear), "READY=1\nSTATUS=somebody hears\n");
    }

    #[test]
    fn a_supervisor_that_takes_nothing_does_not_hold_the_loop() {
        let (mut supervisor, _deaf) = supervised(&name("deaf"));
        let start = std::time::Instant::now();
        let mut longest = Duration::ZERO;
        // Its queue is `net.unix.max_dgram_qlen` long: 10, or 512 where systemd runs.
        while longest < PATIENCE && start.elapsed() < Duration::from_secs(10) {
            let before = std::time::Instant::now();
            supervisor.handle_ready("more");
            longest = before.elapsed();
        }
        assert!((PATIENCE..50 * PATIENCE).contains(&longest), "{longest:?}");
    }

    #[test]
    fn names_are_paths_or_abstract() {
        assert!(address(OsStr::new("/run/systemd/notify")).unwrap().as_pathname().is_some());
        assert!(address(OsStr::new("@one")).unwrap().as_abstract_name().is_some());
        for other in ["", "notify", "vsock:2:1234"] {
            assert!(address(OsStr::new(other)).is_none(), "{other}");
        }
    }
}
