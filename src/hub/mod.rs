//! The hub.

mod log;
mod options;
mod private;

pub use crate::intake::DataStyle;
pub use log::{Frame, Log, Place};
pub use options::{HeartbeatStyle, Options};
