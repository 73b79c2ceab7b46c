//! The shell around the hub: sockets, the poller, signals, clocks. Only this layer asks the system.
//!
//! A request's way: `server::handle_event` queues its connection, `drive` reads it, `serve` polls the HTTP
//! layer for a head or a body, `decide` asks the routes (`api`), and then it is `respond` or `begin_stream`.
//! A stream's way from then on is the hub's: `hub::Hub::join`, `sweep` in every turn, `close_stream`.

mod budget;
mod caps;
mod certificate_watch;
mod clock;
mod connections;
mod diagnose;
mod drive;
mod entrance;
mod error;
mod guard;
mod held;
mod inherited;
mod lifecycle;
mod listener;
mod node;
mod pacing;
mod per_address;
mod phase;
pub mod process;
mod publishing;
mod relay;
mod revocation;
mod server;
mod setup;
mod signals;
mod socket;
mod socket_file;
mod supervisor;
mod transport;

pub use caps::most_connections;
pub use clock::Clock;
pub use connections::{CONNECTION_BYTES, EXCHANGE_BYTES};
pub use error::Error;
pub use inherited::{Inherited, InheritedError};
pub use phase::Ended;
pub use server::Server;
pub use setup::{check, gate};
pub use transport::IdentityError;
