//! Approved or rejected, once, by somebody who saw what is decided on.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{super::Stages, ANONYMOUS, AUTO, NotDone, Shown, clean, not_carried_out, pause, show, store, tell, tend, writer};
use crate::{
    domain::{
        audit::{Act, ActOutcome},
        incident::EntryKind,
        remediation::{Remediation, RemediationStatus},
    },
    incidents::{Decision, Store},
};

/// Approves what the etag names, and carries it out. Whether it helped shows later; see [`super::tend`].
pub async fn approve(stages: &Arc<Stages>, id: &str, etag: &str, by: &str, now: Timestamp) -> Result<Shown, NotDone> {
    if let Some(why) = not_carried_out(stages) {
        return Err(why);
    }
    let store = store(stages)?;
    let by = clean(stages, by);
    if let Some(why) = pause::paused(stages, &store).await? {
        return Err(NotDone::Paused(why));
    }
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    if by.is_empty() || by == AUTO {
        return Err(NotDone::Changed("an approval needs the name of a person".to_owned()));
    }
    if stages.remediator.settings.require_four_eyes && may_be_one(&found.proposal.requested_by, &by) {
        return Err(NotDone::FourEyes);
    }
    // What cannot be begun now is not decided on either: nobody should be told no by something that is done later.
    writer(stages)?;
    let target = &found.proposal.target;
    if let Some(other) = store.remediations().under_way(target, now).await?
        && other.id != found.id
        && tend::is_begun(other.status)
    {
        return Err(NotDone::Busy(format!("{target} is being remediated already: {}", other.id)));
    }
    decide(stages, &store, &found, etag, Verdict::Approved { by: &by }, now).await?;
    let done = tend::tend_one(stages, id, now).await;
    stages.remediator.wake.notify_one();
    match done {
        // It is decided, and whoever looks after it goes on: this is no refusal.
        Err(NotDone::Busy(_) | NotDone::NoCluster(_) | NotDone::Paused(_)) => show::read(stages, id).await,
        other => other,
    }
}

/// Whether both may be one person. What somebody says of themselves, in brackets, proves nothing beside a name that is proven.
fn may_be_one(one: &str, other: &str) -> bool {
    let proven = |name: &str| name.split(" (").next().unwrap_or_default().to_owned();
    let (first, second) = (proven(one), proven(other));
    one == other || first == second && (first != ANONYMOUS || one == ANONYMOUS || other == ANONYMOUS)
}

pub async fn reject(stages: &Stages, id: &str, etag: &str, by: &str, why: &str, now: Timestamp) -> Result<Shown, NotDone> {
    let store = store(stages)?;
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    let by = &clean(stages, by);
    let made = decide(stages, &store, &found, etag, Verdict::Rejected { by, why }, now).await?;
    Shown::of(stages, made)
}

#[derive(Clone, Copy)]
pub(super) enum Verdict<'a> {
    Approved { by: &'a str },
    Rejected { by: &'a str, why: &'a str },
}

/// Writes the decision down: in the audit log, in the remediation, in the history.
pub(super) async fn decide(
    stages: &Stages,
    store: &Store,
    found: &Remediation,
    etag: &str,
    verdict: Verdict<'_>,
    now: Timestamp,
) -> Result<Remediation, NotDone> {
    let (action, by, why) = match verdict {
        Verdict::Approved { by } => ("approve", by, "approved".to_owned()),
        Verdict::Rejected { by, why: "" } => ("reject", by, "rejected".to_owned()),
        Verdict::Rejected { by, why } => ("reject", by, format!("rejected: {}", clean(stages, why))),
    };
    let act = Act {
        actor: by.to_owned(),
        action: action.to_owned(),
        target: found.proposal.target.clone(),
        incident_id: found.proposal.incident_id.clone(),
        request_id: None,
        details: json!({"remediation_id": found.id, "etag": etag}).to_string(),
    };
    let entry = store.audit().begin(act, now).await?;
    let told = tell::line(EntryKind::Approval, why, Some(by.to_owned()));
    let decision = match verdict {
        Verdict::Approved { .. } => store.remediations().approve(&found.id, etag, by, &told, now).await?,
        Verdict::Rejected { .. } => store.remediations().reject(&found.id, etag, by, &told, now).await?,
    };
    let (outcome, result) = match decision {
        Decision::Done(made) => (ActOutcome::Done, Ok(*made)),
        Decision::NotFound => (ActOutcome::Refused, Err(NotDone::NotFound)),
        Decision::Expired => (ActOutcome::Refused, Err(NotDone::Expired)),
        Decision::Changed(now_is) => {
            let why = match now_is.status {
                RemediationStatus::Proposed => NotDone::NotSeen,
                decided => NotDone::Changed(format!("it is {decided} already")),
            };
            (ActOutcome::Refused, Err(why))
        }
    };
    let told = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    store.audit().complete(entry, outcome, &told, now).await?;
    result
}
