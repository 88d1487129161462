//! Tokens as RFC 7515 and 7519 write them: taken apart, and held against a key. Nothing is believed before the signature is.

use base64_engine::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Wrong;

/// Longest token that is looked at.
const MOST_BYTES: usize = 16 << 10;
/// Clocks may differ by as much.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The algorithms that are taken. There is no `none`, and nothing with a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A key that tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
}

impl PublicKey {
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
        }
    }
}

/// Base64 without padding, as tokens and key sets are written.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A token before its signature was held against a key.
pub struct Unproven<'a> {
    pub algorithm: Algorithm,
    /// Which key it claims to be signed with. `None` = it does not say.
    pub key_id: Option<String>,
    message: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Extensions that whoever reads the token has to understand: we understand none.
    crit: Option<Value>,
}

impl<'a> Unproven<'a> {
    /// Takes a token apart. `types` are those that are taken; a token without one is a `JWT`.
    pub fn read(token: &'a str, types: &[String]) -> Result<Self, Wrong> {
        if token.len() > MOST_BYTES {
            return Err(Wrong::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Wrong::Malformed)?;
        let (header, claims) = message.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(Wrong::Malformed)?;
        let header = decoded(header).ok_or(Wrong::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| Wrong::Malformed)?;
        let algorithm = Algorithm::of(&header.alg).ok_or(Wrong::Algorithm)?;
        if header.crit.is_some() {
            return Err(Wrong::Malformed);
        }
        let kind = header.typ.as_deref().unwrap_or("JWT");
        let kind = kind.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/")).map_or(kind, |_| &kind[12..]);
        if !types.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            return Err(Wrong::TokenType);
        }
        let signature = decoded(signature).ok_or(Wrong::Malformed)?;
        Ok(Self { algorithm, key_id: header.kid, message, claims, signature })
    }

    /// The claims, if `key` has signed them.
    pub fn proven(&self, key: &PublicKey) -> Result<Claims, Wrong> {
        if key.algorithm() != self.algorithm || !key.has_signed(self.message.as_bytes(), &self.signature) {
            return Err(Wrong::Signature);
        }
        let claims = decoded(self.claims).ok_or(Wrong::Malformed)?;
        serde_json::from_slice(&claims).map(Claims).map_err(|_| Wrong::Malformed)
    }
}

/// What the signer of a token says.
#[derive(Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Whether the token is from `issuer`, for one of `audiences` and holds at `now`; then until when.
    pub fn check(&self, issuer: &str, audiences: &[String], now: Timestamp) -> Result<Timestamp, Wrong> {
        if self.0.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(Wrong::Issuer);
        }
        let is_ours = |audience: &Value| audience.as_str().is_some_and(|audience| audiences.iter().any(|ours| ours == audience));
        let is_for_us = match self.0.get("aud") {
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if !is_for_us {
            return Err(Wrong::Audience);
        }
        let until = self.time("exp")?.ok_or(Wrong::Malformed)?;
        if until.saturating_add(LEEWAY).map_err(|_| Wrong::Malformed)? <= now {
            return Err(Wrong::Expired);
        }
        let soon = now.saturating_add(LEEWAY).map_err(|_| Wrong::Malformed)?;
        for name in ["nbf", "iat"] {
            if self.time(name)?.is_some_and(|from| from > soon) {
                return Err(Wrong::NotYetValid);
            }
        }
        Ok(until)
    }

    /// Seconds since 1970, perhaps with a fraction. `None` = it is not there.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Wrong> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or(Wrong::Malformed)?;
        let since = SignedDuration::try_from_secs_f64(seconds.floor()).map_err(|_| Wrong::Malformed)?;
        Timestamp::from_duration(since).map(Some).map_err(|_| Wrong::Malformed)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The texts of a claim that is one or several. Dots lead into objects where no claim has the whole name.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.get(name).or_else(|| {
            let mut steps = name.split('.');
            let first = self.0.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step))
        });
        match found {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => one.split_whitespace().collect(),
            Some(_) | None => Vec::new(),
        }
    }
}
