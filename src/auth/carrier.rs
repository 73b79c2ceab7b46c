//! Where a request carries its token: in a header, in the query, in a cookie (RFC 6750 section 2).
//!
//! Never looks whether the token is good. Two tokens in one place are none: whoever reads the other one would be
//! fooled.

use super::denial::Denial;
use super::secret::{TOKEN_BYTES_MAX, is_token};
use crate::http::{Method, Request};

/// The query parameter (RFC 6750 section 2.3).
const PARAMETER: &str = "access_token";
/// The cookie.
const COOKIE: &str = "ssecast_token";

/// Where a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// `Authorization: Bearer`.
    Header,
    /// `?access_token=`.
    Query,
    /// `Cookie: ssecast_token=`: a browser sends it, whoever's page asks it to.
    Cookie,
}

/// The token of a request: the header goes before the query, the query before the cookie.
pub(super) fn find(request: &Request, in_query: bool) -> Result<Option<(&str, Carrier)>, Denial> {
    if let Some(token) = in_header(request)? {
        return Ok(Some((token, Carrier::Header)));
    }
    if in_query && let Some(token) = only(request.target.query_all(PARAMETER))? {
        return checked(token).map(|token| Some((token, Carrier::Query)));
    }
    let Some(token) = only(cookies(request)?)? else { return Ok(None) };
    checked(token).map(|token| Some((token, Carrier::Cookie)))
}

