//! Whether a request may do what it asks for, and the answer when it may not.
//!
//! The reason is logged and counted; a token is not, nor anything else that was sent.

use super::Context;
use crate::auth::{Denial, Grant, Right};
use crate::clock::Mono;
use crate::http::{Request, Response};

/// What the sender may do, if that includes `right`.
pub(super) fn admit(context: &mut Context<'_>, right: Right, request: &Request) -> Result<Grant, Response> {
    let is_listed = |origin: &str| context.settings.cors.is_listed(origin);
    let grant = context.gate.admit(right, request, &is_listed, context.now.wall);
    grant.map_err(|denial| deny(context, request, denial))
}

/// The answer to whom something is denied.
pub(super) fn deny(context: &mut Context<'_>, request: &Request, denial: Denial) -> Response {
    context.hub.metrics_mut().count_denial(denial.name());
    if let Some(left_out) = context.denials.pass(context.now.mono.since(Mono::ZERO)) {
        let (reason, path) = (denial.name(), request.target.path());
        log::info!(peer:% = context.peer, path, reason, left_out; "access denied");
    }
    let response = Response::problem(denial.status(), denial.detail());
    let response = if denial.is_guess() { response.closing() } else { response };
    match denial.challenge() {
        Some(challenge) => response.header("WWW-Authenticate", challenge),
        None => response,
    }
}
