//! The record of what was done to a cluster and by whom: append-only, each row chained to the one before.

use jiff::Timestamp;
use serde::Serialize;

use super::incident::{milliseconds, named};

named! {
    /// What a row of the audit log is.
    AuditKind {
        /// Something is about to be done.
        Begun = "begun",
        /// How what `of_seq` names ended.
        Outcome = "outcome",
        /// Retention took away the rows up to `of_seq`; the row's details hold the hash of the last of them.
        Anchor = "anchor",
    }
}

named! {
    /// How an audited act ended.
    ActOutcome {
        Done = "done",
        /// Nothing was changed.
        Failed = "failed",
        /// Nothing was tried: a policy, a budget or a conflict forbade it.
        Refused = "refused",
        Undone = "undone",
        /// It failed and could not be undone: a person is needed.
        Stuck = "stuck",
        /// The process died in between; whether anything was changed is not known.
        Lost = "lost",
    }
}

/// An act before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who: a person, or `faultline`.
    pub actor: String,
    /// What: `rollout-restart`, `approve`, `pause`, ...
    pub action: String,
    /// To what: `deployment/shop/api`, or empty.
    pub target: String,
    pub incident_id: Option<String>,
    pub request_id: Option<String>,
    /// What else is known, as JSON; redacted.
    pub details: String,
}

/// Proof that an act is in the log: whoever changes something has to show it. It is used up by telling how the act ended. Only the
/// log makes one (`tests/it/tidy.rs` holds that `AuditEntry::written` is called in `src/incidents/audit.rs` alone).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an act that is begun has to be completed"]
pub struct AuditEntry {
    seq: i64,
    act: Act,
}

impl AuditEntry {
    pub(crate) fn written(seq: i64, act: Act) -> Self {
        Self { seq, act }
    }

    /// The row that begins the act.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    pub fn act(&self) -> &Act {
        &self.act
    }

    pub(crate) fn used_up(self) -> (i64, Act) {
        (self.seq, self.act)
    }
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// 1, 2, 3, ... without holes.
    pub seq: u64,
    #[serde(serialize_with = "milliseconds")]
    pub at: Timestamp,
    pub kind: AuditKind,
    /// The row that this one is about. `None` for a row that begins something.
    pub of_seq: Option<u64>,
    pub actor: String,
    pub action: String,
    pub target: String,
    pub incident_id: Option<String>,
    pub request_id: Option<String>,
    /// JSON, as it was written.
    pub details: String,
    /// SHA-256 in hex of the row before; of the first row 64 zeros.
    pub previous_hash: String,
    /// SHA-256 in hex over `previous_hash` and all other columns.
    pub hash: String,
}

/// What checking the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    pub rows: u64,
    /// First and last row that there are. `None` = the log is empty.
    pub first_seq: Option<u64>,
    pub last_seq: Option<u64>,
    /// Hash of the last row: kept elsewhere, it shows that nothing was cut off the end.
    pub head: Option<String>,
    /// The first thing that is wrong. `None` = the chain is whole.
    pub broken: Option<AuditBreak>,
}

/// Where the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditBreak {
    pub seq: u64,
    pub why: String,
}
