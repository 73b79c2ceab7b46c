//! `GET /events`: from a request to a subscription, or a polite refusal.

use std::time::Duration;

use super::{Context, Decision, access};
use crate::auth::Right;
use crate::http::{Method, Request, Response, Target};
use crate::hub::{Filter, HeartbeatStyle, Subscription};
use crate::sse;
use crate::topic::TopicPattern;

const CONTENT_TYPE: &str = "text/event-stream";
/// Where a client may put the id that it was sent last, if not into the header.
const RESUME_PARAMETERS: [&str; 4] = ["lastEventId", "lastEventID", "last_event_id", "Last-Event-ID"];
/// What a client that is turned away waits, at least and at most.
const SHED_RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

pub(super) fn decide(context: &mut Context<'_>, request: &Request) -> Decision {
    let grant = match access::admit(context, Right::Subscribe, request) {
        Ok(grant) => grant,
        Err(response) => return Decision::Respond(response),
    };
    let mut subscription =
        match subscription(request, context.settings.filters, context.settings.open_tenants) {
            Ok(subscription) => subscription,
            Err(detail) => return Decision::Respond(Response::problem(400, detail)),
        };
    let has_own_tenant = subscription.filter.tenant.is_some() && grant.scope.tenant.is_none();
    if let Err(beyond) = grant.scope.narrow(&mut subscription.filter) {
        return Decision::Respond(access::deny(context, request, beyond.into()));
    }
    subscription.expires = grant.deadline(context.now);
    if request.method == Method::Head {
        return Decision::Respond(head().close_delimited());
    }
    if context.refusal.is_some() {
        context.hub.metrics_mut().shed += 1;
        return Decision::Respond(shed(context.jitter));
    }
    let head = context.settings.cors.mark(request, head().close_delimited());
    let pass = if has_own_tenant { grant.pass.with_own_tenant() } else { grant.pass };
    Decision::Stream(head.into_last_bytes(), subscription, pass)
}

pub(super) fn head() -> Response {
    unbuffered(Response::new(200).header("Content-Type", CONTENT_TYPE))
}

/// Keeps proxies from holding a stream back.
fn unbuffered(response: Response) -> Response {
    response.header("Cache-Control", "no-store, no-transform").header("X-Accel-Buffering", "no")
}

/// A native EventSource gives up for ever after any other status: it is told to come back.
fn shed(jitter: f64) -> Response {
    let (least, most) = SHED_RETRY;
    let retry = least + (most - least).mul_f64(jitter);
    let mut body = Vec::new();
    sse::encode_retry(retry.as_millis(), &mut body);
    unbuffered(Response::new(200).text(CONTENT_TYPE, body)).closing()
}

fn subscription(request: &Request, filters: usize, open_tenants: bool) -> Result<Subscription, &'static str> {
    let target = &request.target;
    // An empty value asks for nothing in particular, as if it were not there.
    let values = |name| target.query_all(name).filter(|value| !value.is_empty());
    let types: Vec<Box<str>> = values("type").map(Box::from).collect();
    let topics: Vec<TopicPattern> = values("topic").map(TopicPattern::new).collect();
    if types.len() + topics.len() > filters {
        return Err("there are more type and topic parameters than limits.filters");
    }
    let tenant = if open_tenants { tenant(target)? } else { None };
    Ok(Subscription {
        filter: Filter { types, topics, tenant },
        limit: limit(target)?,
        heartbeat: heartbeat(target)?,
        resume: resume(request),
        expires: None,
    })
}

/// The tenant that a client names itself. A gateway that adds one must not be overruled by the client's own.
fn tenant(target: &Target) -> Result<Option<Box<str>>, &'static str> {
    let mut named = target.query_all("tenant");
    let tenant = named.next().filter(|tenant| !tenant.is_empty()).map(Box::from);
    if named.next().is_some() { Err("there are two tenant parameters") } else { Ok(tenant) }
}

fn limit(target: &Target) -> Result<Option<u64>, &'static str> {
    let Some(limit) = target.query("limit") else { return Ok(None) };
    let is_number = !limit.is_empty() && limit.bytes().all(|b| b.is_ascii_digit());
    let limit = limit.parse().ok().filter(|&limit| is_number && limit > 0);
    limit.map(Some).ok_or("limit must be a whole number of at least 1")
}

fn heartbeat(target: &Target) -> Result<Option<HeartbeatStyle>, &'static str> {
    match target.query("heartbeat") {
        None => Ok(None),
        Some("event") => Ok(Some(HeartbeatStyle::Event)),
        Some("comment") => Ok(Some(HeartbeatStyle::Comment)),
        Some("off") => Ok(Some(HeartbeatStyle::Off)),
        Some(_) => Err("heartbeat must be event, comment or off"),
    }
}

/// The header wins, as that is what a browser sends when it reconnects to the same address. A header that
/// is no text is an id that nobody knows.
fn resume(request: &Request) -> Option<String> {
    if request.has_header("last-event-id") {
        return Some(request.header("last-event-id").unwrap_or("\u{fffd}").to_owned());
    }
    RESUME_PARAMETERS.iter().find_map(|name| request.target.query(name)).map(str::to_owned)
}
