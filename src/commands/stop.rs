//! What ends a client before it is done: a signal, or that nobody reads its output any more.
//!
//! One thread waits for both. It tells the command, which then ends in its own time; when that takes too long, or a
//! second signal comes, the process ends at once. A process that a signal ends does die of that signal, so that
//! the shell and its loops know.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// How long a command may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why a command is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// SIGINT or SIGTERM.
    Signal(i32),
    /// Whoever read the output is gone, as `head` is when it has enough.
    OutputGone,
}

/// See the top of this file; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    why: Mutex<Option<Why>>,
    changed: Condvar,
}

impl Stop {
    /// Starts to watch; `on_stop` is called once, in another thread, when the command is to end.
    ///
    /// # Errors
    /// No descriptors, no thread.
    pub(super) fn watch(on_stop: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (wake, wakes) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM] {
            // The number is there before the thread wakes.
            flag::register_usize(number, Arc::clone(&signal), number as usize)?;
            low_level::pipe::register(number, wakes.try_clone()?)?;
        }
        let stop = Self::default();
        let own = stop.clone();
        thread::Builder::new().name("stop".into()).spawn(move || own.run(wake, &signal, on_stop))?;
        Ok(stop)
    }

    /// Whether and why the command is to end.
    pub(super) fn why(&self) -> Option<Why> {
        *self.lock()
    }

    /// Sleeps for so long; says sooner when the command is to end.
    pub(super) fn wait(&self, time: Duration) -> Option<Why> {
        let guard = self.lock();
        let waited = self.0.changed.wait_timeout_while(guard, time, |why| why.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Option<Why>> {
        self.0.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut wake: UnixStream, signal: &AtomicUsize, on_stop: impl FnOnce()) {
        let why = next(&mut wake, signal, true, None);
        let Some(why) = why else { return };
        *self.lock() = Some(why);
        self.0.changed.notify_all();
        on_stop();
        let last = next(&mut wake, signal, false, Some(GRACE)).unwrap_or(why);
        let _ = die(last);
        low_level::exit(0);
    }
}

/// Ends the process, or gives its exit code.
pub(super) fn die(why: Why) -> ExitCode {
    match why {
        Why::Signal(number) => {
            let _ = low_level::emulate_default_handler(number);
            // 128 and the signal, as a shell would say it.
            ExitCode::from(128_u8.saturating_add(u8::try_from(number).unwrap_or_default()))
        }
        // Whoever reads has read enough.
        Why::OutputGone => ExitCode::SUCCESS,
    }
}

/// Waits for a signal, or for the end of the output. `None` when the time is over, or nothing can be watched.
fn next(
    wake: &mut UnixStream,
    signal: &AtomicUsize,
    with_output: bool,
    time: Option<Duration>,
) -> Option<Why> {
    let end = time.map(|time| Instant::now() + time);
    let output = io::stdout();
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut watched = vec![PollFd::new(&*wake, PollFlags::IN)];
        if with_output {
            // Errors and hang-ups are told without being asked for.
            watched.push(PollFd::new(&output, PollFlags::empty()));
        }
        match poll(&mut watched, timeout.as_ref()) {
            Ok(0) if end.is_some() => return None,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
        let is_output_gone = watched.get(1).is_some_and(|output| !output.revents().is_empty());
        let mut drained = [0; 64];
        while wake.read(&mut drained).is_ok_and(|read| read > 0) {}
        match i32::try_from(signal.swap(0, Ordering::SeqCst)) {
            Ok(number) if number > 0 => return Some(Why::Signal(number)),
            _ if is_output_gone => return Some(Why::OutputGone),
            _ => {}
        }
    }
}
