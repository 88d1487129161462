//! Delete the pods of a namespace that failed (evicted ones among them) and were replaced since.

use serde_json::Value;

use super::{
    look::Look,
    plan::{Effect, Ending, Identity, Plan, PodName, Verification, Watch},
    refusal::Refusal,
    value::{controller, labels, name, text, uid},
};
use crate::domain::{action::Action, object::Kind, ruling::Magnitude, verdict::RiskLevel};

/// The most that go at once.
const MOST_PODS: usize = 20;

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let namespace = look.target(target).await?;
    let failed = look.all(Kind::Pod, Some(&target.name), "", "status.phase=Failed").await?;
    // A job counts its failed pods, and people read their logs.
    let is_replaced =
        |pod: &&Value| controller(pod).is_some_and(|(kind, ..)| matches!(kind, "ReplicaSet" | "StatefulSet" | "DaemonSet"));
    let mut pods: Vec<&Value> = failed.iter().filter(is_replaced).collect();
    pods.sort_by_key(|pod| (text(pod, "/metadata/creationTimestamp"), name(pod)));
    pods.truncate(MOST_PODS);
    if pods.is_empty() {
        return Err(Refusal::already(format!("no failed pod of a workload is left in namespace {}", target.name)));
    }
    let line = |pod: &&Value| {
        let reason = text(pod, "/status/reason");
        let is_word = !reason.is_empty() && reason.len() <= 63 && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
        format!("- pod/{}/{} ({})\n", target.name, name(pod), if is_word { reason } else { "Failed" })
    };
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&namespace),
        labels: labels(&namespace),
        magnitude: Magnitude { pods: u32::try_from(pods.len()).ok(), ..Magnitude::default() },
        risk: RiskLevel::Low,
        risk_reasons: vec!["they ended already; what is lost is their last state and their logs".to_owned()],
        diff: pods.iter().map(line).collect(),
        effect: Effect::Pods {
            way: Ending::Delete,
            pods: pods.iter().map(|pod| PodName { name: name(pod).to_owned(), uid: uid(pod).to_owned() }).collect(),
        },
        verification: Verification { what: "the pods are gone".to_owned(), within_seconds: 120, watch: Watch::Gone },
        rollback: "what ended cannot be had back, and is not needed".to_owned(),
    })
}
