//! Undo a rollout: the template of an earlier revision becomes the template again, as `kubectl rollout undo` does
//! (k8s.io/kubectl/pkg/polymorphichelpers/rollback.go).

use serde_json::Value;

use super::{
    checks::{self, Touches},
    differences::differences,
    effect::template_of,
    look::Look,
    plan::{Effect, Identity, Plan, Revision, Verification, Watch},
    refusal::Refusal,
    restart::rollout_seconds,
    rollout::{self, Rollout},
    value::{annotation, controller, labels, name, number, selector, text, uid},
};
use crate::domain::{action::Action, object::Kind, ruling::Magnitude, verdict::RiskLevel};

pub async fn plan(action: &Action, to_revision: Option<u64>, look: &Look<'_>) -> Result<Plan, Refusal> {
    let target = &action.target;
    let object = look.target(target).await?;
    checks::not_paused(target, &object)?;
    let sets = look.all(Kind::ReplicaSet, target.namespace.as_deref(), &selector(&object), "").await?;
    let mut revisions: Vec<(Revision, &Value)> = sets
        .iter()
        .filter(|set| controller(set).is_some_and(|(.., owner)| owner == uid(&object)))
        .filter_map(|set| {
            let number = annotation(set, "deployment.kubernetes.io/revision")?.parse().ok()?;
            Some((Revision { number, replica_set: name(set).to_owned(), uid: uid(set).to_owned() }, set))
        })
        .collect();
    revisions.sort_by_key(|(revision, _)| revision.number);
    let template = template_of(&object);
    let Some((current, current_set)) = revisions.iter().rev().find(|(_, set)| template_of(set) == template) else {
        return Err(Refusal::unsafe_because(format!("the current revision of {target} is not among its replica sets yet")));
    };
    let wanted = match to_revision {
        Some(wanted) => revisions.iter().find(|(revision, _)| revision.number == wanted),
        None => revisions.iter().rev().find(|(revision, _)| revision.number < current.number),
    };
    let Some((earlier, earlier_set)) = wanted else {
        let which = to_revision.map_or_else(|| "no earlier revision".to_owned(), |wanted| format!("no revision {wanted}"));
        return Err(Refusal::not_applicable(format!("{target} has {which} to go back to")));
    };
    if earlier.number == current.number || template_of(earlier_set) == template {
        return Err(Refusal::already(format!("{target} has the template of revision {} already", earlier.number)));
    }
    let difference = differences("spec.template", &template, &template_of(earlier_set));
    checks::not_managed(target, &object, Touches::Manifest, &difference)?;

    let mut risk_reasons = vec![format!("all pods are replaced by those of revision {}", earlier.number)];
    if rollout::of(Kind::Deployment, &object) == Rollout::Complete {
        risk_reasons.push("the current revision is rolled out and available".to_owned());
    }
    risk_reasons.push(format!("the current revision is of {}", text(current_set, "/metadata/creationTimestamp")));
    let pods = number(&object, "/spec/replicas").and_then(|pods| u32::try_from(pods).ok());
    Ok(Plan {
        action: action.clone(),
        bound_to: Identity::of(&object),
        labels: labels(&object),
        magnitude: Magnitude { pods, ..Magnitude::default() },
        risk: RiskLevel::Medium,
        risk_reasons,
        diff: format!("revision {} -> {}\n{difference}", current.number, earlier.number),
        effect: Effect::Template { from: current.clone(), to: earlier.clone() },
        verification: Verification {
            what: format!("the rollout of {target} completes: all replicas are of the earlier template and available"),
            within_seconds: rollout_seconds(&object),
            watch: Watch::Rollout,
        },
        rollback: format!("the template of revision {} becomes the template again", current.number),
    })
}
