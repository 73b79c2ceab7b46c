//! `GET /` and the files of the live page.

use crate::http::{Request, Response};
use crate::page::Asset;

/// What the page may do (Content Security Policy Level 3, Trusted Types): fetch from where it came and run its own
/// files. Text that came with an event can neither run nor be loaded from, even if a line of the page were wrong.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Kept by browsers and asked for anew at each use, so that a page never runs with the files of another version.
const CACHING: &str = "no-cache";

pub(super) fn answer(request: &Request, asset: &Asset) -> Response {
    let tag = asset.tag();
    let response = match request.header("if-none-match").is_some_and(|known| names(known, &tag)) {
        true => Response::new(304),
        false => Response::new(200).text(asset.content_type, asset.body),
    };
    response
        .header("ETag", tag)
        .header("Cache-Control", CACHING)
        .header("Content-Security-Policy", POLICY)
        .header("Cross-Origin-Opener-Policy", "same-origin")
        .header("Cross-Origin-Resource-Policy", "same-origin")
        .header("Referrer-Policy", "no-referrer")
}

/// Whether an `If-None-Match` names this tag; strong and weak ones are the same here (RFC 9110 section 13.1.2).
fn names(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_by_name_or_by_a_star() {
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\"", "*", " \"a\" "] {
            assert!(names(known, "\"a\""), "{known}");
        }
        for unknown in ["", "a", "\"A\"", "\"b\"", "w/\"a\"", "\"a", "**"] {
            assert!(!names(unknown, "\"a\""), "{unknown}");
        }
    }
}
