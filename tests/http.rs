//! HTTP/1.1 as the server must take and refuse it, over real sockets (RFC 9110 and 9112).
//!
//! Every refused request goes out twice, once in one piece and once byte by byte. After each the server
//! must still serve.

mod common;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/case.rs"]
mod case;
#[path = "http/damage.rs"]
mod damage;
#[path = "http/deadlines.rs"]
mod deadlines;
#[path = "http/framing.rs"]
mod framing;
#[path = "http/heads.rs"]
mod heads;
#[path = "http/keepalive.rs"]
mod keepalive;
