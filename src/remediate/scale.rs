//! Scale up: more replicas of the same.

use serde_json::{Value, json};

use super::{
    checks::{self, Touches},
    look::Look,
    plan::{Effect, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    room,
    value::{items, labels, name, number, text},
};
use crate::domain::{
    action::Action,
    object::{Kind, ObjectRef},
    ruling::Magnitude,
    verdict::RiskLevel,
};

/// More at once is for a person, whatever a policy says.
const MOST_REPLICAS: u32 = 100;

pub async fn plan(action: &Action, replicas: u32, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    let before = number(&object, "/spec/replicas").and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
    if replicas == before {
        return Err(Refusal::already(format!("{target} has {before} replicas already")));
    }
    if replicas < before {
        return Err(Refusal::unsafe_because(format!(
            "{replicas} are fewer than the {before} replicas of now: scaling down is left to a person"
        )));
    }
    if replicas > MOST_REPLICAS.min(before.saturating_mul(3).max(before.saturating_add(2))) {
        return Err(Refusal::unsafe_because(format!("from {before} to {replicas} replicas is more than one step")));
    }
    checks::not_managed(target, &object, Touches::State, &checks::as_yaml(&json!({"spec": {"replicas": replicas}})))?;
    checks::not_paused(target, &object)?;
    checks::not_rolling(target, &object)?;
    no_autoscaler(target, look).await?;
    may_run_twice(target, &object, before, look).await?;
    room::for_more_pods(look, target, &object, i64::from(replicas - before)).await?;

    let (risk, reason) = match before {
        0 => (RiskLevel::Medium, "somebody scaled it to zero, perhaps on purpose"),
        1 => (RiskLevel::Medium, "it ran alone until now: it may not be made to run twice"),
        // At most half as many more.
        _ if replicas - before <= before.div_ceil(2) => (RiskLevel::Low, "some more of the same; no autoscaler is in charge"),
        _ => (RiskLevel::Medium, "more than half as many more at once"),
    };
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude {
            replicas_before: Some(before),
            replicas_after: Some(replicas),
            pods: Some(replicas - before),
            ..Magnitude::default()
        },
        risk,
        risk_reasons: vec![reason.to_owned()],
        effect: Effect::Replicas { before, after: replicas },
        diff: format!("- spec.replicas: {before}\n+ spec.replicas: {replicas}\n"),
        verification: Verification {
            what: format!("{replicas} replicas of {target} are available"),
            within_seconds: 300,
            watch: Watch::Replicas { available: replicas },
        },
        rollback: format!("it is scaled back to {before} replicas"),
    })
}

async fn no_autoscaler(target: &ObjectRef, look: &Look<'_>) -> Result<(), Refusal> {
    let scalers = look.all(Kind::HorizontalPodAutoscaler, target.namespace.as_deref(), "", "").await?;
    let is_its = |scaler: &&Value| {
        let kind = Kind::of(text(scaler, "/spec/scaleTargetRef/kind"));
        kind == Some(target.kind) && text(scaler, "/spec/scaleTargetRef/name") == target.name
    };
    match scalers.iter().find(is_its) {
        Some(scaler) => Err(Refusal::unsafe_because(format!(
            "the autoscaler {} is in charge of {target}: change its bounds instead",
            name(scaler)
        ))),
        None => Ok(()),
    }
}

/// One that stops before it starts anew, or that holds a volume for itself, is meant to run alone.
async fn may_run_twice(target: &ObjectRef, object: &Value, before: u32, look: &Look<'_>) -> Result<(), Refusal> {
    if target.kind != Kind::Deployment || before > 1 {
        return Ok(());
    }
    if !checks::is_rolling_update(object) {
        return Err(Refusal::unsafe_because(format!(
            "{target} is a singleton: its strategy stops the old pod before the new one"
        )));
    }
    for volume in items(object, "/spec/template/spec/volumes") {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        if claim.is_empty() {
            continue;
        }
        let found = look.object(Kind::PersistentVolumeClaim, target.namespace.as_deref(), claim).await?;
        let modes = found.as_ref().map(|claim| items(claim, "/spec/accessModes")).unwrap_or_default();
        if modes.iter().all(|mode| mode.as_str().is_some_and(|mode| mode.starts_with("ReadWriteOnce"))) {
            return Err(Refusal::unsafe_because(format!(
                "{target} is a singleton: its claim {claim} can be mounted by one node only"
            )));
        }
    }
    Ok(())
}
