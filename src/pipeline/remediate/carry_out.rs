//! The change itself, once it is decided on.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;
use tracing::warn;

use super::{super::Stages, AUTO, NotDone, Offer, PolicyLine, auto, clean, look, mode, pause, propose, reader, tell, writer};
use crate::{
    cluster::{Write, WriteError, WriteVerb, Writer},
    domain::{
        action::ActionKind,
        audit::{Act, ActOutcome},
        incident::EntryKind,
        permit::{Clearance, DecidedBy, Permit},
        remediation::{Remediation, RemediationStatus},
    },
    incidents::{Decision, Store, Told},
    remediate::{
        Effect, Mode, Plan,
        effect::{self, State},
    },
};

/// How often a change is tried anew because only the object's status moved meanwhile.
const MOST_TRIES: usize = 4;
/// No write begins later than this: the lease has to outlive it, or another process would look up what is not done yet.
const WRITES_WITHIN: Duration = Duration::from_secs(90);

/// Carries out what is approved; on any refusal nothing is changed and it is over.
pub async fn carry_out(stages: &Stages, store: &Store, approved: Remediation, now: Timestamp) -> Result<Remediation, NotDone> {
    if let Some(why) = pause::paused(stages, store).await? {
        return Err(NotDone::Paused(why));
    }
    let approver = approved.approver.clone().unwrap_or_default();
    if approver == AUTO {
        if mode(stages) < Mode::Auto {
            let why = NotDone::Mode(mode(stages).as_str());
            return Err(over(stages, store, &approved, RemediationStatus::Approved, why, now).await);
        }
        if let Some(why) = pause::auto_waits(stages, store).await? {
            return Err(NotDone::Paused(why));
        }
    }
    let writer = writer(stages)?;
    let offer = Offer::of(&approved)?;
    let (plan, clearance) = match again(stages, &offer, now).await {
        Ok(ready) => ready,
        // It may come back while the approval holds.
        Err(why @ (NotDone::NoCluster(_) | NotDone::Failed)) => return Err(why),
        Err(why) => return Err(over(stages, store, &approved, RemediationStatus::Approved, why, now).await),
    };

    let entry = store.audit().begin(act(stages, &approved, &clearance, "apply", &approver), now).await?;
    let decided_by = if approver == AUTO { DecidedBy::Policy } else { DecidedBy::Person(&approver) };
    let Some(permit) = Permit::new(&clearance, decided_by, &entry) else {
        let why = NotDone::Forbidden(Box::new(clearance.ruling().clone()));
        store.audit().complete(entry, ActOutcome::Refused, &why.to_string(), now).await?;
        return Err(over(stages, store, &approved, RemediationStatus::Approved, why, now).await);
    };
    // What undoes it is written down before it is done.
    let undo = serde_json::to_string(&plan).map_err(|_| NotDone::Failed)?;
    let applying = match store.remediations().start(&approved.id, &approved.etag, &undo, now).await? {
        Decision::Done(applying) => *applying,
        Decision::NotFound => return refused(store, entry, NotDone::NotFound, now).await,
        Decision::Expired => return refused(store, entry, NotDone::Expired, now).await,
        Decision::Changed(is) => {
            return refused(store, entry, NotDone::Changed(format!("it is {} already", is.status)), now).await;
        }
    };

    match write_all(stages, &writer, &permit, &clearance, plan, now).await {
        Ok(()) => {
            let what = format!("applied: {}", clearance.action());
            tell::event(&writer, &permit, &applying, "RemediationApplied", &what, now).await;
            store.audit().complete(entry, ActOutcome::Done, "", now).await?;
            applied(stages, store, applying, now).await
        }
        Err(WriteError::Unanswered(why)) => {
            // Whether it was done shows when it is looked at; the audit row stays open until then.
            warn!(why, id = applying.id, "no answer to a change: it is looked up");
            Ok(applying)
        }
        Err(error) => {
            let why = clean(stages, &error.to_string());
            store.audit().complete(entry, ActOutcome::Failed, &why, now).await?;
            let why = match error {
                WriteError::Conflict(_) | WriteError::Gone => NotDone::Changed(why),
                _ => NotDone::Rejected(why),
            };
            Err(over(stages, store, &applying, RemediationStatus::Applying, why, now).await)
        }
    }
}

/// Says that the change is made, and what is waited for.
pub async fn applied(stages: &Stages, store: &Store, applying: Remediation, now: Timestamp) -> Result<Remediation, NotDone> {
    let offer = Offer::of(&applying)?;
    let waits = format!("applied; it is verified that {}", offer.plan.verification.what);
    let by = applying.approver.clone();
    let told = tell::line(EntryKind::Applied, offer.plan.action.to_string(), by);
    let steps = (RemediationStatus::Applying, RemediationStatus::Applied);
    let made = advance(stages, store, &applying, steps, &waits, &told, now).await?;
    tell::counted(&offer.plan.action, "applied");
    Ok(made)
}

/// One step on, and what the history says of it; whoever else took it meanwhile is told about.
pub async fn advance(
    stages: &Stages,
    store: &Store,
    remediation: &Remediation,
    (from, to): (RemediationStatus, RemediationStatus),
    outcome: &str,
    told: &Told,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    match store.remediations().advance(&remediation.id, from, to, &clean(stages, outcome), told, now).await? {
        Decision::Done(made) => Ok(*made),
        Decision::NotFound => Err(NotDone::NotFound),
        Decision::Changed(is) => Err(NotDone::Changed(format!("it is {} already", is.status))),
        Decision::Expired => Err(NotDone::Expired),
    }
}

