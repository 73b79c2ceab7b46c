//! The URL of a Redis.
//!
//! The redis crate parses it; this says what is wrong, refuses what the crate would silently ignore, and
//! finds the passwords in the text to mask them.

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, IntoConnectionInfo, parse_redis_url};

use super::super::address::Address;
use super::{Login, Target};

/// Whether `text` begins with a scheme and `://`; StackExchange.Redis' form may have that further on.
pub(super) fn is_url(text: &str) -> bool {
    let scheme_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(scheme_byte))
}

/// Parses a text that is one for `is_url`, without control characters.
pub(super) fn parse(text: &str) -> Result<Target, &'static str> {
    let parts = Parts::of(text);
    let unix = match parts.scheme.to_ascii_lowercase().as_str() {
        "redis" | "rediss" | "valkey" | "valkeys" => false,
        "unix" | "redis+unix" | "valkey+unix" => true,
        _ => {
            return Err("has a scheme that is none of redis, rediss, redis+unix, unix, valkey, valkeys, \
                        valkey+unix");
        }
    };
    if unix && !parts.authority.is_empty() {
        return Err("has a host or user before its socket file: write redis+unix:///path?user=...&pass=...");
    }
    match parts.fragment {
        None => {}
        Some("insecure") => {
            return Err("asks for #insecure: certificates are always verified; redis.ca_file names the \
                        authority of a private one");
        }
        Some(_) => return Err("has a # in it: percent-encode it as %23"),
    }
    check_query(parts.query.unwrap_or_default(), unix)?;
    let database = parts.path.trim_matches('/');
    if !unix && !database.is_empty() && !is_number(database) {
        return Err("has something else than the number of a database after its host; percent-encode a / \
                    in a password as %2F");
    }
    let url = parse_redis_url(text).ok_or(
        "is no URL such as redis://user:password@host:6379, with special characters of the password \
         percent-encoded, and a port up to 65535",
    )?;
    let info = url.into_connection_info().map_err(
        |_| "is no URL of a Redis: a host (or an absolute path) is needed, and user and password in UTF-8",
    )?;
    let (address, tls) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => (Address::tcp(host, *port)?, false),
        ConnectionAddr::TcpTls { host, port, .. } => (Address::tcp(host, *port)?, true),
        ConnectionAddr::Unix(path) => (Address::unix(path)?, false),
        _ => return Err("is a URL of a kind that is not known here"),
    };
    let login = info.redis_settings();
    let login = Login::new(login.username(), login.password());
    Ok(Target { login, tls, ..Target::new(text, vec![address]) })
}

/// The text of a target with `***` for each password, percent-encoded or not.
pub(super) fn masked(text: &str) -> String {
    let Parts { scheme, authority, path, query, .. } = Parts::of(text);
    let authority = match authority.rsplit_once('@') {
        Some((user_info, host)) => format!("{}@{host}", mask_after(user_info, ':')),
        None => authority.to_owned(),
    };
    let masked = format!("{scheme}://{authority}{path}");
    let Some(query) = query else { return masked };
    let pairs = query.split('&').map(|pair| {
        let is_password = decoded(name_and_value(pair).0) == "pass";
        if is_password { mask_after(pair, '=') } else { pair.to_owned() }
    });
    format!("{masked}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// `***` for what follows the first `separator`, if anything does.
fn mask_after(text: &str, separator: char) -> String {
    match text.split_once(separator) {
        Some((name, secret)) if !secret.is_empty() => format!("{name}{separator}***"),
        _ => text.to_owned(),
    }
}

/// The pieces of a URL, as they stand in the text.
struct Parts<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let split = |text: &'a str, at| text.split_once(at).map_or((text, None), |(a, b)| (a, Some(b)));
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (rest, fragment) = split(rest, '#');
        let (rest, query) = split(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self { scheme, authority, path, query, fragment }
    }
}

/// Checks the parameters; names none of them, since what follows an unencoded ? or & of a password looks
/// like one.
fn check_query(query: &str, unix: bool) -> Result<(), &'static str> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = name_and_value(pair);
        match decoded(name).as_str() {
            "user" | "pass" if unix => {}
            "db" if is_number(&decoded(value)) => {}
            "db" => return Err("has a db that is no number"),
            "protocol" if matches!(value, "2" | "3" | "resp2" | "resp3") => {}
            "protocol" => return Err("has a protocol that is neither 2 nor 3; redis.protocol decides"),
            _ if unix => return Err("has a parameter that is none of user, pass, db, protocol"),
            _ => {
                return Err("has a parameter that is neither db nor protocol; percent-encode a ? in a \
                            password as %3F");
            }
        }
    }
    Ok(())
}

fn name_and_value(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
