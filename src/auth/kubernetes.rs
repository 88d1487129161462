//! Tokens of the cluster: it says whose they are (TokenReview) and what they may do (SubjectAccessReview).

use tokio::sync::Semaphore;
use tracing::warn;

use super::{AuthSettings, Refusal, Wrong, settings::items};
use crate::{
    cluster::{
        Cluster,
        review::{Asked, ReviewError},
    },
    domain::caller::{Principal, Role},
};

/// Reviews that wait for the cluster at the same time.
const AT_ONCE: usize = 16;

/// What has to be allowed in API group `faultline.io` for each role, the highest first. A ClusterRole with these verbs on these
/// resources grants it; nothing of that kind has to exist.
const ROLES: [(Role, Asked); 3] = [
    (Role::Admin, Asked { verb: "approve", resource: "remediations" }),
    (Role::Developer, Asked { verb: "create", resource: "diagnoses" }),
    (Role::Viewer, Asked { verb: "get", resource: "incidents" }),
];

/// Asks the cluster.
pub struct Reviews {
    audiences: Vec<String>,
    places: Semaphore,
}

impl Reviews {
    pub fn new(settings: &AuthSettings) -> Self {
        Self { audiences: items(&settings.kubernetes_audiences), places: Semaphore::new(AT_ONCE) }
    }

    pub async fn review(&self, token: &str, cluster: &Cluster) -> Result<Principal, Refusal> {
        let _place = self.places.acquire().await.map_err(|_| Refusal::Unavailable)?;
        let unavailable = |error: ReviewError| {
            warn!(%error, "the cluster did not review a token");
            Refusal::Unavailable
        };
        let user = cluster.token_review(token, &self.audiences).await.map_err(unavailable)?;
        let user = user.ok_or(Refusal::Wrong(Wrong::Rejected))?;
        for (role, asked) in ROLES {
            if cluster.access_review(&user, asked).await.map_err(unavailable)? {
                return Ok(Principal { name: user.name, role });
            }
        }
        Err(Refusal::NoRole)
    }
}
