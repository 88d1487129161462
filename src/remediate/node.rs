//! Cordon and uncordon: no new pods go to a node that is in trouble, until it is well again. Pods that run there stay.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    look::Look,
    plan::{Effect, Field, Identity, Plan, Verification, Watch},
    refusal::Refusal,
    value::{annotation, condition, escaped, is_true, items, labels, name, text},
};
use crate::domain::{
    action::{Action, Change},
    object::Kind,
    ruling::Magnitude,
    verdict::RiskLevel,
};

/// Marks a node that was cordoned here; what others cordoned is not ours to open.
const CORDONED: &str = "faultline.io/cordoned";
const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];
/// Nodes that must be left to take pods.
const LEAST_NODES: usize = 2;
/// A node that is ready for less is not trusted yet.
const READY_SECONDS: i64 = 600;

pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    let is_cordoned = is_true(&object, "/spec/unschedulable");
    let cordons = action.change == Change::Cordon;
    if is_cordoned == cordons {
        return Err(Refusal::already(format!("{target} is {} already", if cordons { "cordoned" } else { "open" })));
    }
    let (reason, rollback) = if cordons {
        may_be_cordoned(&object, look).await?;
        ("no new pods go to it; those that run there stay", "the node is uncordoned")
    } else {
        may_be_opened(&object, look.now)?;
        ("new pods go to it again", "the node is cordoned again")
    };
    let unschedulable = Field {
        pointer: "/spec/unschedulable".to_owned(),
        before: is_cordoned.then(|| Value::from(true)),
        after: cordons.then(|| Value::from(true)),
    };
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude::default(),
        risk: RiskLevel::Medium,
        risk_reasons: vec![reason.to_owned()],
        effect: Effect::Fields { fields: vec![unschedulable, mark(&object, cordons)] },
        diff: format!("- spec.unschedulable: {is_cordoned}\n+ spec.unschedulable: {cordons}\n"),
        verification: Verification { what: format!("{target} shows the change"), within_seconds: 60, watch: Watch::Fields },
        rollback: rollback.to_owned(),
    })
}

/// Says on the node that it was cordoned here, or no more.
fn mark(object: &Value, cordons: bool) -> Field {
    let before = annotation(object, CORDONED).map(Value::from);
    let after = cordons.then(|| Value::from("true"));
    Field { pointer: format!("/metadata/annotations/{}", escaped(CORDONED)), before, after }
}

async fn may_be_cordoned(object: &Value, look: &Look<'_>) -> Result<(), Refusal> {
    if is_well(object) {
        return Err(Refusal::unsafe_because(format!("node/{} looks well: cordoning it would only take room away", name(object))));
    }
    let nodes = look.all(Kind::Node, None, "", "").await?;
    let takes_pods = |node: &&Value| !is_true(node, "/spec/unschedulable") && condition(node, "Ready") == "True";
    let left = nodes.iter().filter(takes_pods).filter(|node| name(node) != name(object)).count();
    if left < LEAST_NODES.max(nodes.len().div_ceil(2)) {
        return Err(Refusal::unsafe_because(format!("only {left} of {} nodes would be left to take pods", nodes.len())));
    }
    Ok(())
}

fn may_be_opened(object: &Value, now: Timestamp) -> Result<(), Refusal> {
    if annotation(object, CORDONED).is_none() {
        return Err(Refusal::unsafe_because(format!("node/{} was cordoned by somebody else", name(object))));
    }
    let ready = items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == "Ready");
    let since = ready.and_then(|ready| text(ready, "/lastTransitionTime").parse::<Timestamp>().ok());
    let is_long = since.is_some_and(|since| now.as_second() - since.as_second() >= READY_SECONDS);
    if is_well(object) && is_long {
        return Ok(());
    }
    Err(Refusal::unsafe_because(format!("node/{} is not ready for ten minutes yet", name(object))))
}

fn is_well(node: &Value) -> bool {
    condition(node, "Ready") == "True" && PRESSURES.iter().all(|pressure| condition(node, pressure) != "True")
}
