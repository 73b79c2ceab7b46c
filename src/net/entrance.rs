//! The entrance: who is let in, and when.
//!
//! Nobody is before the way from Redis is open, and nobody beyond the caps but those who are told so. A process
//! that ends and shares its port leaves it to the others first: it has the system keep nothing here for whoever
//! is about to connect, lets in those who had begun, and closes the listener. What comes of a connection is in
//! `drive`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::budget;
use super::listener::{Accepted, Listener};
use super::phase::{Phase, Successor};
use super::process::OVER_CAP;
use super::server::Server;
use crate::clock::Mono;
use crate::http;

/// How long nobody is let in at start, at most, until the way from Redis is open or has failed.
const OPENING: Duration = Duration::from_secs(1);
/// When accepting is tried again after the system could not.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The close reason of a connection that was not even read from.
pub(super) const REFUSED: &str = "refused";

/// Whether connections wait to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    /// None does; readiness tells of the next one.
    Idle,
    /// Some may, and no further event will tell of them.
    Pending,
    /// Some may, and the system cannot take them now.
    Paused { until: Mono },
}

/// See the top of this file.
pub(super) struct Entrance {
    listener: Listener,
    accepting: Accepting,
    /// Nobody is let in before that, unless the way from Redis opens earlier.
    opening: Option<Mono>,
}

impl Entrance {
    /// Nobody comes in yet; `waits` for the way from Redis.
    pub(super) fn new(listener: Listener, waits: bool, now: Mono) -> Self {
        Self { listener, accepting: Accepting::Idle, opening: waits.then(|| now.after(OPENING)) }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listener.register(registry, token)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Whether it waits for the way from Redis.
    pub(super) const fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Begins to leave the port to the others.
    pub(super) fn begin_to_leave(&self) {
        if let Err(error) = self.listener.begin_no_more() {
            log::warn!(error:% = error; "who connects now may be reset");
        }
    }

    /// Somebody knocked.
    pub(super) fn handle_readable(&mut self) {
        self.accepting = Accepting::Pending;
    }

    /// Whether somebody can be let in of whom no event will tell.
    pub(super) fn has_work(&self) -> bool {
        self.accepting == Accepting::Pending && self.opening.is_none()
    }

    /// When there is something to be done, whatever happens.
    pub(super) fn poll_deadline(&self) -> Option<Mono> {
        let paused = match self.accepting {
            Accepting::Paused { until } => Some(until),
            Accepting::Idle | Accepting::Pending => None,
        };
        [paused, self.opening].into_iter().flatten().min()
    }
}

impl Server {
    /// Lets in who waits, as far as the budget goes.
    pub(super) fn let_in(&mut self) {
        let leaves = matches!(self.phase, Phase::Leaving { until, .. } if until <= self.now.mono);
        if leaves && self.entrance.accepting == Accepting::Idle {
            // Somebody may have come since the poller was asked.
            self.entrance.accepting = Accepting::Pending;
        }
        if self.is_open() {
            self.accept();
        }
        if leaves {
            self.leave();
        }
    }

    /// Closes the listener once nobody waits, and goes on ending.
    fn leave(&mut self) {
        let Phase::Leaving { latest, .. } = self.phase else { return };
        match self.entrance.accepting {
            // More wait than the budget of a turn.
            Accepting::Pending if self.now.mono < latest => {}
            Accepting::Paused { until } if self.now.mono < latest => {
                self.phase = Phase::Leaving { until, latest };
            }
            Accepting::Idle | Accepting::Pending | Accepting::Paused { .. } => {
                self.entrance.listener.close();
                log::info!("the port is left to the other processes");
                self.begin_drain(Successor::Others);
            }
        }
    }

    /// Whether somebody is let in: who came before the subscription would miss events and not know it.
    fn is_open(&mut self) -> bool {
        let Some(until) = self.entrance.opening else { return true };
        // While it ends, nobody has time to wait.
        if self.phase == Phase::Running && self.bus.is_opening() && self.now.mono < until {
            return false;
        }
        self.bus.end_opening();
        self.entrance.opening = None;
        if self.phase == Phase::Running {
            self.log_listening();
        }
        true
    }

    fn accept(&mut self) {
        match self.entrance.accepting {
            Accepting::Idle => return,
            Accepting::Paused { until } if self.now.mono < until => return,
            Accepting::Paused { .. } | Accepting::Pending => self.entrance.accepting = Accepting::Pending,
        }
        for _ in 0..budget::ACCEPTS {
            match self.entrance.listener.accept() {
                Accepted::Connection(stream, peer) => self.admit(stream, peer),
                Accepted::TurnedAway => self.count_refused(),
                Accepted::Gone => {}
                Accepted::Nobody => {
                    self.entrance.accepting = Accepting::Idle;
                    return;
                }
                Accepted::Later(error) => {
                    log::warn!(error:% = error; "cannot accept now, trying again shortly");
                    self.entrance.accepting = Accepting::Paused { until: self.now.mono.after(ACCEPT_RETRY) };
                    return;
                }
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let cap_per_ip = self.config.limits.connections_per_ip;
        let is_over_cap = !self.connections.has_room(peer.ip(), self.connections_cap, cap_per_ip);
        if is_over_cap && self.connections.over_cap() >= OVER_CAP {
            return self.count_refused();
        }
        let http = http::Connection::new(self.now.mono, &self.config.limits);
        let key = self.connections.insert(stream, peer, is_over_cap, http);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let (token, interest) = (Token(key.pack() as usize), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = self.poll.registry().register(&mut connection.socket, token, interest) {
            log::warn!(error:% = error; "a connection cannot be polled");
            self.connections.remove(key);
            return self.count_refused();
        }
        self.arm(key);
    }

    fn count_refused(&mut self) {
        self.hub.metrics_mut().shed += 1;
        self.hub.metrics_mut().count_close(REFUSED);
    }
}
