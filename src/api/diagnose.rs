//! `GET /diagnose`: a stream of timed probes, for whoever wonders what lies between.

use super::peer::is_forwarded;
use super::stream::head;
use super::{Context, Decision, Refusal, refuse};
use crate::diagnosis::Facts;
use crate::http::{Method, Request};

pub(super) fn decide(context: &mut Context<'_>, request: &Request) -> Decision {
    if request.method == Method::Head {
        return Decision::Respond(head().close_delimited());
    }
    if context.refusal == Some(Refusal::Draining) {
        return Decision::Respond(refuse("the server is about to end"));
    }
    if context.node.diagnoses() >= context.settings.diagnoses {
        context.hub.metrics_mut().shed += 1;
        return Decision::Respond(refuse("as many diagnoses run as limits.diagnoses allows"));
    }
    let facts = Facts {
        address: context.client.ip(),
        http_1_0: request.http_1_0,
        is_forwarded: is_forwarded(request),
        has_last_event_id: request.has_header("last-event-id"),
    };
    let head = context.settings.cors.mark(request, head().close_delimited());
    Decision::Diagnose(head.into_last_bytes(), facts)
}