/// Another scheme than Bearer is none of ours: a proxy may have one.
fn in_header(request: &Request) -> Result<Option<&str>, Denial> {
    let Some(value) = only(request.header_values("authorization"))? else { return Ok(None) };
    let value = std::str::from_utf8(value).map_err(|_| Denial::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    checked(token.trim_start_matches(' ')).map(Some)
}

/// The values of our cookie (RFC 6265 section 4.2.1).
fn cookies(request: &Request) -> Result<impl Iterator<Item = &str>, Denial> {
    let mut found = Vec::new();
    for line in request.header_values("cookie") {
        for pair in line.split(|&b| b == b';') {
            let Some(value) = pair.trim_ascii().strip_prefix(COOKIE.as_bytes()) else { continue };
            let Some(value) = value.strip_prefix(b"=") else { continue };
            let value = std::str::from_utf8(value).map_err(|_| Denial::Malformed)?;
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            found.push(bare.unwrap_or(value));
        }
    }
    Ok(found.into_iter())
}

fn only<T>(mut values: impl Iterator<Item = T>) -> Result<Option<T>, Denial> {
    let first = values.next();
    if values.next().is_some() { Err(Denial::Malformed) } else { Ok(first) }
}

fn checked(token: &str) -> Result<&str, Denial> {
    if token.len() <= TOKEN_BYTES_MAX && is_token(token) { Ok(token) } else { Err(Denial::Malformed) }
}

/// Whether a cookie counts: a browser that sends it says whose page asked. `is_listed` are the origins that may.
///
/// Our own pages may; a page of another origin only where it is listed. What changes something has to say where it
/// comes from, and a browser does (Fetch, section 3.2; Fetch Metadata).
pub(super) fn may_use_cookie(request: &Request, is_listed: &dyn Fn(&str) -> bool) -> bool {
    let only_reads = matches!(request.method, Method::Get | Method::Head);
    // Two of them are none of a browser's: whoever reads the other one would be fooled.
    if ["origin", "sec-fetch-site"].iter().any(|name| request.header_values(name).nth(1).is_some()) {
        return false;
    }
    if request.has_header("origin") {
        let Some(origin) = request.header("origin") else { return false };
        return is_listed(origin) || is_own(origin, request.header("host").unwrap_or_default());
    }
    match request.header("sec-fetch-site") {
        Some("same-origin" | "none") => only_reads,
        Some(_) => false,
        None => only_reads && !request.has_header("sec-fetch-site"),
    }
}

/// Whether an origin is the host that was asked. The scheme is not known here: a proxy may have ended TLS.
fn is_own(origin: &str, host: &str) -> bool {
    let (rest, port) = match origin.split_once("://") {
        Some(("https", rest)) => (rest, ":443"),
        Some(("http", rest)) => (rest, ":80"),
        _ => return false,
    };
    let host = host.strip_suffix(port).unwrap_or(host).trim_end_matches(':');
    !host.is_empty() && rest.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request_of;

    const TOKEN: &str = "abcdefghijklmnop";

    fn found(target: &str, headers: &str) -> Result<Option<(String, Carrier)>, Denial> {
        let request = request_of(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        find(&request, true).map(|found| found.map(|(token, carrier)| (token.to_owned(), carrier)))
    }

    #[test]
    fn a_token_is_found_wherever_it_may_be() {
        for (target, headers, carrier) in [
            ("/", "Authorization: Bearer abcdefghijklmnop\r\n", Carrier::Header),
            ("/", "authorization: bEARER   abcdefghijklmnop\r\n", Carrier::Header),
            ("/?access_token=abcdefghijklmnop", "", Carrier::Query),
            ("/", "Cookie: a=b; ssecast_token=abcdefghijklmnop; c=d\r\n", Carrier::Cookie),
            ("/", "Cookie: a=b\r\nCookie: ssecast_token=\"abcdefghijklmnop\"\r\n", Carrier::Cookie),
            (
                "/?access_token=x",
                "Authorization: Bearer abcdefghijklmnop\r\nCookie: ssecast_token=y\r\n",
                Carrier::Header,
            ),
            ("/?access_token=abcdefghijklmnop", "Cookie: ssecast_token=y\r\n", Carrier::Query),
            ("/", "Authorization: Basic eDp5\r\nCookie: ssecast_token=abcdefghijklmnop\r\n", Carrier::Cookie),
        ] {
            assert_eq!(found(target, headers), Ok(Some((TOKEN.to_owned(), carrier))), "{target} {headers}");
        }
    }

    #[test]
    fn no_token_is_not_the_same_as_a_bad_one() {
        for (target, headers) in [
            ("/", ""),
            ("/", "Authorization: Basic eDp5\r\n"),
            ("/", "Cookie: a=b; xssecast_token=abcdefghijklmnop; ssecast_tokens=c; ssecast_token\r\n"),
            ("/?token=abcdefghijklmnop", ""),
        ] {
            assert_eq!(found(target, headers), Ok(None), "{target} {headers}");
        }
        for (target, headers) in [
            ("/", "Authorization: Bearer\r\n"),
            ("/", "Authorization: Bearer \r\n"),
            ("/", "Authorization: Bearer a b\r\n"),
            ("/", "Authorization: Bearer a,b\r\n"),
            ("/", "Authorization: Bearer \"a\"\r\n"),
            ("/", "Authorization: Bearer \u{e4}\r\n"),
            ("/", "Authorization: Bearer\tabcdefghijklmnop\r\nAuthorization: Bearer abcdefghijklmnop\r\n"),
            ("/", "Authorization: Bearer abcdefghijklmnop\r\nAuthorization: Basic x\r\n"),
            ("/?access_token=", ""),
            ("/?access_token=a%20b", ""),
            ("/?access_token=abcdefghijklmnop&access_token=abcdefghijklmnop", ""),
            ("/", "Cookie: ssecast_token=\r\n"),
            ("/", "Cookie: ssecast_token=abcdefghijklmnop; ssecast_token=abcdefghijklmnop\r\n"),
            ("/", "Cookie: ssecast_token=abcdefghijklmnop\r\nCookie: ssecast_token=other\r\n"),
        ] {
            assert_eq!(found(target, headers), Err(Denial::Malformed), "{target} {headers}");
        }
        let long = format!("Authorization: Bearer {}\r\n", "x".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(found("/", &long), Err(Denial::Malformed));
    }

    #[test]
    fn the_query_counts_only_where_it_may() {
        let request = request_of("GET /?access_token=abcdefghijklmnop HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(find(&request, false), Ok(None));
    }

    #[test]
    fn a_cookie_counts_for_our_own_pages_and_those_that_are_listed() {
        let may = |method: &str, headers: &str| {
            let request =
                request_of(&format!("{method} / HTTP/1.1\r\nHost: a.example:8080\r\n{headers}\r\n"));
            may_use_cookie(&request, &|origin| origin == "https://b.example")
        };
        for (method, headers) in [
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "Sec-Fetch-Site: same-origin\r\n"),
            ("GET", "Sec-Fetch-Site: none\r\n"),
            ("GET", "Origin: http://a.example:8080\r\n"),
            ("POST", "Origin: https://a.example:8080\r\n"),
            ("POST", "Origin: https://b.example\r\nSec-Fetch-Site: cross-site\r\n"),
        ] {
            assert!(may(method, headers), "{method} {headers}");
        }
        for (method, headers) in [
            ("POST", ""),
            ("POST", "Sec-Fetch-Site: same-origin\r\n"),
            ("GET", "Sec-Fetch-Site: cross-site\r\n"),
            ("GET", "Sec-Fetch-Site: same-site\r\n"),
            ("GET", "Origin: null\r\n"),
            ("GET", "Origin: https://c.example\r\n"),
            ("GET", "Origin: https://a.example\r\n"),
            ("GET", "Origin: https://a.example:8081\r\n"),
            ("GET", "Origin: ftp://a.example:8080\r\n"),
            ("POST", "Origin: https://b.example.evil\r\n"),
            ("POST", "Origin: \u{85}\r\n"),
            ("POST", "Origin: https://b.example\r\nOrigin: https://c.example\r\n"),
            ("GET", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"),
        ] {
            assert!(!may(method, headers), "{method} {headers}");
        }
    }

    #[test]
    fn the_port_of_a_scheme_goes_without_saying() {
        assert!(is_own("https://a", "a") && is_own("https://a", "a:443") && is_own("http://a", "a:80"));
        assert!(is_own("http://[::1]:8080", "[::1]:8080") && is_own("https://A", "a"));
        assert!(!is_own("https://a", "a:80") && !is_own("http://", "") && !is_own("a", "a"));
    }
}
