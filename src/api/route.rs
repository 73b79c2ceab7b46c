//! Which paths there are, and which methods each takes. Paths are compared byte for byte.

use super::Side;
use crate::http::Method;
use crate::page::{self, Asset};

/// A path that has an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page(&'static Asset),
    Events,
    Diagnose,
    Publish,
    Healthz,
    Readyz,
    Metrics,
    Stats,
    Clients,
    Recent,
    Mode,
}

/// The methods of `OPTIONS *` on that side.
pub(super) const fn any(side: Side) -> &'static str {
    match side {
        Side::Only | Side::Admin => "GET, HEAD, POST, PUT, OPTIONS",
        Side::Public => "GET, HEAD, OPTIONS",
    }
}

/// What is said of a path that is not there: which ones are, on that side, but for the
/// files of the page.
pub(super) fn none(side: Side) -> String {
    let paths: Vec<_> = Route::ALL.into_iter().filter(|route| route.is_on(side)).map(Route::path).collect();
    match paths[..] {
        [path] => format!("nothing is here; there is {path}"),
        _ => format!("nothing is here; there are {}", paths.join(", ")),
    }
}

impl Route {
    const ALL: [Self; 11] = [
        Self::Page(&page::INDEX),
        Self::Events,
        Self::Diagnose,
        Self::Publish,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::Stats,
        Self::Clients,
        Self::Recent,
        Self::Mode,
    ];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Page(asset) => asset.path,
            Self::Events => "/events",
            Self::Diagnose => "/diagnose",
            Self::Publish => "/publish",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::Stats => "/stats",
            Self::Clients => "/clients",
            Self::Recent => "/recent",
            Self::Mode => "/admin/mode",
        }
    }

    /// The route of a path on that side. One that is hidden there is not there.
    pub(super) fn find(path: &str, side: Side) -> Option<Self> {
        let route = Self::ALL.into_iter().find(|route| route.path() == path);
        route.or_else(|| page::find(path).map(Self::Page)).filter(|route| route.is_on(side))
    }

    /// Whether it is for everybody: it is on the public side also where there is an admin one.
    pub(super) const fn is_public(self) -> bool {
        matches!(self, Self::Events | Self::Diagnose)
    }

    const fn is_on(self, side: Side) -> bool {
        match side {
            Side::Only | Side::Admin => true,
            Side::Public => self.is_public(),
        }
    }

    /// The `Allow` header (RFC 9110 section 10.2.1).
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Publish => "POST, OPTIONS",
            Self::Mode => "PUT, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Whether pages of other origins may use it: none may change how the server works, and ours is read by itself.
    pub(super) const fn is_for_pages(self) -> bool {
        !matches!(self, Self::Mode | Self::Page(_))
    }

    /// Whether load balancers and the like ask it.
    pub(super) const fn is_for_probes(self) -> bool {
        matches!(self, Self::Healthz | Self::Readyz)
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
        let find = |path| Route::find(path, Side::Only);
        assert_eq!(find("/events"), Some(Route::Events));
        assert_eq!(find("/"), Some(Route::Page(&page::INDEX)));
        assert!(matches!(find("/page/page.js"), Some(Route::Page(_))));
        for path in [
            "/events/",
            "//events",
            "/Events",
            "/%65vents",
            "/x/../events",
            "",
            "/page",
            "/page/",
            "/page/../page/page.js",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn the_public_side_says_nothing_of_the_others() {
        for route in Route::ALL {
            assert_eq!(Route::find(route.path(), Side::Admin), Some(route));
            let found = Route::find(route.path(), Side::Public);
            assert_eq!(found, route.is_public().then_some(route));
            let is_named = none(Side::Public).split([' ', ',']).any(|word| word == route.path());
            assert_eq!(is_named, route.is_public());
            let methods = route.allow().split(", ");
            assert!(methods.clone().all(|method| any(Side::Admin).contains(method)));
            assert!(!route.is_public() || methods.clone().all(|method| any(Side::Public).contains(method)));
        }
    }

    #[test]
    fn methods_are_those_of_the_allow_header() {
        assert!(Route::Publish.allows(Method::Post) && !Route::Publish.allows(Method::Get));
        assert!(Route::Events.allows(Method::Head) && !Route::Events.allows(Method::Post));
        assert!(Route::Mode.allows(Method::Put) && !Route::Mode.allows(Method::Get));
    }
}
