//! The keys that an identity provider publishes (RFC 7517), fetched no more often than they may change.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::{
    Refusal, Wrong,
    jwt::{Algorithm, PublicKey, Unproven, decoded},
};
use crate::net::{self, NetError};

/// One fetch may take as long.
const DEADLINE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 << 10;
const MOST_KEYS: usize = 64;
/// Shortest pause between two fetches, whatever tokens are sent.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Keys are fetched again after as long, so that one that was withdrawn does not hold for ever.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Keys of a provider that does not answer any more hold for as long.
const HOLD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Where an identity provider publishes its keys, and those last seen.
pub struct Jwks {
    issuer: String,
    /// `None` = the issuer's discovery document tells.
    url: Option<String>,
    http: reqwest::Client,
    keys: RwLock<Option<Arc<Fetched>>>,
    /// When it was last tried; held while it is being tried.
    tried: Mutex<Option<Timestamp>>,
}

struct Fetched {
    keys: Vec<Published>,
    at: Timestamp,
}

struct Published {
    id: Option<String>,
    key: PublicKey,
}

impl Jwks {
    pub fn new(issuer: &str, url: &str) -> Result<Self, NetError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            url: (!url.is_empty()).then(|| url.to_owned()),
            http: net::direct_client(DEADLINE)?,
            keys: RwLock::default(),
            tried: Mutex::default(),
        })
    }

    /// The keys that may have signed `token`; several where neither it nor they say which.
    pub async fn signers(&self, token: &Unproven<'_>, now: Timestamp) -> Result<Vec<PublicKey>, Refusal> {
        let found = self.known(token, now);
        let is_stale = self.fetched().is_none_or(|fetched| now.duration_since(fetched.at) >= FRESH_FOR);
        let found = match found {
            Some(keys) if !keys.is_empty() => {
                // One caller looks whether they are still published; nobody else waits for that.
                let Some(mut tried) = is_stale.then(|| self.tried.try_lock().ok()).flatten() else { return Ok(keys) };
                self.refresh_unless_tried(&mut tried, now).await;
                self.known(token, now)
            }
            Some(_) | None => {
                self.refresh(now).await;
                self.known(token, now)
            }
        };
        match found {
            Some(keys) if keys.is_empty() => Err(Refusal::Wrong(Wrong::UnknownSigner)),
            Some(keys) => Ok(keys),
            None => Err(Refusal::Unavailable),
        }
    }

    /// `None` = no keys are known.
    fn known(&self, token: &Unproven<'_>, now: Timestamp) -> Option<Vec<PublicKey>> {
        let fetched = self.fetched().filter(|fetched| now.duration_since(fetched.at) < HOLD_FOR)?;
        let may_be = |published: &&Published| {
            published.key.algorithm() == token.algorithm && (token.key_id.is_none() || published.id == token.key_id)
        };
        Some(fetched.keys.iter().filter(may_be).map(|published| published.key.clone()).collect())
    }

    fn fetched(&self) -> Option<Arc<Fetched>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many keys are published that can be used, asked anew.
    pub async fn published(&self) -> Result<usize, NetError> {
        self.fetch().await.map(|keys| keys.len())
    }

    /// Fetches the keys, unless that was tried a moment ago. Of many at once one does it and the others wait for it.
    pub async fn refresh(&self, now: Timestamp) {
        self.refresh_unless_tried(&mut *self.tried.lock().await, now).await;
    }

    async fn refresh_unless_tried(&self, tried: &mut Option<Timestamp>, now: Timestamp) {
        if tried.is_some_and(|tried| now.duration_since(tried) < PAUSE) {
            return;
        }
        *tried = Some(now);
        match self.fetch().await {
            Ok(keys) => {
                let count = keys.len();
                let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                if known.as_ref().is_none_or(|known| known.keys.len() != count) {
                    info!(keys = count, "the identity provider publishes {count} keys that can be used");
                }
                *known = Some(Arc::new(Fetched { keys, at: now }));
            }
            Err(error) => {
                let is_known = self.fetched().is_some();
                warn!(%error, is_known, "could not fetch the keys of the identity provider (OIDC_ISSUER, OIDC_JWKS_URL)");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Published>, NetError> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let text = net::read(self.http.get(url), MOST_BYTES).await?;
        let set: Set = serde_json::from_slice(&text).map_err(|_| NetError::Nonsense("it is no set of keys".to_owned()))?;
        Ok(set.keys.into_iter().take(MOST_KEYS).filter_map(usable).collect())
    }

    /// Where the issuer says that its keys are.
    async fn discover(&self) -> Result<String, NetError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let nonsense = |why: &str| NetError::Nonsense(format!("the discovery document {why}"));
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let text = net::read(self.http.get(url), MOST_BYTES).await?;
        let document: Document = serde_json::from_slice(&text).map_err(|_| nonsense("names no issuer and jwks_uri"))?;
        if document.issuer != self.issuer {
            return Err(nonsense("is of another issuer"));
        }
        let is_as_safe = document.jwks_uri.starts_with("https://") || self.issuer.starts_with("http://");
        if is_as_safe { Ok(document.jwks_uri) } else { Err(nonsense("leads from https to something else")) }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// A key as it is published; what we do not use may be anything.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// `None` = it is for something else.
fn usable(jwk: serde_json::Value) -> Option<Published> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => PublicKey::Rsa { modulus: unsigned(&jwk.n?)?, exponent: unsigned(&jwk.e?)? },
        ("EC", Some("P-256")) => {
            let (x, y) = (decoded(&jwk.x?)?, decoded(&jwk.y?)?);
            let is_point = x.len() == 32 && y.len() == 32;
            PublicKey::P256(is_point.then(|| [&[4_u8][..], &x, &y].concat())?)
        }
        (_, _) => return None,
    };
    let is_for_it = jwk.alg.is_none_or(|alg| Algorithm::of(&alg) == Some(key.algorithm()));
    is_for_it.then_some(Published { id: jwk.kid, key })
}

/// A number without leading zeros, as the signature check wants it.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let bytes = decoded(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}
