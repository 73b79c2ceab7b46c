//! A request target (RFC 9112 section 3.2, RFC 3986), read as the grammar says it.

/// A target that may be accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// As it stands there; `*` for the asterisk form.
    pub(crate) path: String,
    /// Of the absolute form.
    pub(crate) authority: Option<String>,
    /// Decoded as forms are, in order.
    pub(crate) query: Vec<(String, String)>,
}

const UNRESERVED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
const SUB_DELIMS: &str = "!$&'()*+,;=";

/// Reads a target; `None` where it must be refused.
pub(crate) fn read(raw: &[u8], is_options: bool) -> Option<Read> {
    let raw = str::from_utf8(raw).ok()?;
    if raw == "*" {
        return is_options.then(asterisk);
    }
    let (authority, rest) = match raw.split_once("://") {
        _ if raw.starts_with('/') => (None, raw.to_owned()),
        Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            if !is_authority(authority) {
                return None;
            }
            if rest.is_empty() && is_options {
                return Some(Read { authority: Some(authority.to_owned()), ..asterisk() });
            }
            let slash = if rest.starts_with('/') { "" } else { "/" };
            (Some(authority.to_owned()), format!("{slash}{rest}"))
        }
        _ => return None,
    };
    let (path, query) = match rest.find('?') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest.as_str(), ""),
    };
    let path_set = format!("{UNRESERVED}{SUB_DELIMS}:@/");
    decode(path, &path_set, false)?;
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let set = format!("{path_set}?[]");
        pairs.push((decode(name, &set, true)?, decode(value, &set, true)?));
    }
    Some(Read { path: path.to_owned(), authority, query: pairs })
}

fn asterisk() -> Read {
    Read { path: "*".to_owned(), authority: None, query: Vec::new() }
}

/// Decodes what is of this set or an escape, into text without CR, LF and NUL.
fn decode(text: &str, set: &str, is_form: bool) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => {
                let (high, low) = (rest.next()?.to_digit(16)?, rest.next()?.to_digit(16)?);
                bytes.push((high * 16 + low) as u8);
            }
            '+' if is_form => bytes.push(b' '),
            c if set.contains(c) => bytes.push(c as u8),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(['\r', '\n', '\0']))
}

/// `host [ ":" port ]`, without user info.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(at) if !text[at..].contains(']') => (&text[..at], &text[at + 1..]),
        _ => (text, ""),
    };
    let is_port =
        port.is_empty() || (port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let is_host = match host.strip_prefix('[') {
        Some(address) => {
            address.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => !host.is_empty() && is_name(host),
    };
    is_port && is_host
}

fn is_name(host: &str) -> bool {
    let mut rest = host.chars();
    while let Some(c) = rest.next() {
        let is_right = match c {
            '%' => (0..2).all(|_| rest.next().is_some_and(|c| c.is_ascii_hexdigit())),
            c => UNRESERVED.contains(c) || SUB_DELIMS.contains(c),
        };
        if !is_right {
            return false;
        }
    }
    true
}
