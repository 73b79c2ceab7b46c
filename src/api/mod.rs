//! What each route answers.
//!
//! Pure: it takes a request and the parts of the server, and says what to do. It opens no socket and reads
//! no clock; what only the loop knows comes through `Node`.

mod access;
mod admin;
mod cors;
mod diagnose;
mod operate;
mod page;
mod peer;
mod publish;
mod route;
mod stream;

use std::time::Duration;

pub use admin::{mode_changed, wished_mode};
pub use cors::Cors;
pub use peer::{Client, Peer, Side};
pub use publish::Publishing;

use crate::auth::{Gate, Pass, Right, TokenId};
use crate::bus::Bus;
use crate::clock::Now;
use crate::diagnosis::Facts;
use crate::http::{BodyKind, Hosts, Method, Request, Response};
use crate::hub::{Hub, Subscription};
use crate::id::Instance;
use crate::key::Key;
use crate::limits::Limit;
use crate::metrics::Gauges;
use crate::rate::Over;
use crate::throttle::Throttle;
use route::Route;

/// What to do with a request.
#[derive(Debug)]
pub enum Decision {
    /// Answer it.
    Respond(Response),
    /// Read its body.
    ReadBody(Incoming),
    /// Make its connection a stream that begins with this head, and that is let in by this.
    Stream(Vec<u8>, Subscription, Pass),
    /// Make its connection a stream of probes that begins with this head.
    Diagnose(Vec<u8>, Facts),
}

/// A request whose body is being read, or whose answer is on its way.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// It publishes.
    Publish(Publishing),
    /// It changes the mode.
    Mode,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are too many.
    Full,
    /// The server is about to end.
    Draining,
}

/// What an operator can set about routes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pages of other origins.
    pub cors: Cors,
    /// `type=` and `topic=` values of one stream.
    pub filters: usize,
    /// Diagnoses at once.
    pub diagnoses: usize,
    /// Whether `?tenant=` counts.
    pub open_tenants: bool,
    /// Hosts that are answered for.
    pub hosts: Hosts,
}

/// What limits say to a request at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Bytes that requests and answers may still take.
    pub room_bytes: usize,
    /// The most that one body may take.
    pub body_bytes: usize,
}

impl Standing {
    /// Whether a body may be read; one that is too long anyway is another matter.
    fn has_room_for(&self, body: BodyKind) -> bool {
        body.bytes_to_expect(self.body_bytes) <= self.room_bytes
    }
}

/// What only the loop knows.
pub trait Node {
    /// Readings for `/metrics`.
    fn gauges(&self) -> Gauges;
    /// Whose a connection is.
    fn client(&self, key: Key) -> Option<Client>;
    /// Whether who asks may publish an event now, with this token.
    fn may_publish(&self, token: Option<TokenId>) -> Result<(), Over>;
    /// Diagnoses that run.
    fn diagnoses(&self) -> usize;
    /// How long the server has been running.
    fn uptime(&self) -> Duration;
    /// What happens in a second, of late.
    fn rates(&self) -> Rates;
    /// The server's name.
    fn instance(&self) -> &Instance;
}

/// What happens in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Events appended.
    pub events: f64,
    /// Deliveries made.
    pub deliveries: f64,
    /// Messages received from Redis.
    pub messages: f64,
}

/// The parts of the server that a route works with.
pub struct Context<'a> {
    /// The log and its clients.
    pub hub: &'a mut Hub,
    /// The way of what is published.
    pub bus: &'a Bus,
    /// What an operator set.
    pub settings: &'a Settings,
    /// Who may do what.
    pub gate: &'a Gate,
    /// How often it is said who is not let in.
    pub denials: &'a mut Throttle,
    /// What only the loop knows.
    pub node: &'a dyn Node,
    /// The other end of the connection.
    pub peer: Peer,
    /// Who asks, for logs: the same, unless a trusted proxy speaks for somebody.
    pub client: Client,
    /// By which listener.
    pub side: Side,
    /// Whether the connection is to be turned away.
    pub refusal: Option<Refusal>,
    /// What limits say.
    pub standing: Standing,
    /// Whether the server was told to end, even if it still serves.
    pub is_ending: bool,
    /// Jitter, 0 to 1.
    pub jitter: f64,
    /// The time.
    pub now: Now,
}

