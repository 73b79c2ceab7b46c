//! The hub.

mod filter;
mod gather;
mod index;
mod log;
mod options;
mod outbox;
mod private;

pub use crate::intake::DataStyle;
pub use filter::{Filter, TopicPattern};
pub use gather::Gather;
pub use index::Index;
pub use log::{Frame, Log, Place};
pub use options::{HeartbeatStyle, Options};
pub use outbox::Outbox;
