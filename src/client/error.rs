//! Why a client did not get what it asked for, whether trying again helps, and what to do about it.
//!
//! Holds nothing secret: neither a token nor a header of the request.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, InvalidMessage};
use ureq::Timeout;

use super::address::Address;
use super::parser::TooLarge;

/// Why a request or a stream failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nobody listens there.
    Refused,
    /// The name of the host is not known.
    UnknownHost,
    /// No connection for another reason.
    Unreachable(String),
    /// The server's certificate was not accepted.
    Certificate(Certificate),
    /// The other side does not speak TLS.
    NotTls,
    /// Another failure of TLS.
    Tls(String),
    /// The other side does not speak HTTP, or not well.
    NotHttp(String),
    /// The connection broke, or ended in the middle.
    Lost,
    /// Nothing came for so long.
    Silent(Duration),
    /// The server took the request and ended the stream at once: it is full, or it is about to end.
    TurnedAway,
    /// The stream ended, as at the end of the server.
    Ended,
    /// The server answered with another status than the one that was hoped for.
    Status(Status),
    /// A stream was asked for and something else came.
    NotAStream {
        /// The media type that came.
        content_type: String,
    },
    /// An event that is too large.
    TooLarge,
    /// Something of ours cannot be sent.
    Request(String),
}

/// An answer that is none of what was hoped for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The status (RFC 9110 section 15).
    pub code: u16,
    /// The `detail` of a problem (RFC 9457), printable.
    pub detail: Option<String>,
    /// The `index` of a problem: which envelope of a batch it is about.
    pub index: Option<usize>,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// `Location`, printable.
    pub location: Option<String>,
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// No authority that is known here has signed it.
    UnknownIssuer,
    /// It is for another name.
    WrongName,
    /// Its time is over, or has not come yet.
    WrongTime,
    /// Anything else.
    Other,
}

impl Error {
    /// What a failed request stands for.
    pub(super) fn of(error: ureq::Error) -> Self {
        match error {
            ureq::Error::HostNotFound => Self::UnknownHost,
            ureq::Error::Io(error) => Self::of_io(&error),
            ureq::Error::Rustls(error) => Self::of_tls(&error),
            ureq::Error::Tls(what) => Self::Tls(what.to_owned()),
            ureq::Error::Protocol(error) => Self::NotHttp(printable(&error.to_string())),
            ureq::Error::LargeResponseHeader(..) => {
                Self::NotHttp("the head of the answer is too large".into())
            }
            ureq::Error::Timeout(which @ (Timeout::Resolve | Timeout::Connect)) => {
                Self::Unreachable(format!("no answer in time ({which})"))
            }
            ureq::Error::Timeout(_) => Self::Silent(Duration::ZERO),
            ureq::Error::ConnectionFailed => Self::Unreachable("no connection".to_owned()),
            ureq::Error::Http(error) => Self::Request(printable(&error.to_string())),
            ureq::Error::BadUri(_) => Self::Request("the URL cannot be used".to_owned()),
            other => Self::Unreachable(printable(&other.to_string())),
        }
    }

    /// What a failed read stands for.
    pub(super) fn of_io(error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref() {
            if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                return Self::of_tls(tls);
            }
            if let Some(ureq::Error::Timeout(_)) = inner.downcast_ref::<ureq::Error>() {
                return Self::Silent(Duration::ZERO);
            }
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut => Self::Lost,
            _ => Self::Unreachable(printable(&error.to_string())),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate(match error {
                CertificateError::UnknownIssuer => Certificate::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Certificate::WrongName
                }
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Certificate::WrongTime,
                _ => Certificate::Other,
            }),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
            | rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => Self::NotTls,
            other => Self::Tls(printable(&other.to_string())),
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Refused
            | Self::UnknownHost
            | Self::Unreachable(_)
            | Self::Lost
            | Self::Silent(_)
            | Self::TurnedAway
            | Self::Ended => true,
            Self::Status(status) => matches!(status.code, 408 | 429 | 500 | 502..=504),
            Self::Certificate(_)
            | Self::NotTls
            | Self::Tls(_)
            | Self::NotHttp(_)
            | Self::NotAStream { .. }
            | Self::TooLarge
            | Self::Request(_) => false,
        }
    }

    /// Whether the request certainly did not reach the server: nothing was sent.
    #[must_use]
    pub const fn is_before_sending(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::UnknownHost
                | Self::Unreachable(_)
                | Self::Certificate(_)
                | Self::NotTls
                | Self::Tls(_)
        )
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(status) => status.retry_after,
            _ => None,
        }
    }

    /// What to do about it, where something can be said.
    #[must_use]
    pub fn advice(&self, address: &Address) -> Option<String> {
        let authority = address.authority();
        Some(match self {
            Self::Refused if address.is_loopback() => {
                format!("is ssecast running? start it with: ssecast serve --listen {authority}")
            }
            Self::Refused => "is ssecast running there, and is this its port?".to_owned(),
            Self::UnknownHost => "is the host's name spelled right?".to_owned(),
            Self::Unreachable(_) => {
                "is the machine reachable from here, and does a firewall let you through?".to_owned()
            }
            Self::Certificate(Certificate::UnknownIssuer) => {
                "if an authority of your own has signed it, name that with --ca-file FILE.pem".to_owned()
            }
            Self::Certificate(Certificate::WrongName) => {
                "use the name that the certificate was made for".to_owned()
            }
            Self::Certificate(Certificate::WrongTime) => {
                "renew the certificate, or look at the clock of this machine".to_owned()
            }
            Self::NotTls => format!("it may want http: try http://{authority}"),
            Self::NotHttp(_) if !address.is_tls() => format!("it may want TLS: try https://{authority}"),
            Self::Status(status) => status.advice(address)?,
            Self::NotAStream { .. } => {
                "is this the URL of a stream? that of ssecast ends in /events".to_owned()
            }
            _ => return None,
        })
    }
}

