//! The connections to Redis.

mod address;
mod connector;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod greeting;
mod link;
mod options;
mod sentinel;
mod socket;
mod stream;
mod target;
mod tls;

pub use address::Address;
pub use connector::Connector;
pub use error::{LinkError, SetupError};
pub use greeting::check_role;
pub use link::Link;
pub use options::{Options, Protocol};
pub use target::Target;
