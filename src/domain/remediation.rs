//! A change that is proposed, decided on, carried out and checked.

use jiff::Timestamp;

use super::incident::named;

named! {
    /// How far a remediation is.
    RemediationStatus {
        Proposed = "proposed",
        Approved = "approved",
        Rejected = "rejected",
        /// Nobody decided in time.
        Expired = "expired",
        Applying = "applying",
        Applied = "applied",
        Verified = "verified",
        Undone = "undone",
        Failed = "failed",
        /// It failed and could not be undone: a person is needed.
        Stuck = "stuck",
    }
}

/// A change as it is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// `None` = it belongs to no incident.
    pub incident_id: Option<String>,
    /// The action with its parameters, as JSON.
    pub action: String,
    /// `deployment/shop/api`
    pub target: String,
    /// UID of the target when it was proposed. `None` = it was not read.
    pub target_uid: Option<String>,
    /// Resource version of the target when it was proposed. `None` = it was not read.
    pub resource_version: Option<String>,
    /// What would change, for a person to read; an approval holds for exactly this.
    pub diff: String,
    pub requested_by: String,
    pub expires_at: Timestamp,
}

/// A remediation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remediation {
    pub id: String,
    pub proposal: Proposal,
    pub status: RemediationStatus,
    /// Changes with every change; whoever changes it names the one that was read.
    pub etag: String,
    /// Who approved or rejected it. `None` = nobody yet.
    pub approver: Option<String>,
    /// What is needed to undo it, as JSON, written before it is applied. `None` = it was not applied.
    pub undo: Option<String>,
    /// How it went, in a sentence. `None` = it has not ended.
    pub outcome: Option<String>,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}
