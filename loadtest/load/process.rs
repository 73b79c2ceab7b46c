//! CPU time, memory and descriptors of a process, as the kernel counts them.

use std::fs;
use std::io;

/// A process of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Nanoseconds that its living threads have run, user and system: the first field of `schedstat`.
    ///
    /// A thread that is running now lags by up to a tick: read it when the process is idle.
    pub(crate) fn cpu_ns(self) -> io::Result<u64> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += first_number(&text)?;
        }
        Ok(total)
    }

    /// Resident memory in bytes, exact (`statm` may be off by some pages per core).
    pub(crate) fn rss_bytes(self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        Ok(first_number(line.unwrap_or_default())? * 1024)
    }

    /// Open descriptors.
    pub(crate) fn descriptors(self) -> io::Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }
}

fn first_number(text: &str) -> io::Result<u64> {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no number in {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let own = Process::new(std::process::id());
        assert!(own.cpu_ns().unwrap() > 0);
        assert!(own.rss_bytes().unwrap() > 64 * 1024);
        assert!(own.descriptors().unwrap() >= 3);
    }
}
