//! Remediation in the life of the process: what was begun is tended until it ends, after a restart as well.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;
use tracing::warn;

use crate::{
    pipeline::{
        Stages,
        remediate::{Remediator, begin_counting, tend},
    },
    remediate::{Mode, RemediateSettings},
};

/// Between two looks at what is under way.
const TEND_EVERY: Duration = Duration::from_secs(2);
/// Between two looks while nothing is: another replica may have left something.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The namespace of a pod's service account
/// (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).
const ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

pub fn remediator(settings: &RemediateSettings) -> Remediator {
    let account = std::fs::read_to_string(Path::new(ACCOUNT_NAMESPACE)).ok();
    let account = account.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    Remediator::new(settings.clone(), settings.bounds(account), now())
}

/// Tends what is under way until the process ends.
pub async fn keep(stages: Arc<Stages>) {
    if stages.remediator.settings.remediation_mode == Mode::Off {
        return;
    }
    begin_counting();
    loop {
        let wait = match tend(&stages, now()).await {
            Ok(0) => LOOK_EVERY,
            Ok(_) => TEND_EVERY,
            Err(error) => {
                warn!(%error, "could not tend remediations: {error}");
                LOOK_EVERY
            }
        };
        // Woken, or the time is over.
        let _ = timeout(wait, stages.remediator.wake.notified()).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the process's own upkeep is an edge: the clock is read here")]
fn now() -> Timestamp {
    Timestamp::now()
}
