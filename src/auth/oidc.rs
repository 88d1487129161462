//! Tokens of an identity provider: signed by a key that it publishes, for us, now; and what their holders may do.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::interval;
use tracing::warn;

use super::{
    AuthSettings, Refusal, Wrong,
    jwks::Jwks,
    jwt::{Claims, Unproven},
    settings::items,
};
use crate::{
    domain::caller::{Principal, Role},
    net::NetError,
};

/// How often keys are looked at while nobody calls.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Longest name of a caller, in characters.
const LONGEST_NAME: usize = 128;

/// The identity provider of this process.
pub struct Oidc {
    issuer: String,
    audiences: Vec<String>,
    types: Vec<String>,
    name_claim: String,
    roles_claim: String,
    /// The highest role first: values of the claim, or subjects, that give it.
    roles: [(Role, Vec<String>); 3],
    jwks: Jwks,
}

impl Oidc {
    /// How many keys the provider publishes that can be used, asked anew.
    pub async fn published_keys(&self) -> Result<usize, NetError> {
        self.jwks.published().await
    }

    /// Nothing is asked of the provider yet: it may start later than we do.
    pub fn new(settings: &AuthSettings) -> Result<Self, String> {
        let issuer = settings.oidc_issuer.trim();
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        if !is_url(issuer) {
            return Err("AUTH_MODE=oidc needs OIDC_ISSUER, an address such as https://login.example.com".to_owned());
        }
        let jwks_url = settings.oidc_jwks_url.trim();
        if !jwks_url.is_empty() && !is_url(jwks_url) {
            return Err("OIDC_JWKS_URL is no address such as https://login.example.com/keys".to_owned());
        }
        if issuer.starts_with("http://") || jwks_url.starts_with("http://") {
            warn!(
                "the keys of the identity provider come without TLS: whoever is between can sign tokens (OIDC_ISSUER, OIDC_JWKS_URL)"
            );
        }
        let audiences = items(&settings.oidc_audience);
        if audiences.is_empty() {
            return Err("AUTH_MODE=oidc needs OIDC_AUDIENCE: tokens for others must not open this door".to_owned());
        }
        let roles = [
            (Role::Admin, items(&settings.oidc_admins)),
            (Role::Developer, items(&settings.oidc_developers)),
            (Role::Viewer, items(&settings.oidc_viewers)),
        ];
        if roles.iter().all(|(_, values)| values.is_empty()) {
            return Err("AUTH_MODE=oidc needs OIDC_ADMINS, OIDC_DEVELOPERS or OIDC_VIEWERS: nobody could do anything".to_owned());
        }
        if roles[0].1.iter().any(|value| value == "*") {
            return Err("OIDC_ADMINS=* would let everyone approve: name groups or subjects".to_owned());
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            audiences,
            types: items(&settings.oidc_token_types),
            name_claim: settings.oidc_name_claim.clone(),
            roles_claim: settings.oidc_roles_claim.clone(),
            roles,
            jwks: Jwks::new(issuer, jwks_url).map_err(|error| error.to_string())?,
        })
    }

    /// The holder of `token`, and until when it holds.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<(Principal, Timestamp), Refusal> {
        let unproven = Unproven::read(token, &self.types).map_err(Refusal::Wrong)?;
        let signers = self.jwks.signers(&unproven, now).await?;
        let claims = signers.iter().find_map(|key| unproven.proven(key).ok()).ok_or(Refusal::Wrong(Wrong::Signature))?;
        let until = claims.check(&self.issuer, &self.audiences, now).map_err(Refusal::Wrong)?;
        let subject = claims.text("sub").filter(|subject| is_name(subject)).ok_or(Refusal::Wrong(Wrong::Malformed))?;
        let name = claims.text(&self.name_claim).filter(|name| is_name(name)).unwrap_or(subject);
        let role = self.role(&claims, subject).ok_or(Refusal::NoRole)?;
        Ok((Principal { name: name.to_owned(), role }, until))
    }

    fn role(&self, claims: &Claims, subject: &str) -> Option<Role> {
        let said = claims.texts(&self.roles_claim);
        let gives =
            |values: &[String]| values.iter().any(|value| value == "*" || value == subject || said.contains(&value.as_str()));
        self.roles.iter().find(|(_, values)| gives(values)).map(|(role, _)| *role)
    }

    /// Fetches the provider's keys at the start and now and then, until the process ends, so that callers do not wait for it.
    pub async fn keep_fresh(self: Arc<Self>, now: impl Fn() -> Timestamp + Send) {
        let mut ticks = interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            self.jwks.refresh(now()).await;
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
}