/// It ends here, with nothing changed. Returns why, for whoever waits.
async fn over(
    stages: &Stages,
    store: &Store,
    remediation: &Remediation,
    from: RemediationStatus,
    why: NotDone,
    now: Timestamp,
) -> NotDone {
    let outcome = format!("nothing was changed: {why}");
    let told = tell::line(EntryKind::Note, clean(stages, &outcome), None);
    match advance(stages, store, remediation, (from, RemediationStatus::Failed), &outcome, &told, now).await {
        Ok(made) => {
            // Nothing was even tried: what it was to cost is given back.
            if from == RemediationStatus::Approved && remediation.approver.as_deref() == Some(AUTO) {
                auto::give_back(stages, store, remediation).await;
            }
            if let Ok(offer) = Offer::of(&made) {
                tell::counted(&offer.plan.action, "refused");
            }
            why
        }
        Err(error) => error,
    }
}

async fn refused(
    store: &Store,
    entry: crate::incidents::AuditEntry,
    why: NotDone,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    store.audit().complete(entry, ActOutcome::Refused, &why.to_string(), now).await?;
    Err(why)
}

/// The audit row of a change.
pub fn act(stages: &Stages, remediation: &Remediation, clearance: &Clearance, phase: &str, actor: &str) -> Act {
    let policy = PolicyLine::from(clearance.ruling());
    let details = json!({"phase": phase, "remediation_id": remediation.id, "policy": policy, "diff": remediation.proposal.diff});
    Act {
        actor: actor.to_owned(),
        action: clearance.action().change.kind().as_str().to_owned(),
        target: clearance.action().target.to_string(),
        incident_id: remediation.proposal.incident_id.clone(),
        request_id: None,
        details: clean(stages, &details.to_string()),
    }
}

/// The plan as the cluster is now, if it still is the one that was shown.
async fn again(stages: &Stages, offer: &Offer, now: Timestamp) -> Result<(Plan, Clearance), NotDone> {
    let (mut plan, clearance) = propose::allowed(stages, &offer.plan.action, now).await?;
    let shown = &offer.plan;
    let is_same = match (&shown.effect, &plan.effect) {
        // What failed since is not what was approved, and stays.
        (Effect::Pods { pods: old, .. }, Effect::Pods { pods: new, .. })
            if shown.action.change.kind() == ActionKind::DeleteFailedPods =>
        {
            old.iter().all(|pod| new.contains(pod))
        }
        _ => shown.diff == plan.diff,
    };
    if !is_same || !shown.bound_to.is_still(&plan.bound_to) {
        let target = &shown.action.target;
        return Err(NotDone::Changed(format!("{target} changed since it was proposed: propose it again")));
    }
    if shown.action.change.kind() == ActionKind::DeleteFailedPods {
        plan.effect = shown.effect.clone();
    }
    Ok((plan, clearance))
}

/// Rehearses all, then makes all. A status that moved between the look and the write is no change of mind.
async fn write_all(
    stages: &Stages,
    writer: &Writer,
    permit: &Permit<'_>,
    clearance: &Clearance,
    mut plan: Plan,
    now: Timestamp,
) -> Result<(), WriteError> {
    let until = Instant::now() + WRITES_WITHIN;
    let lost = |error: NotDone| WriteError::Conflict(error.to_string());
    for attempt in 1.. {
        let reader = reader(stages).map_err(lost)?;
        let look = look(stages, &reader, now);
        let writes = effect::writes(&plan, &look).await.map_err(|refusal| lost(refusal.into()))?;
        let made = match propose::rehearse(writer, clearance, &writes).await {
            Ok(()) if Instant::now() >= until => return Err(WriteError::NotPermitted("the API server is too slow for it")),
            Ok(()) => make(writer, permit, &writes, until).await,
            Err(error) => Err(error),
        };
        match made {
            Err(WriteError::Conflict(why)) if attempt < MOST_TRIES => {
                let is_patch = writes.iter().all(|write| write.verb == WriteVerb::Patch);
                if !is_patch || !moved_only(stages, &mut plan, now).await {
                    return Err(WriteError::Conflict(why));
                }
            }
            other => return other,
        }
    }
    Ok(())
}

/// Whether the object is still the one that was shown, but for its status. The plan is bound to it as it is now.
async fn moved_only(stages: &Stages, plan: &mut Plan, now: Timestamp) -> bool {
    let Ok(reader) = reader(stages) else { return false };
    let look = look(stages, &reader, now);
    let Ok(object) = look.target(&plan.action.target).await else { return false };
    let identity = crate::remediate::plan::Identity::of(&object);
    let is_still = plan.bound_to.is_still(&identity) && effect::state(plan, &look).await == Ok(State::Before);
    plan.bound_to = identity;
    is_still
}

/// Of several changes, those after the first are made as far as they can be: what is left shows when it is verified.
async fn make(writer: &Writer, permit: &Permit<'_>, writes: &[Write], until: Instant) -> Result<(), WriteError> {
    for (at, write) in writes.iter().enumerate() {
        if at > 0 && Instant::now() >= until {
            warn!(made = at, of = writes.len(), "a part of a change was not made in time");
            break;
        }
        match writer.apply(permit, write).await {
            Ok(_) => {}
            // Somebody else did it.
            Err(WriteError::Gone) if write.verb == WriteVerb::Delete => {}
            Err(error) if at == 0 => return Err(error),
            Err(error) => warn!(%error, "a part of a change was not made"),
        }
    }
    Ok(())
}
