//! How risky a command is, computed from the command itself.

use serde::{Deserialize, Serialize};

/// Ordered: the higher of two is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RiskLevel {
    Low,
    Medium,
    High,
}

impl RiskLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

/// What running a command would risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub risk: RiskLevel,
    /// One clause for the person who decides: `reads only`, `deletes data`.
    pub reason: &'static str,
    /// True when the state before can be had back with one command, or nothing changes.
    pub reversible: bool,
}
