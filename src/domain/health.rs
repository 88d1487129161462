//! The state of a cluster: its nodes, and everything in it that is unwell.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    evidence::Gap,
    symptom::{CategoryId, Severity},
};

/// A picture of the cluster, and whether it was taken for this question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterHealth {
    /// Shared, because many ask at the same time.
    #[serde(flatten)]
    pub picture: Arc<Picture>,
    /// The picture was taken for an earlier question, seconds ago.
    pub cached: bool,
}

/// What one sweep over the cluster saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    pub status: Status,
    /// The time of what was seen: of a recording its own.
    pub observed_at: Timestamp,
    /// Only these were looked at; empty = all.
    pub namespaces: Vec<String>,
    pub totals: Totals,
    /// Unwell ones first, then by name.
    pub nodes: Vec<NodeHealth>,
    /// Each unwell thing once, the worst first.
    pub problems: Vec<Problem>,
    pub gaps: Vec<Gap>,
}

/// The cluster in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing is unwell, as far as was seen; pods and nodes were all seen.
    Healthy,
    /// Something is unwell.
    Degraded,
    /// A node is not ready, or something is wrong that is critical.
    Unhealthy,
    /// Nothing unwell was seen, but too little was seen to call it healthy.
    Unknown,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub nodes: usize,
    pub nodes_ready: usize,
    pub namespaces: usize,
    pub pods: usize,
    /// Pods with trouble of their own; those that only just start are not among them.
    pub pods_unwell: usize,
    /// Deployments, stateful sets, daemon sets, cron jobs, and jobs that no cron job made.
    pub workloads: usize,
    pub workloads_unwell: usize,
    /// All problems, also those that there was no room to list.
    pub problems: usize,
    /// Objects by resource that are known to exist and could not be seen.
    pub unseen: BTreeMap<&'static str, usize>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeHealth {
    pub name: String,
    pub ready: bool,
    /// False = cordoned: it takes no new pods.
    pub schedulable: bool,
    /// Conditions that say that it runs out of something: `MemoryPressure`, `DiskPressure`, `PIDPressure`, `NetworkUnavailable`.
    pub pressure: Vec<String>,
    /// As the node reports them, those that others invented as well.
    pub conditions: Vec<NodeCondition>,
}

impl NodeHealth {
    /// `not ready, cordoned, MemoryPressure`.
    pub fn in_words(&self) -> String {
        let mut words = vec![if self.ready { "ready" } else { "not ready" }];
        words.extend((!self.schedulable).then_some("cordoned"));
        words.extend(self.pressure.iter().map(String::as_str));
        words.join(", ")
    }
}

/// One condition of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeCondition {
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    pub reason: String,
    /// `None` = the node does not say.
    pub since: Option<Timestamp>,
}

/// One unwell thing: a workload with its pods, a pod of its own, a node, a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    pub category: CategoryId,
    /// `deployment/shop/api`, `node/node-b`.
    pub object: String,
    pub kind: &'static str,
    /// `None` = the kind has no namespace.
    pub namespace: Option<String>,
    pub name: String,
    /// What is wrong, in one line.
    pub message: String,
    /// Pods of it that have trouble.
    pub pods_unwell: usize,
    /// The pod that the message is about. `None` = it has none, or none is to blame.
    pub pod: Option<String>,
    /// When what is wrong was last seen to change. `None` = nothing tells.
    pub since: Option<Timestamp>,
}
