//! The authority of a target and the value of Host: a host with an optional port (RFC 3986 section 3.2).
//!
//! Never resolves or compares a host; user info is refused, as RFC 9110 section 4.2.4 asks for.

use std::net::Ipv6Addr;

use super::syntax::{is_escaped, is_sub_delim, is_unreserved};

/// Whether `text` is `uri-host [":" port]` (RFC 9110 section 7.2) with a host that is not empty.
pub(super) fn is_authority(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port));
    }
    let (name, port) = text.find(':').map_or((text, ""), |colon| text.split_at(colon));
    is_reg_name(name) && (port.is_empty() || is_port(port))
}

/// Whether `text` is a colon and at most the number of a port; no digits mean the scheme's port.
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else { return false };
    digits.is_empty() || (digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok())
}

/// Whether `text` is a registered name that is not empty (RFC 3986 section 3.2.2); IPv4 looks the same.
fn is_reg_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| is_unreserved(b) || is_sub_delim(b) || b == b'%')
        && is_escaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_are_one() {
        for text in [
            "a",
            "example.com",
            "example.com:80",
            "example.com:",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::7]",
            "a_b-c~d",
            "%41",
            "x,y",
        ] {
            assert!(is_authority(text), "{text:?}");
        }
    }

    #[test]
    fn hosts_that_are_none() {
        for text in [
            "",
            ":80",
            "a:b",
            "a:65536",
            "a:80:80",
            "a:+80",
            "a:-1",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "u@a",
            "u:p@a",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[::g]",
            "[]",
            "[v1.x]",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "%",
            "%4",
            "%4g",
            "ä",
            "a\"",
            "<a>",
            "a, b",
        ] {
            assert!(!is_authority(text), "{text:?}");
        }
    }
}
