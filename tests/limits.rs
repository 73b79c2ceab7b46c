//! Limits that take more than one connection to reach, and who counts as one client: over real sockets.

mod common;

#[path = "limits/answers.rs"]
mod answers;
#[path = "limits/hosts.rs"]
mod hosts;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/parser.rs"]
mod parser;
#[path = "limits/proxies.rs"]
mod proxies;
#[path = "limits/rates.rs"]
mod rates;
#[path = "limits/tokens.rs"]
mod tokens;

use common::api::metric;
use common::server::Server;

/// How often this limit turned somebody away.
fn limited(server: &Server, limit: &str) -> f64 {
    metric(server, &format!("ssecast_limited_total{{limit=\"{limit}\"}}")).unwrap_or_default()
}
