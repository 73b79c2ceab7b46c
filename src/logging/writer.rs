//! The thread that writes: lines from the queue to the sink, several at once when several wait.
//!
//! It may wait for the sink as long as it likes; nobody waits for it but a shutdown, with a timeout.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

/// Bytes after which no more lines are put into one write.
const BATCH_BYTES: usize = 32 * 1024;
/// How long a sink in non-blocking mode that is full is left alone.
const FULL_SINK_WAIT: Duration = Duration::from_millis(5);

/// What the queue carries.
pub(super) enum Job {
    /// A line with its line end.
    Line(String),
    /// Write what waits, and end.
    Stop,
}

/// Writes until `Job::Stop`, or until nobody can log any more. `missing` makes the line that says how
/// many lines are missing.
pub(super) fn run(
    mut sink: impl Write,
    jobs: &Receiver<Job>,
    dropped: &AtomicU64,
    missing: impl Fn(u64) -> String,
) {
    let mut told = 0;
    let mut stop = false;
    while !stop {
        let mut batch = Vec::new();
        let mut lines = 0;
        let mut next = jobs.recv().ok();
        let total = dropped.load(Ordering::Relaxed);
        if total != told {
            batch.extend_from_slice(missing(total.wrapping_sub(told)).as_bytes());
        }
        loop {
            match next {
                Some(Job::Line(line)) => {
                    batch.extend_from_slice(line.as_bytes());
                    lines += 1;
                }
                Some(Job::Stop) | None => stop = true,
            }
            if stop || batch.len() >= BATCH_BYTES {
                break;
            }
            match jobs.try_recv() {
                Ok(job) => next = Some(job),
                Err(_) => break,
            }
        }
        // Lines that could not be written are missing too: the next one that can be tells them all.
        match write(&mut sink, &batch) {
            Ok(()) => told = total,
            Err(()) => {
                dropped.fetch_add(lines, Ordering::Relaxed);
            }
        }
    }
}

/// Writes all of `bytes`, however long that takes; the error has nowhere to go.
fn write(sink: &mut impl Write, mut bytes: &[u8]) -> Result<(), ()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Standard error shares its mode with whoever else has it open.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL_SINK_WAIT),
            Err(_) => return Err(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Answers each write with the next of a script: bytes taken, or an error.
    struct Script(Vec<Result<usize, ErrorKind>>, Vec<u8>);

    impl Write for &mut Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let step = if self.0.is_empty() { Ok(bytes.len()) } else { self.0.remove(0) };
            let taken = step?.min(bytes.len());
            self.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(script: Vec<Result<usize, ErrorKind>>, lost: u64) -> (String, u64) {
        let (queue, jobs) = sync_channel(8);
        let dropped = AtomicU64::new(0);
        let mut sink = Script(script, Vec::new());
        queue.send(Job::Line("one\n".into())).unwrap();
        queue.send(Job::Stop).unwrap();
        dropped.fetch_add(lost, Ordering::Relaxed);
        // The lines lost before the thread started are told too.
        run(&mut sink, &jobs, &dropped, |count| format!("{count} missing\n"));
        (String::from_utf8(sink.1).unwrap(), dropped.load(Ordering::Relaxed))
    }

    #[test]
    fn short_writes_and_passing_errors_lose_nothing() {
        let script = vec![Ok(1), Err(ErrorKind::Interrupted), Ok(1), Err(ErrorKind::WouldBlock), Ok(1)];
        assert_eq!(written(script, 0), ("one\n".into(), 0));
    }

    #[test]
    fn a_sink_that_is_gone_is_counted_and_nothing_else() {
        assert_eq!(written(vec![Err(ErrorKind::BrokenPipe)], 0), (String::new(), 1));
        assert_eq!(written(vec![Ok(0)], 0), (String::new(), 1));
    }

    #[test]
    fn the_number_of_missing_lines_comes_first() {
        assert_eq!(written(Vec::new(), 3), ("3 missing\none\n".into(), 3));
    }
}