impl Context<'_> {
    /// Decides about a request by its head.
    pub fn decide(&mut self, request: &Request) -> Decision {
        let route = Route::find(request.target.path(), self.side);
        // Probes call by address, and learn nothing that is worth a disguise.
        if !route.is_some_and(Route::is_for_probes) && !self.settings.hosts.allow(request.authority()) {
            log::debug!(host = request.authority().unwrap_or_default(); "request for a host that is not in server.hosts");
            return Decision::Respond(
                Response::problem(421, "this server does not answer for that host").closing(),
            );
        }
        let decision = match route {
            _ if request.target.is_asterisk() => {
                Decision::Respond(Response::new(204).header("Allow", route::any(self.side)))
            }
            None => Decision::Respond(Response::problem(404, &route::none(self.side))),
            Some(route) if request.method == Method::Options && route.is_for_pages() => {
                Decision::Respond(self.settings.cors.preflight(request, route.allow()))
            }
            Some(route) if request.method == Method::Options => {
                Decision::Respond(Response::new(204).header("Allow", route.allow()))
            }
            Some(route) if !route.allows(request.method) => Decision::Respond(
                Response::problem(405, &format!("this path takes {}", route.allow()))
                    .header("Allow", route.allow()),
            ),
            Some(Route::Events) => stream::decide(self, request),
            Some(route) if self.refusal == Some(Refusal::Full) => {
                self.hub.metrics_mut().shed += 1;
                log::debug!(route = route.path(); "request turned away at the connection cap");
                Decision::Respond(refuse("the server has all the connections that it may have"))
            }
            Some(Route::Publish) => publish::decide(self, request),
            Some(Route::Diagnose) => diagnose::decide(self, request),
            Some(Route::Healthz) => Decision::Respond(operate::healthz()),
            Some(Route::Readyz) => Decision::Respond(operate::readyz(self)),
            Some(route @ (Route::Metrics | Route::Stats | Route::Clients | Route::Recent)) => {
                Decision::Respond(self.reveal(route, request))
            }
            Some(Route::Page(asset)) => Decision::Respond(page::answer(request, asset)),
            Some(Route::Mode) => admin::decide(self, request),
        };
        let is_read = matches!(decision, Decision::ReadBody(_));
        let decision = if is_read && !self.standing.has_room_for(request.body) {
            self.hub.metrics_mut().count_limited(Limit::ParserBytes);
            Decision::Respond(refuse("the server has no memory for more requests"))
        } else {
            decision
        };
        let Decision::Respond(response) = decision else { return decision };
        let is_for_pages = route.is_none_or(Route::is_for_pages);
        let response = if is_for_pages { self.settings.cors.mark(request, response) } else { response };
        // Those beyond the cap are few, and must not be held by one client.
        let is_last = self.refusal == Some(Refusal::Full);
        Decision::Respond(if is_last { response.closing() } else { response })
    }
}

impl Context<'_> {
    /// What only operators may see, where there are tokens for them.
    fn reveal(&mut self, route: Route, request: &Request) -> Response {
        if let Err(response) = access::admit(self, Right::Admin, request) {
            return response;
        }
        // These name events and streams of everybody: where some need a token, strangers do not see them without one.
        // Metrics are numbers.
        if route != Route::Metrics
            && self.gate.has_tokens()
            && self.side != Side::Admin
            && let Err(response) = access::check_operator(self, request)
        {
            return response;
        }
        match route {
            Route::Metrics => operate::metrics(self),
            Route::Stats => operate::stats(self),
            Route::Recent => operate::recent(self, request),
            _ => operate::clients(self, request),
        }
    }
}

/// 503 for what may be tried again.
fn refuse(detail: &str) -> Response {
    Response::problem(503, detail).header("Retry-After", "5").closing()
}
