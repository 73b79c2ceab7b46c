//! From the options to a connection that is ready: which address, which credentials, TLS, greeting.
//!
//! Never retries and never logs: `connect` tries each address once, and its error says what happened at
//! each of them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, str};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::address::{Address, SENTINEL_PORT};
use super::error::{LinkError, SetupError};
use super::greeting::{Credentials, greet};
use super::link::Link;
use super::options::{Options, Protocol};
use super::sentinel::Sentinels;
use super::socket::Socket;
use super::stream::Stream;
use super::target::Target;
use super::tls;
use crate::limits::KIB;

/// Bytes of a file with a password.
const PASSWORD_FILE_BYTES: usize = 64 * KIB;

/// Makes connections, each the same way. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Recipe>);

struct Recipe {
    target: Target,
    password_file: Option<PathBuf>,
    /// Where there are any, they say where Redis is.
    sentinels: Option<Sentinels>,
    tls: Option<Tls>,
    protocol: Protocol,
    connect_timeout: Duration,
    /// How often `check_master` is not to ask.
    skipped_checks: AtomicU32,
}

struct Tls {
    config: Arc<ClientConfig>,
    /// What certificates have to be for instead of the host.
    name: Option<ServerName<'static>>,
}

impl Connector {
    /// Reads the files that the options name; connects to nobody.
    ///
    /// # Errors
    ///
    /// Names the configuration key at fault.
    pub fn new(options: &Options) -> Result<Self, SetupError> {
        if let Some(path) = &options.password_file {
            let key = "redis.password_file";
            read_password(path).map_err(|error| SetupError::Unreadable { key, path: path.clone(), error })?;
        }
        Ok(Self(Arc::new(Recipe {
            target: options.url.clone(),
            password_file: options.password_file.clone(),
            sentinels: sentinels(options)?,
            tls: tls(options)?,
            protocol: options.protocol,
            connect_timeout: options.connect_timeout,
            skipped_checks: AtomicU32::new(0),
        })))
    }

    /// Connects to the first address that leads to a master, asking the sentinels for it where there are
    /// any; `name` is what the connection is called in the server's list of clients.
    ///
    /// Each address (of a sentinel, too) may take `redis.connect_timeout` from resolving its name to the end
    /// of the greeting. The timeout of the link is that, too.
    ///
    /// # Errors
    ///
    /// `NoMaster` or `NoSentinel` with what happened at each address, or `PasswordFile`.
    pub fn connect(&self, name: &str) -> Result<Link, LinkError> {
        let recipe = &*self.0;
        let credentials = recipe.credentials()?;
        let greeted = |address: &Address| {
            let deadline = recipe.deadline();
            let mut link = recipe.dial(address, deadline)?;
            greet(&mut link, &credentials, recipe.protocol, name, deadline)?;
            link.set_timeout(recipe.connect_timeout);
            Ok(link)
        };
        match &recipe.sentinels {
            None => first(recipe.target.addresses(), greeted).map_err(LinkError::NoMaster),
            Some(sentinels) => {
                let ask = |sentinel: &Address| {
                    let deadline = recipe.deadline();
                    sentinels.ask(recipe.dial(sentinel, deadline)?, deadline)
                };
                let master = first(&sentinels.addresses, ask).map_err(LinkError::NoSentinel)?;
                first(&[master], greeted).map_err(LinkError::NoMaster)
            }
        }
    }
}

/// How often `check_master` does not ask after it got no answer.
const PAUSE_CHECKS: u32 = 10;

