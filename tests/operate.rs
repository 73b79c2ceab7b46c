//! What an operator relies on: routes, configuration, signals, exit codes, and that neither a full disk
//! nor a lack of descriptors stops the server.

mod common;

#[path = "operate/descriptors.rs"]
mod descriptors;
#[path = "operate/drain.rs"]
mod drain;
#[path = "operate/logs.rs"]
mod logs;
#[path = "operate/metrics.rs"]
mod metrics;
#[path = "operate/reload.rs"]
mod reload;
#[path = "operate/settings.rs"]
mod settings;
#[path = "operate/status.rs"]
mod status;
