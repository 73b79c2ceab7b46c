//! The server's side of HTTP/1.1 (RFC 9110, RFC 9112), as a state machine without a socket.
//!
//! It never reads a clock, opens a socket, logs or knows a route: bytes and points in time come in by
//! `handle_*`, events, answers and closes go out by `poll_*`. [`Connection`] is the way in; what it hands
//! out is checked: a [`Request`] can't have two lengths, a folded line or a path that is no text.

mod authority;
mod body;
mod buffer;
mod chunked;
mod close;
mod connection;
mod framing;
mod head;
mod headers;
mod host;
mod query;
mod reject;
mod request;
mod request_line;
mod response;
mod syntax;
mod target;

pub use close::{Close, CloseReason};
pub use connection::{Connection, Event, Spare};
pub use framing::BodyKind;
pub use host::Hosts;
pub use request::Request;
#[cfg(test)]
pub(crate) use request::request_of;
pub use request_line::Method;
pub use response::Response;
pub use target::Target;

#[cfg(test)]
mod conversation;
