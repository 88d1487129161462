//! Evict or delete one pod, whose controller makes a new one.

use serde_json::Value;

use super::{
    checks,
    look::Look,
    plan::{Effect, Ending, Identity, Plan, PodName, Verification, Watch},
    refusal::Refusal,
    value::{annotation, condition, controller, labels, selector, text, uid},
};
use crate::domain::{
    action::{Action, Change},
    object::{Kind, ObjectRef},
    ruling::Magnitude,
    verdict::RiskLevel,
};

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let pod = look.target(target).await?;
    let namespace = target.namespace.as_deref().unwrap_or_default();
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(Refusal::already(format!("{target} is on its way out already: a second request changes nothing")));
    }
    if annotation(&pod, "kubernetes.io/config.mirror").is_some() {
        return Err(Refusal::unsafe_because(format!("{target} mirrors a static pod: only its node's kubelet can replace it")));
    }
    let owner = controlled_by(target, &pod)?;
    let object = look.target(&owner).await?;
    let selector = selector(&object);
    if selector.is_empty() {
        return Err(Refusal::not_applicable(format!("the pods of {owner} cannot be told by their labels")));
    }
    let siblings = look.all(Kind::Pod, Some(namespace), &selector, "").await?;
    let is_ready = condition(&pod, "Ready") == "True";
    let others_ready = siblings.iter().filter(|other| uid(other) != uid(&pod) && condition(other, "Ready") == "True").count();
    if is_ready && others_ready == 0 {
        return Err(Refusal::unsafe_because(format!("{target} is the only ready replica of {owner}")));
    }
    if let Some((_, deployment, _)) = controller(&object).filter(|(kind, ..)| *kind == "Deployment") {
        let deployment = ObjectRef::new(Kind::Deployment, Some(namespace), deployment);
        let object = look.target(&deployment).await?;
        checks::not_rolling(&deployment, &object)?;
    }
    let way = if action.change == Change::EvictPod { Ending::Evict } else { Ending::Delete };
    // The server holds evictions against budgets, deletions not.
    if way == Ending::Delete {
        checks::budgets_allow_one(look, namespace, &pod).await?;
    }
    let has_ended = matches!(text(&pod, "/status/phase"), "Failed" | "Succeeded");
    let node = text(&pod, "/spec/nodeName");
    let ready = u32::try_from(others_ready + 1).unwrap_or(1);
    let replacement = Watch::Replacement { owner: owner.clone(), selector, ready };
    let state = if is_ready { "ready" } else { "not ready" };
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&pod),
        labels: labels(&pod),
        magnitude: Magnitude { pods: Some(1), ..Magnitude::default() },
        risk: RiskLevel::Low,
        risk_reasons: vec![format!("{owner} makes a new one; {others_ready} other replicas are ready")],
        effect: Effect::Pods { way, pods: vec![PodName { name: target.name.clone(), uid: uid(&pod).to_owned() }] },
        diff: format!("- {target} ({state}, on {})\n", if node.is_empty() { "no node" } else { node }),
        verification: Verification {
            what: if has_ended { format!("{target} is gone") } else { format!("{owner} has a new pod that is ready") },
            within_seconds: 180,
            watch: if has_ended { Watch::Gone } else { replacement },
        },
        rollback: "a pod that ended cannot be had back; its controller makes a new one".to_owned(),
    })
}

/// What makes a new pod when this one ends.
fn controlled_by(target: &ObjectRef, pod: &Value) -> Result<ObjectRef, Refusal> {
    let owner = controller(pod).and_then(|(kind, name, _)| Some((Kind::of(kind)?, name)));
    match owner {
        Some((kind @ (Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet | Kind::Job), name)) => {
            Ok(ObjectRef::new(kind, target.namespace.as_deref(), name))
        }
        Some(_) | None => Err(Refusal::unsafe_because(format!("nothing would make {target} anew: it has no controller"))),
    }
}
