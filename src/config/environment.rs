//! The environment: variables that start with `SSECAST_`, to values by key.
//!
//! An unknown one is an error, since it is most likely a slip; but Kubernetes sets variables by the name
//! of each service, which are none of ours.

use std::ffi::OsString;
use std::path::PathBuf;

use super::keys::KEYS;
use super::suggest;
use super::value::{Value, quote};

/// The variable that names the file.
pub(super) const FILE: &str = "SSECAST_CONFIG";
/// The variable that holds a token of the client commands; it says nothing about a server.
pub const TOKEN_VARIABLE: &str = "SSECAST_TOKEN";
/// What our variables start with.
const PREFIX: &str = "SSECAST_";

/// What the environment says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Environment {
    /// The file named by `SSECAST_CONFIG`.
    pub(super) file: Option<PathBuf>,
    /// Values with their key's place in the table.
    pub(super) values: Vec<(usize, Value)>,
}

/// Reads the environment; what is wrong is added to `problems`.
pub(super) fn read(
    environment: impl Iterator<Item = (OsString, OsString)>,
    problems: &mut Vec<String>,
) -> Environment {
    let mut found = Environment::default();
    for (name, value) in environment {
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let name = name.to_string_lossy().into_owned();
        if name == FILE {
            if value.is_empty() {
                problems.push(format!("{FILE} is empty: name a file, or unset it"));
            }
            found.file = Some(PathBuf::from(value));
        } else if let Some(index) = KEYS.iter().position(|key| key.variable() == name) {
            match value.into_string() {
                Ok(text) => found.values.push((index, Value::Word(text))),
                Err(_) => problems.push(format!("{} (environment {name}) is not UTF-8", KEYS[index].name)),
            }
        } else if name != TOKEN_VARIABLE && !is_service_link(&name) {
            problems.push(format!("unknown environment variable {}{}", quote(&name), hint(&name)));
        }
    }
    found
}

/// The nearest variable. Compared without the prefix, which would make all of them alike.
fn hint(name: &str) -> String {
    let variables: Vec<String> = KEYS.iter().map(|key| key.variable()).collect();
    let known = variables.iter().map(String::as_str).chain([FILE]);
    let ends = known.map(|known| known.trim_start_matches(PREFIX));
    suggest::nearest(name.trim_start_matches(PREFIX), ends)
        .map(|end| format!("; did you mean {PREFIX}{end}?"))
        .unwrap_or_default()
}

/// Whether Kubernetes sets such a name for a service called `ssecast` or `ssecast-something`:
/// `SSECAST(_.*)?_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_.*)`.
fn is_service_link(name: &str) -> bool {
    // Keeps the underscore, which ends the service's name or starts the suffix.
    let Some(rest) = name.strip_prefix("SSECAST") else {
        return false;
    };
    let after_port = |(at, found): (usize, &str)| {
        let digits = rest[at + found.len()..].bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[at + found.len() + digits..].starts_with('_')
    };
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].iter().any(|end| rest.ends_with(end))
        || rest.contains("_SERVICE_PORT_")
        || rest.match_indices("_PORT_").any(after_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(names: &[&str]) -> Vec<String> {
        let mut problems = Vec::new();
        read(names.iter().map(|name| (OsString::from(name), OsString::from("x"))), &mut problems);
        problems
    }

    #[test]
    fn what_kubernetes_sets_and_clients_read_is_ignored() {
        let links = [
            "SSECAST_SERVICE_HOST",
            "SSECAST_SERVICE_PORT",
            "SSECAST_SERVICE_PORT_HTTP",
            "SSECAST_PORT",
            "SSECAST_PORT_8080_TCP",
            "SSECAST_PORT_8080_TCP_ADDR",
            "SSECAST_CANARY_SERVICE_HOST",
            "SSECAST_CANARY_PORT_80_TCP_PROTO",
            "SSECASTLE",
            "PATH",
            TOKEN_VARIABLE,
        ];
        assert_eq!(problems(&links), Vec::<String>::new());
    }

    #[test]
    fn a_slip_is_an_error_with_the_nearest_name() {
        assert_eq!(
            problems(&["SSECAST_STREAM_HEARTBEET", "SSECAST_PORT_X_TCP", "SSECAST_FOO", "SSECAST_CONFG"]),
            [
                "unknown environment variable \"SSECAST_STREAM_HEARTBEET\"; did you mean SSECAST_STREAM_HEARTBEAT?",
                "unknown environment variable \"SSECAST_PORT_X_TCP\"",
                "unknown environment variable \"SSECAST_FOO\"",
                "unknown environment variable \"SSECAST_CONFG\"; did you mean SSECAST_CONFIG?",
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf8_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let mut found = Vec::new();
        let value = OsString::from_vec(vec![0xff]);
        read([(OsString::from("SSECAST_LOG_LEVEL"), value)].into_iter(), &mut found);
        assert_eq!(found, ["log.level (environment SSECAST_LOG_LEVEL) is not UTF-8"]);
    }
}
