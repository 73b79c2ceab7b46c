//! The connection string of the .NET client StackExchange.Redis.
//!
//! As lenient as that client where it does no harm: names without case, white space around elements, empty
//! elements, several spellings of a yes. Stricter where a password with a comma in it would fall apart: its
//! pieces never become servers, and never stand in an error.

use std::path::Path;

use super::super::address::{Address, PORT, SENTINEL_PORT};
use super::{Login, Target, some};

/// The port that this client takes with TLS.
const TLS_PORT: u16 = 6380;

/// The client's options that mean nothing here: of its documentation (Configuration.md), and those that
/// older versions had.
pub(super) const IGNORED: [&str; 32] = [
    "abortConnect",
    "allowAdmin",
    "asyncTimeout",
    "checkCertificateRevocation",
    "configChannel",
    "configCheckSeconds",
    "connectRetry",
    "connectTimeout",
    "defaultDatabase",
    "defaults",
    "highIntegrity",
    "highPriorityThreads",
    "keepAlive",
    "maintNotifications",
    "maintPostEventRelaxed",
    "maintRelaxedTimeout",
    "maintRelaxedWindowMax",
    "name",
    "preserveAsyncOrder",
    "protocol",
    "proxy",
    "resolveDns",
    "responseTimeout",
    "setlib",
    "sslProtocols",
    "syncTimeout",
    "tcpKeepAlive",
    "tiebreaker",
    "topologyRefreshSeconds",
    "tunnel",
    "version",
    "writeBuffer",
];

/// Parses a text that is no URL, without control characters and not empty.
pub(super) fn parse(text: &str) -> Result<Target, String> {
    let mut raw = Raw::default();
    for (index, element) in text.split(',').map(str::trim).enumerate() {
        match element.split_once('=') {
            _ if element.is_empty() => {}
            Some((name, value)) => raw.set(index + 1, name.trim(), value.trim())?,
            None => raw.add_server(element)?,
        }
    }
    raw.into_target(text)
}

/// The text with `***` for each password.
pub(super) fn masked(text: &str) -> String {
    let elements = text.split(',').map(|element| match element.split_once('=') {
        Some((name, secret)) if is_secret(name.trim()) && !secret.trim().is_empty() => format!("{name}=***"),
        _ => element.to_owned(),
    });
    elements.collect::<Vec<_>>().join(",")
}

fn is_secret(name: &str) -> bool {
    name.eq_ignore_ascii_case("password") || name.eq_ignore_ascii_case("sentinelPassword")
}

/// What the elements say; the last one wins.
#[derive(Default)]
struct Raw<'a> {
    servers: Vec<&'a str>,
    user: &'a str,
    password: &'a str,
    ssl: bool,
    ssl_host: &'a str,
    service_name: &'a str,
    sentinel_user: &'a str,
    sentinel_password: &'a str,
    channel_prefix: &'a str,
    /// Whether there was a password: what follows may be a piece of it.
    after_password: bool,
    /// Whether the last element was one.
    just_after_password: bool,
}

impl<'a> Raw<'a> {
    fn add_server(&mut self, server: &'a str) -> Result<(), String> {
        if self.just_after_password {
            return Err("has an element without = right after a password: name servers first; a comma in a \
                        password needs redis.password_file, or a URL"
                .to_owned());
        }
        if !self.servers.contains(&server) {
            self.servers.push(server);
        }
        Ok(())
    }

    fn set(&mut self, number: usize, name: &str, value: &'a str) -> Result<(), String> {
        self.just_after_password = false;
        match name.to_ascii_lowercase().as_str() {
            "user" => self.user = value,
            "password" => self.password = value,
            "ssl" => self.ssl = parse_switch(value).ok_or("has an ssl that is neither true nor false")?,
            "sslhost" => self.ssl_host = value,
            "servicename" => self.service_name = value,
            "sentineluser" => self.sentinel_user = value,
            "sentinelpassword" => self.sentinel_password = value,
            "channelprefix" => self.channel_prefix = value,
            // Commands that are named otherwise, or not there.
            command if command.starts_with('$') => {}
            known if IGNORED.iter().any(|ignored| ignored.eq_ignore_ascii_case(known)) => {}
            _ => return Err(self.unknown(number, name)),
        }
        if is_secret(name) {
            self.after_password = true;
            self.just_after_password = true;
        }
        Ok(())
    }

    /// Names the option where that cannot be a piece of a password.
    fn unknown(&self, number: usize, name: &str) -> String {
        let is_name = !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_name && !self.after_password {
            format!("has the option {name}, which StackExchange.Redis does not have")
        } else {
            format!("has an option that StackExchange.Redis does not have, as element number {number}")
        }
    }

    fn into_target(self, text: &str) -> Result<Target, String> {
        let default_port = match (self.service_name, self.ssl) {
            ("", false) => PORT,
            ("", true) => TLS_PORT,
            _ => SENTINEL_PORT,
        };
        let parse_server = |server: &&str| match server.strip_prefix('!') {
            Some(path) => Address::unix(Path::new(path)),
            None => Address::parse(server, default_port),
        };
        let addresses = self.servers.iter().map(parse_server).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err("names no server".to_owned());
        }
        if self.ssl && addresses.iter().any(|address| matches!(address, Address::Unix(_))) {
            return Err("asks for ssl through a socket file".to_owned());
        }
        Ok(Target {
            login: Login::new(Some(self.user), Some(self.password)),
            tls: self.ssl,
            tls_name: some(self.ssl_host),
            service_name: some(self.service_name),
            sentinel_login: Login::new(Some(self.sentinel_user), Some(self.sentinel_password)),
            channel_prefix: self.channel_prefix.to_owned(),
            ..Target::new(text, addresses)
        })
    }
}

/// As the client reads it.
fn parse_switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
