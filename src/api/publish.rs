//! `POST /publish`: one envelope, an array, or one per line; all or nothing.

use std::borrow::Cow;

use serde::Serialize;

use super::route::Route;
use super::{Client, Context, Decision, Incoming, Refusal, access, cors, refuse};
use crate::auth::{Denial, Right, TokenId};
use crate::bus::Receipt;
use crate::clock::Now;
use crate::envelope;
use crate::http::{BodyKind, Request, Response};
use crate::intake::{Batch, BatchFormat, Error, Intake, Numbering};
use crate::limits::{Limit, SHORT_BODY_BYTES};
use crate::metrics::Metrics;
use crate::rate::Over;
use crate::scope::Scope;
use crate::throttle::Throttle;

/// A publish request: its body is being read, or its batch is on its way.
#[derive(Clone, Debug)]
pub struct Publishing {
    format: BatchFormat,
    /// What its sender may publish.
    scope: Scope,
    /// The token that they have, where one is needed.
    token: Option<TokenId>,
    /// Headers for the answer to a page of another origin.
    cors: Vec<(&'static str, Cow<'static, str>)>,
}

/// What a publisher is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    accepted: usize,
    via: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_id: Option<&'a str>,
}

pub(super) fn decide(context: &mut Context<'_>, request: &Request) -> Decision {
    let grant = match access::admit(context, Right::Publish, request) {
        Ok(grant) => grant,
        Err(response) => return Decision::Respond(response),
    };
    if context.refusal == Some(Refusal::Draining) {
        return Decision::Respond(refuse("the server is about to end"));
    }
    if request.body == BodyKind::None {
        return Decision::Respond(Response::problem(400, &Error::Empty.to_string()));
    }
    let Some(format) = format_of(request) else {
        let detail = "send Content-Type: application/json or application/x-ndjson, and no Content-Encoding";
        return Decision::Respond(Response::problem(415, detail).header("Accept-Post", ACCEPTED));
    };
    if let Err(over) = context.node.may_publish(grant.token)
        && !is_read_anyway(request)
    {
        context.hub.metrics_mut().count_limited(over.limit);
        return Decision::Respond(too_fast(&over));
    }
    if !context.bus.has_room(1) && !is_read_anyway(request) {
        context.hub.metrics_mut().count_limited(Limit::PublishBytes);
        return Decision::Respond(without_room());
    }
    let cors = context.settings.cors.headers(request);
    Decision::ReadBody(Incoming::Publish(Publishing { format, scope: grant.scope, token: grant.token, cors }))
}

/// Whether the body is read although it will be refused: to close the connection would cost more.
fn is_read_anyway(request: &Request) -> bool {
    let is_short = matches!(request.body, BodyKind::Sized(bytes) if bytes <= SHORT_BODY_BYTES);
    is_short && !request.expect_continue
}

/// The media types of bodies (the Accept-Post header, W3C Linked Data Platform section 7.1).
const ACCEPTED: &str = "application/json, application/x-ndjson";

fn format_of(request: &Request) -> Option<BatchFormat> {
    let coding = request.has_header("content-encoding");
    match request.content_type()? {
        _ if coding && request.header("content-encoding") != Some("identity") => None,
        "application/json" => Some(BatchFormat::Json),
        "application/x-ndjson" => Some(BatchFormat::Lines),
        _ => None,
    }
}

impl Publishing {
    /// The token that it is counted by.
    #[must_use]
    pub const fn token(&self) -> Option<TokenId> {
        self.token
    }

    /// The events of the whole body.
    ///
    /// # Errors
    /// What is wrong; `invalid` is the answer.
    pub fn batch(
        &self,
        intake: &Intake,
        body: &[u8],
        numbering: Option<Numbering<'_>>,
        now: Now,
    ) -> Result<Batch, Error> {
        intake.batch(body, self.format, &self.scope, now.wall, numbering)
    }

    /// The answer to `client` that says what is wrong; what goes beyond a token is counted and logged as any denial.
    #[must_use]
    pub fn invalid(
        &self,
        error: &Error,
        client: Client,
        metrics: &mut Metrics,
        denials: &mut Throttle,
        now: Now,
    ) -> Response {
        if let Error::Beyond { beyond, .. } = error {
            access::note(metrics, denials, client, Route::Publish.path(), (*beyond).into(), now.mono);
        }
        self.mark(problem(error))
    }

    /// The answer to a batch that was accepted.
    #[must_use]
    pub fn accepted(&self, receipt: Receipt) -> Response {
        let Receipt { accepted, via, last_id } = &receipt;
        let answer = Answer { accepted: *accepted, via: via.name(), last_id: last_id.as_deref() };
        let answer = serde_json::to_vec(&answer).expect("numbers and strings can be written");
        self.mark(Response::new(202).json(answer))
    }

    /// The answer to a batch that came too early.
    #[must_use]
    pub fn refused(&self, over: &Over) -> Response {
        self.mark(too_fast(over))
    }

    /// The answer to a batch for which there is no room.
    #[must_use]
    pub fn without_room(&self) -> Response {
        self.mark(without_room())
    }

    fn mark(&self, response: Response) -> Response {
        cors::add(&self.cors, response)
    }
}

/// Nothing is published, and may be tried again (RFC 6585 section 4).
fn too_fast(over: &Over) -> Response {
    let whose = match over.limit {
        Limit::PublishRatePerIp => " for this address",
        Limit::PublishRatePerToken => " for this token",
        _ => "",
    };
    let detail = format!("events are published faster than limits.{} allows{whose}", over.limit.name());
    Response::problem(429, &detail).header("Retry-After", over.retry_after().to_string())
}

/// Nothing is published, and may be tried again: in a moment what was published before has arrived.
fn without_room() -> Response {
    let detail = "more was published than limits.publish_bytes has room for, and has not arrived";
    Response::problem(503, detail).header("Retry-After", "1")
}

fn problem(error: &Error) -> Response {
    let status = match error {
        Error::Envelope { error: envelope::Error::TooLarge { .. }, .. } => 413,
        Error::Beyond { beyond, .. } => Denial::from(*beyond).status(),
        _ => 400,
    };
    let response = Response::problem(status, &error.to_string());
    let response = match error {
        Error::Beyond { beyond, .. } => access::challenged(response, (*beyond).into()),
        _ => response,
    };
    match error {
        Error::Envelope { index: Some(index), .. } | Error::Beyond { index: Some(index), .. } => {
            response.problem_member("index", *index)
        }
        _ => response,
    }
}
