//! The log on standard error, behind the `log` facade: one line an event, written by a thread of its own.
//!
//! The thread that logs formats the line and hands it on without ever waiting: when standard error is a
//! pipe that nobody reads, lines are dropped and counted, and the server goes on. The next line that is
//! written is preceded by one that says how many are missing. Errors of writing are ignored, since there
//! is nowhere left to report them.
//!
//! Why not simple_logger: it has no JSON, drops key-values, writes line breaks as they are (so a client
//! could forge lines), writes in the caller's thread, and panics when standard error is gone.
//!
//! Text of peers belongs into key-values, which are quoted; a message is only escaped.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, thread};

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};

use crate::clock::Wall;

mod line;
mod writer;

pub use line::format_line;

use writer::Job;

/// Lines that wait for the thread that writes; each is bounded by `line`.
const QUEUE_LINES: usize = 1024;
/// How often a shutdown looks for room in a full queue.
const FULL_QUEUE_POLL: Duration = Duration::from_millis(2);

/// Lines that were not written, since the process started.
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// What the facade calls.
static LOGGER: OnceLock<Logger> = OnceLock::new();

/// How a line is written: the values of `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: `2026-11-23T10:00:00.123Z INFO  target message key=value`.
    Text,
    /// One JSON object: `ts`, `level`, `target`, `message`, and the key-values.
    Json,
}

/// Why there is no log.
#[derive(Debug)]
pub enum InitError {
    /// The process has a logger already.
    Set(SetLoggerError),
    /// The thread that writes did not start.
    Thread(io::Error),
}

impl std::fmt::Display for InitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set(error) => write!(f, "the log: {error}"),
            Self::Thread(error) => write!(f, "the log's thread: {error}"),
        }
    }
}

impl std::error::Error for InitError {}

/// Starts the log; once per process.
///
/// # Errors
///
/// When the process has a logger already, or no thread can be started.
pub fn init(level: LevelFilter, format: LogFormat) -> Result<Guard, InitError> {
    let (logger, guard) = start(io::stderr(), format, &DROPPED).map_err(InitError::Thread)?;
    log::set_logger(LOGGER.get_or_init(|| logger)).map_err(InitError::Set)?;
    log::set_max_level(level);
    Ok(guard)
}

/// Changes the least important level that is written.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Lines that were not written since the process started: the queue was full, or standard error failed.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Keeps the log; `shutdown` writes what waits. Just dropping it leaves the log as it is.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Job>,
    done: std::sync::mpsc::Receiver<()>,
}

impl Guard {
    /// Ends the log when all that waits has been written, or after `timeout` when that does not get
    /// ahead. True when all has been written; later lines count as dropped.
    pub fn shutdown(self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut job = Job::Stop;
        while let Err(error) = self.queue.try_send(job) {
            match error {
                TrySendError::Full(back) if Instant::now() < deadline => job = back,
                TrySendError::Full(_) | TrySendError::Disconnected(_) => return false,
            }
            thread::sleep(FULL_QUEUE_POLL);
        }
        self.done.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}

/// The sending half, in every thread that logs.
struct Logger {
    queue: SyncSender<Job>,
    format: LogFormat,
    dropped: &'static AtomicU64,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format_line(self.format, now(), record);
        if self.queue.try_send(Job::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does nothing: only `Guard::shutdown` may wait.
    fn flush(&self) {}
}

/// Starts a log that writes to `sink`.
fn start(
    sink: impl io::Write + Send + 'static,
    format: LogFormat,
    dropped: &'static AtomicU64,
) -> io::Result<(Logger, Guard)> {
    let (queue, jobs) = sync_channel(QUEUE_LINES);
    let (stopped, done) = sync_channel(1);
    thread::Builder::new().name("log".to_owned()).spawn(move || {
        writer::run(sink, &jobs, dropped, |count| missing(format, now(), count));
        // Nobody waits any more when the shutdown ran into its timeout.
        let _ = stopped.try_send(());
    })?;
    let logger = Logger { queue: queue.clone(), format, dropped };
    Ok((logger, Guard { queue, done }))
}

/// The line that says how many are missing.
fn missing(format: LogFormat, now: Wall, count: u64) -> String {
    let values = [("count", count)];
    let record = Record::builder()
        .level(log::Level::Warn)
        .target(module_path!())
        .args(format_args!("log lines were dropped before this one"))
        .key_values(&values)
        .build();
    format_line(format, now, &record)
}

/// The wall clock: the log has its own reading of it, since any thread may log.
fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use log::Level;

    use super::*;

    /// A sink that waits while the lock is held.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn send(logger: &Logger, message: &str) {
        log::set_max_level(LevelFilter::Info);
        logger.log(&Record::builder().level(Level::Info).target("t").args(format_args!("{message}")).build());
    }

    #[test]
    fn what_was_logged_is_written_at_shutdown() {
        static LOST: AtomicU64 = AtomicU64::new(0);
        let sink = Sink::default();
        let (logger, guard) = start(sink.clone(), LogFormat::Text, &LOST).unwrap();
        send(&logger, "one");
        send(&logger, "two");
        assert!(guard.shutdown(Duration::from_secs(5)));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let ends: Vec<&str> = text.lines().map(|line| &line[25..]).collect();
        assert_eq!(ends, ["INFO  t one", "INFO  t two"]);
        send(&logger, "too late");
        assert_eq!(LOST.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_full_pipe_never_blocks_and_the_lost_lines_are_counted_and_told() {
        static LOST: AtomicU64 = AtomicU64::new(0);
        let sink = Sink::default();
        let (logger, guard) = start(sink.clone(), LogFormat::Json, &LOST).unwrap();
        let pipe = sink.0.lock().unwrap();
        let sent = 4 * QUEUE_LINES as u64;
        for _ in 0..sent {
            send(&logger, "x");
        }
        let lost = LOST.load(Ordering::Relaxed);
        assert!(lost >= sent - 2 * QUEUE_LINES as u64, "{lost}");
        drop(pipe);
        assert!(guard.shutdown(Duration::from_secs(5)));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: u64 = lines.iter().filter_map(|line| line["count"].as_u64()).sum();
        let kept = lines.iter().filter(|line| line["message"] == "x").count() as u64;
        assert_eq!((told, kept + lost), (lost, sent));
    }

    #[test]
    fn a_shutdown_does_not_wait_for_a_pipe_that_nobody_reads() {
        static LOST: AtomicU64 = AtomicU64::new(0);
        let sink = Sink::default();
        let (logger, guard) = start(sink.clone(), LogFormat::Text, &LOST).unwrap();
        let pipe = sink.0.lock().unwrap();
        for _ in 0..4 * QUEUE_LINES {
            send(&logger, "x");
        }
        assert!(!guard.shutdown(Duration::from_millis(20)));
        drop(pipe);
    }
}
