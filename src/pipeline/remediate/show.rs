//! A remediation as people see it.

use jiff::Timestamp;
use serde::Serialize;

use super::{super::Stages, NotDone, Offer, PolicyLine, clean, store};
use crate::domain::{
    action::Action,
    incident::{milliseconds, milliseconds_if_any},
    object::ObjectRef,
    remediation::{Remediation, RemediationStatus},
    verdict::RiskLevel,
};

/// One remediation with all that a decision about it needs.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    id: String,
    status: RemediationStatus,
    /// What an approval has to name: it changes with every change.
    etag: String,
    #[serde(flatten)]
    action: Action,
    target_uid: Option<String>,
    resource_version: Option<String>,
    incident_id: Option<String>,
    /// The command that it was given as. `None` = it was given as an action.
    command: Option<String>,
    risk_level: RiskLevel,
    risk_reasons: Vec<String>,
    /// Pods that would end or begin. `None` = none, or it is not known how many.
    pods: Option<u32>,
    diff: String,
    policy: PolicyLine,
    verification: String,
    verify_within_seconds: u64,
    rollback: String,
    requested_by: String,
    approver: Option<String>,
    /// How it went. `None` = it has not begun.
    outcome: Option<String>,
    #[serde(serialize_with = "milliseconds")]
    created_at: Timestamp,
    #[serde(serialize_with = "milliseconds")]
    expires_at: Timestamp,
    #[serde(serialize_with = "milliseconds_if_any")]
    decided_at: Option<Timestamp>,
    #[serde(serialize_with = "milliseconds")]
    updated_at: Timestamp,
}

impl Shown {
    pub(super) fn of(stages: &Stages, remediation: Remediation) -> Result<Self, NotDone> {
        let Offer { plan, policy, command, .. } = Offer::of(&remediation)?;
        let proposal = remediation.proposal;
        Ok(Self {
            id: remediation.id,
            status: remediation.status,
            etag: remediation.etag,
            target_uid: proposal.target_uid,
            resource_version: proposal.resource_version,
            incident_id: proposal.incident_id,
            command,
            risk_level: plan.risk,
            risk_reasons: plan.risk_reasons.iter().map(|reason| clean(stages, reason)).collect(),
            pods: plan.magnitude.pods,
            diff: proposal.diff,
            policy,
            verification: clean(stages, &plan.verification.what),
            verify_within_seconds: plan.verification.within_seconds,
            rollback: clean(stages, &plan.rollback),
            action: plan.action,
            requested_by: proposal.requested_by,
            approver: remediation.approver,
            outcome: remediation.outcome,
            created_at: remediation.created_at,
            expires_at: proposal.expires_at,
            decided_at: remediation.decided_at,
            updated_at: remediation.updated_at,
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub fn status(&self) -> RemediationStatus {
        self.status
    }

    pub fn action(&self) -> &Action {
        &self.action
    }

    pub fn target(&self) -> &ObjectRef {
        &self.action.target
    }

    pub fn risk(&self) -> RiskLevel {
        self.risk_level
    }

    pub fn pods(&self) -> Option<u32> {
        self.pods
    }

    pub fn policy(&self) -> &PolicyLine {
        &self.policy
    }

    pub fn diff(&self) -> &str {
        &self.diff
    }

    pub fn risk_reasons(&self) -> &[String] {
        &self.risk_reasons
    }

    pub fn verification(&self) -> &str {
        &self.verification
    }

    pub fn verify_within_seconds(&self) -> u64 {
        self.verify_within_seconds
    }

    pub fn rollback(&self) -> &str {
        &self.rollback
    }

    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub fn outcome(&self) -> Option<&str> {
        self.outcome.as_deref()
    }
}

pub async fn read(stages: &Stages, id: &str) -> Result<Shown, NotDone> {
    let found = store(stages)?.remediations().read(id).await?.ok_or(NotDone::NotFound)?;
    Shown::of(stages, found)
}

pub use crate::incidents::RemediationFilter as Filter;

/// The newest first; `before` is the one to go on after.
pub async fn list(stages: &Stages, filter: &Filter, limit: usize, before: Option<&str>) -> Result<Vec<Shown>, NotDone> {
    let found = store(stages)?.remediations().list(filter, limit, before).await?;
    found.into_iter().map(|one| Shown::of(stages, one)).collect()
}
