//! The connections to Redis.

mod address;
mod options;
mod target;

pub use address::Address;
pub use options::{Options, Protocol};
pub use target::Target;
