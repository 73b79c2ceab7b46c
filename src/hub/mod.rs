//! The hub.

mod gather;
mod log;
mod options;
mod outbox;
mod private;

pub use crate::intake::DataStyle;
pub use gather::Gather;
pub use log::{Frame, Log, Place};
pub use options::{HeartbeatStyle, Options};
pub use outbox::Outbox;
