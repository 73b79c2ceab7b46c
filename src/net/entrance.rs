//! The entrance: who is let in, and when.
//!
//! There are two doors, a public one and, if it is wished for, one for administration. Nobody is let in before the
//! way from Redis is open, and nobody beyond the caps of the door but those who are told so. A process that ends and
//! shares its port leaves it to the others first: it has the system keep nothing here for whoever is about to
//! connect, lets in those who had begun, and closes the public listener. What comes of a connection is in `drive`.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

use super::budget;
use super::listener::{Accepted, Listener};
use super::phase::{Phase, Successor};
use super::process::OVER_CAP;
use super::server::Server;
use super::transport::Transport;
use crate::api::{Peer, Side};
use crate::clock::Mono;
use crate::config::Endpoint;
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

/// A listener, and whether somebody waits there.
pub(super) struct Door {
    listener: Listener,
    accepting: Accepting,
}

/// See the top of this file.
pub(super) struct Entrance {
    public: Door,
    admin: Option<Door>,
    /// Nobody is let in before that, unless the way from Redis opens earlier.
    opening: Option<Mono>,
}

impl Door {
    /// One at which readiness is told of by `token`.
    pub(super) fn new(mut listener: Listener, registry: &Registry, token: Token) -> io::Result<Self> {
        listener.register(registry, token)?;
        Ok(Self { listener, accepting: Accepting::Idle })
    }

    /// Somebody knocked.
    pub(super) fn handle_readable(&mut self) {
        self.accepting = Accepting::Pending;
    }

    /// When it is tried again, after the system could not.
    fn paused_until(&self) -> Option<Mono> {
        match self.accepting {
            Accepting::Paused { until } => Some(until),
            Accepting::Idle | Accepting::Pending => None,
        }
    }
}

impl Entrance {
    /// Nobody comes in yet; `waits` for the way from Redis.
    pub(super) fn new(public: Door, admin: Option<Door>, waits: bool, now: Mono) -> Self {
        Self { public, admin, opening: waits.then(|| now.after(OPENING)) }
    }

    /// Where everybody comes in.
    pub(super) fn endpoint(&self) -> &Endpoint {
        self.public.listener.endpoint()
    }

    /// Where operators come in, if they have a door of their own.
    pub(super) fn admin_endpoint(&self) -> Option<&Endpoint> {
        self.admin.as_ref().map(|door| door.listener.endpoint())
    }

    /// The side at which the public door is.
    const fn public_side(&self) -> Side {
        if self.admin.is_some() { Side::Public } else { Side::Only }
    }

    pub(super) fn door_mut(&mut self, side: Side) -> Option<&mut Door> {
        match side {
            Side::Only | Side::Public => Some(&mut self.public),
            Side::Admin => self.admin.as_mut(),
        }
    }

    /// Whether it waits for the way from Redis.
    pub(super) const fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Whether who is not let in here waits for the next process.
    pub(super) const fn is_inherited(&self) -> bool {
        self.public.listener.is_inherited()
    }

    /// Lets nobody in any more at the public door.
    pub(super) fn close_public(&mut self, registry: &Registry) {
        self.public.listener.close(registry);
        self.public.accepting = Accepting::Idle;
    }

    /// Begins to leave the port to the others.
    pub(super) fn begin_to_leave(&self) {
        if let Err(error) = self.public.listener.begin_no_more() {
            log::warn!(error:% = error; "who connects now may be reset");
        }
    }

    /// Whether somebody can be let in of whom no event will tell.
    pub(super) fn has_work(&self) -> bool {
        self.opening.is_none() && self.doors().any(|door| door.accepting == Accepting::Pending)
    }

    fn doors(&self) -> impl Iterator<Item = &Door> {
        std::iter::once(&self.public).chain(&self.admin)
    }

    /// When there is something to be done, whatever happens.
    pub(super) fn poll_deadline(&self) -> Option<Mono> {
        self.doors().filter_map(Door::paused_until).chain(self.opening).min()
    }
}

impl Server {
    /// Lets in who waits, as far as the budget goes.
    pub(super) fn let_in(&mut self) {
        let leaves = matches!(self.phase, Phase::Leaving { until, .. } if until <= self.now.mono);
        if leaves && self.entrance.public.accepting == Accepting::Idle {
            // Somebody may have come since the poller was asked.
            self.entrance.public.accepting = Accepting::Pending;
        }
        if self.is_open() {
            self.accept(Side::Admin);
            self.accept(self.entrance.public_side());
        }
        if leaves {
            self.leave();
        }
    }

    /// Closes the public listener once nobody waits, and goes on ending.
    fn leave(&mut self) {
        let Phase::Leaving { until, latest } = &mut self.phase else { return };
        let is_late = self.now.mono >= *latest;
        match self.entrance.public.accepting {
            // More wait than the budget of a turn.
            Accepting::Pending if !is_late => {}
            Accepting::Paused { until: resumed } if !is_late => *until = resumed,
            Accepting::Idle | Accepting::Pending | Accepting::Paused { .. } => {
                self.entrance.close_public(self.poll.registry());
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
            self.begin_to_serve();
        }
        true
    }

    fn accept(&mut self, side: Side) {
        for _ in 0..budget::ACCEPTS {
            let Some(door) = self.entrance.door_mut(side) else { return };
            match door.accepting {
                Accepting::Idle => return,
                Accepting::Paused { until } if self.now.mono < until => return,
                Accepting::Paused { .. } | Accepting::Pending => door.accepting = Accepting::Pending,
            }
            match door.listener.accept() {
                Accepted::Connection(transport, peer) => self.admit(transport, peer, side),
                Accepted::TurnedAway => self.count_refused(),
                Accepted::Gone => {}
                Accepted::Nobody => door.accepting = Accepting::Idle,
                Accepted::Later(error) => {
                    log::warn!(error:% = error; "cannot accept now, trying again shortly");
                    door.accepting = Accepting::Paused { until: self.now.mono.after(ACCEPT_RETRY) };
                }
            }
        }
    }

    fn admit(&mut self, transport: Transport, peer: Peer, side: Side) {
        let is_proxied = self.guard.trusts(peer.ip());
        let limit = self.limit_on(peer, side, is_proxied);
        let is_over_cap = limit.is_some();
        limit.inspect(|&limit| self.hub.metrics_mut().count_limited(limit));
        if is_over_cap && self.connections.over_cap() >= OVER_CAP {
            return self.count_refused();
        }
        let transport = match &self.identity {
            Some(identity) if side != Side::Admin => transport.with_tls(identity.config()),
            _ => Ok(transport),
        };
        let transport = match transport {
            Ok(transport) => transport,
            Err(error) => {
                log::warn!(error:%; "TLS cannot be spoken");
                return self.count_refused();
            }
        };
        let http = http::Connection::new(self.now.mono, &self.config.limits);
        let key = self.connections.insert(transport, peer, side, is_over_cap, is_proxied, http);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let token = Token(key.pack() as usize);
        if let Err(error) = connection.transport.register(self.poll.registry(), token) {
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
