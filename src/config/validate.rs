//! What a value of a list must be, and what must hold between keys.
//!
//! Ranges of single keys are in their kind.

use std::net::SocketAddr;

use super::Config;
use super::keys::{KEYS, find};
use super::origin::Origins;
use crate::bus::Mode;

/// Bytes of a payload field's name that makes a topic.
const FIELD_BYTES: usize = 128;

/// Everything that is wrong between the keys of `config`.
pub(super) fn relations(config: &Config, origins: &Origins) -> Vec<String> {
    let shown = |name: &str| {
        let value = find(name).map(|index| KEYS[index].shown(config)).unwrap_or_default();
        format!("{name} = {value} ({})", origins.of(name))
    };
    let (stream, limits) = (&config.stream, &config.limits);
    let mut problems = Vec::new();
    let mut must = |holds: bool, left: &str, is: &str, right: &str, why: &str| {
        if !holds {
            problems.push(format!("{} is {is} {}: {why}", shown(left), shown(right)));
        }
    };
    must(
        stream.buffer_bytes >= limits.event_bytes,
        "stream.buffer_bytes",
        "less than",
        "limits.event_bytes",
        "the largest event must fit into what a client may lag behind",
    );
    must(
        stream.history_bytes >= stream.buffer_bytes,
        "stream.history_bytes",
        "less than",
        "stream.buffer_bytes",
        "clients read from the history, so it must hold what they may lag behind",
    );
    must(
        limits.body_bytes >= limits.event_bytes,
        "limits.body_bytes",
        "less than",
        "limits.event_bytes",
        "the largest event must fit into a request",
    );
    must(
        limits.head_bytes > limits.target_bytes,
        "limits.head_bytes",
        "not more than",
        "limits.target_bytes",
        "the target is a part of the head",
    );
    if config.bus.mode != Mode::Local {
        problems.push(format!(
            "bus.mode: {} needs Redis, which this version does not have yet; local is the mode there is ({})",
            config.bus.mode.name(),
            origins.of("bus.mode")
        ));
    }
    if !is_loopback(config.server.listen) && !config.auth.open_publish {
        problems.push(format!(
            "{} is open to other machines, and anyone there could publish: listen on 127.0.0.1 or [::1], \
             or allow it with auth.open_publish = true (flag --auth-open-publish, environment \
             SSECAST_AUTH_OPEN_PUBLISH)",
            shown("server.listen")
        ));
    }
    problems
}

/// Only this machine reaches it; an IPv4 address within IPv6 counts as what it is.
fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

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

    fn problem(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        let problems = relations(&config, &Origins::defaults());
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    #[test]
    fn defaults_agree_with_each_other() {
        assert_eq!(relations(&Config::default(), &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn each_relation_names_both_keys() {
        let text = problem(|c| c.stream.buffer_bytes = 1024);
        assert!(
            text.starts_with(
                "stream.buffer_bytes = \"1 KiB\" (default) is less than limits.event_bytes = \"256 KiB\" (default): "
            ),
            "{text}"
        );
        let text = problem(|c| c.stream.history_bytes = 1024);
        assert!(text.contains("history_bytes") && text.contains("stream.buffer_bytes"), "{text}");
        let text = problem(|c| c.limits.body_bytes = 1024);
        assert!(text.contains("body_bytes") && text.contains("limits.event_bytes"), "{text}");
        let text = problem(|c| c.limits.head_bytes = c.limits.target_bytes);
        assert!(text.contains("head_bytes") && text.contains("limits.target_bytes"), "{text}");
    }

    #[test]
    fn other_modes_than_local_need_redis() {
        let text = problem(|c| c.bus.mode = Mode::Fanout);
        let expected =
            "bus.mode: fanout needs Redis, which this version does not have yet; local is the mode there is";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn listening_beyond_loopback_must_be_wished_for() {
        for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
            let text = problem(|c| c.server.listen = open.parse().unwrap());
            assert!(text.contains("auth.open_publish = true"), "{text}");
        }
        for (listen, open_publish) in [
            ("127.8.9.1:0", false),
            ("[::1]:0", false),
            ("[::ffff:127.0.0.1]:0", false),
            ("0.0.0.0:80", true),
        ] {
            let mut config = Config::default();
            config.server.listen = listen.parse().unwrap();
            config.auth.open_publish = open_publish;
            assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new(), "{listen}");
        }
    }
}
