//! What an operator can set about access: the `auth.*` configuration keys.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::TokenHash;

/// Static tokens of one list.
pub const TOKENS_MAX: usize = 1000;
/// Keys of JSON Web Tokens...
pub const KEYS_MAX: usize = 64;
/// ...and those of them that one token is tried with: a signature costs us more than a request costs its sender.
pub const TRIES_MAX: usize = 8;

/// What somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Publish events.
    Publish,
    /// Open streams.
    Subscribe,
    /// See metrics and clients, and change the mode.
    Admin,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Tokens that may publish...
    pub publish_tokens: Vec<TokenHash>,
    /// ...and a file with more of them.
    pub publish_tokens_file: Option<PathBuf>,
    /// Tokens that may open streams...
    pub subscribe_tokens: Vec<TokenHash>,
    /// ...and a file with more of them.
    pub subscribe_tokens_file: Option<PathBuf>,
    /// Tokens that may see metrics and clients, and change the mode...
    pub admin_tokens: Vec<TokenHash>,
    /// ...and a file with more of them.
    pub admin_tokens_file: Option<PathBuf>,
    /// Where the keys of JSON Web Tokens are.
    pub jwt: Vec<KeySource>,
    /// By how much the clocks of those who make tokens may differ from ours.
    pub leeway: Duration,
    /// Whether `?access_token=` counts.
    pub query_token: bool,
    /// Anyone who reaches the server may publish, also beyond loopback, while no token is needed for it.
    pub open_publish: bool,
    /// Streams of what is for everybody need no token, even if there are tokens.
    pub open_streams: bool,
    /// A client names its tenant itself, by `?tenant=`.
    pub open_tenants: bool,
    /// Topics that a JSON Web Token may grant: the key `limits.token_topics`.
    pub token_topics: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            publish_tokens: Vec::new(),
            publish_tokens_file: None,
            subscribe_tokens: Vec::new(),
            subscribe_tokens_file: None,
            admin_tokens: Vec::new(),
            admin_tokens_file: None,
            jwt: Vec::new(),
            leeway: Duration::from_secs(30),
            query_token: false,
            open_publish: false,
            open_streams: false,
            open_tenants: false,
            token_topics: 64,
        }
    }
}

impl Options {
    /// Whether something needs a token.
    #[must_use]
    pub fn guards(&self, right: Right) -> bool {
        let (tokens, file) = match right {
            Right::Publish => (&self.publish_tokens, &self.publish_tokens_file),
            Right::Subscribe => (&self.subscribe_tokens, &self.subscribe_tokens_file),
            Right::Admin => (&self.admin_tokens, &self.admin_tokens_file),
        };
        let by_jwt = right != Right::Admin && !self.jwt.is_empty();
        by_jwt || !tokens.is_empty() || file.is_some()
    }
}

/// Keys of JSON Web Tokens, and what a token by them must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The one algorithm of these keys; in a key set, of those that name none.
    pub algorithm: Option<Algorithm>,
    /// Where they are.
    pub material: Material,
    /// The name of the key (`kid`).
    pub kid: Option<String>,
    /// `aud` has one of these; without any, a token with `aud` is for others.
    pub audience: Vec<String>,
    /// `iss` is this.
    pub issuer: Option<String>,
}

/// Where keys are.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// In a file: a public key in PEM, or a secret.
    File(PathBuf),
    /// Right here.
    Inline(String),
    /// In a file with a JSON Web Key Set (RFC 7517 section 5).
    KeySet(PathBuf),
}

/// Without the key.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Inline(_) => f.write_str("Inline"),
            Self::KeySet(path) => write!(f, "KeySet({path:?})"),
        }
    }
}

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1). `none` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// RSA PSS with SHA-256.
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every one of them.
    pub const ALL: [Self; 7] =
        [Self::Hs256, Self::Hs384, Self::Hs512, Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The name in a token's `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}
