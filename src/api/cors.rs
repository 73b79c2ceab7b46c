//! Pages of other origins (Fetch, section 3.2, the CORS protocol).

use std::borrow::Cow;

use crate::http::{Request, Response};

/// Which origins' pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<String>,
}

/// Headers that a page may send: what the publish route and a polyfilled EventSource need.
const ALLOWED_HEADERS: &str = "Authorization, Cache-Control, Content-Type, Last-Event-ID";
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
        response
            .header("Access-Control-Allow-Methods", allow)
            .header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            .header("Access-Control-Max-Age", MAX_AGE)
    }

    /// Lets the origin's page read the answer, where it may.
    #[must_use]
    pub fn mark(&self, request: &Request, response: Response) -> Response {
        self.headers(request)
            .into_iter()
            .fold(response, |response, (name, value)| response.header(name, value))
    }

    /// The headers of an answer to this request.
    #[must_use]
    pub fn headers(&self, request: &Request) -> Vec<(&'static str, Cow<'static, str>)> {
        if self.origins.is_empty() {
            return Vec::new();
        }
        let mut headers = Vec::new();
        if self.is_any() {
            headers.push(("Access-Control-Allow-Origin", "*".into()));
            return headers;
        }
        headers.push(("Vary", "Origin".into()));
        if let Some(origin) = self.allowed(request) {
            headers.push(("Access-Control-Allow-Origin", origin.to_owned().into()));
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

    /// The request's origin, where its page may read answers.
    fn allowed<'r>(&self, request: &'r Request) -> Option<&'r str> {
        let origin = request.header("origin")?;
        (self.is_any() || self.is_listed(origin)).then_some(origin)
    }
}
