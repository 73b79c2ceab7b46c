//! `PUT /admin/mode`: another mode, without a restart.

use serde::Deserialize;
use serde_json::json;

use super::{Context, Decision, Incoming, access};
use crate::auth::Right;
use crate::bus::Mode;
use crate::http::{BodyKind, Request, Response};

/// The body of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    mode: String,
}

pub(super) fn decide(context: &mut Context<'_>, request: &Request) -> Decision {
    let admitted = access::admit(context, Right::Admin, request).map(drop);
    match admitted.and_then(|()| access::check_operator(context, request)) {
        Ok(()) => read_wish(request),
        Err(response) => Decision::Respond(response),
    }
}

fn read_wish(request: &Request) -> Decision {
    if request.body == BodyKind::None {
        return Decision::Respond(Response::problem(400, &expected()));
    }
    if request.content_type() != Some("application/json") || request.has_header("content-encoding") {
        return Decision::Respond(Response::problem(415, "send Content-Type: application/json"));
    }
    Decision::ReadBody(Incoming::Mode)
}

/// The mode that the body asks for.
///
/// # Errors
/// The answer that says what is wrong.
pub fn wished_mode(body: &[u8]) -> Result<Mode, Response> {
    let wish: Option<Wish> = serde_json::from_slice(body).ok();
    let mode = wish.and_then(|wish| Mode::ALL.into_iter().find(|mode| mode.name() == wish.mode));
    mode.ok_or_else(|| Response::problem(400, &expected()))
}

/// The answer when the mode is in force.
#[must_use]
pub fn mode_changed(from: Mode, to: Mode) -> Response {
    Response::new(200).json(json!({ "mode": to.name(), "previous": from.name() }).to_string())
}

fn expected() -> String {
    let names = Mode::ALL.map(Mode::name).join(", ");
    format!("send {{\"mode\": NAME}}, with one of {names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_can_be_wished_for_and_nothing_else() {
        for mode in Mode::ALL {
            assert_eq!(wished_mode(format!(r#"{{"mode":"{}"}}"#, mode.name()).as_bytes()).ok(), Some(mode));
        }
        for body in ["", "{}", "\"redis\"", r#"{"mode":"x"}"#, r#"{"mode":1}"#, r#"{"mode":"redis","a":1}"#] {
            assert!(wished_mode(body.as_bytes()).is_err(), "{body}");
        }
    }
}
