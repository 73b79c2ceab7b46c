//! The token that a client sends (RFC 6750 section 2.1): as it was given, or from a file that may be replaced.
//!
//! Never shown, in no error and by no `Debug`.

use std::fs;
use std::path::{Path, PathBuf};

use ureq::http::HeaderValue;

use super::error::Error;

/// Bytes of a file with a token.
const FILE_BYTES: u64 = 64 * 1024;

/// Where the token is.
#[derive(Clone, Debug, Default)]
pub enum Token {
    /// There is none.
    #[default]
    None,
    /// The header that it makes.
    Given(HeaderValue),
    /// In this file, which is read for each request: tokens expire, and are replaced.
    File(PathBuf),
}

impl Token {
    /// This token.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn given(token: &str) -> Result<Self, Error> {
        bearer(token).map(Self::Given)
    }

    /// The token in this file, which can be read now.
    ///
    /// # Errors
    /// It cannot, or what is in it is no token.
    pub fn in_file(path: &Path) -> Result<Self, Error> {
        of_file(path)?;
        Ok(Self::File(path.to_owned()))
    }

    /// Whether there is one.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The `Authorization` header of a request.
    pub(super) fn header(&self) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Given(header) => Ok(Some(header.clone())),
            Self::File(path) => of_file(path).map(Some),
        }
    }
}

fn of_file(path: &Path) -> Result<HeaderValue, Error> {
    let wrong = |why: &str| Error::Request(format!("the file of the token, {}: {why}", path.display()));
    let length = fs::metadata(path).map_err(|error| wrong(&error.to_string()))?.len();
    if length > FILE_BYTES {
        return Err(wrong("this is too long to be a token"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    match text.trim() {
        "" => Err(wrong("it is empty")),
        token => bearer(token),
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    let value = is_token.then(|| HeaderValue::from_str(&format!("Bearer {token}")).ok()).flatten();
    let rule = "the token must have visible ASCII characters only, and no white space";
    let mut value = value.ok_or_else(|| Error::Request(rule.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
