//! Why the server could not start or go on, and who has to do something about it.

use std::fmt;
use std::io;

use super::transport::IdentityError;
use crate::auth;
use crate::config::Endpoint;
use crate::redis;

pub(super) const LISTEN: &str = "server.listen";
pub(super) const ADMIN_LISTEN: &str = "server.admin_listen";

/// Why the server could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// Where the key says cannot be listened.
    Listen(&'static str, Endpoint, io::Error),
    /// The system refused something that the loop cannot do without.
    System(&'static str, io::Error),
    /// What a file holds that `redis.*` names is of no use.
    Redis(redis::SetupError),
    /// What a file holds that `auth.*` names is of no use.
    Auth(auth::SetupError),
    /// What a file holds that `tls.*` names is of no use.
    Tls(IdentityError),
}

impl Error {
    /// Whether somebody else listens there.
    #[must_use]
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Listen(_, _, error) if error.kind() == io::ErrorKind::AddrInUse)
    }

    /// Whether the configuration is to blame.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Auth(_) | Self::Tls(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(key @ LISTEN, endpoint, _) if self.is_address_in_use() => {
                write!(
                    f,
                    "{key}: {endpoint} is in use by another program; choose another with --listen (to share the port \
                     with another ssecast, both need --server-reuse-port and the same user)"
                )
            }
            Self::Listen(key, endpoint, _) if self.is_address_in_use() => {
                write!(f, "{key}: {endpoint} is in use by another program; each process needs its own")
            }
            Self::Listen(key, endpoint, error) => write!(f, "{key}: cannot listen on {endpoint}: {error}"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::Redis(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
