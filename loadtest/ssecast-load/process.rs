//! CPU time, memory and descriptors of a process, as the kernel counts them; and what disturbed it.

use std::fs;
use std::io;

/// USER_HZ, which is 100 on every Linux that we know.
pub(crate) const TICK_NS: u64 = 10_000_000;
/// Of the first line of `/proc/stat`, its name included.
const STEAL_FIELD: usize = 8;

/// Time on a core, and time in which there was work but no core.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) run_ns: u64,
    pub(crate) wait_ns: u64,
}

/// A process of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// What its living threads have run and waited, from `schedstat`.
    ///
    /// A thread that is running now lags by up to a tick: read it when the process is idle.
    pub(crate) fn cpu(self) -> io::Result<Cpu> {
        let mut total = Cpu::default();
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total.run_ns += number(&text, 0)?;
            total.wait_ns += number(&text, 1)?;
        }
        Ok(total)
    }

    /// Resident memory in bytes, exact (`statm` may be off by some pages per core).
    pub(crate) fn rss_bytes(self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        Ok(number(line.unwrap_or_default(), 0)? * 1024)
    }

    /// Resident memory in bytes, as good as `statm` has it: quick, and off by some pages.
    pub(crate) fn quick_rss_bytes(self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.pid))?;
        Ok(number(&text, 1)? * rustix::param::page_size() as u64)
    }

    /// Open descriptors.
    pub(crate) fn descriptors(self) -> io::Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }
}

/// The processes of a server, taken together: several may share a port.
#[derive(Clone)]
pub(crate) struct Processes(Vec<Process>);

impl Processes {
    /// Those with these ids; `None` where there is none.
    pub(crate) fn of(pids: &[u32]) -> Option<Self> {
        (!pids.is_empty()).then(|| Self(pids.iter().copied().map(Process::new).collect()))
    }

    /// What their living threads have run and waited.
    pub(crate) fn cpu(&self) -> io::Result<Cpu> {
        self.0.iter().try_fold(Cpu::default(), |total, process| {
            let Cpu { run_ns, wait_ns } = process.cpu()?;
            Ok(Cpu { run_ns: total.run_ns + run_ns, wait_ns: total.wait_ns + wait_ns })
        })
    }

    /// Resident memory in bytes; what they share counts for each.
    pub(crate) fn rss_bytes(&self) -> io::Result<u64> {
        self.0.iter().map(|process| process.rss_bytes()).sum()
    }

    /// The same, quick and off by some pages.
    pub(crate) fn quick_rss_bytes(&self) -> io::Result<u64> {
        self.0.iter().map(|process| process.quick_rss_bytes()).sum()
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> io::Result<u64> {
        self.0.iter().map(|process| process.descriptors()).sum()
    }
}

/// What the hypervisor took from all cores together since boot, in ticks of `TICK_NS`.
pub(crate) fn stolen_ticks() -> io::Result<u64> {
    number(&fs::read_to_string("/proc/stat")?, STEAL_FIELD)
}

/// The word at `index` of `text`, a number.
fn number(text: &str, index: usize) -> io::Result<u64> {
    let number = text.split_whitespace().nth(index).and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no number in {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let own = Process::new(std::process::id());
        assert!(own.cpu().unwrap().run_ns > 0);
        assert!(own.rss_bytes().unwrap() > 64 * 1024);
        assert!(own.quick_rss_bytes().unwrap() > 64 * 1024);
        assert!(stolen_ticks().is_ok());
        assert!(own.descriptors().unwrap() >= 3);
        let twice = Processes::of(&[std::process::id(); 2]).unwrap();
        assert!(twice.descriptors().unwrap() >= 2 * 3);
        assert!(twice.cpu().unwrap().run_ns > own.cpu().unwrap().run_ns);
        assert!(Processes::of(&[]).is_none());
    }
}
