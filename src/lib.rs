//! ssecast broadcasts domain events to any number of HTTP clients as Server-Sent Events.

pub mod address;
pub mod api;
pub mod auth;
pub mod bus;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod deadlines;
pub mod diagnosis;
pub mod envelope;
pub mod event;
pub mod filter;
pub mod health;
pub mod http;
pub mod hub;
pub mod id;
pub mod intake;
pub mod key;
pub mod limits;
pub mod logging;
pub mod mapping;
pub mod memory;
pub mod metrics;
pub mod net;
pub mod page;
pub mod rate;
pub mod redis;
pub mod scope;
#[cfg(test)]
mod seeds;
pub mod sse;
pub mod stamp;
pub mod throttle;
pub mod timestamp;
pub mod topic;
