//! The descriptor limit of the measuring tools: one socket a stream needs many.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; what cannot be raised shows as EMFILE later.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
