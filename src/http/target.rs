//! The target of a request: its path as sent and its query decoded (RFC 9112 section 3.2).
//!
//! Never normalises a path: routes compare it byte for byte, so `..`, a double slash or an encoded slash
//! finds none.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::authority::is_authority;
use super::query::Query;
use super::reject::Reject;
use super::syntax::{is_escaped, is_sub_delim, is_unreserved};

/// What a request asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// ASCII, begins with a slash, or is the asterisk alone.
    path: String,
    query: Query,
    /// Of the absolute form; checked.
    authority: Option<String>,
}

impl Target {
    /// Parses the origin form, the absolute form and, of `OPTIONS`, the asterisk form (RFC 9112
    /// sections 3.2.1, 3.2.2 and 3.2.4).
    pub(super) fn parse(raw: &str, is_options: bool) -> Result<Self, Reject> {
        if raw == "*" {
            return if is_options {
                Ok(Self::asterisk(None))
            } else {
                Err(Reject::bad("asterisk without OPTIONS"))
            };
        }
        if raw.starts_with('/') {
            return Self::with_path(raw, None);
        }
        let rest = after_scheme(raw).ok_or(Reject::bad("target without a known form"))?;
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |end| rest.split_at(end));
        if !is_authority(authority) {
            return Err(Reject::bad("bad authority in the target"));
        }
        match path {
            "" if is_options => Ok(Self::asterisk(Some(authority.to_owned()))),
            _ if path.starts_with('/') => Self::with_path(path, Some(authority.to_owned())),
            _ => Self::with_path(&format!("/{path}"), Some(authority.to_owned())),
        }
    }

    /// The path exactly as it was sent; `*` where [`is_asterisk`](Self::is_asterisk).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first value of a query parameter, decoded; empty where only the name was sent.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_all(name).next()
    }

    /// Every value of a query parameter, decoded, in the order sent.
    pub fn query_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.query.all(name)
    }

    /// Whether the request is about the server as a whole (`OPTIONS *`, RFC 9110 section 9.3.7).
    #[must_use]
    pub fn is_asterisk(&self) -> bool {
        self.path == "*"
    }

    /// The authority of the absolute form; it wins over Host (RFC 9112 section 3.2.2).
    pub(super) fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn asterisk(authority: Option<String>) -> Self {
        Self { path: "*".to_owned(), query: Query::default(), authority }
    }

    /// Of a text that begins with the path's slash.
    fn with_path(raw: &str, authority: Option<String>) -> Result<Self, Reject> {
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        if !path.bytes().all(is_path_byte) || !query.bytes().all(is_query_byte) {
            return Err(Reject::bad("byte not allowed in the target"));
        }
        check_path(path)?;
        Ok(Self { path: path.to_owned(), query: Query::parse(query)?, authority })
    }
}

/// Only the path: a query may carry a token.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.path)
    }
}

/// What follows `http://` or `https://`; schemes have no case (RFC 3986 section 3.1).
fn after_scheme(raw: &str) -> Option<&str> {
    let (scheme, rest) = raw.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}

/// RFC 3986 section 3.3, the slash included.
const fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delim(byte) || matches!(byte, b':' | b'@' | b'%' | b'/')
}

/// RFC 3986 section 3.4, and the brackets that browsers send as they are.
const fn is_query_byte(byte: u8) -> bool {
    is_path_byte(byte) || matches!(byte, b'?' | b'[' | b']')
}

/// What is no text, or could end a line or a string elsewhere, is refused.
fn check_path(path: &str) -> Result<(), Reject> {
    if !is_escaped(path) {
        return Err(Reject::bad("bad percent-encoding in the target"));
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| Reject::bad("target is not UTF-8"))?;
    if decoded.contains(['\0', '\r', '\n']) {
        return Err(Reject::bad("encoded NUL, CR or LF in the target"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(raw: &str) -> Option<String> {
        Target::parse(raw, false).ok().map(|target| target.path().to_owned())
    }

    #[test]
    fn paths_stay_as_sent() {
        for raw in
            ["/", "/events", "//events", "/a/../events", "/%65vents", "/a%2Fb", "/;@:&=+$,!~*'()", "/%C3%A9"]
        {
            assert_eq!(path_of(raw).as_deref(), Some(raw));
            assert_eq!(path_of(&format!("{raw}?q")).as_deref(), Some(raw));
        }
    }

    #[test]
    fn targets_that_are_refused() {
        for raw in [
            "",
            "*",
            "events",
            "../events",
            "?a=b",
            "example.com:80",
            "mailto:a@b",
            "ftp://a/",
            "http:/a",
            "http://",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "http://a:b/",
            "http://a#f",
            "/#f",
            "/a#",
            "/?a#b",
            "/%",
            "/%4",
            "/%zz",
            "/?a=%",
            "/?a=%4",
            "/?a=%g0",
            "/%00",
            "/?a=%00",
            "/%0d",
            "/%0A",
            "/?a=%0D%0Ab",
            "/?%0a=b",
            "/%ff",
            "/%c0%ae",
            "/?a=%c0%80",
            "/?a=%e0%80%af",
            "/?a=%ed%a0%80",
            "/?a=%f5%80%80%80",
            "/?a=%c3",
            "/ä",
            "/\"",
            "/<",
            "/>",
            "/{",
            "/}",
            "/|",
            "/\\",
            "/^",
            "/`",
            "/[",
            "/?a=\"",
            "/?a=<",
            "/?a={}",
            "/?a=|",
            "/?a=\\",
        ] {
            assert!(Target::parse(raw, false).is_err_and(|reject| reject.status == 400), "{raw:?}");
        }
    }

    #[test]
    fn the_absolute_form_gives_path_and_authority() {
        for (raw, path, authority) in [
            ("http://a/b?c=d", "/b", "a"),
            ("HTTP://a:80", "/", "a:80"),
            ("https://[::1]:8?x", "/", "[::1]:8"),
            ("http://a//b", "//b", "a"),
        ] {
            let target = Target::parse(raw, false).unwrap();
            assert_eq!((target.path(), target.authority()), (path, Some(authority)), "{raw:?}");
        }
    }

    #[test]
    fn the_asterisk_is_for_options() {
        assert!(Target::parse("*", true).unwrap().is_asterisk());
        assert!(Target::parse("http://a", true).unwrap().is_asterisk());
        assert!(!Target::parse("http://a/", true).unwrap().is_asterisk());
        assert!(Target::parse("/*", true).is_ok_and(|target| !target.is_asterisk()));
        assert!(Target::parse("**", true).is_err());
    }

    #[test]
    fn the_query_is_decoded() {
        let target =
            Target::parse("/e?type=a&type=b+c&&x&y=&z=1=2&t%C3%A9=%2B%26%3D&a[]=1&q=?/", false).unwrap();
        assert_eq!(target.query_all("type").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(target.query("type"), Some("a"));
        assert_eq!(target.query("x"), Some(""));
        assert_eq!(target.query("y"), Some(""));
        assert_eq!(target.query("z"), Some("1=2"));
        assert_eq!(target.query("té"), Some("+&="));
        assert_eq!(target.query("a[]"), Some("1"));
        assert_eq!(target.query("q"), Some("?/"));
        assert_eq!(target.query("nope"), None);
        assert_eq!(target.query_all("").count(), 0);
    }

    #[test]
    fn printing_shows_no_query() {
        assert_eq!(format!("{:?}", Target::parse("/e?access_token=secret", false).unwrap()), "\"/e\"");
    }
}
