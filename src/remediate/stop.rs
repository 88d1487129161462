//! Pause and resume: a rollout is held back, or goes on.

use serde_json::{Value, json};

use super::{
    checks::{self, Touches},
    look::Look,
    plan::{Effect, Field, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    value::{is_true, labels},
};
use crate::domain::{
    action::{Action, Change},
    ruling::Magnitude,
    verdict::RiskLevel,
};

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    let is_paused = is_true(&object, "/spec/paused");
    let pauses = action.change == Change::Pause;
    if is_paused == pauses {
        return Err(Refusal::already(format!("{target} is {} already", if is_paused { "paused" } else { "not paused" })));
    }
    checks::not_managed(target, &object, Touches::State, &checks::as_yaml(&json!({"spec": {"paused": pauses}})))?;
    let (before, after) = if pauses { (None, Some(Value::from(true))) } else { (Some(Value::from(true)), None) };
    let (reason, rollback) = if pauses {
        ("changes of the template wait until somebody resumes it", "it is resumed")
    } else {
        ("changes that waited are rolled out now", "it is paused again")
    };
    let shown = |value: &Option<Value>| value.as_ref().map_or("false", |_| "true");
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude::default(),
        risk: RiskLevel::Medium,
        risk_reasons: vec![reason.to_owned()],
        diff: format!("- spec.paused: {}\n+ spec.paused: {}\n", shown(&before), shown(&after)),
        effect: Effect::Fields { fields: vec![Field { pointer: "/spec/paused".to_owned(), before, after }] },
        verification: Verification {
            what: format!("{target} shows the change and its controller has seen it"),
            within_seconds: 60,
            watch: Watch::Fields,
        },
        rollback: rollback.to_owned(),
    })
}
