//! A batch on its way to the server: sent, refused, or tried again while that may help and there is time.
//!
//! Never reads input and never sleeps: the caller waits, so that it can be stopped. A batch whose fate is unknown
//! is sent again only where that was asked for.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::error::{Error, Status};
use super::http::Client;
use super::reconnect::Reconnect;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has it.
    Accepted(Receipt),
    /// The server will never take it: something in it is wrong, or we may not.
    Refused(Status),
    /// It was not sent, or not taken, and there is no time left or no sense in trying again.
    GivenUp(Error),
    /// The connection broke before the answer: it may have been taken.
    Unknown(Error),
    /// The caller does not want to wait any longer; it was not taken.
    Stopped,
}

/// What the server says about a batch that it has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Receipt {
    /// How many events it has.
    pub accepted: u64,
    /// Which way they went: `local`, `redis`, `fallback`.
    pub via: String,
    /// The id of the last one, where this server has given it one.
    pub last_id: Option<String>,
}

/// How long, and in which cases, a batch is sent again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For how long after the first try.
    pub retry_for: Duration,
    /// Also when it may have been taken: its events may then come twice.
    pub at_least_once: bool,
}

/// See the top of this file.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    patience: Patience,
    has_succeeded: bool,
}

impl Publisher {
    /// A publisher that has sent nothing yet.
    #[must_use]
    pub const fn new(client: Client, patience: Patience) -> Self {
        Self { client, patience, has_succeeded: false }
    }

    /// The client that it sends by.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a batch. `wait` sleeps for so long because of that error, and says whether to go on.
    pub fn send(
        &mut self,
        content_type: &str,
        body: &[u8],
        mut wait: impl FnMut(Duration, &Error) -> bool,
    ) -> Outcome {
        let start = Instant::now();
        let mut reconnect = Reconnect::default();
        loop {
            let error = match self.client.post(content_type, body) {
                Ok(answer) => {
                    self.has_succeeded = true;
                    return Outcome::Accepted(serde_json::from_slice(&answer).unwrap_or_default());
                }
                Err(error) => error,
            };
            match verdict(&error, self.has_succeeded, self.patience.at_least_once) {
                Verdict::Again => {}
                Verdict::Refused(status) => return Outcome::Refused(status),
                Verdict::GivenUp => return Outcome::GivenUp(error),
                Verdict::Unknown => return Outcome::Unknown(error),
            }
            let pause = reconnect.handle_loss(error.retry_after(), fastrand::f64());
            if start.elapsed() + pause > self.patience.retry_for {
                return Outcome::GivenUp(error);
            }
            if !wait(pause, &error) {
                return Outcome::Stopped;
            }
        }
    }
}

/// What an error means for a batch.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Again,
    Refused(Status),
    GivenUp,
    Unknown,
}

fn verdict(error: &Error, has_succeeded: bool, at_least_once: bool) -> Verdict {
    match error {
        // Nothing was accepted (contract section 4), so nothing comes twice.
        Error::Status(Status { code: 429 | 503, .. }) => Verdict::Again,
        // A gateway that got no answer does not know.
        Error::Status(Status { code: 500 | 502 | 504 | 408, .. }) if at_least_once => Verdict::Again,
        Error::Status(Status { code: 500 | 502 | 504 | 408, .. }) => Verdict::Unknown,
        Error::Status(status) => Verdict::Refused(status.clone()),
        error if error.is_before_sending() => {
            // A server that was never there is a slip more often than a restart.
            if has_succeeded && error.may_pass() { Verdict::Again } else { Verdict::GivenUp }
        }
        // Nothing in these leaves it open whether the server has read the batch.
        Error::Request(_) => Verdict::GivenUp,
        error if at_least_once && error.may_pass() => Verdict::Again,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Error {
        Error::Status(Status { code, ..Status::default() })
    }

    #[test]
    fn only_what_was_certainly_not_taken_is_sent_again_unasked() {
        for error in [status(429), status(503)] {
            assert_eq!(verdict(&error, false, false), Verdict::Again);
        }
        for error in [Error::Lost, Error::Silent(Duration::ZERO), status(500), status(502), status(504)] {
            assert_eq!(verdict(&error, true, false), Verdict::Unknown, "{error}");
            assert_eq!(verdict(&error, true, true), Verdict::Again, "{error}");
        }
        for code in [400, 401, 403, 404, 413, 415, 301, 200] {
            assert!(matches!(verdict(&status(code), true, true), Verdict::Refused(_)), "{code}");
        }
    }

    #[test]
    fn a_server_that_was_there_is_waited_for() {
        assert_eq!(verdict(&Error::Refused, false, true), Verdict::GivenUp);
        assert_eq!(verdict(&Error::Refused, true, false), Verdict::Again);
        assert_eq!(verdict(&Error::NotTls, true, true), Verdict::GivenUp);
    }
}
