//! The server with a Redis: connections of every kind, what is published and received, the modes, clients that
//! change servers, and what an operator sees. Each test starts a redis-server of its own.

mod common;
#[path = "redis/connections.rs"]
mod connections;
#[path = "redis/memory.rs"]
mod memory;
#[path = "redis/metrics.rs"]
mod metrics;
#[path = "redis/modes.rs"]
mod modes;
#[path = "redis/nodes.rs"]
mod nodes;
#[path = "redis/publish.rs"]
mod publish;
#[path = "redis/reload.rs"]
mod reload;
#[path = "redis/resume.rs"]
mod resume;
