//! Restart: the pods are replaced, one after the other, by new ones of the same template, as `kubectl rollout restart` does
//! (k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go).

use serde_json::{Value, json};

use super::{
    checks::{self, Touches},
    look::Look,
    plan::{Effect, Field, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    value::{escaped, labels, number},
};
use crate::domain::{action::Action, object::Kind, ruling::Magnitude, verdict::RiskLevel};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
const ANNOTATIONS: &str = "/spec/template/metadata/annotations";

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    let at = format!("{:.0}", look.now);
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}});
    checks::not_managed(target, &object, Touches::State, &checks::as_yaml(&patch))?;
    checks::not_paused(target, &object)?;
    checks::replaces_pods(target, &object)?;
    checks::not_stalled(target, &object)?;
    checks::not_rolling(target, &object)?;

    let replicas = match target.kind {
        Kind::DaemonSet => number(&object, "/status/desiredNumberScheduled").unwrap_or_default(),
        _ => number(&object, "/spec/replicas").unwrap_or(1),
    };
    if replicas == 0 {
        return Err(Refusal::not_applicable(format!("{target} has no replicas to restart")));
    }
    let ready = number(&object, "/status/readyReplicas").or(number(&object, "/status/numberReady")).unwrap_or_default();
    let keeps_serving = target.kind == Kind::Deployment && checks::keeps_serving(&object, replicas);
    if replicas == 1 && ready > 0 && !keeps_serving {
        return Err(Refusal::unsafe_because(format!("{target} is a singleton that serves: a restart would be an outage")));
    }
    let (risk, reason) = match target.kind {
        Kind::Deployment if keeps_serving && replicas > 1 => {
            (RiskLevel::Low, "rolling restart of the same template; other replicas serve meanwhile")
        }
        Kind::Deployment if keeps_serving => (RiskLevel::Medium, "there is one replica; a second runs beside it for a moment"),
        Kind::Deployment => (RiskLevel::Medium, "its strategy may stop all replicas at once"),
        Kind::StatefulSet => (RiskLevel::Medium, "a stateful set: each replica is away while it restarts"),
        _ => (RiskLevel::Medium, "a daemon set: each node is without its pod for a moment"),
    };
    let pointer = format!("{ANNOTATIONS}/{}", escaped(RESTARTED_AT));
    let field = Field { before: object.pointer(&pointer).cloned(), pointer, after: Some(Value::from(at)) };
    let was = field.before.as_ref().and_then(Value::as_str).map(|was| format!("- {RESTARTED_AT}: {was}\n")).unwrap_or_default();
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude { pods: u32::try_from(replicas).ok(), ..Magnitude::default() },
        risk,
        risk_reasons: vec![reason.to_owned()],
        effect: Effect::Fields { fields: vec![field] },
        diff: format!("spec.template.metadata.annotations\n{was}+ {RESTARTED_AT}: the time of the restart\n"),
        verification: Verification {
            what: format!("the rollout of {target} completes: all replicas are new and available"),
            within_seconds: rollout_seconds(&object),
            watch: Watch::Rollout,
        },
        rollback: "the annotation is set back, and the pods of before return".to_owned(),
    })
}

/// How long a rollout may take: what it allows itself, and ten minutes at most.
pub fn rollout_seconds(object: &Value) -> u64 {
    let own = number(object, "/spec/progressDeadlineSeconds").and_then(|seconds| u64::try_from(seconds).ok());
    own.unwrap_or(600).clamp(30, 600)
}
