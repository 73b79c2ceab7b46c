//! What can go wrong: while the connections are set up, and on one of them.
//!
//! Never holds a password, and shows at most the beginning of what a server says.

use std::path::PathBuf;
use std::{fmt, io};

use redis::ServerError;

use super::address::Address;

/// Characters of a server's explanation that are kept; some fill a paragraph.
const DETAIL_CHARS: usize = 160;

/// The operator's mistake: why no connection can ever be made. Trying again does not help.
#[derive(Debug)]
pub enum SetupError {
    /// A file cannot be read.
    Unreadable {
        /// The configuration key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A value, or what its file holds, is of no use.
    Unusable {
        /// The configuration key.
        key: &'static str,
        /// Why not, after the name of the key.
        reason: String,
    },
}

impl SetupError {
    pub(super) fn unusable(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Unusable { key, reason: reason.into() }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { key, path, error } => write!(f, "{key}: {}: {error}", path.display()),
            Self::Unusable { key, reason } => write!(f, "{key}: {reason}"),
        }
    }
}

impl std::error::Error for SetupError {}

/// Why there is no connection, or no answer on one. Only after [`Refused`](Self::Refused) the connection
/// can still be used.
#[derive(Debug)]
pub enum LinkError {
    /// Nobody answers at the address, or its name is unknown: the network's or Redis' fault, and it may
    /// pass.
    Connect(io::Error),
    /// TLS did not come about, or broke: an authority, certificate or name that does not fit, or a server
    /// that speaks no TLS. Passes only when somebody changes that.
    Tls(String),
    /// `redis.password_file` cannot be read any more.
    PasswordFile(io::Error),
    /// User or password are wrong or missing. Passes only when somebody changes that.
    Auth(String),
    /// Any other error that the server answers with; the code says what to do.
    Refused {
        /// `ERR`, `NOPERM`, `READONLY`, ...
        code: String,
        /// The rest of it.
        detail: String,
    },
    /// The server is not the master but this (`slave`, `sentinel`): what is published there reaches nobody
    /// else. A failover may be under way.
    NotMaster(String),
    /// The time for something was up; it may pass.
    TimedOut(&'static str),
    /// The server closed the connection; it may pass.
    Closed,
    /// The connection broke: the network's fault, and it may pass.
    Broken(io::Error),
    /// The server does not speak Redis' protocol as it should.
    Protocol(&'static str),
    /// A sentinel does not know a master of this name.
    UnknownMaster,
    /// No sentinel said where the master is: what each of them did, in the order they were asked.
    NoSentinel(Vec<(Address, LinkError)>),
    /// No address led to a master: what happened at each of them, in the order they were tried.
    NoMaster(Vec<(Address, LinkError)>),
}

impl LinkError {
    /// The code of the server's error, such as `NOPERM`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Of an error while reading or writing; `what` is what the time was for.
    pub(super) fn of_io(error: io::Error, what: &'static str) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(tls.to_string());
        }
        match error.kind() {
            // A socket whose time is up says EAGAIN; ETIMEDOUT is a keepalive that nobody answered.
            io::ErrorKind::WouldBlock => Self::TimedOut(what),
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Broken(error),
        }
    }

    /// Whether the server does not know the command, or does not let us use it.
    pub(super) fn is_command_missing(&self) -> bool {
        match self {
            Self::Refused { code, .. } if code == "NOPERM" => true,
            Self::Refused { code, detail } => code == "ERR" && starts_with(detail, "unknown command"),
            _ => false,
        }
    }
}

/// An error that a server answered with.
impl From<&ServerError> for LinkError {
    fn from(error: &ServerError) -> Self {
        let detail = error.details().unwrap_or_default();
        // "unknown command" goes on with the arguments, and AUTH's is a password.
        let end = if starts_with(detail, "unknown command") { detail.find(", with args") } else { None };
        let detail = detail[..end.unwrap_or(detail.len())].chars().take(DETAIL_CHARS).collect();
        match error.code() {
            "NOAUTH" | "WRONGPASS" => Self::Auth(detail),
            code => Self::Refused { code: code.chars().take(DETAIL_CHARS).collect(), detail },
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "cannot connect: {error}; is Redis running there?")
            }
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
            Self::PasswordFile(error) => write!(f, "redis.password_file: {error}"),
            Self::Auth(detail) => write!(f, "user or password: {detail}"),
            Self::Refused { code, detail } => write!(f, "refused: {code} {detail}"),
            Self::NotMaster(role) => write!(f, "not a master but a {role}"),
            Self::TimedOut(what) => write!(f, "timed out: {what}"),
            Self::Closed => write!(f, "closed by the server"),
            Self::Broken(error) => write!(f, "connection broke: {error}"),
            Self::Protocol(reason) => write!(f, "protocol: {reason}"),
            Self::UnknownMaster => write!(f, "redis.master_name: no master of this name"),
            Self::NoSentinel(attempts) => write_attempts(f, "no sentinel answered", attempts),
            Self::NoMaster(attempts) => match &attempts[..] {
                [(address, error)] => write!(f, "{address}: {error}"),
                _ => write_attempts(f, "no master", attempts),
            },
        }
    }
}

