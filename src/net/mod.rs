//! The shell around the hub: sockets, the poller, signals, clocks. Only this layer asks the system.

mod budget;
mod clock;
mod connections;
mod exchange;
mod lifecycle;
mod listener;
mod node;
pub mod process;
mod server;
mod signals;

pub use clock::Clock;
pub use server::{Ended, Error, Server};
