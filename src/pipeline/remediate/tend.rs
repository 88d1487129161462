//! What was begun goes on: carried out, verified, undone. One round looks at all of it; whoever holds the lease of one takes its next step.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{Instrument, warn};

use super::{
    super::{Stages, stage},
    LEASE, NotDone, Offer, Shown, carry_out, clean, look, mode, reader, store, tell, undo,
};
use crate::{
    domain::{
        audit::ActOutcome,
        incident::EntryKind,
        remediation::{Remediation, RemediationStatus},
    },
    incidents::{NewEntry, Store, Told},
    remediate::{
        Mode, Plan, Refusal,
        effect::{self, State},
        verify::{self, Verified},
    },
};

/// Takes the next step of everything that is under way. Returns how many still are.
pub async fn tend(stages: &Arc<Stages>, now: Timestamp) -> Result<usize, NotDone> {
    if mode(stages) == Mode::Off {
        return Ok(0);
    }
    let store = store(stages)?;
    store.remediations().expire(now).await?;
    if let Err(error) = close_lost_acts(&store, now).await {
        // Another replica was faster, or the store is away: what follows will say so.
        warn!(%error, "acts without an end stay open: {error}");
    }
    if let Err(error) = tell::standing(stages, &store).await {
        warn!(%error, "remediations could not be counted: {error}");
    }
    if mode(stages) < Mode::Approve {
        return Ok(0);
    }
    let mut left = 0;
    for status in [RemediationStatus::Approved, RemediationStatus::Applying, RemediationStatus::Applied] {
        for one in store.remediations().in_status(status).await? {
            match tend_one(stages, &one.id, now).await {
                Ok(shown) => left += usize::from(is_under_way(shown.status())),
                Err(NotDone::Busy(_) | NotDone::Paused(_) | NotDone::NoCluster(_)) => left += 1,
                Err(error) => warn!(%error, id = one.id, "a remediation did not get on: {error}"),
            }
        }
    }
    Ok(left)
}

/// An act that nobody ended for this long is nobody's any more.
const LOST_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Acts whose process died before it could say how they ended, and which belong to nothing that is under way.
async fn close_lost_acts(store: &Store, now: Timestamp) -> Result<(), NotDone> {
    let before = now.checked_sub(LOST_AFTER).unwrap_or(Timestamp::MIN);
    let lost = store.audit().unfinished(before).await?;
    if lost.is_empty() {
        return Ok(());
    }
    let applying = store.remediations().in_status(RemediationStatus::Applying).await?;
    for entry in lost {
        if !applying.iter().any(|one| entry.act().details.contains(&one.id)) {
            store.audit().complete(entry, ActOutcome::Lost, "nobody said how it ended", now).await?;
        }
    }
    Ok(())
}

pub fn is_under_way(status: RemediationStatus) -> bool {
    matches!(status, RemediationStatus::Approved | RemediationStatus::Applying | RemediationStatus::Applied)
}

/// Takes the next step of one.
pub async fn tend_one(stages: &Arc<Stages>, id: &str, now: Timestamp) -> Result<Shown, NotDone> {
    let store = store(stages)?;
    let target = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?.proposal.target;
    let lease = format!("remediate {target}");
    let holder = &stages.remediator.holder;
    let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
    // Two calls of one process are told apart as well.
    let holder = format!("{holder} {}", uuid::Uuid::now_v7());
    if !store.leases().acquire(&lease, &holder, until, now).await? {
        return Err(NotDone::Busy(format!("{target} is being looked after just now")));
    }
    let done = step(stages, &store, id, now).await;
    store.leases().release(&lease, &holder).await?;
    Shown::of(stages, done?)
}

async fn step(stages: &Stages, store: &Store, id: &str, now: Timestamp) -> Result<Remediation, NotDone> {
    // As it is now that nobody else changes it.
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    match found.status {
        RemediationStatus::Approved => {
            let other = store.remediations().under_way(&found.proposal.target, now).await?;
            if let Some(other) = other.filter(|other| other.id != found.id && is_begun(other.status)) {
                return Err(NotDone::Busy(format!("{} is being remediated already: {}", found.proposal.target, other.id)));
            }
            Box::pin(carry_out::carry_out(stages, store, found, now)).instrument(stage::remediation("apply", id)).await
        }
        RemediationStatus::Applying => {
            Box::pin(look_up(stages, store, found, now)).instrument(stage::remediation("look up", id)).await
        }
        RemediationStatus::Applied => {
            Box::pin(check(stages, store, found, now)).instrument(stage::remediation("verify", id)).await
        }
        RemediationStatus::Proposed
        | RemediationStatus::Rejected
        | RemediationStatus::Expired
        | RemediationStatus::Verified
        | RemediationStatus::Undone
        | RemediationStatus::Failed
        | RemediationStatus::Stuck => Ok(found),
    }
}

