//! ssecast broadcasts domain events to any number of HTTP clients as Server-Sent Events.

pub mod bus;
pub mod clock;
pub mod http;
pub mod hub;
pub mod id;
pub mod limits;
pub mod mapping;
