//! What can be wrong, and how bad it is.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The category of an error as it stands in an answer: `OOMKilled`, `DNSFailure`, ... (PascalCase).
///
/// Not an enum: users add categories with their own rule files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryId(Arc<str>);

impl CategoryId {
    /// A text whose error no rule knows, or that reports no error at all.
    pub const UNKNOWN: &'static str = "Unknown";
    /// A cluster was looked at and nothing is wrong.
    pub const HEALTHY: &'static str = "Healthy";

    pub fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    pub fn unknown() -> Self {
        Self::new(Self::UNKNOWN)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How soon a person should care. Ordered: `Low < Medium < High < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
