//! Who calls, and what they may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a caller may do; the higher includes the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Diagnoses, asks for runbooks, proposes.
    Developer,
    /// Approves, pauses, decides.
    Admin,
}

impl Role {
    /// The highest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Developer, Self::Viewer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| format!("{text:?} is no role: viewer, developer or admin"))
    }
}

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name of a key, the subject of a token, or a user of the cluster.
    pub name: String,
    pub role: Role,
}
