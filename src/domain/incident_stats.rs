//! Figures over incidents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::incident::{Durations, milliseconds};

/// Figures of the incidents that were detected in a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncidentStats {
    #[serde(serialize_with = "milliseconds")]
    pub since: Timestamp,
    #[serde(serialize_with = "milliseconds")]
    pub until: Timestamp,
    pub incidents: usize,
    /// Incidents by name; names without any are absent.
    pub by_status: BTreeMap<String, usize>,
    pub by_severity: BTreeMap<String, usize>,
    pub by_category: BTreeMap<String, Group>,
    /// Objects without a namespace stand under the empty name.
    pub by_namespace: BTreeMap<String, Group>,
    /// From beginning to detection (MTTD).
    pub detection: Option<Durations>,
    /// From detection to end (MTTR), of those that ended.
    pub resolution: Option<Durations>,
    pub healing: Healing,
}

/// The same of one category or namespace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub incidents: usize,
    pub detection: Option<Durations>,
    pub resolution: Option<Durations>,
}

/// What was applied in the window, and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Healing {
    pub applied: u64,
    pub verified: u64,
    pub undone: u64,
    /// Verified of applied, 0 to 1. `None` = nothing was applied.
    pub success: Option<f64>,
}

impl Healing {
    pub fn of(applied: u64, verified: u64, undone: u64) -> Self {
        Self { applied, verified, undone, success: (applied > 0).then(|| verified as f64 / applied as f64) }
    }
}
