//! Who calls, as the service asks it.

use jiff::Timestamp;

use super::Stages;
use crate::domain::caller::Principal;

pub use crate::auth::{Credential, REFUSALS, Refusal};

/// Whether callers have to say who they are.
pub fn are_asked(stages: &Stages) -> bool {
    stages.auth.is_on()
}

/// What can be told at once. `None` = it takes more: see [`identify`].
pub fn recognise(stages: &Stages, credential: &Credential, now: Timestamp) -> Option<Result<Principal, Refusal>> {
    stages.auth.recognise(credential, now)
}

/// Who holds `credential`, whoever has to be asked for it.
pub async fn identify(stages: &Stages, credential: &Credential, now: Timestamp) -> Result<Principal, Refusal> {
    stages.auth.identify(credential, &stages.cluster, now).await
}

/// A credential as it was sent.
pub fn key(text: &str) -> Credential {
    Credential::Key(crate::auth::sent(text))
}

/// The same, where it came as `Authorization: Bearer`.
pub fn bearer(text: &str) -> Credential {
    Credential::Bearer(crate::auth::sent(text))
}