impl Connector {
    /// Whether a link still leads to the master, as far as the sentinels say: after a failover the old master may
    /// call itself one for seconds. Takes `timeout` at most; where no sentinel answers, or there is none, the link
    /// is taken as good, and they are not asked again for a while.
    ///
    /// # Errors
    ///
    /// `NotMaster` when they name another server.
    pub fn check_master(&self, link: &Link, timeout: Duration) -> Result<(), LinkError> {
        let recipe = &*self.0;
        let Some(sentinels) = &recipe.sentinels else { return Ok(()) };
        let skips = |left: u32| left.checked_sub(1);
        if recipe.skipped_checks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, skips).is_ok() {
            return Ok(());
        }
        let deadline = Instant::now() + timeout;
        let ask = |sentinel: &Address| sentinels.ask(recipe.dial(sentinel, deadline)?, deadline);
        match first(&sentinels.addresses, ask) {
            Ok(master) if master == *link.address() => Ok(()),
            Ok(master) => Err(LinkError::NotMaster(format!("former one; {master} is it now"))),
            Err(_) => {
                recipe.skipped_checks.store(PAUSE_CHECKS, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({:?})", self.0.target)
    }
}

impl Recipe {
    fn deadline(&self) -> Instant {
        Instant::now() + self.connect_timeout
    }

    /// A connection on which nothing was said yet.
    fn dial(&self, address: &Address, deadline: Instant) -> Result<Link, LinkError> {
        let socket = Socket::connect(address, deadline)?;
        let stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(tls) => Stream::secure(socket, Arc::clone(&tls.config), tls.name_at(address)?)?,
        };
        Ok(Link::new(stream, address.clone()))
    }

    /// The password of the file wins over that of the target.
    fn credentials(&self) -> Result<Credentials, LinkError> {
        let password = match &self.password_file {
            Some(path) => Some(read_password(path).map_err(LinkError::PasswordFile)?),
            None => self.target.password().map(|password| password.as_bytes().to_vec()),
        };
        Ok(Credentials { username: self.target.username().map(str::to_owned), password })
    }
}

impl Tls {
    /// The name that the certificate at `address` has to be for.
    fn name_at(&self, address: &Address) -> Result<ServerName<'static>, LinkError> {
        let host = match (&self.name, address) {
            (Some(name), _) => return Ok(name.clone()),
            (None, Address::Tcp { host, .. }) => host.clone(),
            // The target refuses TLS through a socket file.
            (None, Address::Unix(_)) => String::new(),
        };
        ServerName::try_from(host)
            .map_err(|_| LinkError::Tls("the host is no name for a certificate".to_owned()))
    }
}

/// The first success, or every failure.
fn first<T>(
    addresses: &[Address],
    try_one: impl Fn(&Address) -> Result<T, LinkError>,
) -> Result<T, Vec<(Address, LinkError)>> {
    let mut failures = Vec::new();
    for address in addresses {
        match try_one(address) {
            Ok(success) => return Ok(success),
            Err(error) => failures.push((address.clone(), error)),
        }
    }
    Err(failures)
}

/// Those of `redis.sentinel`, or else the target's addresses where it names a service.
fn sentinels(options: &Options) -> Result<Option<Sentinels>, SetupError> {
    let target = &options.url;
    let own: Result<Vec<_>, _> =
        options.sentinel.iter().map(|text| Address::parse(text, SENTINEL_PORT)).collect();
    let own = own.map_err(|error| SetupError::unusable("redis.sentinel", error))?;
    let addresses = match target.service_name() {
        _ if !own.is_empty() => own,
        Some(_) => target.addresses().to_vec(),
        None if options.master_name.is_empty() => return Ok(None),
        None => {
            let reason = "is of no use without redis.sentinel, or serviceName in redis.url";
            return Err(SetupError::unusable("redis.master_name", reason));
        }
    };
    let master_name = match target.service_name() {
        _ if !options.master_name.is_empty() => options.master_name.clone(),
        Some(name) => name.to_owned(),
        None => {
            let reason = "has to be set too, as redis.sentinel is";
            return Err(SetupError::unusable("redis.master_name", reason));
        }
    };
    let password = match options.sentinel_password.0.as_str() {
        "" => target.sentinel_password(),
        password => Some(password),
    };
    let credentials = Credentials {
        username: target.sentinel_username().map(str::to_owned),
        password: password.map(|password| password.as_bytes().to_vec()),
    };
    Ok(Some(Sentinels { addresses, master_name, credentials }))
}

fn tls(options: &Options) -> Result<Option<Tls>, SetupError> {
    if !options.url.tls() {
        return match tls::file_without_use(options) {
            None => Ok(None),
            Some(key) => {
                let reason = "is of no use without TLS, which rediss:// or ssl=true in redis.url asks for";
                Err(SetupError::unusable(key, reason))
            }
        };
    }
    let name = options.url.tls_name().map(|name| ServerName::try_from(name.to_owned()));
    let name = name.transpose().map_err(|_| SetupError::unusable("redis.url", "sslHost is no host name"))?;
    Ok(Some(Tls { config: tls::client_config(options)?, name }))
}

/// The file without the line ends at its end; never empty.
fn read_password(path: &Path) -> io::Result<Vec<u8>> {
    let mut password = Vec::new();
    File::open(path)?.take(PASSWORD_FILE_BYTES as u64 + 1).read_to_end(&mut password)?;
    let end = password.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    password.truncate(end);
    match end {
        0 => Err(io::Error::new(ErrorKind::InvalidData, "the file is empty")),
        _ if end > PASSWORD_FILE_BYTES => {
            Err(io::Error::new(ErrorKind::InvalidData, "the file is too large"))
        }
        _ => Ok(password),
    }
}

#[cfg(test)]
mod tests;
