//! The connections to Redis.

mod options;
mod target;

pub use options::{Options, Protocol};
pub use target::Target;
