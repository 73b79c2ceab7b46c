//! The hub.

mod options;

pub use options::{DataStyle, HeartbeatStyle, Options};
