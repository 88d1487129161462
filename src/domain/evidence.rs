//! What was seen, where, and what could not be looked at.

use jiff::Timestamp;
use serde::Serialize;

use super::text::CleanText;

/// One quoted fact that a finding can cite by its id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// `e1`, `e2`, ... unique within one diagnosis.
    pub id: String,
    pub source: Source,
    /// Where it was seen: `error_message line 12`, `pod/production/api-7d9f8b6c5-xk4jn`.
    pub object: String,
    /// The quoted line, bounded in length.
    pub text: CleanText,
    /// When it happened, where that is known.
    pub observed_at: Option<Timestamp>,
}

/// Which kind of place an evidence comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The error text of the request.
    Said,
    /// Log lines, handed over with the request or read from a container.
    Logs,
    /// A pod's spec and status.
    Pod,
    /// Events of the cluster.
    Events,
    /// What makes the pods: deployments, replica sets, jobs and the like.
    Workload,
    Node,
    /// Claims, volumes, storage classes.
    Storage,
    /// Services, endpoints, ingresses, network policies.
    Network,
    /// Quotas and limit ranges.
    Quota,
    /// Autoscalers and disruption budgets.
    Autoscaler,
    /// What the metrics API says.
    Usage,
    /// The namespace, or the cluster as a whole.
    Cluster,
}

/// Something that a stage would have looked at and could not: shown to the user, never an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The stage of the pass: `intake`, `classify`, `collect`, `retrieve`, `reason`.
    pub stage: &'static str,
    pub what: String,
    pub why: String,
}

impl Gap {
    pub fn new(stage: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { stage, what: what.into(), why: why.into() }
    }
}
