//! Whether it worked.

use serde_json::Value;

use super::{
    effect::{self, State},
    look::Look,
    plan::{Effect, Plan, Watch},
    refusal::Refusal,
    rollout::{self, Rollout},
    value::{condition, number, uid},
};
use crate::domain::object::{Kind, ObjectRef};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It worked, and what shows it.
    Yes(String),
    /// What it still waits for.
    NotYet(String),
    /// It did not work, and will not.
    No(String),
}

/// Looks once.
pub async fn verify(plan: &Plan, look: &Look<'_>) -> Result<Verified, Refusal> {
    let target = &plan.action.target;
    let namespace = target.namespace.as_deref();
    // What somebody took back did not work, however well the target is.
    match effect::state(plan, look).await? {
        State::Done => {}
        State::Before if matches!(plan.effect, Effect::Pods { .. }) => {
            return Ok(Verified::NotYet("the pod is still there".to_owned()));
        }
        State::Before => return Ok(Verified::No("it is as it was before".to_owned())),
        State::Neither(why) if matches!(plan.effect, Effect::Pods { .. }) => return Ok(Verified::NotYet(why)),
        State::Neither(why) => return Ok(Verified::No(why)),
    }
    Ok(match &plan.verification.watch {
        Watch::Rollout => match rollout::of(target.kind, &look.target(target).await?) {
            Rollout::Complete => Verified::Yes(format!("the rollout of {target} is complete")),
            Rollout::OnItsWay(what) => Verified::NotYet(what),
            Rollout::Stalled(why) => Verified::No(why),
        },
        Watch::Replicas { available } => {
            let object = look.target(target).await?;
            let count = number(&object, "/status/availableReplicas").or(number(&object, "/status/readyReplicas"));
            let (count, wanted) = (count.unwrap_or_default(), i64::from(*available));
            if count >= wanted {
                Verified::Yes(format!("{count} replicas of {target} are available"))
            } else {
                Verified::NotYet(format!("{count} of {wanted} replicas are available"))
            }
        }
        Watch::Replacement { owner, selector, ready } => replacement(plan, (owner, selector), *ready, look).await?,
        Watch::Fields => {
            let object = look.target(target).await?;
            let seen = number(&object, "/status/observedGeneration").zip(number(&object, "/metadata/generation"));
            if seen.is_none_or(|(observed, generation)| observed >= generation) {
                Verified::Yes(format!("{target} shows the change"))
            } else {
                Verified::NotYet("its controller has not seen the change yet".to_owned())
            }
        }
        Watch::Gone => gone(plan, look).await?,
        Watch::Job { name } => {
            let job = look.object(Kind::Job, namespace, name).await?;
            match job {
                Some(job) if condition(&job, "Complete") == "True" => Verified::Yes(format!("job {name} is complete")),
                Some(job) if condition(&job, "Failed") == "True" => Verified::No(format!("job {name} failed as well")),
                Some(_) => Verified::NotYet(format!("job {name} is running")),
                None => Verified::No(format!("job {name} is gone")),
            }
        }
    })
}

/// Pods that were to go are gone for good, not only on their way.
async fn gone(plan: &Plan, look: &Look<'_>) -> Result<Verified, Refusal> {
    let Effect::Pods { pods, .. } = &plan.effect else { return Ok(Verified::Yes(String::new())) };
    let target = &plan.action.target;
    let namespace = target.namespace.as_deref().unwrap_or(&target.name);
    for pod in pods {
        let found = look.object(Kind::Pod, Some(namespace), &pod.name).await?;
        if found.is_some_and(|found| uid(&found) == pod.uid) {
            return Ok(Verified::NotYet(format!("pod {} is on its way out", pod.name)));
        }
    }
    Ok(Verified::Yes(format!("{} pods are gone", pods.len())))
}

/// The old pod is gone, and as many of its owner are ready as were before beside it, and one more.
async fn replacement(
    plan: &Plan,
    (owner, selector): (&ObjectRef, &str),
    wanted: u32,
    look: &Look<'_>,
) -> Result<Verified, Refusal> {
    let Effect::Pods { pods, .. } = &plan.effect else { return Ok(Verified::Yes(String::new())) };
    let Some(object) = look.object(owner.kind, owner.namespace.as_deref(), &owner.name).await? else {
        return Ok(Verified::No(format!("{owner} is gone")));
    };
    if owner.kind == Kind::Job {
        let is_over = condition(&object, "Complete") == "True";
        let runs = number(&object, "/status/active").unwrap_or_default() > 0;
        return Ok(match condition(&object, "Failed") {
            "True" => Verified::No(format!("{owner} failed")),
            _ if is_over || runs => Verified::Yes(format!("{owner} goes on")),
            _ => Verified::NotYet(format!("{owner} has no pod yet")),
        });
    }
    let siblings = look.all(Kind::Pod, owner.namespace.as_deref(), selector, "").await?;
    let is_old = |pod: &&Value| pods.iter().any(|old| old.uid == uid(pod));
    if siblings.iter().any(|pod| is_old(&pod)) {
        return Ok(Verified::NotYet("the old pod is on its way out".to_owned()));
    }
    let ready = siblings.iter().filter(|pod| condition(pod, "Ready") == "True").count();
    if u32::try_from(ready).unwrap_or(u32::MAX) >= wanted {
        return Ok(Verified::Yes(format!("{ready} pods of {owner} are ready, and the old one is gone")));
    }
    Ok(Verified::NotYet(format!("{ready} of {wanted} pods of {owner} are ready")))
}
