//! Raise the memory limit of one container, up to twice what it was.

use serde_json::{Value, json};

use super::{
    checks::{self, Touches},
    look::Look,
    plan::{Effect, Field, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    restart::rollout_seconds,
    room,
    value::{items, labels, name, number, text},
};
use crate::domain::{
    action::Action,
    object::{Kind, ObjectRef},
    quantity::Quantity,
    ruling::Magnitude,
    verdict::RiskLevel,
};

/// Beyond this somebody should look why.
const MOST_FACTOR: f64 = 2.0;

pub async fn plan(action: &Action, container: &str, limit: &str, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    let containers = checks::containers(&object);
    let Some(at) = containers.iter().position(|one| text(one, "/name") == container) else {
        return Err(Refusal::not_applicable(format!("{target} has no such container")));
    };
    let before = text(&containers[at], "/resources/limits/memory");
    let Some(old) = Quantity::parse(before) else {
        let has = if before.is_empty() { "no memory limit" } else { "a memory limit in a form that is not read" };
        return Err(Refusal::not_applicable(format!("container {container} of {target} has {has}")));
    };
    let Some(new) = Quantity::parse(limit).filter(|new| new.units() > 0) else {
        return Err(Refusal::not_applicable("the new limit is no quantity of memory"));
    };
    let factor = new.share_of(old).unwrap_or(f64::MAX);
    if new == old {
        return Err(Refusal::already(format!("the limit of container {container} is {before} already")));
    }
    if new < old {
        return Err(Refusal::unsafe_because(format!("{limit} is less than the {before} of now")));
    }
    if factor > MOST_FACTOR {
        return Err(Refusal::unsafe_because(format!(
            "{limit} is more than twice the {before} of now: somebody should look why first"
        )));
    }
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": container, "resources": {"limits": {"memory": limit}}}]}}}});
    checks::not_managed(target, &object, Touches::Manifest, &checks::as_yaml(&patch))?;
    checks::not_paused(target, &object)?;
    checks::replaces_pods(target, &object)?;
    checks::not_rolling(target, &object)?;
    within_limit_ranges(target, new, look).await?;
    let pods = match target.kind {
        Kind::DaemonSet => number(&object, "/status/desiredNumberScheduled").unwrap_or_default(),
        _ => number(&object, "/spec/replicas").unwrap_or(1),
    };
    let mut bigger = object.pointer("/spec/template/spec").cloned().unwrap_or_default();
    if let Some(memory) = bigger.pointer_mut(&format!("/containers/{at}/resources/limits/memory")) {
        *memory = Value::from(limit);
    }
    room::for_bigger_pods(look, target, &object, bigger, pods).await?;

    let place = format!("/spec/template/spec/containers/{at}");
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude { memory_factor: Some(factor), pods: u32::try_from(pods).ok(), ..Magnitude::default() },
        risk: RiskLevel::Medium,
        risk_reasons: vec!["its pods are replaced, and may use more of their nodes".to_owned()],
        effect: Effect::Fields {
            fields: vec![
                // The place is right only as long as the container stands there.
                Field {
                    pointer: format!("{place}/name"),
                    before: Some(Value::from(container)),
                    after: Some(Value::from(container)),
                },
                Field {
                    pointer: format!("{place}/resources/limits/memory"),
                    before: Some(Value::from(before)),
                    after: Some(Value::from(limit)),
                },
            ],
        },
        diff: format!("container {container}\n- resources.limits.memory: {before}\n+ resources.limits.memory: {limit}\n"),
        verification: Verification {
            what: format!("the rollout of {target} completes: all replicas have the new limit and are available"),
            within_seconds: rollout_seconds(&object),
            watch: Watch::Rollout,
        },
        rollback: format!("the limit is set back to {before}, and the pods are replaced again"),
    })
}

async fn within_limit_ranges(target: &ObjectRef, limit: Quantity, look: &Look<'_>) -> Result<(), Refusal> {
    for range in look.all(Kind::LimitRange, target.namespace.as_deref(), "", "").await? {
        let most = items(&range, "/spec/limits")
            .iter()
            .filter(|one| matches!(text(one, "/type"), "Container" | "Pod"))
            .find_map(|one| Quantity::parse(text(one, "/max/memory")).filter(|most| limit > *most));
        if let Some(most) = most {
            let (name, most) = (name(&range), most.shown("memory"));
            return Err(Refusal::unsafe_because(format!("the limit range {name} allows {most} at most")));
        }
    }
    Ok(())
}
