//! Whether a request may do what it asks for, and the answer when it may not.
//!
//! The reason is logged and counted; a token is not, nor anything else that was sent.

use super::peer::is_forwarded;
use super::{Client, Context};
use crate::auth::{Denial, Grant, Right};
use crate::clock::Mono;
use crate::http::{Request, Response};
use crate::metrics::Metrics;
use crate::throttle::Throttle;

/// What the sender may do, if that includes `right`.
pub(super) fn admit(context: &mut Context<'_>, right: Right, request: &Request) -> Result<Grant, Response> {
    let is_listed = |origin: &str| context.settings.cors.is_listed(origin);
    let grant = context.gate.admit(right, request, &is_listed, context.now.wall);
    grant.map_err(|denial| deny(context, request, denial))
}

/// Whether the sender operates the server, where no token says who does: somebody on this machine, and nobody through
/// a proxy or by a page, which speak for others.
pub(super) fn check_operator(context: &Context<'_>, request: &Request) -> Result<(), Response> {
    if context.gate.is_closed(Right::Admin) {
        return Ok(());
    }
    if !context.peer.is_local() {
        let detail = "this is for this machine only, where no auth.admin_tokens say who may";
        return Err(Response::problem(403, detail));
    }
    // A page names its origin where it asks another one (RFC 6454 section 7).
    if is_forwarded(request) || request.has_header("origin") {
        let detail = "this is not for proxies and pages, where no auth.admin_tokens say who may";
        return Err(Response::problem(403, detail));
    }
    Ok(())
}

/// The answer to whom something is denied.
pub(super) fn deny(context: &mut Context<'_>, request: &Request, denial: Denial) -> Response {
    let (metrics, path) = (context.hub.metrics_mut(), request.target.path());
    note(metrics, context.denials, context.client, path, denial, context.now.mono);
    challenged(Response::problem(denial.status(), denial.detail()), denial)
}

/// Counts a denial, and says it in the log unless there are too many.
pub(super) fn note(
    metrics: &mut Metrics,
    denials: &mut Throttle,
    client: Client,
    path: &str,
    denial: Denial,
    now: Mono,
) {
    metrics.count_denial(denial.name());
    if let Some(left_out) = denials.pass(now.since(Mono::ZERO)) {
        let reason = denial.name();
        log::info!(address:% = client, path, reason, left_out; "access denied");
    }
}

/// The answer with what it says to whoever could come with another token.
pub(super) fn challenged(response: Response, denial: Denial) -> Response {
    let response = if denial.is_guess() { response.closing() } else { response };
    match denial.challenge() {
        Some(challenge) => response.header("WWW-Authenticate", challenge),
        None => response,
    }
}
