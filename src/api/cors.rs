//! Pages of other origins (Fetch, section 3.2, the CORS protocol).

use std::borrow::Cow;

use crate::http::{Request, Response};

/// Which origins' pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<String>,
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
/// Headers that a page may send: what the publish route and a polyfilled EventSource need.
const ALLOWED_HEADERS: &str = "Authorization, Cache-Control, Content-Type, Last-Event-ID";
/// The header, beyond those that every page may read (Fetch, "CORS-safelisted response-header name"), that says
/// when to try again.
const EXPOSED: &str = "Retry-After";
/// Seconds for which a browser may remember a preflight.
const MAX_AGE: &str = "600";

impl Cors {
    /// These origins, or all where one is `*`.
    #[must_use]
    pub fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    /// The answer to `OPTIONS` on a route: a preflight's, where the origin may.
    #[must_use]
    pub fn preflight(&self, request: &Request, allow: &'static str) -> Response {
        let response = Response::new(204).header("Allow", allow);
        if request.header("access-control-request-method").is_none() || self.allowed(request).is_none() {
            return response;
        }
        let response = response
            .header("Access-Control-Allow-Methods", allow)
            .header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            .header("Access-Control-Max-Age", MAX_AGE);
        // Only who was named may come from the internet to a server within (WICG Private Network Access).
        let asks_for_private = request.header("access-control-request-private-network") == Some("true");
        if asks_for_private && !self.is_any() {
            response.header("Access-Control-Allow-Private-Network", "true")
        } else {
            response
        }
    }

    /// Lets the origin's page read the answer, where it may.
    #[must_use]
    pub fn mark(&self, request: &Request, response: Response) -> Response {
        add(&self.headers(request), response)
    }

    /// The headers of an answer to this request.
    #[must_use]
    pub fn headers(&self, request: &Request) -> Vec<(&'static str, Cow<'static, str>)> {
        if self.origins.is_empty() {
            return Vec::new();
        }
        let mut headers = Vec::new();
        if self.is_any() {
            headers.push((ALLOW_ORIGIN, "*".into()));
            return headers;
        }
        headers.push(("Vary", "Origin".into()));
        if let Some(origin) = self.allowed(request) {
            headers.push((ALLOW_ORIGIN, origin.to_owned().into()));
            headers.push(("Access-Control-Allow-Credentials", "true".into()));
        }
        headers
    }

    /// Whether this very origin is listed, so that its pages may use cookies.
    #[must_use]
    pub fn is_listed(&self, origin: &str) -> bool {
        origin != "*" && self.origins.iter().any(|allowed| allowed == origin)
    }

    fn is_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    /// The request's origin as it was configured, or `*`, where its page may read answers: never the request's own
    /// text.
    fn allowed(&self, request: &Request) -> Option<&str> {
        let origin = request.header("origin")?;
        self.origins.iter().map(String::as_str).find(|&allowed| allowed == "*" || allowed == origin)
    }
}

/// Adds the headers that `Cors::headers` gave, and what goes with them.
pub(super) fn add(headers: &[(&'static str, Cow<'static, str>)], response: Response) -> Response {
    let is_readable = headers.iter().any(|(name, _)| *name == ALLOW_ORIGIN);
    let response = if is_readable && response.has_header(EXPOSED) {
        response.header("Access-Control-Expose-Headers", EXPOSED)
    } else {
        response
    };
    headers.iter().fold(response, |response, (name, value)| response.header(name, value.clone()))
}