impl Status {
    fn advice(&self, address: &Address) -> Option<String> {
        Some(match self.code {
            300..=399 => match &self.location {
                Some(location) => format!("redirects are not followed; if you trust it, use {location}"),
                None => "redirects are not followed".to_owned(),
            },
            401 => "give a token with --token-file FILE, or in SSECAST_TOKEN".to_owned(),
            403 => {
                "the token, if any, does not allow this, or the server does not from where you are".to_owned()
            }
            404 => format!(
                "streams are at /events, publishing is at /publish; with server.admin_listen set, /publish is on that \
                 address and not on {}",
                address.authority()
            ),
            405 => "is this the right URL? /events is read, /publish is published to".to_owned(),
            _ => return None,
        })
    }
}

impl From<TooLarge> for Error {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::UnknownHost => f.write_str("there is no host of this name"),
            Self::Unreachable(why) => write!(f, "cannot be reached: {why}"),
            Self::Certificate(Certificate::UnknownIssuer) => {
                f.write_str("TLS: the server's certificate is signed by nobody who is known here")
            }
            Self::Certificate(Certificate::WrongName) => {
                f.write_str("TLS: the server's certificate is for another name")
            }
            Self::Certificate(Certificate::WrongTime) => {
                f.write_str("TLS: the server's certificate has expired or is not valid yet")
            }
            Self::Certificate(Certificate::Other) => {
                f.write_str("TLS: the server's certificate is of no use")
            }
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::Tls(why) => write!(f, "TLS: {why}"),
            Self::NotHttp(why) => write!(f, "the server does not speak HTTP/1.1: {why}"),
            Self::Lost => f.write_str("the connection broke"),
            Self::Silent(silence) if silence.is_zero() => f.write_str("the server did not answer in time"),
            Self::Silent(silence) => {
                write!(f, "nothing came for {}", humantime::format_duration(*silence))
            }
            Self::TurnedAway => f.write_str("the server has no room now, or is about to end"),
            Self::Ended => f.write_str("the server ended the stream"),
            Self::Status(status) => status.fmt(f),
            Self::NotAStream { content_type } => {
                write!(f, "the answer is no event stream (text/event-stream) but {content_type}")
            }
            Self::TooLarge => TooLarge.fmt(f),
            Self::Request(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning =
            ureq::http::StatusCode::from_u16(self.code).ok().and_then(|code| code.canonical_reason());
        write!(f, "the server answered {}", self.code)?;
        if let Some(meaning) = meaning {
            write!(f, " {meaning}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Text of others for a terminal: no control characters, and not too much of it.
pub(super) fn printable(text: &str) -> String {
    const CHARS: usize = 500;
    text.chars().filter(|c| !c.is_control()).take(CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Error {
        Error::Status(Status { code, ..Status::default() })
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_and_nothing_else() {
        for code in [408, 429, 500, 502, 503, 504] {
            assert!(status(code).may_pass(), "{code}");
        }
        for code in [204, 301, 400, 401, 403, 404, 405, 413, 415, 501] {
            assert!(!status(code).may_pass(), "{code}");
        }
        assert!(Error::Refused.may_pass() && Error::Lost.may_pass());
        assert!(!Error::Certificate(Certificate::WrongName).may_pass());
    }

    #[test]
    fn every_error_that_a_user_can_mend_says_how() {
        let address = Address::parse("http://127.0.0.1:8080", "/events").unwrap();
        for (error, advice) in [
            (Error::Refused, "ssecast serve --listen 127.0.0.1:8080"),
            (status(401), "--token-file"),
            (status(404), "server.admin_listen"),
            (Error::NotHttp("x".into()), "https://127.0.0.1:8080"),
            (Error::NotTls, "http://127.0.0.1:8080"),
            (Error::Certificate(Certificate::UnknownIssuer), "--ca-file"),
        ] {
            assert!(error.advice(&address).is_some_and(|text| text.contains(advice)), "{error}");
        }
        assert_eq!(Error::Ended.advice(&address), None);
        let elsewhere = Address::parse("http://shop.example", "/events").unwrap();
        assert!(!Error::Refused.advice(&elsewhere).unwrap().contains("--listen"));
    }

    #[test]
    fn what_others_say_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\u{9b}c"), "a[2Jbc");
        assert_eq!(printable(&"x".repeat(1000)).len(), 500);
    }
}
