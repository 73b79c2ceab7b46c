//! What a text must look like to be a channel, a sentinel, a field, an origin: each says what is wrong with one.

use crate::redis;

/// Bytes of a payload field's name that makes a topic.
const FIELD_BYTES: usize = 128;
/// Bytes of a channel's name or of a pattern.
const CHANNEL_BYTES: usize = 512;

/// A name in `topics.from_payload`.
pub(super) fn topic_field(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > FIELD_BYTES {
        return Err("must have 1 to 128 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("must have no control characters");
    }
    Ok(())
}

/// The name of a Redis channel: any bytes would do, but these are never meant.
pub(super) fn channel(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > CHANNEL_BYTES {
        return Err("must have 1 to 512 bytes");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must have no white space and no control characters");
    }
    Ok(())
}

/// A pattern of PSUBSCRIBE, or nothing.
pub(super) fn pattern(text: &str) -> Result<(), &'static str> {
    if text.is_empty() { Ok(()) } else { channel(text) }
}

/// Text on one line, or nothing.
pub(super) fn plain_text(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) { Err("must have no control characters") } else { Ok(()) }
}

/// The address of a sentinel.
pub(super) fn sentinel(text: &str) -> Result<(), &'static str> {
    redis::Address::parse(text, redis::SENTINEL_PORT).map(drop)
}

/// An entry of `cors.origins`: `*`, or an origin as browsers serialise it (RFC 6454 section 6.2). It is
/// compared byte for byte, so a form that no browser sends is an error here.
pub(super) fn origin(text: &str) -> Result<(), &'static str> {
    if text == "*" {
        return Ok(());
    }
    let (scheme, rest) = text.split_once("://").ok_or("is neither * nor scheme://host[:port]")?;
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase())
        || !scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
    {
        return Err("has no scheme in lower case, such as https");
    }
    if rest.contains(['/', '?', '#', '@', '*']) {
        return Err("has more than scheme://host[:port] (no path, no slash at the end, no pattern)");
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (address, after) = inner.split_once(']').ok_or("has a [ without its ]")?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| "has no valid address in [ ]")?;
            (address, after.strip_prefix(':').or(if after.is_empty() { None } else { Some("") }))
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let in_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:".contains(&b);
    if host.is_empty() || !host.bytes().all(in_host) {
        return Err("has no host in lower case (write an international name in its xn-- form)");
    }
    match (scheme, port) {
        (_, None) => Ok(()),
        ("https", Some("443")) | ("http", Some("80")) => {
            Err("has the scheme's own port, which browsers leave out: leave it out")
        }
        (_, Some(port)) if !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok() => Ok(()),
        _ => Err("has no valid port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them_only() {
        for good in [
            "*",
            "https://a.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "http://[::1]",
            "app+x://a",
        ] {
            assert_eq!(origin(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "null",
            "a.example",
            "://a",
            "https://",
            "https://a/",
            "https://a/b",
            "https://*.a",
            "https://u@a",
            "https://A.example",
            "HTTPS://a",
            "https://a:443",
            "http://a:80",
            "https://a:",
            "https://a:0",
            "https://a:+1",
            "https://a:65536",
            "https://a b",
            "https://ä.example",
            "http://[::1",
            "http://[::1]x",
            "http://[zz]:1",
            "https://a\r\nb",
        ] {
            assert!(origin(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn channels_and_sentinels_are_what_they_must_be() {
        assert!(channel("orders.events").is_ok() && pattern("").is_ok() && plain_text("").is_ok());
        for bad in ["", "a b", "a\n", &"x".repeat(513)] {
            assert!(channel(bad).is_err(), "{bad:?}");
        }
        assert!(sentinel("a:26379").is_ok() && sentinel("[::1]:1").is_ok());
        assert!(sentinel("").is_err() && sentinel("a:0").is_err() && sentinel("a:b").is_err());
    }
}
