//! What the fuzz targets do, one module each: `run` takes any bytes and panics when a promise is broken.
//!
//! Each promise is checked against an oracle that shares no code with what it judges: `oracle` reads HTTP, chunks,
//! targets and JSON the slow and obvious way, the whole input before it, and streams are read by the parser of the
//! tests (`tests/common/sse.rs`), which follows WHATWG HTML section 9.2.6.
//!
//! `tests/corpus.rs` runs every committed input with the stable compiler.
#![forbid(unsafe_code)]

pub mod chunked;
pub mod config;
pub mod envelope;
mod oracle;
pub mod request;
pub mod resume;
pub mod sse;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/common/sse.rs"]
mod stream;
mod talk;
pub mod target;
mod world;

/// A fuzz target.
pub type Run = fn(&[u8]);

/// Every target by its name, which is that of its corpus.
pub const TARGETS: [(&str, Run); 7] = [
    ("chunked", chunked::run),
    ("config", config::run),
    ("envelope", envelope::run),
    ("request", request::run),
    ("resume", resume::run),
    ("sse", sse::run),
    ("target", target::run),
];
