//! From a wish to a proposal: allowed by the policy, checked against the cluster, rehearsed by its server, and shown.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tracing::Instrument;

use super::{
    super::{Stages, stage},
    NotDone, Offer, PolicyLine, Shown, clean, look, mode, reader, store, tell, writer,
};
use crate::{
    cluster::{Write, WriteError},
    domain::{
        action::Action,
        audit::{Act, ActOutcome},
        incident::{EntryKind, IncidentTarget},
        permit::Clearance,
        remediation::{Proposal, Remediation, RemediationStatus},
        ruling::PolicyDecision,
        symptom::{CategoryId, Severity},
    },
    guard::policy::{Condition, PolicyQuestion},
    incidents::{NewEntry, Proposed, RemediationFilter, Seen, Sighting, Store, Told},
    remediate::{self, Mode, Plan, Refusal, effect},
};

/// What somebody wants done.
#[derive(Clone, Debug)]
pub struct Wish {
    pub action: Action,
    /// The command that it was given as. `None` = it was given as an action.
    pub command: Option<String>,
    pub requested_by: String,
    /// `None` = the open incident of its target, or a new one.
    pub incident_id: Option<String>,
    pub request_id: Option<String>,
}

/// Proposes an action. The same wish, while it waits, is the same proposal.
pub async fn propose(stages: &Stages, wish: &Wish, now: Timestamp) -> Result<Shown, NotDone> {
    Box::pin(proposed(stages, wish, now)).instrument(stage::span("propose")).await
}

async fn proposed(stages: &Stages, wish: &Wish, now: Timestamp) -> Result<Shown, NotDone> {
    if mode(stages) == Mode::Off {
        return Err(NotDone::Off);
    }
    let (store, writer) = (store(stages)?, writer(stages)?);
    let target = wish.action.target.to_string();
    let wish = &Wish { requested_by: clean(stages, &wish.requested_by), ..wish.clone() };
    if let Some(other) = store.remediations().under_way(&target, now).await?
        && other.status != RemediationStatus::Proposed
    {
        return Err(NotDone::Busy(format!("{target} is being remediated already: {}", other.id)));
    }
    if let Some(same) = waiting(stages, &store, wish, now).await? {
        return Ok(same);
    }
    let (plan, clearance) = allowed(stages, &wish.action, now).await?;
    let reader = reader(stages)?;
    let writes = effect::writes(&plan, &look(stages, &reader, now)).await.map_err(|why| refused(stages, why))?;
    let incident = incident(stages, &store, wish, now).await?;

    let policy = PolicyLine::from(clearance.ruling());
    let details = json!({"phase": "propose", "action": wish.action, "policy": policy}).to_string();
    let act = Act {
        actor: wish.requested_by.clone(),
        action: wish.action.change.kind().as_str().to_owned(),
        target: target.clone(),
        incident_id: incident.known(),
        request_id: wish.request_id.clone(),
        details: clean(stages, &details),
    };
    let entry = store.audit().begin(act, now).await?;
    if let Err(error) = rehearse(&writer, &clearance, &writes).await {
        let why = clean(stages, &error.to_string());
        store.audit().complete(entry, ActOutcome::Refused, &why, now).await?;
        return Err(NotDone::Rejected(why));
    }
    let minutes = i64::try_from(stages.remediator.settings.approval_minutes.max(1)).unwrap_or(15);
    let expires_at = now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX);
    let offer = Offer {
        policy,
        command: wish.command.as_ref().map(|command| clean(stages, command)),
        request_id: wish.request_id.clone(),
        plan,
    };
    let diff = offer.plan.diff.clone();
    let proposal = Proposal {
        incident_id: incident.known(),
        action: serde_json::to_string(&offer).map_err(|_| NotDone::Failed)?,
        target,
        target_uid: Some(offer.plan.bound_to.uid.clone()),
        resource_version: Some(offer.plan.bound_to.resource_version.clone()),
        diff,
        requested_by: wish.requested_by.clone(),
        expires_at,
    };
    let entries = vec![
        NewEntry::new(EntryKind::Proposal, wish.action.to_string()).by(Some(wish.requested_by.clone())),
        NewEntry::new(EntryKind::DryRun, "the API server would accept it"),
    ];
    let told = Told { entries, sighting: incident.sighting(), mitigates: None };
    let is_same = |other: &Remediation| Offer::of(other).is_ok_and(|offer| offer.plan.action == wish.action);
    match store.remediations().propose(&proposal, &told, is_same, now).await? {
        Proposed::New(made) => {
            store.audit().complete(entry, ActOutcome::Done, &made.id, now).await?;
            tell::counted(&wish.action, "proposed");
            Shown::of(stages, *made)
        }
        // Somebody proposed it while this was rehearsed.
        Proposed::Same(other) => {
            store.audit().complete(entry, ActOutcome::Refused, &format!("it is proposed already: {}", other.id), now).await?;
            Shown::of(stages, *other)
        }
    }
}

