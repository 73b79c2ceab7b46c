//! Clients that mean harm, over real sockets: what they send is refused with its status, costs us little, and
//! leaves a server that is healthy, holds no descriptor more than before and no memory to speak of.
//!
//! `FAULTS.md` names the classes; each has a file. What is sent here is made by hand or is a flood of the same; any
//! bytes at all are the business of `fuzz/`.

mod common;

#[path = "hostile/amplification.rs"]
mod amplification;
#[path = "hostile/attack.rs"]
mod attack;
#[path = "hostile/attacks.rs"]
mod attacks;
#[path = "hostile/deaf.rs"]
mod deaf;
#[path = "hostile/floods.rs"]
mod floods;
#[path = "hostile/giants.rs"]
mod giants;
#[path = "hostile/handshakes.rs"]
mod handshakes;
#[path = "hostile/injection.rs"]
mod injection;
#[path = "hostile/pipelining.rs"]
mod pipelining;
#[path = "hostile/protocols.rs"]
mod protocols;
#[path = "hostile/slowloris.rs"]
mod slowloris;
#[path = "hostile/smuggling.rs"]
mod smuggling;
#[path = "hostile/watch.rs"]
mod watch;
