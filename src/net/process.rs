//! What the process asks of the system: descriptors and memory.

use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for what is not an admitted connection: the listener, the poller, signals, the log...
const OWN_DESCRIPTORS: usize = 24;
/// ...and connections beyond the cap, which are told to come back later.
pub(super) const OVER_CAP: usize = 40;

/// Raises the descriptor limit to the hard limit; gives back what holds then.
#[must_use]
pub fn raise_descriptor_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // A limit that cannot be raised is the limit.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    most_descriptors()
}

/// Descriptors that may be open at once.
#[must_use]
pub fn most_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Connections that so many descriptors allow: at least one.
#[must_use]
pub const fn connections_within(descriptors: usize) -> usize {
    let connections = descriptors.saturating_sub(OWN_DESCRIPTORS + OVER_CAP);
    if connections == 0 { 1 } else { connections }
}

/// Resident memory in bytes; 0 where the system does not say.
#[must_use]
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * page_size() as u64
}

/// Open descriptors; 0 where the system does not say.
///
/// Linux tells their number as the size of the folder since 6.2; before that they are counted.
#[must_use]
pub fn open_descriptors() -> u64 {
    let folder = "/proc/self/fd";
    match std::fs::metadata(folder).map_or(0, |metadata| metadata.len()) {
        0 => std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64),
        count => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_something_sensible() {
        assert!(resident_bytes() > 100_000);
        assert!((3..100_000).contains(&open_descriptors()));
        assert!(most_descriptors() as u64 > open_descriptors());
    }

    #[test]
    fn a_reserve_is_left() {
        assert_eq!(connections_within(20_000), 19_936);
        assert_eq!(connections_within(10), 1);
    }
}