/// The same wish, which waits for a decision. `None` = none does.
async fn waiting(stages: &Stages, store: &Store, wish: &Wish, now: Timestamp) -> Result<Option<Shown>, NotDone> {
    let target = Some(wish.action.target.to_string());
    let filter = RemediationFilter { status: Some(RemediationStatus::Proposed), target, incident_id: None };
    for one in store.remediations().list(&filter, MOST_WAITING, None).await? {
        let shown = Shown::of(stages, one)?;
        if shown.expires_at() > now && shown.action() == &wish.action {
            return Ok(Some(shown));
        }
    }
    Ok(None)
}

/// Proposals of one target that are looked through.
const MOST_WAITING: usize = 100;

/// A refusal as it may be told: it may quote what stands in the cluster.
pub(super) fn refused(stages: &Stages, refusal: Refusal) -> NotDone {
    NotDone::Refused(refusal.cleaned(|text| clean(stages, text)))
}

/// The plan of an action as the cluster is now, and the policy's leave.
pub(super) async fn allowed(stages: &Stages, action: &Action, now: Timestamp) -> Result<(Plan, Clearance), NotDone> {
    remediate::may_be_planned(action, &stages.remediator.bounds).map_err(|why| refused(stages, why))?;
    let nothing = std::collections::BTreeMap::new();
    // What is forbidden whatever the labels are needs no look at the cluster.
    let before = PolicyQuestion {
        action,
        labels: &nothing,
        labels_known: false,
        magnitude: crate::domain::ruling::Magnitude::default(),
        now,
    };
    let (first, views) = stages.policy.explain(&before);
    let is_forbidden = views.iter().any(|rule| {
        let is_assumed = rule.conditions.iter().any(|condition| condition.is_assumed);
        rule.matches && rule.decision == PolicyDecision::Forbidden && !is_assumed
    });
    let may_be_granted = views.iter().any(|rule| {
        let is_open = |condition: &Condition| condition.is_met || condition.field == "labels" || condition.is_bound();
        rule.decision != PolicyDecision::Forbidden && rule.conditions.iter().all(is_open)
    });
    if is_forbidden || !may_be_granted {
        return Err(NotDone::Forbidden(Box::new(first)));
    }
    let reader = reader(stages)?;
    let plan = Box::pin(remediate::plan(action, &look(stages, &reader, now))).await.map_err(|why| refused(stages, why))?;
    let known = PolicyQuestion { labels: &plan.labels, labels_known: true, magnitude: plan.magnitude, ..before };
    match Clearance::of(action, stages.policy.judge(&known)) {
        Ok(clearance) => Ok((plan.cleaned(|text| clean(stages, text)), clearance)),
        Err(ruling) => Err(NotDone::Forbidden(Box::new(ruling))),
    }
}

/// Has the server check each change.
pub async fn rehearse(writer: &crate::cluster::Writer, clearance: &Clearance, writes: &[Write]) -> Result<(), WriteError> {
    for write in writes {
        writer.rehearse(clearance, write).await?;
    }
    Ok(())
}

/// The incident that a wish belongs to.
enum Belongs {
    Known(String),
    /// One that is opened with the proposal: a wish that comes to nothing opens none.
    New(Box<Sighting>),
}

impl Belongs {
    fn known(&self) -> Option<String> {
        match self {
            Self::Known(id) => Some(id.clone()),
            Self::New(_) => None,
        }
    }

    fn sighting(self) -> Option<Sighting> {
        match self {
            Self::Known(_) => None,
            Self::New(sighting) => Some(*sighting),
        }
    }
}

/// The named one, the open one of its target, or a new one.
async fn incident(stages: &Stages, store: &Store, wish: &Wish, now: Timestamp) -> Result<Belongs, NotDone> {
    if let Some(id) = &wish.incident_id {
        return Ok(Belongs::Known(store.incidents().read(id).await?.ok_or(NotDone::NoIncident)?.incident.id));
    }
    let target = IncidentTarget {
        kind: wish.action.target.kind.as_str().to_owned(),
        namespace: wish.action.target.namespace.clone(),
        name: wish.action.target.name.clone(),
    };
    if let Some(open) = store.incidents().open_of(&target).await?.into_iter().next() {
        return Ok(Belongs::Known(open.id));
    }
    let title = clean(stages, &format!("somebody asked to {}", wish.action));
    let entry = NewEntry::new(EntryKind::Note, "opened by a wish for a remediation").by(Some(wish.requested_by.clone()));
    Ok(Belongs::New(Box::new(Sighting {
        target,
        category: CategoryId::unknown(),
        severity: Severity::Medium,
        title,
        started_at: now,
        seen: Seen::Action(entry),
    })))
}