pub(super) fn is_begun(status: RemediationStatus) -> bool {
    matches!(status, RemediationStatus::Applying | RemediationStatus::Applied)
}

/// Whoever made the change died, or got no answer: whether it was made is looked up.
async fn look_up(stages: &Stages, store: &Store, applying: Remediation, now: Timestamp) -> Result<Remediation, NotDone> {
    let plan = plan(&applying)?;
    let reader = reader(stages)?;
    let state = effect::state(&plan, &look(stages, &reader, now)).await;
    let (outcome, told) = match &state {
        Ok(State::Before) => (ActOutcome::Failed, "it was not done before the process ended, and is not done now".to_owned()),
        Ok(State::Done | State::Neither(_)) => {
            (ActOutcome::Done, "it was done; who was to say so got no answer, or died".to_owned())
        }
        Err(Refusal::Absent { target }) => (ActOutcome::Lost, format!("{target} is gone")),
        Err(_) => return Ok(applying),
    };
    for entry in store.audit().unfinished(now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now)).await? {
        if entry.act().details.contains(&applying.id) && entry.act().target == applying.proposal.target {
            store.audit().complete(entry, outcome, &told, now).await?;
        }
    }
    if state.is_ok_and(|state| state != State::Before) {
        return carry_out::applied(stages, store, applying, now).await;
    }
    failed(stages, store, &applying, &plan, &format!("nothing was changed: {told}"), now).await
}

/// It ends without having helped.
async fn failed(
    stages: &Stages,
    store: &Store,
    remediation: &Remediation,
    plan: &Plan,
    why: &str,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    let steps = (remediation.status, RemediationStatus::Failed);
    let told = tell::line(EntryKind::Note, clean(stages, why), None);
    let made = carry_out::advance(stages, store, remediation, steps, why, &told, now).await?;
    tell::counted(&plan.action, "failed");
    Ok(made)
}

/// Whether it worked; where it did not, or not in time, it is undone.
async fn check(stages: &Stages, store: &Store, applied: Remediation, now: Timestamp) -> Result<Remediation, NotDone> {
    let plan = plan(&applied)?;
    let reader = reader(stages)?;
    let seen = verify::verify(&plan, &look(stages, &reader, now)).await;
    let spent = now.duration_since(applied.updated_at).as_secs();
    let is_late = spent >= i64::try_from(plan.verification.within_seconds).unwrap_or(i64::MAX);
    match seen {
        Ok(Verified::Yes(shown)) => {
            let steps = (RemediationStatus::Applied, RemediationStatus::Verified);
            let mitigates = NewEntry::new(EntryKind::Note, format!("mitigated by remediation {}", applied.id));
            let told = Told { mitigates: Some(mitigates), ..tell::line(EntryKind::Verified, clean(stages, &shown), None) };
            let outcome = format!("verified: {shown}");
            let made = carry_out::advance(stages, store, &applied, steps, &outcome, &told, now).await?;
            tell::counted(&plan.action, "verified");
            Ok(made)
        }
        Ok(Verified::No(why)) => undo::back(stages, store, applied, &plan, &why, None, now).await,
        Ok(Verified::NotYet(waits)) if is_late => {
            let why = format!("{waits} after {} seconds", plan.verification.within_seconds);
            undo::back(stages, store, applied, &plan, &why, None, now).await
        }
        Err(Refusal::Absent { target }) => {
            let why = format!("{target} is gone: there is nothing left to verify or undo");
            failed(stages, store, &applied, &plan, &why, now).await
        }
        Err(refusal) if is_late => {
            undo::back(stages, store, applied, &plan, &clean(stages, &refusal.to_string()), None, now).await
        }
        Ok(Verified::NotYet(_)) | Err(_) => Ok(applied),
    }
}

/// The plan as it was carried out.
pub fn plan(remediation: &Remediation) -> Result<Plan, NotDone> {
    match &remediation.undo {
        Some(undo) => serde_json::from_str(undo).map_err(|_| NotDone::Failed),
        None => Offer::of(remediation).map(|offer| offer.plan),
    }
}

/// An annotation of an object's metadata.
pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}
