//! Where a server is, as a user writes it: a URL, a bare origin, or a host and a port.
//!
//! Never resolves a name and never connects.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::Uri;

use crate::address::is_loopback;

/// Where a server is when nothing else is said: the default of `server.listen`.
pub const DEFAULT_ORIGIN: &str = "http://127.0.0.1:8080";

/// What is encoded in a query: all but the unreserved characters (RFC 3986 section 2.3), and `/` and `*`, which
/// topics have.
const IN_QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');

/// A checked address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The scheme, the authority and the path, without a query.
    base: String,
    /// The query as the user gave it; may be empty.
    query: String,
    authority: String,
    host: String,
    is_tls: bool,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is no URL.
    Malformed,
    /// Neither http nor https.
    Scheme,
    /// It names no host.
    NoHost,
    /// It has a user or a password.
    User,
    /// It has a fragment.
    Fragment,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "this is no URL; an example: http://127.0.0.1:8080/events",
            Self::Scheme => "only http:// and https:// are known here",
            Self::NoHost => "it names no host; an example: http://127.0.0.1:8080/events",
            Self::User => "a user or a password in the URL is not sent; use --token-file or --header",
            Self::Fragment => "what follows a # is never sent: leave it out",
        })
    }
}

impl std::error::Error for Wrong {}

impl Address {
    /// Reads what a user wrote. Without a scheme it is http; a bare origin gets `path`.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub fn parse(text: &str, path: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        if with_scheme.contains('#') {
            return Err(Wrong::Fragment);
        }
        let (scheme, rest) = with_scheme.split_once("://").ok_or(Wrong::Malformed)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(Wrong::Scheme),
        };
        if rest.is_empty() || rest.starts_with(['/', '?', ':']) {
            return Err(Wrong::NoHost);
        }
        let uri: Uri = with_scheme.parse().map_err(|_| Wrong::Malformed)?;
        let authority = uri.authority().ok_or(Wrong::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(Wrong::User);
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return Err(Wrong::Malformed);
        }
        let is_bare = matches!(uri.path(), "" | "/");
        let scheme = if is_tls { "https" } else { "http" };
        Ok(Self {
            base: format!("{scheme}://{authority}{}", if is_bare { path } else { uri.path() }),
            query: uri.query().unwrap_or_default().to_owned(),
            authority: authority.to_string(),
            host: uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            is_tls,
        })
    }

    /// The URL with further parameters; one that the user gave goes before one of the same name here.
    #[must_use]
    pub fn url(&self, parameters: &[(&str, &str)]) -> String {
        let given = |name: &str| self.query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let own = (!self.query.is_empty()).then(|| self.query.clone());
        let added = parameters
            .iter()
            .filter(|(name, _)| !given(name))
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, IN_QUERY)));
        let query: Vec<String> = own.into_iter().chain(added).collect();
        if query.is_empty() { self.base.clone() } else { format!("{}?{}", self.base, query.join("&")) }
    }

    /// The host and the port, as they were given.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is https.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_name = self.host.eq_ignore_ascii_case("localhost");
        is_name || self.host.parse().is_ok_and(is_loopback)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_origin_gets_the_path_and_a_scheme() {
        for (text, url) in [
            (DEFAULT_ORIGIN, "http://127.0.0.1:8080/events"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/events"),
            ("localhost:9000", "http://localhost:9000/events"),
            ("shop.example", "http://shop.example/events"),
            ("HTTPS://shop.example", "https://shop.example/events"),
            ("https://shop.example/live/orders", "https://shop.example/live/orders"),
            ("https://shop.example?type=a", "https://shop.example/events?type=a"),
            ("http://[::1]:80", "http://[::1]:80/events"),
        ] {
            assert_eq!(
                Address::parse(text, "/events").map(|address| address.url(&[])),
                Ok(url.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("", Wrong::NoHost),
            ("http://", Wrong::NoHost),
            ("http:///events", Wrong::NoHost),
            (":8080", Wrong::NoHost),
            ("ftp://a", Wrong::Scheme),
            ("redis://a:6379", Wrong::Scheme),
            ("http://a b", Wrong::Malformed),
            ("http://a:notaport/", Wrong::Malformed),
            ("http://bob:secret@a/", Wrong::User),
            ("http://a/#x", Wrong::Fragment),
        ] {
            assert_eq!(Address::parse(text, "/events"), Err(wrong), "{text}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_those_of_the_url_stay() {
        let address = Address::parse("a?heartbeat=off&x=1", "/events").unwrap();
        let url = address.url(&[("topic", "orders/*"), ("topic", "ä &+"), ("heartbeat", "event")]);
        assert_eq!(url, "http://a/events?heartbeat=off&x=1&topic=orders/*&topic=%C3%A4%20%26%2B");
    }

    #[test]
    fn this_machine_is_known() {
        let is_loopback = |text| Address::parse(text, "/").unwrap().is_loopback();
        assert!(
            ["localhost:1", "127.0.0.1", "[::1]:1", "127.9.9.9", "LOCALHOST"].into_iter().all(is_loopback)
        );
        assert!(!["example.org", "10.0.0.1", "[::2]", "localhost.example"].into_iter().any(is_loopback));
    }
}
