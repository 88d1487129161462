//! What a diagnosis leaves behind: an incident, where something that has a name is unwell.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tracing::warn;

use super::{Stages, stage::stage};
use crate::{
    domain::{
        diagnosis::{Answer, Diagnosis},
        evidence::Gap,
        incident::IncidentTarget,
        object::Kind,
        symptom::CategoryId,
        target::Target,
    },
    incidents::{Sighting, Store, StoreError},
};

/// Nobody who asks waits longer for the store than this.
const RECORD_WITHIN: Duration = Duration::from_millis(500);

/// Records the diagnosis and returns it with the id of its incident; a store that does not do its part is a gap.
pub async fn record(stages: &Stages, diagnosis: Diagnosis, target: &Target) -> Diagnosis {
    let category = diagnosis.error_category.as_str();
    let is_healthy = category == CategoryId::HEALTHY;
    let is_unwell = !is_healthy && category != CategoryId::UNKNOWN && !diagnosis.findings.is_empty();
    let Some(target) = named(target).filter(|_| is_unwell || is_healthy) else { return diagnosis };
    let (incident_id, gap) = match stages.records.store() {
        None => (None, stages.records.gap().filter(|_| is_unwell)),
        Some(store) => {
            let keeping = keep(&store, stages, &diagnosis, target, is_unwell);
            match stage("record", tokio::time::timeout(RECORD_WITHIN, keeping)).await {
                Ok(Ok(incident_id)) => (incident_id, None),
                Ok(Err(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    warn!(%error, cause, "could not record an incident");
                    (None, Some(Gap::new("record", "incident", "the store of incidents failed")))
                }
                Err(_) => (None, Some(Gap::new("record", "incident", "the store of incidents did not answer in time"))),
            }
        }
    };
    if incident_id.is_none() && gap.is_none() {
        return diagnosis;
    }
    let mut answer = Answer { incident_id, ..(*diagnosis.answer).clone() };
    answer.gaps.extend(gap);
    Diagnosis { answer: Arc::new(answer), ..diagnosis }
}

/// The id of the incident. `None` = the target is well.
async fn keep(
    store: &Store,
    stages: &Stages,
    diagnosis: &Diagnosis,
    target: IncidentTarget,
    is_unwell: bool,
) -> Result<Option<String>, StoreError> {
    let now = diagnosis.timestamp;
    if !is_unwell {
        store.incidents().seen_healthy(&target, &diagnosis.request_id, now).await?;
        return Ok(None);
    }
    let sighting = Sighting::of_diagnosis(diagnosis, target, started(diagnosis, stages.cluster.now(now)));
    store.incidents().record_together(sighting, now).await.map(|recorded| Some(recorded.incident_id))
}

/// The oldest evidence of the root cause. A recording has a time of its own, so its distance to the cluster's now is what counts.
fn started(diagnosis: &Diagnosis, cluster_now: Timestamp) -> Timestamp {
    let now = diagnosis.timestamp;
    let Some(root) = diagnosis.findings.first() else { return now };
    let cited = diagnosis.evidence.iter().filter(|one| root.evidence.contains(&one.id));
    let Some(first) = cited.filter_map(|one| one.observed_at).min() else { return now };
    now.checked_sub(cluster_now.duration_since(first)).unwrap_or(now)
}

/// The object by its own name, else the workload before one of its pods. `None` = nobody named one.
fn named(target: &Target) -> Option<IncidentTarget> {
    let whole = |kind: &str, name: &str| IncidentTarget {
        kind: kind.to_owned(),
        namespace: target.namespace.clone().filter(|_| !Kind::of(kind).is_some_and(Kind::is_cluster_wide)),
        name: name.to_owned(),
    };
    if let (Some(kind), Some(name)) = (&target.kind, &target.name) {
        return Some(whole(kind, name));
    }
    let deployment = target.deployment.as_deref().map(|name| whole("deployment", name));
    deployment.or_else(|| target.pod.as_deref().map(|name| whole("pod", name)))
}

#[cfg(test)]
mod tests {
    use super::named;
    use crate::domain::target::Target;

    #[test]
    fn a_target_is_the_object_itself_or_its_workload_or_its_pod() {
        let text = |text: &str| Some(text.to_owned());
        let pod = Target { namespace: text("shop"), pod: text("api-0"), ..Target::default() };
        let shown = |target: &Target| named(target).map(|target| target.to_string());
        assert_eq!(shown(&pod), text("pod/shop/api-0"));
        let workload = Target { deployment: text("api"), ..pod.clone() };
        assert_eq!(shown(&workload), text("deployment/shop/api"));
        let node = Target { kind: text("node"), name: text("node-b"), ..workload };
        assert_eq!(shown(&node), text("node/node-b"));
        assert_eq!(shown(&Target { namespace: text("shop"), label_selector: text("app=a"), ..Target::default() }), None);
    }
}
