//! ssecast broadcasts domain events to any number of HTTP clients as Server-Sent Events.

pub mod bus;
pub mod clock;
pub mod deadlines;
pub mod envelope;
pub mod event;
pub mod hub;
pub mod id;
pub mod intake;
pub mod key;
pub mod limits;
pub mod mapping;
pub mod metrics;
pub mod sse;
pub mod timestamp;
