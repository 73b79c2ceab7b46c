//! The tests' own connection to a redis-server or redis-sentinel, by the `redis` crate.
//!
//! It is kept between commands and made anew when it is gone. A command is never sent twice.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{Client, Connection, IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates};

use super::DEADLINE;

/// The name of the tests' own connections in `CLIENT LIST`, and their user and password where there are users.
pub(super) const HARNESS: &str = "harness";

/// How to log in.
pub(super) enum Login<'a> {
    /// As the user that every `Redis` of the tests has, whatever happens to the default one.
    Harness,
    /// As the default user.
    Default(Option<&'a str>),
}

/// A client for an address, with certificates if it speaks TLS.
pub(super) fn client(url: &str, login: Login<'_>, tls: Option<TlsCertificates>) -> Client {
    let who = RedisConnectionInfo::default().set_skip_set_lib_name();
    let who = match login {
        Login::Harness => who.set_username(HARNESS).set_password(HARNESS),
        Login::Default(Some(password)) => who.set_password(password),
        Login::Default(None) => who,
    };
    let info = url.into_connection_info().expect("a URL of the tests").set_redis_settings(who);
    match tls {
        Some(tls) => Client::build_with_tls(info, tls),
        None => Client::open(info),
    }
    .expect("a client that is not yet connected")
}

/// Opens a connection that `CLIENT LIST` shows as ours.
pub(super) fn connect(client: &Client, within: Duration) -> RedisResult<Connection> {
    let mut connection = client.get_connection_with_timeout(within)?;
    connection.set_read_timeout(Some(within))?;
    connection.set_write_timeout(Some(within))?;
    redis::cmd("CLIENT").arg("SETNAME").arg(HARNESS).exec(&mut connection)?;
    Ok(connection)
}

/// See the top of this file.
pub(super) struct Admin {
    client: Client,
    kept: Mutex<Option<Connection>>,
}

impl Admin {
    /// Not yet connected.
    pub(super) fn new(client: Client) -> Self {
        Self { client, kept: Mutex::new(None) }
    }

    /// How it connects.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks on the connection, which was seen to work just before.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&mut Connection) -> RedisResult<T>) -> RedisResult<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = kept.as_mut()
            && let Err(error) = redis::cmd("PING").exec(connection)
        {
            *kept = None;
            if error.is_timeout() {
                return Err(error);
            }
        }
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => connect(&self.client, DEADLINE)?,
        };
        let answer = ask(&mut connection);
        if !answer.as_ref().is_err_and(redis::RedisError::is_io_error) {
            *kept = Some(connection);
        }
        answer
    }

    /// The process that answers there, asked on a new connection, which is kept.
    pub(super) fn pid(&self, within: Duration) -> RedisResult<u32> {
        let mut connection = connect(&self.client, within)?;
        let info: redis::InfoDict = redis::cmd("INFO").arg("server").query(&mut connection)?;
        connection.set_read_timeout(Some(DEADLINE))?;
        connection.set_write_timeout(Some(DEADLINE))?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(info.get("process_id").unwrap_or_default())
    }

    /// Closes the connection.
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
