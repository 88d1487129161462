//! Back to before. An undo that fails is loud: a person is needed, and until then nothing else is done by itself.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::{Instrument, error};

use super::{
    super::{Stages, stage},
    NotDone, Shown, carry_out, clean, look, not_carried_out, pause, propose, reader, store, tell, tend, writer,
};
use crate::{
    cluster::WriteError,
    domain::{
        action::Action,
        audit::ActOutcome,
        incident::{EntryKind, IncidentTarget},
        permit::{Clearance, DecidedBy, Permit},
        remediation::{Remediation, RemediationStatus},
        symptom::{CategoryId, Severity},
    },
    guard::policy::PolicyQuestion,
    incidents::{NewEntry, Seen, Sighting, Store, Told},
    remediate::{
        Effect, Plan, Refusal,
        effect::{self, State},
    },
};

/// How often an undo is tried in one go.
const MOST_TRIES: usize = 5;
/// How long an undo waits for a cluster that does not answer, or is too busy.
const AWAY_SECONDS: i64 = 15 * 60;

/// Undoes what was applied or verified, because a person wants it. What is undone already stays so.
pub async fn undo(stages: &Arc<Stages>, id: &str, by: &str, now: Timestamp) -> Result<Shown, NotDone> {
    if let Some(why) = not_carried_out(stages) {
        return Err(why);
    }
    let (store, by) = (store(stages)?, clean(stages, by));
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    let lease = format!("remediate {}", found.proposal.target);
    let holder = format!("{} {}", stages.remediator.holder, uuid::Uuid::now_v7());
    let until = now.checked_add(super::LEASE).unwrap_or(Timestamp::MAX);
    if !store.leases().acquire(&lease, &holder, until, now).await? {
        return Err(NotDone::Busy(format!("{} is being looked after just now", found.proposal.target)));
    }
    let done = by_hand(stages, &store, id, &by, now).await;
    store.leases().release(&lease, &holder).await?;
    Shown::of(stages, done?)
}

async fn by_hand(stages: &Stages, store: &Store, id: &str, by: &str, now: Timestamp) -> Result<Remediation, NotDone> {
    // As it is now that nobody else changes it.
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    match found.status {
        RemediationStatus::Undone => return Ok(found),
        RemediationStatus::Applied | RemediationStatus::Verified | RemediationStatus::Stuck => {}
        other => return Err(NotDone::Changed(format!("it is {other}: there is nothing to undo"))),
    }
    let plan = tend::plan(&found)?;
    if matches!(plan.effect, Effect::Pods { .. }) {
        return Err(NotDone::CannotUndo(plan.rollback.clone()));
    }
    back(stages, store, found, &plan, &format!("{by} wanted it undone"), Some(by), now).await
}

/// Undoes it and writes down how that went.
pub async fn back(
    stages: &Stages,
    store: &Store,
    found: Remediation,
    plan: &Plan,
    why: &str,
    by: Option<&str>,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    let from = found.status;
    if matches!(plan.effect, Effect::Pods { .. }) {
        let outcome = format!("it did not help: {why}; {}", plan.rollback);
        let told = tell::line(EntryKind::Note, clean(stages, &outcome), None);
        let made = carry_out::advance(stages, store, &found, (from, RemediationStatus::Failed), &outcome, &told, now).await?;
        tell::counted(&plan.action, "failed");
        return Ok(made);
    }
    match Box::pin(set_back(stages, store, &found, plan, by, now)).instrument(stage::remediation("undo", &found.id)).await {
        Ok(()) => {
            let outcome = format!("undone: {why}");
            let told = tell::line(EntryKind::Undone, clean(stages, &outcome), by.map(str::to_owned));
            let made = carry_out::advance(stages, store, &found, (from, RemediationStatus::Undone), &outcome, &told, now).await?;
            tell::counted(&plan.action, "undone");
            Ok(made)
        }
        // Whoever wants it undone is told; nothing is worse than it was.
        Err(error) if by.is_some() => Err(error),
        // The store is away: it is tried again.
        Err(NotDone::Failed) => Err(NotDone::Failed),
        // The cluster is away: it is tried again for a while.
        Err(NotDone::NoCluster(why)) if !is_too_long(&found, plan, now) => Err(NotDone::NoCluster(why)),
        Err(error) => stuck(stages, store, &found, plan, &format!("{why}; and it could not be undone: {error}"), now).await,
    }
}

/// Whether the cluster is away for longer than anybody should wait for it.
fn is_too_long(found: &Remediation, plan: &Plan, now: Timestamp) -> bool {
    let within = i64::try_from(plan.verification.within_seconds).unwrap_or(i64::MAX);
    now.duration_since(found.updated_at).as_secs() >= within.saturating_add(AWAY_SECONDS)
}

