//! Where Redis is and who we are there.
//!
//! Neither errors nor `Debug` ever quote a password, nor any text that may be a part of one.

use std::fmt;

use super::address::{Address, PORT};

mod stack_exchange;
#[cfg(test)]
mod tests;
mod url;

/// Where Redis is and who we are there: a URL, or the form of the .NET client StackExchange.Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    /// Not empty.
    addresses: Vec<Address>,
    login: Login,
    tls: bool,
    tls_name: Option<String>,
    service_name: Option<String>,
    sentinel_login: Login,
    channel_prefix: String,
}

/// A user's name and password; neither of them is ever empty.
#[derive(Clone, Default, PartialEq, Eq)]
struct Login {
    username: Option<String>,
    password: Option<String>,
}

impl Target {
    /// Parses either form; white space around it does not matter.
    ///
    /// - A URL: `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS,
    ///   `redis+unix:///path[?user=...&pass=...]` or `unix://` for a socket file, and the same with
    ///   `valkey`. What is special in a URL has to be percent-encoded in a password. The database and
    ///   `?protocol=` are checked and ignored: pub/sub knows no databases, and `redis.protocol` decides.
    /// - StackExchange.Redis' form, split at commas: servers (`host`, `host:port`, `[IPv6]:port`,
    ///   `!/socket/file`) and options (`name=value`, names without case). Used are `user`, `password`,
    ///   `ssl`, `sslHost`, `serviceName`, `sentinelUser`, `sentinelPassword` and `channelPrefix`;
    ///   that client's other options are ignored. Ports default to 6379, 6380 with `ssl`, and 26379 with
    ///   `serviceName`, where the servers are sentinels.
    ///
    /// # Errors
    ///
    /// What is wrong, without the text: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("has control characters in it; in a URL's password, percent-encode them".to_owned());
        }
        if url::is_url(text) { url::parse(text).map_err(str::to_owned) } else { stack_exchange::parse(text) }
    }

    /// Redis on this machine, `redis://127.0.0.1:6379`.
    #[must_use]
    pub fn local() -> Self {
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: PORT };
        Self::new("redis://127.0.0.1:6379", vec![address])
    }

    /// The servers to try in this order, at least one; sentinels where there is a
    /// [`service_name`](Self::service_name).
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The ACL user; `None` is the default user.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.login.username.as_deref()
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.login.password.as_deref()
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The name that the server's certificate has to be for, where that is not its host (`sslHost`).
    #[must_use]
    pub fn tls_name(&self) -> Option<&str> {
        self.tls_name.as_deref()
    }

    /// The master's name at the sentinels; `None` where the addresses are Redis' own (`serviceName`).
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.service_name.as_deref()
    }

    /// The ACL user at the sentinels (`sentinelUser`).
    #[must_use]
    pub fn sentinel_username(&self) -> Option<&str> {
        self.sentinel_login.username.as_deref()
    }

    /// The password at the sentinels (`sentinelPassword`).
    #[must_use]
    pub fn sentinel_password(&self) -> Option<&str> {
        self.sentinel_login.password.as_deref()
    }

    /// What every channel's name begins with (`channelPrefix`); often empty.
    #[must_use]
    pub fn channel_prefix(&self) -> &str {
        &self.channel_prefix
    }

    /// The text as it was given, **with** its passwords.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as it was given, with `***` for each password.
    #[must_use]
    pub fn masked(&self) -> String {
        if url::is_url(&self.text) { url::masked(&self.text) } else { stack_exchange::masked(&self.text) }
    }

    /// Without TLS and without a login.
    fn new(text: &str, addresses: Vec<Address>) -> Self {
        Self {
            text: text.to_owned(),
            addresses,
            login: Login::default(),
            tls: false,
            tls_name: None,
            service_name: None,
            sentinel_login: Login::default(),
            channel_prefix: String::new(),
        }
    }
}

impl Login {
    fn new(username: Option<&str>, password: Option<&str>) -> Self {
        Self { username: username.and_then(some), password: password.and_then(some) }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.masked())
    }
}

/// `None` for an empty text.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
