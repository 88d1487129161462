//! Who calls: holders of keys, of an identity provider's tokens, or of the cluster's.
//!
//! ```text
//! Credential (a key or a token, as it was sent) -> Auth -> Principal (name, role), or the reason why not
//!    X-Api-Key ------> keys        a file of hashes, read again when it changes
//!    Bearer ---------> keys        with AUTH_MODE=api-key
//!                      oidc        a signature by the provider's published keys, then claims -> role
//!                      kubernetes  the cluster says whose it is, and what they may do with faultline.io
//! ```
//! What a token proved is remembered for a minute, by its hash. No credential is kept, shown or logged.

mod digest;
mod jwks;
mod jwt;
pub mod keys;
mod kubernetes;
mod oidc;
mod remembered;
pub mod settings;

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::{cluster::Cluster, domain::caller::Principal, net::Secret};

use self::{digest::Digest, kubernetes::Reviews, remembered::Remembered};
pub use self::{
    keys::{KeyFile, NewKey},
    oidc::Oidc,
    settings::{AuthMode, AuthSettings},
};

/// What a caller proves who they are with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Sent in `X-Api-Key`.
    Key(Secret),
    /// Sent as `Authorization: Bearer`.
    Bearer(Secret),
}

impl Credential {
    fn text(&self) -> &str {
        match self {
            Self::Key(secret) | Self::Bearer(secret) => secret.expose(),
        }
    }
}

/// A credential as it was sent: shown nowhere from here on.
pub fn sent(text: &str) -> Secret {
    Secret::new(text)
}

/// Why a credential proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is wrong, and will be.
    Wrong(Wrong),
    /// It is right, and nothing says that its holder may do anything.
    NoRole,
    /// Whoever could tell does not answer just now.
    Unavailable,
}

/// What is wrong with a credential: for the metric and the log, never for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    UnknownKey,
    Malformed,
    Algorithm,
    TokenType,
    UnknownSigner,
    Signature,
    Issuer,
    Audience,
    Expired,
    NotYetValid,
    /// The cluster does not know the token.
    Rejected,
}

impl Wrong {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown-key",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::TokenType => "token-type",
            Self::UnknownSigner => "unknown-signer",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Rejected => "rejected",
        }
    }
}

/// Every label that [`Refusal::as_str`] gives.
pub const REFUSALS: [&str; 13] = [
    Wrong::UnknownKey.as_str(),
    Wrong::Malformed.as_str(),
    Wrong::Algorithm.as_str(),
    Wrong::TokenType.as_str(),
    Wrong::UnknownSigner.as_str(),
    Wrong::Signature.as_str(),
    Wrong::Issuer.as_str(),
    Wrong::Audience.as_str(),
    Wrong::Expired.as_str(),
    Wrong::NotYetValid.as_str(),
    Wrong::Rejected.as_str(),
    Refusal::NoRole.as_str(),
    Refusal::Unavailable.as_str(),
];

impl Refusal {
    /// The label of the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong(wrong) => wrong.as_str(),
            Self::NoRole => "no-role",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What tokens are checked by.
enum Tokens {
    None,
    Oidc(Arc<Oidc>),
    Kubernetes(Reviews),
}

/// Decides who calls.
pub struct Auth {
    mode: AuthMode,
    keys: Option<Arc<KeyFile>>,
    tokens: Tokens,
    remembered: Remembered,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auth({})", self.mode.as_str())
    }
}

impl Auth {
    /// Nobody has to say who they are.
    pub fn none() -> Self {
        Self { mode: AuthMode::None, keys: None, tokens: Tokens::None, remembered: Remembered::default() }
    }

    /// As the settings say, or what in them cannot work.
    pub fn open(settings: &AuthSettings) -> Result<Self, String> {
        let keys = settings.api_keys_file().map(KeyFile::open).transpose().map(|keys| keys.map(Arc::new));
        let none = Self::none();
        let mode = settings.auth_mode;
        Ok(match mode {
            AuthMode::None if settings.api_keys_file().is_some() => {
                return Err(
                    "API_KEYS_FILE is set, but AUTH_MODE=none asks nobody for a key: set AUTH_MODE=api-key, or take it away"
                        .to_owned(),
                );
            }
            AuthMode::None => none,
            AuthMode::ApiKey => {
                let keys = keys?.ok_or("AUTH_MODE=api-key needs API_KEYS_FILE")?;
                Self { mode, keys: Some(keys), ..none }
            }
            AuthMode::Oidc => Self { mode, keys: keys?, tokens: Tokens::Oidc(Arc::new(Oidc::new(settings)?)), ..none },
            AuthMode::Kubernetes => Self { mode, keys: keys?, tokens: Tokens::Kubernetes(Reviews::new(settings)), ..none },
        })
    }

    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// Whether callers have to say who they are.
    pub fn is_on(&self) -> bool {
        self.mode != AuthMode::None
    }

    /// The file of keys. `None` = keys are not used.
    pub fn keys(&self) -> Option<&Arc<KeyFile>> {
        self.keys.as_ref()
    }

    /// The identity provider. `None` = there is none.
    pub fn oidc(&self) -> Option<&Arc<Oidc>> {
        match &self.tokens {
            Tokens::Oidc(oidc) => Some(oidc),
            Tokens::None | Tokens::Kubernetes(_) => None,
        }
    }

    /// What can be told at once, at the price of a hash. `None` = it takes more: see [`Auth::identify`].
    pub fn recognise(&self, credential: &Credential, now: Timestamp) -> Option<Result<Principal, Refusal>> {
        let digest = Digest::of(credential.text().as_bytes());
        match (&self.keys, &self.tokens, credential) {
            (Some(keys), Tokens::None, _) | (Some(keys), _, Credential::Key(_)) => {
                Some(keys.find(&digest).ok_or(Refusal::Wrong(Wrong::UnknownKey)))
            }
            (None, _, Credential::Key(_)) | (None, Tokens::None, Credential::Bearer(_)) => {
                Some(Err(Refusal::Wrong(Wrong::UnknownKey)))
            }
            (_, Tokens::Oidc(_) | Tokens::Kubernetes(_), Credential::Bearer(_)) => self.remembered.get(&digest, now),
        }
    }

    /// Who holds `credential`.
    pub async fn identify(&self, credential: &Credential, cluster: &Cluster, now: Timestamp) -> Result<Principal, Refusal> {
        if let Some(known) = self.recognise(credential, now) {
            return known;
        }
        let token = credential.text();
        let (found, until) = match &self.tokens {
            Tokens::None => return Err(Refusal::Wrong(Wrong::UnknownKey)),
            Tokens::Oidc(oidc) => match oidc.verify(token, now).await {
                Ok((principal, until)) => (Ok(principal), Some(until)),
                Err(refusal) => (Err(refusal), None),
            },
            Tokens::Kubernetes(reviews) => (reviews.review(token, cluster).await, None),
        };
        self.remembered.keep(Digest::of(token.as_bytes()), &found, until, now);
        found
    }
}
