//! What is said first on a connection: who we are, which protocol we speak, and whether this is the master.
//!
//! All of it until one deadline.

use std::time::Instant;

use redis::{Cmd, ProtocolVersion, Value, cmd};

use super::error::LinkError;
use super::link::Link;
use super::options::Protocol;

/// A user and a password to log in with.
pub(super) struct Credentials {
    /// `None` is the default user.
    pub(super) username: Option<String>,
    /// Need not be UTF-8.
    pub(super) password: Option<Vec<u8>>,
}

impl Credentials {
    fn is_empty(&self) -> bool {
        self.username.is_none() && self.password.is_none()
    }

    /// Empty where there is none: a user may need none.
    fn password(&self) -> &[u8] {
        self.password.as_deref().unwrap_or_default()
    }
}

/// Logs in, names the connection, and makes sure that the server is the master.
pub(super) fn greet(
    link: &mut Link,
    credentials: &Credentials,
    protocol: Protocol,
    name: &str,
    deadline: Instant,
) -> Result<(), LinkError> {
    let name = printable(name);
    let protocol = match protocol {
        Protocol::Resp2 => ProtocolVersion::RESP2,
        Protocol::Resp3 | Protocol::Auto => match link.request_until(&hello(credentials, &name), deadline) {
            Ok(_) => ProtocolVersion::RESP3,
            Err(error) if protocol == Protocol::Auto && is_hello_missing(&error) => ProtocolVersion::RESP2,
            Err(error) => return Err(error),
        },
    };
    if protocol == ProtocolVersion::RESP2 {
        log_in(link, credentials, deadline)?;
        match link.request_until(cmd("CLIENT").arg("SETNAME").arg(&name), deadline) {
            // The name is for people who look at the server; nothing hangs on it.
            Ok(_) | Err(LinkError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let role_is_known = match link.request_until(&cmd("ROLE"), deadline) {
        Ok(reply) => check_role(&reply).map(|()| true)?,
        Err(error) if error.is_command_missing() => false,
        Err(error) => return Err(error),
    };
    link.agree(protocol, role_is_known);
    Ok(())
}

/// Logs in the way that all versions know.
pub(super) fn log_in(link: &mut Link, credentials: &Credentials, deadline: Instant) -> Result<(), LinkError> {
    if credentials.is_empty() {
        return Ok(());
    }
    let mut auth = cmd("AUTH");
    if let Some(username) = &credentials.username {
        auth.arg(username);
    }
    match link.request_until(auth.arg(credentials.password()), deadline) {
        Ok(_) => Ok(()),
        Err(LinkError::Refused { code, detail }) => Err(LinkError::Auth(format!("{code} {detail}"))),
        Err(error) => Err(error),
    }
}

/// Whether a reply to `ROLE` comes from a master.
///
/// # Errors
///
/// `NotMaster` with the role that it says.
pub fn check_role(reply: &Value) -> Result<(), LinkError> {
    let role = match reply {
        Value::Array(parts) => parts.first(),
        _ => None,
    };
    match role {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        Some(Value::BulkString(role)) if role.is_ascii() && role.len() < 32 => {
            Err(LinkError::NotMaster(role.escape_ascii().to_string()))
        }
        _ => Err(LinkError::Protocol("the reply to ROLE is none")),
    }
}

/// Chooses RESP3, logs in and names the connection in one round trip.
fn hello(credentials: &Credentials, name: &str) -> Cmd {
    let mut hello = cmd("HELLO");
    hello.arg("3");
    if !credentials.is_empty() {
        let username = credentials.username.as_deref().unwrap_or("default");
        hello.arg("AUTH").arg(username).arg(credentials.password());
    }
    hello.arg("SETNAME").arg(name);
    hello
}

/// Whether the server is too old for RESP3, or has it turned off.
fn is_hello_missing(error: &LinkError) -> bool {
    error.code() == Some("NOPROTO") || (error.code() == Some("ERR") && error.is_command_missing())
}

/// A name as Redis takes it: no spaces, no line ends, no special characters.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
