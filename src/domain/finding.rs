//! A category that the evidence speaks for.

use serde::Serialize;

use super::symptom::CategoryId;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub category: CategoryId,
    pub role: Role,
    /// 0 to 1: how sure the rules are that this category is present at all.
    pub confidence: f32,
    /// Ids of the evidence that speaks for it; never empty.
    pub evidence: Vec<String>,
}

/// What part a finding plays in the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// No other finding explains it. At most one per diagnosis.
    RootCause,
    /// True, and part of the story, but neither the root nor its consequence.
    Contributing,
    /// A consequence of the root cause.
    Symptom,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RootCause => "root_cause",
            Self::Contributing => "contributing",
            Self::Symptom => "symptom",
        }
    }
}
