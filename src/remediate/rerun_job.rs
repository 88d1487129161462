//! Run a failed job again: a copy of it, under a name of its own.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    checks::Manager,
    look::Look,
    plan::{Effect, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    value::{annotation, condition, controller, items, labels, name, number, uid},
};
use crate::{
    cluster::wire::bounded,
    domain::{action::Action, object::Kind, ruling::Magnitude, verdict::RiskLevel},
};

/// Says that running twice does no harm.
const IDEMPOTENT: &str = "faultline.io/idempotent";
/// Labels that the job controller gives to one job and its pods.
const OWN_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "controller-uid", "batch.kubernetes.io/job-name", "job-name"];
/// By this label alone Argo CD, as it tracked by default before version 3, takes an object for one of its application's.
const TRACKED: &str = "app.kubernetes.io/instance";
const LEAST_SECONDS_KEPT: u64 = 3600;
/// Longest name of a job whose pods get names of their own.
const NAME_BYTES: usize = 63;

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let job = look.target(target).await?;
    if condition(&job, "Failed") != "True" {
        return Err(Refusal::unsafe_because(format!("{target} has not failed")));
    }
    let cron_job = controller(&job).filter(|(kind, ..)| *kind == "CronJob").map(|(_, name, _)| name);
    if cron_job.is_none() && annotation(&job, IDEMPOTENT) != Some("true") {
        return Err(Refusal::unsafe_because(format!(
            "nobody says that {target} may run twice: no cron job makes it, and it lacks the annotation {IDEMPOTENT}=true"
        )));
    }
    if let Some(cron_job) = cron_job {
        let schedule = look.object(Kind::CronJob, target.namespace.as_deref(), cron_job).await?;
        if schedule.as_ref().is_some_and(|schedule| !items(schedule, "/status/active").is_empty()) {
            return Err(Refusal::unsafe_because(format!("a run of cronjob/{cron_job} is under way")));
        }
    }
    let new_name = name_of_rerun(&job);
    if look.object(Kind::Job, target.namespace.as_deref(), &new_name).await?.is_some() {
        return Err(Refusal::already(format!("{target} was run again as {new_name}")));
    }
    let own = number(&job, "/spec/activeDeadlineSeconds").and_then(|seconds| u64::try_from(seconds).ok());
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&job),
        labels: labels(&job),
        magnitude: Magnitude {
            pods: number(&job, "/spec/parallelism").and_then(|pods| u32::try_from(pods).ok()),
            ..Magnitude::default()
        },
        risk: RiskLevel::Medium,
        risk_reasons: vec![match cron_job {
            Some(cron_job) => format!("what the job did before it failed is done again, as cronjob/{cron_job} would"),
            None => "what the job did before it failed is done again".to_owned(),
        }],
        diff: format!("+ job/{}/{new_name} (a copy of job {})\n", target.namespace.as_deref().unwrap_or_default(), target.name),
        verification: Verification {
            what: format!("job {new_name} completes"),
            within_seconds: own.unwrap_or(600).clamp(60, 1800),
            watch: Watch::Job { name: new_name.clone() },
        },
        effect: Effect::Job { name: new_name },
        rollback: "the new job and its pods are deleted; what they did stays done".to_owned(),
    })
}

/// The same for the same job, so that it is run again once.
fn name_of_rerun(job: &Value) -> String {
    let hash = format!("{:x}", Sha256::digest(uid(job)));
    let tail = format!("-rerun-{}", &hash[..8]);
    format!("{}{tail}", bounded(name(job), NAME_BYTES - tail.len()).trim_end_matches(['-', '.']))
}

/// The new job. Nobody's manifest says it, so it bears no mark of a manager, who would delete it as left over.
pub fn copy(job: &Value, new_name: &str) -> Value {
    let mut spec = job.get("spec").cloned().unwrap_or_default();
    if let Some(spec) = spec.as_object_mut() {
        for set_by_the_server in ["selector", "manualSelector", "suspend"] {
            spec.remove(set_by_the_server);
        }
        // It has to be there long enough to show how it ended.
        if let Some(seconds) = spec.get_mut("ttlSecondsAfterFinished")
            && seconds.as_u64().is_some_and(|seconds| seconds < LEAST_SECONDS_KEPT)
        {
            *seconds = Value::from(LEAST_SECONDS_KEPT);
        }
    }
    let is_own = |key: &str, value: &str| OWN_LABELS.contains(&key) || Manager::is_mark(key, value);
    for marks in ["/template/metadata/labels", "/template/metadata/annotations"] {
        if let Some(marks) = spec.pointer_mut(marks).and_then(Value::as_object_mut) {
            marks.retain(|key, value| !is_own(key, value.as_str().unwrap_or_default()));
        }
    }
    let mut labels = labels(job);
    labels.retain(|key, value| !is_own(key, value) && key != TRACKED);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": new_name,
            "namespace": job.pointer("/metadata/namespace"),
            "labels": labels,
            "annotations": {"faultline.io/rerun-of": name(job)},
        },
        "spec": spec,
    })
}
