//! Faults of Redis, each with a real Redis, two servers on it, an open stream on each and publishers that never
//! stop: streams stay open, the loop stays fast, publishing goes on, nothing comes twice, and what may be
//! missing is told by a `gap`. What exactly is checked, every time, is in `faults/bench.rs`.

mod common;

#[path = "faults/bench.rs"]
mod bench;
#[path = "faults/flood.rs"]
mod flood;
#[path = "faults/health.rs"]
mod health;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/network.rs"]
mod network;
#[path = "faults/permissions.rs"]
mod permissions;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/publishers.rs"]
mod publishers;
#[path = "faults/record.rs"]
mod record;
#[path = "faults/roles.rs"]
mod roles;
