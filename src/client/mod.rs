//! A client of the server: a stream that reconnects and resumes, and a publisher that sends in batches.
//!
//! The parts that decide are pure: `parser`, `reconnect`, `records`, `batch`, `pace` and `address` take bytes and
//! time as arguments. `http` connects, `follow` and `publisher` drive them. Nothing here prints, and nothing
//! sleeps: the commands do.

pub mod address;
pub mod batch;
pub mod error;
pub mod follow;
pub mod http;
pub mod pace;
pub mod parser;
pub mod publisher;
pub mod reconnect;
pub mod records;
pub mod token;

pub use address::Address;
pub use error::Error;
pub use http::{Client, Options};
pub use token::Token;