impl std::error::Error for LinkError {}

fn write_attempts(f: &mut fmt::Formatter<'_>, what: &str, attempts: &[(Address, LinkError)]) -> fmt::Result {
    f.write_str(what)?;
    attempts.iter().try_for_each(|(address, error)| write!(f, "; {address}: {error}"))
}

/// Whether `text` starts with `start`, which is in lower case, in any case.
fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use redis::{Parser, Value};

    use super::*;

    fn of_reply(line: &str) -> LinkError {
        let reply = Parser::new().parse_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let Value::ServerError(error) = reply else { panic!("{reply:?}") };
        LinkError::from(&error)
    }

    #[test]
    fn errors_of_a_server() {
        for (line, shown) in [
            ("NOPERM this user has no permissions", "refused: NOPERM this user has no permissions"),
            ("READONLY You can't write", "refused: READONLY You can't write"),
            ("OOM command not allowed", "refused: OOM command not allowed"),
            ("WRONGPASS invalid", "user or password: invalid"),
            ("NOAUTH Authentication required.", "user or password: Authentication required."),
            ("", "refused:  "),
        ] {
            assert_eq!(of_reply(line).to_string(), shown);
        }
        assert_eq!(of_reply("NOPERM x").code(), Some("NOPERM"));
        assert_eq!(of_reply("NOAUTH x").code(), None);
    }

    #[test]
    fn an_unknown_command_does_not_show_its_arguments() {
        let line = "ERR unknown command `AUTH`, with args beginning with: `secret`, ";
        let error = of_reply(line);
        assert_eq!(error.to_string(), "refused: ERR unknown command `AUTH`");
        assert!(!format!("{error:?}").contains("secret"));
        assert!(error.is_command_missing());
        assert!(of_reply("NOPERM x").is_command_missing());
        assert!(of_reply("ERR Unknown Command 'x'").is_command_missing());
        assert!(!of_reply("ERR unknown").is_command_missing());
        assert!(!of_reply("LOADING unknown command").is_command_missing());
    }

    #[test]
    fn a_paragraph_is_cut() {
        let error = of_reply(&format!("DENIED {}", "ä".repeat(1000)));
        assert_eq!(error.to_string().chars().count(), "refused: DENIED ".len() + DETAIL_CHARS);
    }

    #[test]
    fn a_keepalive_that_nobody_answered_is_no_timeout() {
        let of = |kind: io::ErrorKind| LinkError::of_io(kind.into(), "reply");
        assert!(matches!(of(io::ErrorKind::WouldBlock), LinkError::TimedOut("reply")));
        assert!(matches!(of(io::ErrorKind::TimedOut), LinkError::Broken(_)));
        assert!(matches!(of(io::ErrorKind::UnexpectedEof), LinkError::Closed));
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete);
        assert!(matches!(LinkError::of_io(tls, "reply"), LinkError::Tls(_)));
    }

    #[test]
    fn several_addresses_are_told_one_by_one() {
        let address = |text| Address::parse(text, 7).unwrap();
        let error = LinkError::NoMaster(vec![
            (address("a"), LinkError::NotMaster("slave".to_owned())),
            (address("[::1]"), LinkError::TimedOut("connect")),
        ]);
        assert_eq!(
            error.to_string(),
            "no master; a:7: not a master but a slave; [::1]:7: timed out: connect"
        );
        let refused = LinkError::Connect(io::ErrorKind::ConnectionRefused.into());
        let error = LinkError::NoMaster(vec![(address("a"), refused)]);
        assert_eq!(error.to_string(), "a:7: cannot connect: connection refused; is Redis running there?");
    }
}
