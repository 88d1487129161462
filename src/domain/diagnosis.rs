//! The answer to one error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    advice::FixCommand,
    evidence::{Evidence, Gap},
    finding::Finding,
    symptom::{CategoryId, Severity},
};

/// Version of the shape of [`Diagnosis`]; raised when a field changes its meaning.
pub const SCHEMA_VERSION: &str = "1";

/// One diagnosis. The order of the fields is the order in which a person reads them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub schema_version: &'static str,
    pub request_id: String,
    pub timestamp: Timestamp,
    pub mode: Mode,
    pub severity: Severity,
    pub error_category: CategoryId,
    /// 0 to 1: how sure the answer is of its category.
    pub confidence: f32,
    pub root_cause: String,
    pub explanation: String,
    pub fix_commands: Vec<FixCommand>,
    pub prevention_tips: Vec<String>,
    /// Ids of runbooks, best first.
    pub related_runbooks: Vec<String>,
    pub runbook_passages: Vec<RunbookPassage>,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
    pub gaps: Vec<Gap>,
    /// `None` = not asked for, or no cluster to ask.
    pub cluster_health: Option<ClusterHealth>,
    /// `None` = no incident was opened for it.
    pub incident_id: Option<String>,
    pub llm: LlmUse,
    /// Milliseconds spent per stage.
    pub timings_ms: BTreeMap<&'static str, f64>,
}

/// The state of the cluster around the target. Uninhabited until a cluster can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ClusterHealth {}

/// Who wrote the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The rules alone.
    Rules,
}

/// The part of a runbook that fits best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunbookPassage {
    pub runbook: String,
    pub section: String,
    pub excerpt: String,
    pub score: f64,
}

/// What a language model had to do with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LlmUse {
    pub status: LlmStatus,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmStatus {
    /// No provider is configured, or the request asked for none.
    Off,
}