/// Sets it back as far as somebody else did not change it since.
async fn set_back(
    stages: &Stages,
    store: &Store,
    found: &Remediation,
    plan: &Plan,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), NotDone> {
    let writer = writer(stages)?;
    let mut last = String::new();
    let mut is_passing = false;
    for _ in 0..MOST_TRIES {
        let reader = reader(stages)?;
        let look = look(stages, &reader, now);
        match effect::state(plan, &look).await {
            Ok(State::Before) => return Ok(()),
            Ok(State::Done) => {}
            Ok(State::Neither(why)) => return Err(NotDone::CannotUndo(why)),
            Err(refusal) => {
                last = clean(stages, &refusal.to_string());
                is_passing = matches!(refusal, Refusal::NotSeen { .. });
                continue;
            }
        }
        let writes = effect::undo(plan, &look).await.map_err(|why| propose::refused(stages, why))?;
        let clearance = leave_to_undo(stages, &plan.action, plan, now);
        let actor = by.or(found.approver.as_deref()).unwrap_or(super::AUTO);
        let entry = store.audit().begin(carry_out::act(stages, found, &clearance, "undo", actor), now).await?;
        // Whoever approved the change approved that it is undone.
        let Some(permit) = Permit::new(&clearance, DecidedBy::Person(actor), &entry) else {
            store.audit().complete(entry, ActOutcome::Refused, "", now).await?;
            return Err(NotDone::CannotUndo("there is no leave to undo it".to_owned()));
        };
        let mut made = propose::rehearse(&writer, &clearance, &writes).await;
        for write in &writes {
            if made.is_ok() {
                made = writer.apply(&permit, write).await.map(|_| ());
            }
        }
        let told = made.as_ref().err().map(|error| clean(stages, &error.to_string())).unwrap_or_default();
        let outcome = match &made {
            Ok(()) => ActOutcome::Undone,
            Err(WriteError::Unanswered(_)) => ActOutcome::Lost,
            Err(_) => ActOutcome::Failed,
        };
        if made.is_ok() {
            tell::event(&writer, &permit, found, "RemediationUndone", &format!("undone: {}", plan.action), now).await;
        }
        store.audit().complete(entry, outcome, &told, now).await?;
        last = told;
        is_passing = match &made {
            Ok(()) => true,
            Err(WriteError::Refused { status, .. }) => matches!(status, 429 | 503),
            Err(error) => matches!(error, WriteError::Unanswered(_) | WriteError::Conflict(_)),
        };
    }
    let reader = reader(stages)?;
    match effect::state(plan, &look(stages, &reader, now)).await {
        Ok(State::Before) => Ok(()),
        _ if is_passing => Err(NotDone::NoCluster(last)),
        _ => Err(NotDone::CannotUndo(last)),
    }
}

/// The policy's word of now goes into the audit row; what was done may be undone.
fn leave_to_undo(stages: &Stages, action: &Action, plan: &Plan, now: Timestamp) -> Clearance {
    let question = PolicyQuestion { action, labels: &plan.labels, labels_known: true, magnitude: plan.magnitude, now };
    Clearance::to_undo(action, stages.policy.judge(&question))
}

async fn stuck(
    stages: &Stages,
    store: &Store,
    found: &Remediation,
    plan: &Plan,
    why: &str,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    let why = clean(stages, why);
    let target = &plan.action.target;
    error!(target = %target, id = found.id, "a remediation is stuck and needs a person: {why}");
    let outcome = format!("stuck, a person is needed: {why}");
    // Before it is said: whoever dies in between finds it stuck again, and everything paused already.
    pause::pause_for(store, &format!("the remediation {} of {target} is stuck", found.id), now).await?;
    let sighting = Sighting {
        target: IncidentTarget {
            kind: target.kind.as_str().to_owned(),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
        },
        category: CategoryId::new("RemediationStuck"),
        severity: Severity::Critical,
        title: clean(stages, &format!("{} was applied, did not help, and could not be undone", plan.action)),
        started_at: now,
        seen: Seen::Action(NewEntry::new(EntryKind::Note, outcome.clone())),
    };
    let told = Told { sighting: Some(sighting), ..tell::line(EntryKind::Note, outcome.clone(), None) };
    let made = carry_out::advance(stages, store, found, (found.status, RemediationStatus::Stuck), &outcome, &told, now).await?;
    tell::counted(&plan.action, "stuck");
    Ok(made)
}
