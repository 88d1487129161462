//! Approved or rejected, once, by somebody who saw what is decided on.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{super::Stages, AUTO, NotDone, Shown, clean, mode, pause, store, tell, tend};
use crate::{
    domain::{
        audit::{Act, ActOutcome},
        incident::EntryKind,
        remediation::{Remediation, RemediationStatus},
    },
    incidents::{Decision, Store},
    remediate::Mode,
};

/// Approves what the etag names, and carries it out. Whether it helped shows later; see [`super::tend`].
pub async fn approve(stages: &Arc<Stages>, id: &str, etag: &str, by: &str, now: Timestamp) -> Result<Shown, NotDone> {
    if mode(stages) < Mode::Approve {
        return Err(if mode(stages) == Mode::Off { NotDone::Off } else { NotDone::Mode(mode(stages).as_str()) });
    }
    let store = store(stages)?;
    if let Some(why) = pause::paused(stages, &store).await? {
        return Err(NotDone::Paused(why));
    }
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    if by.is_empty() || by == AUTO {
        return Err(NotDone::Changed("an approval needs the name of a person".to_owned()));
    }
    if stages.remediator.settings.require_four_eyes && found.proposal.requested_by == by {
        return Err(NotDone::FourEyes);
    }
    decide(stages, &store, &found, etag, Verdict::Approved { by }, now).await?;
    let done = tend::tend_one(stages, id, now).await?;
    stages.remediator.wake.notify_one();
    Ok(done)
}

pub async fn reject(stages: &Stages, id: &str, etag: &str, by: &str, why: &str, now: Timestamp) -> Result<Shown, NotDone> {
    let store = store(stages)?;
    let found = store.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
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
    let decision = match verdict {
        Verdict::Approved { .. } => store.remediations().approve(&found.id, etag, by, now).await?,
        Verdict::Rejected { .. } => store.remediations().reject(&found.id, etag, by, now).await?,
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
    let made = result?;
    tell::entry(store, &made, EntryKind::Approval, &why, Some(by.to_owned()), now).await?;
    Ok(made)
}
