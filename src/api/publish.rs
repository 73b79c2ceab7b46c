//! `POST /publish`: one envelope, an array, or one per line; all or nothing.

use std::borrow::Cow;

use serde::Serialize;

use super::route::Route;
use super::{Context, Decision, Incoming, Peer, Refusal, access, refuse};
use crate::auth::{Denial, Right};
use crate::bus::Receipt;
use crate::clock::Now;
use crate::envelope;
use crate::http::{BodyKind, Request, Response};
use crate::intake::{Batch, BatchFormat, Error, Intake, Numbering};
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::throttle::Throttle;

/// A publish request: its body is being read, or its batch is on its way.
#[derive(Clone, Debug)]
pub struct Publishing {
    format: BatchFormat,
    /// What its sender may publish.
    scope: Scope,
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
    let cors = context.settings.cors.headers(request);
    Decision::ReadBody(Incoming::Publish(Publishing { format, scope: grant.scope, cors }))
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
    /// The events of the whole body.
    ///
    /// # Errors
    /// What is wrong; `refused` is the answer.
    pub fn batch(
        &self,
        intake: &Intake,
        body: &[u8],
        numbering: Option<Numbering<'_>>,
        now: Now,
    ) -> Result<Batch, Error> {
        intake.batch(body, self.format, &self.scope, now.wall, numbering)
    }

    /// The answer to `peer` that says what is wrong; what goes beyond a token is counted and logged as any denial.
    #[must_use]
    pub fn refused(
        &self,
        error: &Error,
        peer: Peer,
        metrics: &mut Metrics,
        denials: &mut Throttle,
        now: Now,
    ) -> Response {
        if let Error::Beyond { beyond, .. } = error {
            access::note(metrics, denials, peer, Route::Publish.path(), (*beyond).into(), now.mono);
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

    fn mark(&self, response: Response) -> Response {
        self.cors.iter().fold(response, |response, (name, value)| response.header(name, value.clone()))
    }
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
