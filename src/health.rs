//! `ssecast health`: asks the server on this machine that a configuration describes whether its loop turns. For
//! whoever has no other program to ask with, such as the health check of a container.
//!
//! Waits for `PATIENCE` at each step, and reads no more than it needs.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::config::{Config, Endpoint};

/// How long each step may take: connecting, asking, hearing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How the answer of a server begins that is well (RFC 9112 section 4).
const WELL: &[u8; 13] = b"HTTP/1.1 200 ";
/// How it begins where TLS is spoken, and plain HTTP is told so: that takes a loop that turns, and no certificate.
const WELL_WITH_TLS: &[u8; 13] = b"HTTP/1.1 400 ";

/// Why a server is not well.
#[derive(Debug)]
pub enum Sickness {
    /// It does not answer.
    Silent(Endpoint, io::Error),
    /// It answers something else: it is ill, or it is no ssecast.
    Other(Endpoint, String),
}

impl fmt::Display for Sickness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(at, error) => write!(f, "/healthz at {at} does not answer: {error}"),
            Self::Other(at, answer) => write!(f, "/healthz at {at} answers {answer:?}"),
        }
    }
}

impl std::error::Error for Sickness {}

/// Asks the server with this configuration.
///
/// # Errors
/// When it does not answer in time, or not as a server that is well.
pub fn ask(config: &Config) -> Result<(), Sickness> {
    let speaks_tls = config.server.admin_listen.is_none() && config.tls.cert_file.is_some();
    let well = if speaks_tls { WELL_WITH_TLS } else { WELL };
    let at = reachable(config.server.admin_listen.clone().unwrap_or(Endpoint::Ip(config.server.listen)));
    match begin_of_answer(&at) {
        Ok(answer) if answer == well => Ok(()),
        Ok(answer) => Err(Sickness::Other(at, String::from_utf8_lossy(&answer).into_owned())),
        Err(error) => Err(Sickness::Silent(at, error)),
    }
}

/// Where a server is to be asked that listens here: "everywhere" includes this machine.
fn reachable(listen: Endpoint) -> Endpoint {
    let Endpoint::Ip(address) = listen else { return listen };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Endpoint::Ip(SocketAddr::new(ip, address.port()))
}

fn begin_of_answer(at: &Endpoint) -> io::Result<Vec<u8>> {
    match at {
        Endpoint::Ip(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, &address.to_string())
        }
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, "localhost")
        }
    }
}

fn exchange(mut stream: impl Read + Write, host: &str) -> io::Result<Vec<u8>> {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(WELL.len() as u64).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn configured(listen: SocketAddr) -> Config {
        let mut config = Config::default();
        config.server.listen = listen;
        config
    }

    /// What is said of a server that reads a request and gives this answer.
    fn said_of(answer: &'static str) -> Result<(), Sickness> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 1024];
                let bytes = stream.read(&mut piece).unwrap();
                assert!(bytes > 0, "the request ends too early");
                request.extend_from_slice(&piece[..bytes]);
            }
            assert!(request.starts_with(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let said = ask(&configured(address));
        server.join().unwrap();
        said
    }

    #[test]
    fn only_a_200_is_well() {
        assert!(said_of("HTTP/1.1 200 OK\r\n\r\n").is_ok());
        assert!(said_of("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap_err().to_string().contains("503"));
        for other in ["SSH-2.0-OpenSSH_9.2\r\n", "", "HTTP/1.1 20"] {
            assert!(matches!(said_of(other), Err(Sickness::Other(..))), "{other}");
        }
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(ask(&configured(nobody)), Err(Sickness::Silent(..))));
    }

    #[test]
    fn everywhere_is_also_here() {
        let reached = |listen: &str| reachable(Endpoint::Ip(listen.parse().unwrap())).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("192.0.2.7:80"), "192.0.2.7:80");
    }
}
