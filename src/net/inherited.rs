//! Sockets that were opened before this process began and outlive it: socket activation, sd_listen_fds(3).
//!
//! Whoever hands them over, such as systemd, keeps them open while one process ends and the next one begins, so that
//! clients who connect meanwhile wait instead of being refused.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use socket2::SockRef;

use crate::config::{Endpoint, Given};

/// The name (`FileDescriptorName=`) of the socket that takes the place of `server.listen`; without one of that name
/// it is the first that is not the other.
const PUBLIC: &str = "public";
/// The name of the socket that takes the place of `server.admin_listen`.
const ADMIN: &str = "admin";

/// Why a socket that was handed over is of no use.
#[derive(Debug)]
pub enum InheritedError {
    /// It is none that streams of TCP can be accepted from.
    Unusable(io::Error),
    /// Clients of those that nobody listens on would wait for ever.
    TooMany {
        /// The names of those beyond the one that is taken.
        others: Vec<String>,
    },
}

impl fmt::Display for InheritedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => {
                write!(f, "the socket that was handed over (LISTEN_FDS) cannot be listened on: {error}")
            }
            Self::TooMany { others } => write!(
                f,
                "more sockets were handed over (LISTEN_FDS) than are listened on, which are one called \"public\" and \
                 one called \"admin\": nobody would serve {}; one ListenStream= is enough for each, such as [::]:8080 \
                 for IPv6 and IPv4",
                others.join(", ")
            ),
        }
    }
}

impl std::error::Error for InheritedError {}

/// See the top of this file.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Listened on instead of `server.listen`.
    pub(super) public: Option<Handed>,
    /// Listened on instead of `server.admin_listen`.
    pub(super) admin: Option<Handed>,
}

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Handed {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Inherited {
    /// Takes what `LISTEN_FDS` tells of, if it is for this process. To be called once, before any thread begins: it
    /// takes the variables out of the environment.
    ///
    /// # Errors
    /// When one of the sockets would not be served.
    pub fn take() -> Result<Self, InheritedError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut sockets = ListenFd::from_env();
        let names: Vec<&str> = names.split(':').chain(std::iter::repeat("")).take(sockets.len()).collect();
        let roles = Roles::of(&names);
        if !roles.others.is_empty() {
            let others = roles.others.iter().map(|&at| match names[at] {
                "" => format!("number {}", at + 1),
                name => format!("\"{}\"", name.escape_debug()),
            });
            return Err(InheritedError::TooMany { others: others.collect() });
        }
        let public = roles.public.map(|at| tcp(&mut sockets, at)).transpose()?.flatten();
        let admin = roles.admin.map(|at| tcp(&mut sockets, at).or_else(|_| unix(&mut sockets, at)));
        Ok(Self { public, admin: admin.transpose()?.flatten() })
    }

    /// Where the sockets listen, whatever the configuration says.
    #[must_use]
    pub fn given(&self) -> Given {
        let listen = match &self.public {
            Some(Handed::Tcp(socket)) => socket.local_addr().ok(),
            Some(Handed::Unix(_)) | None => None,
        };
        let admin_listen = match &self.admin {
            Some(Handed::Tcp(socket)) => socket.local_addr().ok().map(Endpoint::Ip),
            Some(Handed::Unix(socket)) => path_of(socket),
            None => None,
        };
        Given { listen, admin_listen }
    }
}

/// Where the socket file is.
pub(super) fn path_of(socket: &UnixListener) -> Option<Endpoint> {
    let address = socket.local_addr().ok()?;
    address.as_pathname().map(Path::to_owned).map(Endpoint::Unix)
}

/// What each socket is for, by its place.
#[derive(Debug, PartialEq, Eq)]
struct Roles {
    public: Option<usize>,
    admin: Option<usize>,
    others: Vec<usize>,
}

impl Roles {
    fn of(names: &[&str]) -> Self {
        let place = |is: fn(&str) -> bool| names.iter().position(|name| is(name));
        let public = place(|name| name == PUBLIC).or_else(|| place(|name| name != ADMIN));
        let admin = place(|name| name == ADMIN);
        let others = (0..names.len()).filter(|&at| Some(at) != public && Some(at) != admin);
        Self { public, admin, others: others.collect() }
    }
}

fn tcp(sockets: &mut ListenFd, at: usize) -> Result<Option<Handed>, InheritedError> {
    let socket = sockets.take_tcp_listener(at).map_err(InheritedError::Unusable)?;
    socket.map(|socket| listening(socket).map(Handed::Tcp)).transpose()
}

fn unix(sockets: &mut ListenFd, at: usize) -> Result<Option<Handed>, InheritedError> {
    let socket = sockets.take_unix_listener(at).map_err(InheritedError::Unusable)?;
    let Some(socket) = socket else { return Ok(None) };
    if path_of(&socket).is_none() {
        return Err(InheritedError::Unusable(io::Error::other("it is a Unix socket without a path")));
    }
    listening(socket).map(Handed::Unix).map(Some)
}

fn listening<S: AsFd>(socket: S) -> Result<S, InheritedError> {
    match SockRef::from(&socket).is_listener() {
        Ok(true) => Ok(socket),
        Ok(false) => Err(InheritedError::Unusable(io::Error::other(
            "it is a single connection; the socket unit needs Accept=no",
        ))),
        Err(error) => Err(InheritedError::Unusable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_one_role() {
        let roles = |names: &[&str]| {
            let Roles { public, admin, others } = Roles::of(names);
            (public, admin, others)
        };
        assert_eq!(roles(&[]), (None, None, vec![]));
        assert_eq!(roles(&["ssecast.socket"]), (Some(0), None, vec![]));
        assert_eq!(roles(&["admin"]), (None, Some(0), vec![]));
        assert_eq!(roles(&["admin", ""]), (Some(1), Some(0), vec![]));
        assert_eq!(roles(&["other", "public", "admin"]), (Some(1), Some(2), vec![0]));
        assert_eq!(roles(&["public", "public", "admin", "admin"]), (Some(0), Some(2), vec![1, 3]));
    }

    #[test]
    fn a_connection_is_no_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listening(stream).unwrap_err().to_string().contains("Accept=no"));
        assert!(listening(listener).is_ok());
    }
}
