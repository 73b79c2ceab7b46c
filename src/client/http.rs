//! The HTTP client: one server, its TLS, what goes into each request, and what a refusal says.
//!
//! The protocol itself is `ureq`'s. Redirects are not followed, so that a token reaches nobody but the server that
//! was named; a proxy of the environment is not asked for this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_native_certs::load_native_certs;
use serde::Deserialize;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderName, HeaderValue, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, RequestBuilder};

use super::address::Address;
use super::error::{Error, Status, printable};
use super::token::Token;

/// What the client calls itself.
const USER_AGENT: &str = concat!("ssecast/", env!("CARGO_PKG_VERSION"));
/// From a name to an open connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From a request to the head of its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server may take nothing of a request.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a refusal that are read.
const REFUSAL_BYTES: u64 = 64 * 1024;

/// What a user can set about requests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The token of every request.
    pub token: Token,
    /// Further headers of every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The authorities that a server's certificate may be signed by, instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// Any certificate is taken.
    pub insecure: bool,
    /// How long a server may be silent while an answer or a stream is read.
    pub silence: Option<Duration>,
}

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    address: Address,
    token: Token,
    headers: Vec<(HeaderName, HeaderValue)>,
    silence: Option<Duration>,
}

/// A problem (RFC 9457), as far as it is of use here.
#[derive(Default, Deserialize)]
struct Problem {
    detail: Option<String>,
    index: Option<usize>,
}

impl Client {
    /// A client of the server at `address`. Connects to nothing yet.
    ///
    /// # Errors
    /// A file of authorities that is of no use.
    pub fn new(address: Address, options: &Options) -> Result<Self, Error> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_per_read(options.silence)
            .timeout_per_write(Some(SEND_TIMEOUT));
        if address.is_loopback() {
            config = config.proxy(None);
        }
        if address.is_tls() {
            config = config.tls_config(tls(options)?);
        }
        let agent = config.build().new_agent();
        let Options { token, headers, silence, .. } = options.clone();
        Ok(Self { agent, address, token, headers, silence })
    }

    /// Where the server is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for the stream, after the event `last_id`, if any.
    ///
    /// # Errors
    /// No connection, no answer, or one that is no stream.
    pub fn stream(&self, parameters: &[(&str, &str)], last_id: Option<&HeaderValue>) -> Result<Body, Error> {
        let mut request = self.marked(self.agent.get(self.address.url(parameters)))?;
        request = request.header("Accept", "text/event-stream").header("Cache-Control", "no-store");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(Error::of)?;
        if response.status() != 200 {
            return Err(Error::Status(status(response)));
        }
        match response.body().mime_type() {
            Some("text/event-stream") => Ok(response.into_body()),
            other => {
                let content_type = other.map_or_else(|| "of no type".to_owned(), printable);
                Err(Error::NotAStream { content_type })
            }
        }
    }

    /// Sends a body, and gives the body of the answer that says 202.
    ///
    /// # Errors
    /// No connection, no answer, or another answer.
    pub fn post(&self, content_type: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        let request = self.marked(self.agent.post(self.address.url(&[])))?;
        let sent =
            request.header("Content-Type", content_type).header("Accept", "application/json").send(body);
        let mut response = sent.map_err(Error::of)?;
        if response.status() != 202 {
            return Err(Error::Status(status(response)));
        }
        response.body_mut().with_config().limit(REFUSAL_BYTES).read_to_vec().map_err(Error::of)
    }

    /// The request with what every request has.
    fn marked<B>(&self, mut request: RequestBuilder<B>) -> Result<RequestBuilder<B>, Error> {
        if let Some(token) = self.token.header()? {
            request = request.header(AUTHORIZATION, token);
        }
        Ok(self.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    /// The error of a read, with how long nothing came.
    pub(super) fn with_silence(&self, error: Error) -> Error {
        match error {
            Error::Silent(_) => Error::Silent(self.silence.unwrap_or_default()),
            other => other,
        }
    }

    /// Ends a request that is under way, from another thread; there can be no other one after it.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }
}

/// What an answer says that is none of what was hoped for.
fn status(mut response: Response<Body>) -> Status {
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut status = Status {
        code: response.status().as_u16(),
        retry_after: header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs),
        location: header("location").map(printable),
        ..Status::default()
    };
    let is_problem = response.body().mime_type() == Some("application/problem+json");
    if is_problem && let Ok(body) = response.body_mut().with_config().limit(REFUSAL_BYTES).read_to_vec() {
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        status.detail = problem.detail.as_deref().map(printable);
        status.index = problem.index;
    }
    status
}

fn tls(options: &Options) -> Result<TlsConfig, Error> {
    let roots = match &options.ca_file {
        Some(path) => roots_of_file(path)?,
        // Those of no use are some on most systems; if all are, the handshake says so.
        None => load_native_certs().certs,
    };
    let roots: Vec<Certificate<'static>> =
        roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let builder = TlsConfig::builder()
        // Named here, since which provider a process has as its default depends on what else is linked.
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .disable_verification(options.insecure);
    Ok(builder.build())
}

fn roots_of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |why: String| Error::Request(format!("--ca-file {}: {why}", path.display()));
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates = certificates.map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in it (PEM is expected)".to_owned()));
    }
    Ok(certificates)
}
