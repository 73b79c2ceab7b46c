//! Which paths there are, and which methods each takes. Paths are compared byte for byte.

use crate::http::Method;

/// A path that has an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Events,
    Publish,
    Healthz,
    Readyz,
    Metrics,
    Stats,
    Clients,
    Mode,
}

/// The methods of `OPTIONS *`.
pub(super) const ANY: &str = "GET, HEAD, POST, PUT, OPTIONS";

/// The paths that there are.
pub(super) fn all() -> String {
    Route::ALL.map(Route::path).join(", ")
}

impl Route {
    const ALL: [Self; 8] = [
        Self::Events,
        Self::Publish,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::Stats,
        Self::Clients,
        Self::Mode,
    ];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Events => "/events",
            Self::Publish => "/publish",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::Stats => "/stats",
            Self::Clients => "/clients",
            Self::Mode => "/admin/mode",
        }
    }

    pub(super) fn find(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    /// The `Allow` header (RFC 9110 section 10.2.1).
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Publish => "POST, OPTIONS",
            Self::Mode => "PUT, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Whether pages of other origins may use it: none may change how the server works.
    pub(super) const fn is_for_pages(self) -> bool {
        !matches!(self, Self::Mode)
    }

    pub(super) fn allows(self, method: Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_byte_for_byte() {
        assert_eq!(Route::find("/events"), Some(Route::Events));
        for path in ["/events/", "//events", "/Events", "/%65vents", "/x/../events", "", "/"] {
            assert_eq!(Route::find(path), None, "{path}");
        }
    }

    #[test]
    fn methods_are_those_of_the_allow_header() {
        assert!(Route::Publish.allows(Method::Post) && !Route::Publish.allows(Method::Get));
        assert!(Route::Events.allows(Method::Head) && !Route::Events.allows(Method::Post));
        assert!(Route::Mode.allows(Method::Put) && !Route::Mode.allows(Method::Get));
    }
}
